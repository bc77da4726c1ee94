import { readFile } from 'node:fs/promises';
import type { JWTPayload, JWTVerifyGetKey } from 'jose';
import { ACCOUNT_ID, type Clock, DEFAULT_REGION, formatArn, hasCode, messageOf } from '../../../base/index.ts';
import { Reason } from '../../../codec/mqtt/index.ts';
import type { Values } from '../../../codec/policies/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import { IOT_LIMITS } from '../limits.ts';
import { alarm } from './alarm.ts';
import type { Identification, Identity } from './identity.ts';

/** Whose JSON Web Tokens are taken. */
export interface TokenIssuer {
  /** What policies are attached to: `arn:aws:iot:REGION:000000000000:tokens/NAME`. */
  readonly name: string;
  /** As it stands in `iss`. */
  readonly issuer: string;
  /** One of them must stand in `aud`; without, any audience will do. */
  readonly audience?: readonly string[];
  /** Key set: an `https:` or `http:` address, or a file. */
  readonly keys: string;
}

/** Signatures that only the issuer can make: with a shared secret, whoever verifies could sign too. */
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];

/** Seconds that clocks of issuers may be off. */
const CLOCK_TOLERANCE_SECONDS = 5;

export function issuerArn({ name }: Pick<TokenIssuer, 'name'>): string {
  return formatArn('iot', DEFAULT_REGION, ACCOUNT_ID, `tokens/${name}`);
}

/** True for what may be a JSON Web Token: three parts of base64url. */
export function looksLikeToken(text: string): boolean {
  return text.length <= IOT_LIMITS.tokenBytesMax && /^ey[\w-]+\.[\w-]+\.[\w-]+$/.test(text);
}

/** Takes JSON Web Tokens of the issuers that the configuration names. */
export class TokenAuthentication {
  readonly #issuers: ReadonlyMap<string, Issuer>;
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor(issuers: readonly TokenIssuer[], clock: Clock, logger: Logger) {
    this.#issuers = new Map(issuers.map((one) => [one.issuer, new Issuer(one, clock)]));
    this.#clock = clock;
    this.#logger = logger;
  }

  get isUsed(): boolean {
    return this.#issuers.size > 0;
  }

  /** @param also  the client's certificate, where it has proved one too: its policies and variables count as well */
  async identify(token: string, also?: Identity): Promise<Identification> {
    // Read before it is verified, only to know whose keys to take.
    const issuer = this.#issuers.get(issuerIn(token) ?? '');
    if (!issuer) return refused('no issuer of this token is known here');
    try {
      const claims = await issuer.verify(token);
      return { kind: 'identified', identity: this.#identityOf(issuer.definition, claims, also) };
    } catch (error) {
      if (isTokenFault(error)) return refused(`the token is not good: ${messageOf(error)}`);
      this.#logger.warn('token keys cannot be had', { issuer: issuer.definition.name, reason: messageOf(error) });
      return { kind: 'refused', reasonCode: Reason.serverUnavailable, reason: 'keys of the issuer cannot be had' };
    }
  }

  #identityOf(issuer: TokenIssuer, claims: JWTPayload, also: Identity | undefined): Identity {
    const subject = claims.sub!;
    const own = formatArn('iot', DEFAULT_REGION, ACCOUNT_ID, `token/${issuer.name}/${subject}`);
    const endsAt = claims.exp! * 1000;
    const values = claimValues(claims);
    return {
      principal: also?.principal ?? subject,
      arns: also ? [...also.arns, own, issuerArn(issuer)] : [own, issuerArn(issuer)],
      region: also?.region,
      values: also ? (key) => values(key) ?? also.values(key) : values,
      policies: also?.policies ?? [],
      lapsed: () => also?.lapsed(),
      endsAt: also?.endsAt,
      watch: (listener) => alarm(this.#clock, endsAt, () => listener.ended('its token has expired', 'AUTH_ERROR')),
    };
  }
}

/** One issuer with its keys, read when they are first needed. */
class Issuer {
  readonly definition: TokenIssuer;
  readonly #clock: Clock;
  #keys: Promise<JWTVerifyGetKey> | undefined;
  #readAt = 0;

  constructor(definition: TokenIssuer, clock: Clock) {
    this.definition = definition;
    this.#clock = clock;
  }

  async verify(token: string): Promise<JWTPayload> {
    try {
      return await this.#verify(token);
    } catch (error) {
      // The issuer may have got a new key; keys by address are fetched anew by the library.
      const isRecent = this.#clock.now() - this.#readAt < IOT_LIMITS.tokenKeysRetryMs;
      if (!hasCode(error, 'ERR_JWKS_NO_MATCHING_KEY') || this.#isAddress || isRecent) throw error;
      this.#keys = undefined;
      return this.#verify(token);
    }
  }

  get #isAddress(): boolean {
    return /^https?:/.test(this.definition.keys);
  }

  async #verify(token: string): Promise<JWTPayload> {
    const { jwtVerify } = await import('jose');
    const { issuer, audience } = this.definition;
    const { payload } = await jwtVerify(token, await this.#keySet(), {
      issuer,
      ...(audience && { audience: [...audience] }),
      algorithms: ALGORITHMS,
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: new Date(this.#clock.now()),
      requiredClaims: ['exp', 'sub'],
    });
    return payload;
  }

  #keySet(): Promise<JWTVerifyGetKey> {
    this.#keys ??= this.#load().catch((error: unknown) => {
      this.#keys = undefined;
      throw error;
    });
    return this.#keys;
  }

  async #load(): Promise<JWTVerifyGetKey> {
    const { createLocalJWKSet, createRemoteJWKSet } = await import('jose');
    this.#readAt = this.#clock.now();
    if (!this.#isAddress) return createLocalJWKSet(JSON.parse(await readFile(this.definition.keys, 'utf8')));
    const cooldownDuration = IOT_LIMITS.tokenKeysRetryMs;
    return createRemoteJWKSet(new URL(this.definition.keys), { cooldownDuration });
  }
}

/** Variables `jwt:sub`, `jwt:realm.roles`: texts, numbers, booleans, and lists of them. */
function claimValues(claims: JWTPayload): Values {
  return (key) => {
    if (!/^jwt:/i.test(key)) return undefined;
    let value: unknown = claims;
    for (const name of key.slice(4).split('.')) {
      const isObject = typeof value === 'object' && value !== null && Object.hasOwn(value, name);
      value = isObject ? (value as Record<string, unknown>)[name] : undefined;
    }
    const list: unknown[] = Array.isArray(value) ? value : [value];
    const texts = list.filter((one) => ['string', 'number', 'boolean'].includes(typeof one)).map(String);
    return texts.length === 0 ? undefined : texts;
  };
}

function issuerIn(token: string): string | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    const { iss } = Object(claims) as { iss?: unknown };
    return typeof iss === 'string' ? iss : undefined;
  } catch {
    return undefined;
  }
}

/** What is wrong with the token itself, by the library's codes; anything else is about its keys. */
function isTokenFault(error: unknown): boolean {
  const { code } = Object(error) as { code?: unknown };
  const isAboutKeys = code === 'ERR_JWKS_TIMEOUT' || code === 'ERR_JWKS_INVALID' || code === 'ERR_JOSE_GENERIC';
  return typeof code === 'string' && /^ERR_J/.test(code) && !isAboutKeys;
}

function refused(reason: string): Identification {
  return { kind: 'refused', reasonCode: Reason.notAuthorized, reason };
}
