import type { JWTPayload, JWTVerifyGetKey } from 'jose';
import { type Clock, hasCode } from '../../../base/index.ts';
import { API_LIMITS } from '../limits.ts';
import type { IssuerKeys } from './keys.ts';

/** Whose tokens are taken, and for whom they must be. */
export interface JwtRules {
  readonly issuer: string;
  /** `undefined` takes tokens for anyone. */
  readonly audience: readonly string[] | undefined;
  /** One of them must be granted; any token will do where there are none. */
  readonly scopes: readonly string[];
}

export type JwtVerdict =
  | {
      readonly kind: 'good';
      readonly claims: Readonly<Record<string, string>>;
      readonly scopes: readonly string[] | null;
    }
  /** No token, or not a good one: 401. */
  | { readonly kind: 'unauthorized'; readonly reason: string }
  /** A good token without the scopes: 403. */
  | { readonly kind: 'forbidden'; readonly reason: string };

/** Signatures that only the issuer can make. API Gateway takes RSA alone. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512'];

/**
 * Checks a JSON Web Token as API Gateway does: the signature by a key of the issuer that the header names, then `iss`, `aud` or
 * `client_id`, `exp`, `nbf`, `iat`, and scopes.
 *
 * @see Amazon API Gateway developer guide, "Control access to HTTP APIs with JWT authorizers"
 */
export class JwtAuthorizer {
  readonly #keys: IssuerKeys;
  readonly #clock: Clock;

  constructor(keys: IssuerKeys, clock: Clock) {
    this.#keys = keys;
    this.#clock = clock;
  }

  async check(token: string, rules: JwtRules): Promise<JwtVerdict> {
    if (token.length > API_LIMITS.tokenBytesMax) return unauthorized('the token is too long');
    let payload: JWTPayload;
    try {
      payload = await this.#verified(token, rules.issuer);
    } catch (error) {
      return unauthorized(reasonOf(error));
    }
    const fault = this.#faultOf(payload, rules);
    if (fault !== undefined) return unauthorized(fault);
    const granted = scopesOf(payload);
    if (rules.scopes.length > 0 && !rules.scopes.some((scope) => granted?.includes(scope))) {
      return { kind: 'forbidden', reason: 'insufficient_scope' };
    }
    return { kind: 'good', claims: claimsOf(payload), scopes: rules.scopes.length > 0 ? (granted ?? null) : null };
  }

  async #verified(token: string, issuer: string): Promise<JWTPayload> {
    try {
      return await verify(token, await this.#keys.of(issuer));
    } catch (error) {
      // The issuer may have a new key.
      const renewed = hasCode(error, 'ERR_JWKS_NO_MATCHING_KEY') ? this.#keys.renewed(issuer) : undefined;
      if (!renewed) throw error;
      return verify(token, await renewed);
    }
  }

  #faultOf({ iss, aud, client_id: client, exp, nbf, iat }: JWTPayload, rules: JwtRules): string | undefined {
    const now = this.#clock.now() / 1000;
    if (iss !== rules.issuer) return 'the issuer is another one';
    // `client_id` counts only where there is no audience.
    const audiences = aud === undefined ? [client] : [aud].flat();
    const { audience } = rules;
    if (audience && !audiences.some((one) => typeof one === 'string' && audience.includes(one))) {
      return 'the audience is another one';
    }
    if (typeof exp !== 'number' || exp <= now) return 'the token has expired';
    if (nbf !== undefined && (typeof nbf !== 'number' || nbf > now)) return 'the token is not valid yet';
    if (iat !== undefined && (typeof iat !== 'number' || iat > now)) return 'the token was issued in the future';
    return undefined;
  }
}

const unauthorized = (reason: string): JwtVerdict => ({ kind: 'unauthorized', reason });

/** @throws  the token is no token, its algorithm another or its signature wrong */
async function verify(token: string, keys: JWTVerifyGetKey): Promise<JWTPayload> {
  const { compactVerify, decodeProtectedHeader, errors } = await import('jose');
  // A token that names no key would be tried with any.
  if (typeof decodeProtectedHeader(token).kid !== 'string') throw new errors.JWTInvalid('the token names no key');
  const { payload } = await compactVerify(token, keys, { algorithms: ALGORITHMS });
  const claims: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) {
    throw new errors.JWTInvalid('the claims are no object');
  }
  return claims as JWTPayload;
}

function reasonOf(error: unknown): string {
  if (hasCode(error, 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED')) return 'the signature is wrong';
  if (hasCode(error, 'ERR_JOSE_ALG_NOT_ALLOWED')) return 'the algorithm is not allowed';
  if (hasCode(error, 'ERR_JWKS_NO_MATCHING_KEY')) return 'no key of the issuer fits';
  return error instanceof Error ? error.message : 'the token is malformed';
}

/** `scope`, or else `scp`, as a list or as words. */
function scopesOf({ scope, scp }: JWTPayload): readonly string[] | undefined {
  const given = scope ?? scp;
  if (typeof given === 'string') return given.split(' ').filter((one) => one !== '');
  return Array.isArray(given) ? given.map(String) : undefined;
}

/** Claims as functions and logs get them: text, lists in brackets. */
function claimsOf(payload: JWTPayload): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(payload).map(([name, value]) => [name, claimText(value)]));
}

function claimText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(claimText).join(' ')}]`;
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}
