/* Tokens of OpenID Connect providers: whose they are is read before, and believed only after their signature has been verified. */
import { readFile } from 'node:fs/promises';
import type { JWTPayload, JWTVerifyGetKey } from 'jose';
import { type Clock, hasCode, messageOf } from '../../base/index.ts';
import type { Identities } from './assuming.ts';
import { stsError } from './errors.ts';
import { STS_LIMITS } from './limits.ts';

/** Where the keys of an issuer are, which it is not asked for then: an address, or a file. */
export interface IssuerKeys {
  /** As it stands in `iss`. */
  readonly issuer: string;
  readonly keys: string;
}

export interface WebIdentityOptions {
  readonly identities: Identities;
  readonly clock: Clock;
  readonly issuers: readonly IssuerKeys[];
}

/** What a token has proved. */
export interface WebIdentity {
  /** ARN of the provider. */
  readonly provider: string;
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
  /** Condition keys: `token.example.com:sub` and so on. */
  readonly claims: Readonly<Record<string, string | readonly string[]>>;
  readonly tags: readonly { readonly Key: string; readonly Value: string }[];
  readonly transitiveTagKeys: readonly string[];
  readonly sourceIdentity: string | undefined;
}

/** Signatures that only the issuer can make: with a shared secret, whoever verifies could sign too. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'];

const CLOCK_TOLERANCE_SECONDS = 5;
const TAGS = 'https://aws.amazon.com/tags';
const SOURCE_IDENTITY = 'https://aws.amazon.com/source_identity';

export class WebIdentities {
  readonly #options: WebIdentityOptions;
  readonly #keys = new Map<string, { readonly keys: Promise<JWTVerifyGetKey>; readonly readAt: number }>();

  constructor(options: WebIdentityOptions) {
    this.#options = options;
  }

  /** @throws invalid-token, expired-token, provider-unreachable */
  async verify(token: string): Promise<WebIdentity> {
    const issuer = issuerIn(token);
    if (issuer === undefined || token.length > STS_LIMITS.webIdentityTokenCharactersMax) {
      throw stsError(
        'invalid-token',
        'The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)',
      );
    }
    const url = issuer.replace(/^https:\/\//, '');
    const provider = this.#options.identities.oidcProvider?.(url);
    if (!provider) throw stsError('invalid-token', `No OpenIDConnect provider found in your account for ${issuer}`);
    const claims = await this.#claims(token, issuer);
    const audience = audienceOf(claims, provider.clientIds);
    if (audience === undefined) throw stsError('invalid-token', 'Incorrect token audience');
    return {
      ...{ provider: provider.arn, issuer, subject: claims.sub!, audience },
      claims: conditionKeys(url, claims, audience),
      ...tagsOf(claims),
    };
  }

  async #claims(token: string, issuer: string): Promise<JWTPayload> {
    try {
      return await this.#verified(token, issuer);
    } catch (error) {
      // The issuer may have got a new key since its keys were read.
      const { readAt = 0 } = this.#keys.get(issuer) ?? {};
      const isRecent = this.#options.clock.now() - readAt < STS_LIMITS.providerKeysRetryMs;
      if (!hasCode(error, 'ERR_JWKS_NO_MATCHING_KEY') || isRecent) throw tokenError(error);
      this.#keys.delete(issuer);
    }
    return this.#verified(token, issuer).catch((error: unknown) => {
      throw tokenError(error);
    });
  }

  async #verified(token: string, issuer: string): Promise<JWTPayload> {
    const { jwtVerify } = await import('jose');
    const { payload } = await jwtVerify(token, await this.#keysOf(issuer), {
      issuer,
      algorithms: ALGORITHMS,
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: new Date(this.#options.clock.now()),
      requiredClaims: ['exp', 'iat', 'sub', 'aud'],
    });
    return payload;
  }

  #keysOf(issuer: string): Promise<JWTVerifyGetKey> {
    const known = this.#keys.get(issuer);
    if (known) return known.keys;
    const keys = this.#load(issuer);
    if (this.#keys.size >= STS_LIMITS.providersHeldMax) this.#keys.clear();
    this.#keys.set(issuer, { keys, readAt: this.#options.clock.now() });
    keys.catch(() => this.#keys.delete(issuer));
    return keys;
  }

  async #load(issuer: string): Promise<JWTVerifyGetKey> {
    const { createLocalJWKSet } = await import('jose');
    const place = this.#options.issuers.find((one) => one.issuer === issuer)?.keys;
    try {
      return createLocalJWKSet(await readKeys(place ?? (await discovered(issuer))));
    } catch (error) {
      throw stsError(
        'provider-unreachable',
        `Couldn't retrieve verification key from your identity provider (${messageOf(error)})`,
        error,
      );
    }
  }
}

/** Where an issuer says that its keys are. @see OpenID Connect Discovery 1.0, section 4 */
async function discovered(issuer: string): Promise<string> {
  const { jwks_uri } = (await fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)) as {
    jwks_uri?: unknown;
  };
  if (typeof jwks_uri !== 'string' || !jwks_uri.startsWith('https://')) throw new Error('it names no keys');
  return jwks_uri;
}

async function readKeys(place: string) {
  const isAddress = /^https?:/.test(place);
  return (isAddress ? await fetchJson(place) : JSON.parse(await readFile(place, 'utf8'))) as { keys: [] };
}

async function fetchJson(url: string): Promise<unknown> {
  const answer = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(STS_LIMITS.providerTimeoutMs) });
  if (!answer.ok) throw new Error(`it answers ${answer.status}`);
  return answer.json();
}

function issuerIn(token: string): string | undefined {
  const [, payload, signature, ...more] = token.split('.');
  if (payload === undefined || signature === undefined || more.length > 0) return undefined;
  try {
    const { iss } = Object(JSON.parse(Buffer.from(payload, 'base64url').toString())) as { iss?: unknown };
    return typeof iss === 'string' ? iss : undefined;
  } catch {
    return undefined;
  }
}

/** The party that the token was made for: where it names one, the one that it was given to. */
function audienceOf({ aud, azp }: JWTPayload, clientIds: readonly string[]): string | undefined {
  const named = typeof azp === 'string' ? [azp] : [aud ?? []].flat();
  return named.find((one) => clientIds.includes(one));
}

function conditionKeys(url: string, claims: JWTPayload, audience: string) {
  const keys: Record<string, string | readonly string[]> = { [`${url}:aud`]: audience };
  if (claims.azp !== undefined) keys[`${url}:oaud`] = [claims.aud ?? []].flat();
  for (const [name, value] of Object.entries(claims)) {
    const list = [value].flat();
    if (name !== 'aud' && list.every((one) => typeof one === 'string')) keys[`${url}:${name}`] = list;
  }
  return keys;
}

function tagsOf(claims: JWTPayload): Pick<WebIdentity, 'tags' | 'transitiveTagKeys' | 'sourceIdentity'> {
  const { principal_tags, transitive_tag_keys } = Object(claims[TAGS]) as Record<string, unknown>;
  const tags = Object.entries(Object(principal_tags) as Record<string, unknown>).flatMap(([Key, value]) => {
    const [first] = [value].flat();
    return typeof first === 'string' ? [{ Key, Value: first }] : [];
  });
  const keys = Array.isArray(transitive_tag_keys) ? transitive_tag_keys : [];
  const identity = claims[SOURCE_IDENTITY];
  return {
    tags,
    transitiveTagKeys: keys.filter((key): key is string => typeof key === 'string'),
    sourceIdentity: typeof identity === 'string' ? identity : undefined,
  };
}

function tokenError(error: unknown): unknown {
  if (hasCode(error, 'ERR_JWT_EXPIRED'))
    return stsError('expired-token', 'Token expired: the current date is after its expiration', error);
  const { code } = Object(error) as { code?: unknown };
  if (typeof code !== 'string' || !code.startsWith('ERR_J')) return error;
  return stsError('invalid-token', `The ID Token provided is not valid: ${messageOf(error)}`, error);
}
