/** A response over HTTP, as a function has said it. */
export interface UrlResponse {
  readonly status: number;
  /** Name and values; several only for cookies. */
  readonly headers: ReadonlyMap<string, string | readonly string[]>;
  readonly body: Uint8Array;
}

/** What stands in front of a streamed body. */
export type UrlPrelude = Omit<UrlResponse, 'body'>;

/** A function has answered something that is no response. */
export class ResponseMalformed extends Error {}

const JSON_TYPE = 'application/json';
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** The connection's own, which no function speaks for. */
export const NOT_PASSED_ON: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-authenticate',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * What a function's result says: an object with a `statusCode` is a response; anything else is the body of one, as JSON, and text as
 * it is.
 *
 * @throws ResponseMalformed
 * @see AWS Lambda developer guide, "Response payload format"
 */
export function responseOf(payload: Uint8Array): UrlResponse {
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8');
  const value = parsed(text);
  const headers = new Map([['content-type', JSON_TYPE]]);
  if (value === undefined) return { status: 200, headers: new Map(), body: payload };
  if (typeof value === 'string') return { status: 200, headers, body: Buffer.from(value) };
  if (!isObject(value) || value.statusCode === undefined) return { status: 200, headers, body: Buffer.from(text) };
  return { ...preludeOf(value, JSON_TYPE), body: bodyOf(value) };
}

/**
 * Status, headers and cookies as an object says them.
 * @param contentType  where it says none
 * @throws ResponseMalformed
 */
export function preludeOf(value: unknown, contentType: string): UrlPrelude {
  if (!isObject(value)) throw new ResponseMalformed('it is no object');
  const { statusCode = 200, headers = {}, cookies = [] } = value;
  const status = typeof statusCode === 'string' ? Number(statusCode) : statusCode;
  if (typeof status !== 'number' || !Number.isInteger(status) || status < 200 || status > 599) {
    throw new ResponseMalformed('statusCode is no status of a response');
  }
  if (!isObject(headers)) throw new ResponseMalformed('headers are no object');
  if (!Array.isArray(cookies)) throw new ResponseMalformed('cookies are no list');
  const found = new Map<string, string | readonly string[]>([['content-type', contentType]]);
  for (const [name, one] of Object.entries(headers)) {
    if (NOT_PASSED_ON.has(name.toLowerCase()) || one === null || one === undefined) continue;
    found.set(name.toLowerCase(), headerValue(name, one));
  }
  if (cookies.length > 0)
    found.set(
      'set-cookie',
      cookies.map((cookie) => headerValue('set-cookie', cookie)),
    );
  return { status, headers: found };
}

/** A header's value as text. @throws ResponseMalformed  it cannot be sent */
export function headerValue(name: string, value: unknown): string {
  const text = typeof value === 'string' ? value : typeof value === 'object' ? undefined : String(value);
  // What would end the header and begin another, or is no byte.
  if (text === undefined || !HEADER_NAME.test(name) || /[^\t\x20-\x7e\x80-\xff]/.test(text)) {
    throw new ResponseMalformed(`header ${JSON.stringify(name)} cannot be sent`);
  }
  return text;
}

/** The body of a result. @throws ResponseMalformed */
export function bodyOf({ body, isBase64Encoded }: Record<string, unknown>): Uint8Array {
  if (body === undefined || body === null) return new Uint8Array(0);
  if (typeof body !== 'string') throw new ResponseMalformed('body is no text');
  return Buffer.from(body, isBase64Encoded === true ? 'base64' : 'utf8');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
