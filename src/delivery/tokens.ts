import { type Clock, DomainError } from '../base/index.ts';
import type { Authorization } from './connection.ts';
import { HTTP_LIMITS, type HttpClient } from './http-client.ts';

type OAuth = Extract<Authorization, { readonly kind: 'oauth' }>;

interface Token {
  readonly value: string;
  /** Monotonic milliseconds. */
  readonly refreshAt: number;
}

/** An answer of a token endpoint may have so many bytes: access tokens can be long. */
const ANSWER_BYTES_MAX = 32 * 1024;

/**
 * Access tokens of OAuth 2 client credentials, by connection: fetched when first needed, once for all who wait, kept until
 * shortly before they end.
 *
 * @see RFC 6749, 2.3.1 and 4.4
 */
export class Tokens {
  readonly #client: HttpClient;
  readonly #clock: Clock;
  readonly #tokens = new Map<string, Token>();
  readonly #fetching = new Map<string, Promise<Token>>();

  constructor(client: HttpClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** @throws `oauth-failed`, and those of the client; all may be tried again: an operator can put them right */
  async get(connection: string, oauth: OAuth, signal: AbortSignal): Promise<string> {
    const kept = this.#tokens.get(connection);
    if (kept && this.#clock.monotonic() < kept.refreshAt) return kept.value;
    const fetching = this.#fetching.get(connection) ?? this.#fetch(connection, oauth, signal);
    return (await fetching).value;
  }

  /** The server has refused a token: it is not used again. */
  invalidate(connection: string, value: string): void {
    if (this.#tokens.get(connection)?.value === value) this.#tokens.delete(connection);
  }

  #fetch(connection: string, oauth: OAuth, signal: AbortSignal): Promise<Token> {
    const fetching = this.#request(oauth, signal)
      .then((token) => {
        this.#tokens.set(connection, token);
        return token;
      })
      .finally(() => this.#fetching.delete(connection));
    this.#fetching.set(connection, fetching);
    return fetching;
  }

  async #request({ tokenUrl, clientId, clientSecret, scope }: OAuth, signal: AbortSignal): Promise<Token> {
    const credentials = `${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`;
    const form = new URLSearchParams({ grant_type: 'client_credentials', ...(scope !== undefined && { scope }) });
    const call = {
      url: new URL(tokenUrl),
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        accept: 'application/json',
        authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
      },
      body: Buffer.from(form.toString()),
    };
    const { status, text } = await this.#client.post(call, signal, ANSWER_BYTES_MAX);
    const answer = parsed(text);
    if (status === 200 && typeof answer.access_token === 'string') return this.#token(answer.access_token, answer);
    // The error's name is the server's own; nothing else of the answer goes into messages.
    const name = typeof answer.error === 'string' ? `, ${answer.error.slice(0, 64)}` : '';
    throw new DomainError('oauth-failed', `no token from ${call.url.origin}: HTTP status ${status}${name}`, {
      remedy: 'retry',
      fields: { unavailable: true },
    });
  }

  #token(value: string, { expires_in: expiresIn }: Readonly<Record<string, unknown>>): Token {
    const seconds = Number(expiresIn);
    const lifeMs = Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : HTTP_LIMITS.tokenMsDefault;
    const early = Math.min(HTTP_LIMITS.tokenEarlyMsMax, lifeMs / 10);
    return { value, refreshAt: this.#clock.monotonic() + lifeMs - early };
  }
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
