import type { CallRequest } from '../../../wire/index.ts';
import { authorityOf, hostName } from '../../../wire/index.ts';
import { API_LIMITS } from '../limits.ts';

/** A request to an API, as it came. */
export interface Arrival {
  readonly request: CallRequest;
  readonly method: string;
  /** Percent-encoded, from the API's own root on; begins with a slash. */
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  /** Name and value in turn, `host` included, without what HTTP/2 has of its own. */
  readonly fields: readonly string[];
  readonly authority: string;
  /** Without port, lower case. */
  readonly host: string;
  readonly protocol: 'HTTP/1.1' | 'HTTP/2.0';
  readonly sourceIp: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** @param prefix  what stands in front of the API's own paths; @param named  the API's own host, where it is called by another */
export function arrivalOf(
  request: CallRequest,
  remoteAddress: string | undefined,
  prefix: string,
  named: string | undefined,
  at: number,
): Arrival {
  const { method = 'GET', url = '/', httpVersionMajor } = request;
  const mark = url.indexOf('?');
  const whole = mark < 0 ? url : url.slice(0, mark);
  const path = whole.slice(prefix.length);
  const authority = authorityOf(request);
  return {
    ...{ request, method, authority, at },
    path: path.startsWith('/') ? path : `/${path}`,
    query: mark < 0 ? '' : url.slice(mark + 1),
    fields: fieldsOf(request, authority),
    host: named ?? hostName(authority),
    protocol: httpVersionMajor > 1 ? 'HTTP/2.0' : 'HTTP/1.1',
    sourceIp: addressOf(remoteAddress),
  };
}

/** True when request line and headers are longer than API Gateway takes them. */
export function hasLongHead({ path, query, fields }: Arrival): boolean {
  let bytes = path.length + query.length;
  for (const text of fields) bytes += text.length;
  return bytes > API_LIMITS.headBytesMax;
}

function fieldsOf({ rawHeaders, headers, httpVersionMajor }: CallRequest, authority: string): readonly string[] {
  if (rawHeaders === undefined) return Object.entries(headers).flat() as string[];
  if (httpVersionMajor === 1) return rawHeaders;
  const own: string[] = ['host', authority];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (!rawHeaders[i]!.startsWith(':')) own.push(rawHeaders[i]!, rawHeaders[i + 1]!);
  }
  return own;
}

function addressOf(remote = ''): string {
  return remote.startsWith('::ffff:') && remote.includes('.') ? remote.slice(7) : remote;
}

export function portOf(authority: string): string {
  return /:(\d+)$/.exec(authority)?.[1] ?? '80';
}

/** The value of a header; several are joined with commas. @param name  lower case */
export function headerOf({ fields }: Pick<Arrival, 'fields'>, name: string): string | undefined {
  let found: string | undefined;
  for (let i = 0; i + 1 < fields.length; i += 2) {
    if (fields[i]!.length !== name.length || fields[i]!.toLowerCase() !== name) continue;
    found = found === undefined ? fields[i + 1]! : `${found},${fields[i + 1]!}`;
  }
  return found;
}
