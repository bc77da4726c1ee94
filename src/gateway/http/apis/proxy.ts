/* Integrations with other HTTP servers. */
import type { IncomingMessage } from 'node:http';
import { type Clock, DomainError } from '../../../base/index.ts';
import type { Outgoing } from '../../../delivery/index.ts';
import { API_LIMITS } from '../limits.ts';
import { NOT_PASSED_ON, type UrlResponse } from '../response.ts';
import type { ApiCall } from './call.ts';
import type { Passed } from './events.ts';

/** - `integration-timeout`; - `integration-failed`: nobody answers there, or nothing that can be passed on. */
export type IntegrationErrorCode = 'integration-timeout' | 'integration-failed';

export interface ProxyTarget {
  readonly method: string;
  readonly url: URL;
  /** Shown to servers that ask who calls, PEM. */
  readonly identity?: { readonly certificate: string; readonly key: string } | undefined;
}

/** Headers of one connection, and the host, which is the other server's. */
const OWN_FIELDS = new Set([
  ...NOT_PASSED_ON,
  'host',
  'expect',
  'proxy-authorization',
  'proxy-connection',
  'http2-settings',
]);

/**
 * Sends a request on and gives the answer, whole.
 * @throws DomainError IntegrationErrorCode
 */
export async function sendOn(
  outgoing: Outgoing,
  clock: Clock,
  target: ProxyTarget,
  call: ApiCall,
  { fields, body = call.body }: Pick<Passed, 'fields'> & { readonly body?: Uint8Array },
  timeoutMs: number,
): Promise<UrlResponse> {
  const late = new AbortController();
  const timer = clock.timer(timeoutMs, () => late.abort());
  try {
    const response = await exchange(outgoing, target, headersFor(call, fields, body.length), body, late.signal);
    return { status: response.statusCode ?? 502, headers: passedBack(response), body: await wholeBody(response) };
  } catch (error) {
    if (late.signal.aborted) throw new DomainError('integration-timeout', `no answer within ${timeoutMs} ms`);
    throw error instanceof DomainError && error.code === 'integration-failed'
      ? error
      : new DomainError('integration-failed', `${target.url.host} does not answer`, { cause: error });
  } finally {
    timer.cancel();
  }
}

function exchange(
  outgoing: Outgoing,
  { method, url, identity }: ProxyTarget,
  headers: Record<string, string[]>,
  body: Uint8Array,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const shown = identity && { cert: identity.certificate, key: identity.key };
    const request = outgoing.request(url, { method, headers, signal, ...shown }, resolve);
    request.on('error', reject);
    request.end(body.length > 0 ? body : undefined);
  });
}

function headersFor({ arrival }: ApiCall, fields: readonly string[], bodyBytes: number): Record<string, string[]> {
  const headers = new Map<string, string[]>();
  // What a client calls the connection's own goes no further than here.
  const named = new Set((arrival.request.headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase()));
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i]!.toLowerCase();
    if (OWN_FIELDS.has(name) || named.has(name) || name === 'x-amzn-trace-id' || name.startsWith('x-forwarded-'))
      continue;
    const known = headers.get(name);
    if (known) known.push(fields[i + 1]!);
    else headers.set(name, [fields[i + 1]!]);
  }
  const { sourceIp, host } = arrival;
  headers.set('forwarded', [`for=${quoted(sourceIp)};host=${host};proto=http`]);
  headers.set('via', [...(headers.get('via') ?? []), 'HTTP/1.1 AmazonAPIGateway']);
  if (bodyBytes > 0 || /^(POST|PUT|PATCH)$/.test(arrival.method)) headers.set('content-length', [String(bodyBytes)]);
  return Object.fromEntries(headers);
}

const quoted = (address: string) => (address.includes(':') ? `"[${address}]"` : address);

function passedBack({ rawHeaders }: IncomingMessage): Map<string, string | readonly string[]> {
  const headers = new Map<string, string | readonly string[]>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    if (NOT_PASSED_ON.has(name) || name === 'date') continue;
    const before = headers.get(name);
    const value = rawHeaders[i + 1]!;
    headers.set(
      name,
      before === undefined ? value : name === 'set-cookie' ? [before, value].flat() : `${before},${value}`,
    );
  }
  return headers;
}

async function wholeBody(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > API_LIMITS.payloadBytesMax) {
      throw new DomainError('integration-failed', `the answer is larger than ${API_LIMITS.payloadBytesMax} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

/**
 * The address that a request is sent on to: path variables in their places, what a client wrote in them encoded again.
 *
 * @param path  put behind the address, for routes that take every path
 * @returns `undefined` for one that would leave the address: `..` in a variable
 */
export function targetUrl(
  uri: string,
  variables: Readonly<Record<string, string>> | undefined,
  path: string,
  query: string,
): URL | undefined {
  let climbs = false;
  const encoded = (value: string) =>
    value
      .split('/')
      .map((segment) => {
        if (segment === '.' || segment === '..') climbs = true;
        return encodeURIComponent(segment);
      })
      .join('/');
  const placed = uri.replace(/\{([^}+]+)\+?\}/g, (whole, name: string) => {
    return variables && Object.hasOwn(variables, name) ? encoded(variables[name]!) : whole;
  });
  const address = `${path === '' ? placed : placed.replace(/\/$/, '')}${encoded(path)}`;
  if (climbs || !URL.canParse(address)) return undefined;
  const url = new URL(address);
  if (query !== '') url.search = url.search === '' ? query : `${url.search}&${query}`;
  return url;
}
