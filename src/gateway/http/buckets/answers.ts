import { type Random, uuid } from '../../../base/index.ts';
import type { Service } from '../../../services/index.ts';
import type { HttpResponse } from '../../../wire/index.ts';

/** Why a request is refused, as S3 tells it. */
export interface Problem {
  readonly code: string;
  readonly status: number;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** An error as clients of S3 see it; `undefined` for one that is ours. */
export function problemOf(error: unknown, errors: Service['errors']): Problem | undefined {
  const { code, message, fields } = (error ?? {}) as { code?: unknown; message?: unknown; fields?: object };
  const answer = typeof code === 'string' && Object.hasOwn(errors, code) ? errors[code] : undefined;
  if (!answer) return undefined;
  return { code: answer.type, status: answer.status, message: String(message ?? ''), fields: { ...fields } };
}

const INTERNAL: Problem = {
  code: 'InternalError',
  status: 500,
  message: 'We encountered an internal error. Please try again.',
  fields: {},
};

/** An error in XML, as the API tells it. */
export function refuseInXml(response: HttpResponse, problem: Problem = INTERNAL, random: Random): void {
  const { code, status, message, fields } = problem;
  const requestId = uuid(random);
  const members = { Code: code, Message: message, ...fields, RequestId: requestId };
  const body = Object.entries(members)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `<${name}>${escaped(String(value))}</${name}>`);
  response
    .writeHead(status, { 'content-type': 'application/xml', 'x-amz-request-id': requestId })
    .end(`<?xml version="1.0" encoding="UTF-8"?>\n<Error>${body.join('')}</Error>`);
}

/** An error as a page, as websites tell it. */
export function refuseInHtml(
  response: HttpResponse,
  problem: Problem = INTERNAL,
  random: Random,
  isHead = false,
): void {
  const { code, status, message, fields } = problem;
  const requestId = uuid(random);
  const title = `${status} ${TITLES[status] ?? 'Error'}`;
  const lines = Object.entries({ Code: code, Message: message, ...fields, RequestId: requestId })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `<li>${name}: ${escaped(String(value))}</li>`);
  const html = `<html>\n<head><title>${title}</title></head>\n<body>\n<h1>${title}</h1>\n<ul>\n${lines.join('\n')}\n</ul>\n<hr/>\n</body>\n</html>\n`;
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'x-amz-request-id': requestId,
    'x-amz-error-code': code,
    'content-length': Buffer.byteLength(html),
  });
  response.end(isHead ? undefined : html);
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  412: 'Precondition Failed',
  416: 'Requested Range Not Satisfiable',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text for XML and HTML: of what neither may hold nothing is left. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!).replace(/[^\t\n\r\P{Cc}]|[\ufffe\uffff]/gu, '');
}
