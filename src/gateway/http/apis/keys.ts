import type { JSONWebKeySet, JWTVerifyGetKey } from 'jose';
import type { Clock } from '../../../base/index.ts';
import { API_LIMITS } from '../limits.ts';

/** Reads a document by GET, as the egress rules allow it. @throws  it cannot be had, or not in time */
export type FetchDocument = (url: URL) => Promise<{ readonly status: number; readonly text: string }>;

/** No key of the issuer fits a token, or its keys cannot be had. */
export class KeysUnavailable extends Error {}

interface Known {
  readonly keys: Promise<JWTVerifyGetKey>;
  readonly readAt: number;
}

/**
 * Public keys of issuers, by OpenID discovery: `ISSUER/.well-known/openid-configuration` names the key set. They are kept, and read anew
 * when a token names a key that is not among them, not too often: who sends tokens must not make the node call others.
 */
export class IssuerKeys {
  readonly #fetch: FetchDocument;
  readonly #clock: Clock;
  readonly #issuers = new Map<string, Known>();

  constructor(fetch: FetchDocument, clock: Clock) {
    this.#fetch = fetch;
    this.#clock = clock;
  }

  /** @throws KeysUnavailable */
  of(issuer: string): Promise<JWTVerifyGetKey> {
    const known = this.#issuers.get(issuer);
    if (known && this.#clock.monotonic() - known.readAt < API_LIMITS.issuerKeysMsMax) return known.keys;
    return this.#read(issuer);
  }

  /** Keys that were read just now; `undefined` when that was tried a moment ago. */
  renewed(issuer: string): Promise<JWTVerifyGetKey> | undefined {
    const known = this.#issuers.get(issuer);
    if (known && this.#clock.monotonic() - known.readAt < API_LIMITS.issuerRetryMs) return undefined;
    return this.#read(issuer);
  }

  #read(issuer: string): Promise<JWTVerifyGetKey> {
    const readAt = this.#clock.monotonic();
    const keys = this.#load(issuer);
    if (this.#issuers.size >= API_LIMITS.issuersMax) this.#issuers.clear();
    this.#issuers.set(issuer, { keys, readAt });
    // One that failed is tried again after a while, not with every token.
    keys.catch(() => {
      const again = readAt - API_LIMITS.issuerKeysMsMax + API_LIMITS.issuerRetryMs;
      if (this.#issuers.get(issuer)?.keys === keys) this.#issuers.set(issuer, { keys, readAt: again });
    });
    return keys;
  }

  async #load(issuer: string): Promise<JWTVerifyGetKey> {
    const { createLocalJWKSet } = await import('jose');
    const about = await this.#document(new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`));
    const address = (about as { jwks_uri?: unknown }).jwks_uri;
    if (typeof address !== 'string' || !/^https?:/.test(address) || !URL.canParse(address)) {
      throw new KeysUnavailable('the issuer names no key set');
    }
    const { keys } = (await this.#document(new URL(address))) as { keys?: unknown };
    if (!Array.isArray(keys) || keys.length > API_LIMITS.issuerKeysMax) {
      throw new KeysUnavailable('the key set of the issuer is none');
    }
    return createLocalJWKSet({ keys } as JSONWebKeySet);
  }

  async #document(url: URL): Promise<object> {
    try {
      const { status, text } = await this.#fetch(url);
      const document: unknown = status === 200 ? JSON.parse(text) : undefined;
      if (typeof document === 'object' && document !== null) return document;
    } catch (error) {
      throw new KeysUnavailable(`${url.href} cannot be read`, { cause: error });
    }
    throw new KeysUnavailable(`${url.href} is no document`);
  }
}
