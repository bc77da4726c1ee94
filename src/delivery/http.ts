import { type Clock, DomainError } from '../base/index.ts';
import { formatTraceparent } from '../telemetry/index.ts';
import type { Connection, Connections } from './connection.ts';
import type { Delivery, Target } from './delivery.ts';
import { HTTP_LIMITS, type HttpAnswer, HttpClient, type HttpClientOptions } from './http-client.ts';
import { type Bucket, newBucket, takeToken } from './rate.ts';
import { shownArn } from './shown.ts';
import { Tokens } from './tokens.ts';

/** Statuses that say something about the target rather than about what it was given. */
const UNAVAILABLE = new Set([429, 502, 503, 504]);
/** Statuses below 500 that may pass by themselves. 401 too: with a connection an operator can put it right. */
const PASSING = new Set([408, 425, 429]);

/** Headers that belong to the connection, not to what is delivered over it. */
const OWN_HEADERS = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** So many calls a second at most, together with all others of the same key. */
interface Rate {
  readonly key: string;
  /** As messages show it: a key may hold secrets of a URL. */
  readonly name: string;
  readonly requestsPerSecond: number;
}

/** What slows a delivery down: its connection, and what whoever sent it has been asked by the receiver. */
function ratesOf({ arn, source, attributes }: Delivery, connection: Connection | undefined): Rate[] {
  const rates: Rate[] = [];
  const own = attributes?.ratePerSecond;
  if (typeof own === 'number' && own > 0) {
    const name = `${source} -> ${shownArn(arn)}`;
    rates.push({ key: `${source} -> ${arn}`, name, requestsPerSecond: own });
  }
  if (connection?.requestsPerSecond !== undefined) {
    const name = `connection ${connection.name}`;
    rates.push({ key: name, name, requestsPerSecond: connection.requestsPerSecond });
  }
  return rates;
}

/**
 * Posts deliveries to URLs: webhooks.
 *
 * 2xx is success. Other 4xx than 408, 425 and 429 are permanent, as is a redirect: it is never followed, since it could lead to
 * where the subscriber has no business. Everything else is tried again, not before `Retry-After`.
 */
export class HttpTarget implements Target, Disposable {
  /** A token may have to be fetched, a turn waited for, and the call made twice. */
  readonly attemptMsMax = 4 * (HTTP_LIMITS.connectionWaitMsMax + HTTP_LIMITS.answerMsMax) + HTTP_LIMITS.rateWaitMsMax;
  readonly #clock: Clock;
  readonly #client: HttpClient;
  readonly #connections: Connections;
  readonly #tokens: Tokens;
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: HttpClientOptions & { readonly connections?: Connections }) {
    this.#clock = options.clock;
    this.#client = new HttpClient(options);
    this.#connections = options.connections ?? (() => undefined);
    this.#tokens = new Tokens(this.#client, options.clock);
  }

  async deliver(delivery: Delivery, _attempt: number, signal: AbortSignal): Promise<void> {
    const url = readUrl(delivery.arn);
    const connection = this.#connectionOf(delivery);
    for (const rate of ratesOf(delivery, connection)) await this.#waitForTurn(rate, signal);
    const answer = await this.#post(url, delivery, connection, signal);
    if (answer.status >= 200 && answer.status < 300) return;
    throw this.#failure(answer, connection);
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }

  #connectionOf({ attributes }: Delivery): Connection | undefined {
    const name = attributes?.connection;
    if (name === undefined) return undefined;
    const connection = this.#connections(String(name));
    if (connection) return connection;
    const message = `no connection is called ${String(name)}: define it under connections in millrace.yaml`;
    throw new DomainError('connection-unknown', message, { remedy: 'retry', fields: { unavailable: true } });
  }

  async #waitForTurn({ key, name, requestsPerSecond }: Rate, signal: AbortSignal): Promise<void> {
    const now = this.#clock.monotonic();
    const before = this.#buckets.get(key) ?? newBucket(requestsPerSecond, now);
    const { bucket, waitMs, taken } = takeToken(before, requestsPerSecond, now, HTTP_LIMITS.rateWaitMsMax);
    if (!taken) {
      throw new DomainError('rate-limited', `${name} calls ${requestsPerSecond} times a second`, {
        remedy: 'retry',
        fields: { uncounted: true, retryAfterMs: Math.ceil(waitMs - HTTP_LIMITS.rateWaitMsMax / 2) },
      });
    }
    if (this.#buckets.size >= HTTP_LIMITS.bucketsMax) this.#buckets.clear();
    this.#buckets.set(key, bucket);
    if (waitMs > 0) await this.#clock.sleep(waitMs, signal);
  }

  /** A token that the server refuses is thrown away, and the call made once more with another. */
  async #post(
    url: URL,
    delivery: Delivery,
    connection: Connection | undefined,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    for (let again = false; ; again = true) {
      const token = await this.#tokenOf(connection, signal);
      const headers = headersOf(url, delivery, connection, token);
      const answer = await this.#client.post({ url, headers, body: delivery.payload }, signal);
      if (answer.status !== 401 || token === undefined) return answer;
      this.#tokens.invalidate(connection!.name, token);
      if (again) return answer;
    }
  }

  async #tokenOf(connection: Connection | undefined, signal: AbortSignal): Promise<string | undefined> {
    if (connection?.authorization.kind !== 'oauth') return undefined;
    return this.#tokens.get(connection.name, connection.authorization, signal);
  }

  #failure({ status, headers, text }: HttpAnswer, connection: Connection | undefined): DomainError {
    const isRedirect = status >= 300 && status < 400;
    const passes = PASSING.has(status) || (status === 401 && connection !== undefined);
    const permanent = status >= 300 && status < 500 && !passes;
    const retryAfterMs = permanent ? undefined : this.#retryAfter(headers['retry-after']);
    const what = isRedirect ? ': redirects are not followed' : text && `: ${text}`;
    return new DomainError('http-status', `HTTP status ${status}${what}`, {
      remedy: permanent ? 'never' : 'retry',
      fields: {
        unavailable: UNAVAILABLE.has(status) || status === 401,
        ...(retryAfterMs !== undefined && { retryAfterMs }),
      },
    });
  }

  /** Seconds, or a date. @see RFC 9110, 10.2.3 */
  #retryAfter(value: string | undefined): number | undefined {
    if (value === undefined) return undefined;
    if (/^\d+$/.test(value)) return Number(value) * 1000;
    const at = Date.parse(value);
    return Number.isNaN(at) ? undefined : Math.max(0, at - this.#clock.now());
  }
}

function readUrl(text: string): URL {
  const url = URL.parse(text);
  if (url && (url.protocol === 'http:' || url.protocol === 'https:')) return url;
  throw new DomainError('url-invalid', `${shownArn(text)} is no http or https address`);
}

function headersOf(
  url: URL,
  delivery: Delivery,
  connection: Connection | undefined,
  token: string | undefined,
): Readonly<Record<string, string>> {
  const given = Object.entries((delivery.attributes?.headers ?? {}) as Readonly<Record<string, unknown>>)
    .map(([name, value]) => [name.toLowerCase(), String(value)] as const)
    .filter(([name]) => !OWN_HEADERS.has(name));
  return {
    'content-type': 'text/plain; charset=UTF-8',
    'user-agent': 'Millrace',
    ...(url.username !== '' && { authorization: basic(decoded(url.username), decoded(url.password)) }),
    ...Object.fromEntries(given),
    ...authorizationOf(connection, token),
    traceparent: formatTraceparent(delivery.trace),
  };
}

function authorizationOf(connection: Connection | undefined, token: string | undefined): Record<string, string> {
  const authorization = connection?.authorization;
  switch (authorization?.kind) {
    case 'basic':
      return { authorization: basic(authorization.user, authorization.password) };
    case 'api-key':
      return { [authorization.header.toLowerCase()]: authorization.value };
    case 'oauth':
      return { authorization: `Bearer ${token}` };
    default:
      return {};
  }
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** Of a URL; one that is no valid encoding is taken as it stands. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
