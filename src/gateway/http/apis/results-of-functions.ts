import {
  bodyOf,
  headerValue,
  isObject,
  NOT_PASSED_ON,
  ResponseMalformed,
  responseOf,
  type UrlResponse,
} from '../response.ts';

/** The response that a function has answered in payload format 2.0. @throws ResponseMalformed */
export const responseVersion2: (payload: Uint8Array) => UrlResponse = responseOf;

/**
 * The response that a function has answered in payload format 1.0: an object with `statusCode`, `headers`, `multiValueHeaders`, `body`
 * and nothing else that it could be.
 *
 * @throws ResponseMalformed
 * @see Amazon API Gateway developer guide, "Output format of a Lambda function for proxy integration"
 */
export function responseVersion1(payload: Uint8Array): UrlResponse {
  const value = parsed(payload);
  if (!isObject(value)) throw new ResponseMalformed('it is no object');
  const { statusCode, headers = {}, multiValueHeaders = {} } = value;
  const status = typeof statusCode === 'string' ? Number(statusCode) : statusCode;
  if (typeof status !== 'number' || !Number.isInteger(status) || status < 200 || status > 599) {
    throw new ResponseMalformed('statusCode is no status of a response');
  }
  const all = new Map<string, string | readonly string[]>([['content-type', 'application/json']]);
  for (const [name, one] of entriesOf(headers, 'headers')) all.set(name.toLowerCase(), headerValue(name, one));
  for (const [name, many] of entriesOf(multiValueHeaders, 'multiValueHeaders')) {
    if (!Array.isArray(many)) throw new ResponseMalformed(`multiValueHeaders of ${JSON.stringify(name)} are no list`);
    const single = all.get(name.toLowerCase());
    const values = many.map((one) => headerValue(name, one));
    // A header that stands in both, once more.
    if (typeof single === 'string' && name in (headers as object) && !values.includes(single)) values.unshift(single);
    all.set(name.toLowerCase(), values.length === 1 ? values[0]! : values);
  }
  return { status, headers: all, body: bodyOf(value) };
}

function entriesOf(headers: unknown, what: string): [name: string, value: unknown][] {
  if (headers === null) return [];
  if (!isObject(headers)) throw new ResponseMalformed(`${what} are no object`);
  return Object.entries(headers).filter(
    ([name, value]) => !NOT_PASSED_ON.has(name.toLowerCase()) && value !== null && value !== undefined,
  );
}

function parsed(payload: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString());
  } catch {
    throw new ResponseMalformed('it is no JSON');
  }
}
