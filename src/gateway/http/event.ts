import { isUtf8 } from 'node:buffer';

/** A request as the event of format 2.0 tells of it. */
export interface UrlRequest {
  readonly urlId: string;
  readonly requestId: string;
  readonly method: string;
  /** As it was sent, percent-encoded, without what stands in front of the URL's own paths. */
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  /** Name and value in turn, as they came. */
  readonly rawHeaders: readonly string[];
  readonly body: Uint8Array;
  /** Without port. */
  readonly host: string;
  readonly protocol: string;
  readonly sourceIp: string;
  /** Epoch milliseconds. */
  readonly at: number;
  /** Who signed the request; absent where nobody must. */
  readonly iam?: UrlIdentity;
}

export interface UrlIdentity {
  readonly accessKey: string;
  readonly accountId: string;
  readonly userArn: string;
}

/**
 * The event that a function gets for a request.
 *
 * @see AWS Lambda developer guide, "Invoking Lambda function URLs": payload format version 2.0
 */
export function eventOf(request: UrlRequest): Readonly<Record<string, unknown>> {
  const { query, body } = request;
  const { headers, cookies } = headersOf(request.rawHeaders);
  const isText = isTextual(headers['content-type']) && isUtf8(body);
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: request.path,
    rawQueryString: query,
    ...(cookies.length > 0 && { cookies }),
    headers,
    ...(query !== '' && { queryStringParameters: parametersOf(query) }),
    requestContext: contextOf(request, headers['user-agent']),
    ...(body.length > 0 && { body: textOf(body, isText ? 'utf8' : 'base64') }),
    isBase64Encoded: body.length > 0 && !isText,
  };
}

function contextOf(request: UrlRequest, userAgent = '') {
  const { urlId, requestId, method, path, host, protocol, sourceIp, at, iam } = request;
  return {
    accountId: iam?.accountId ?? 'anonymous',
    apiId: urlId,
    ...(iam && { authorizer: { iam: iamAuthorizer(iam) } }),
    domainName: host,
    domainPrefix: urlId,
    http: { method, path, protocol, sourceIp, userAgent },
    requestId,
    routeKey: '$default',
    stage: '$default',
    time: commonLogTime(at),
    timeEpoch: at,
  };
}

/** Who signed, as events tell it. */
export function iamAuthorizer({ accessKey, accountId, userArn }: UrlIdentity) {
  const userId = accessKey;
  return { accessKey, accountId, callerId: userId, cognitoIdentity: null, principalOrgId: null, userArn, userId };
}

/** Names in lower case, values of one name joined by commas; cookies apart. @param raw  name and value in turn */
export function headersOf(raw: readonly string[]): { headers: Record<string, string>; cookies: string[] } {
  const headers = new Map<string, string>();
  const cookies: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase();
    const value = raw[i + 1]!;
    // Those with a colon are HTTP/2's own.
    if (name.charCodeAt(0) === COLON) continue;
    if (name === 'cookie') cookies.push(...value.split(/;\s*/).filter((cookie) => cookie !== ''));
    else {
      const before = headers.get(name);
      headers.set(name, before === undefined ? value : `${before},${value}`);
    }
  }
  // Names are the client's: `__proto__` among them must stay a name.
  return { headers: Object.fromEntries(headers), cookies };
}

const COLON = 0x3a;

/** The parameters of a query, decoded; values of one name joined by commas. */
export function parametersOf(query: string): Record<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    const before = found.get(name);
    found.set(name, before === undefined ? value : `${before},${value}`);
  }
  return Object.fromEntries(found);
}

/** Bodies of these types are text in the event; all others are base64, forms among them. */
export function isTextual(contentType = ''): boolean {
  const type = contentType.split(';', 1)[0]!.trim();
  return /^(text\/|application\/(json|xml|javascript)$)|\+(json|xml)$/i.test(type);
}

/** Bytes as text, without a copy. */
export function textOf(body: Uint8Array, encoding: BufferEncoding): string {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString(encoding);
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `12/Mar/2026:19:03:58 +0000`. */
export function commonLogTime(at: number): string {
  const second = Math.floor(at / 1000);
  if (second === latest.second) return latest.text;
  const iso = new Date(at).toISOString();
  const date = `${iso.slice(8, 10)}/${MONTHS[Number(iso.slice(5, 7)) - 1]}/${iso.slice(0, 4)}`;
  latest = { second, text: `${date}:${iso.slice(11, 19)} +0000` };
  return latest.text;
}

/** Requests of one second have one time. */
let latest = { second: Number.NaN, text: '' };
