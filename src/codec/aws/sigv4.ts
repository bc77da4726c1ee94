/*
 * AWS Signature Version 4, the verifier's side.
 *
 *   string to sign = algorithm \n time \n scope \n SHA256(canonical request)
 *   canonical request = method \n path \n query \n headers \n \n names of signed headers \n hash of the payload
 *   key = HMAC(HMAC(HMAC(HMAC("AWS4" + secret, date), region), service), "aws4_request")
 *
 * @see IAM user guide, "Create a signed AWS API request"
 */
import { createHmac, hash, type KeyObject, timingSafeEqual } from 'node:crypto';
import { TextMemo } from '../../base/index.ts';
import { canonicalPath, canonicalQuery, isNormalPath } from './canonical.ts';
import { Mac } from './mac.ts';
import type { RequestParts } from './protocol.ts';

const ALGORITHM = 'AWS4-HMAC-SHA256';
/** The name that WebSockets to AWS IoT are signed with. */
const DEVICE_GATEWAY = 'iotdevicegateway';

/** How far the sender's clock may be off. */
export const CLOCK_SKEW_MS_MAX = 5 * 60_000;
/** Longest life of a presigned URL: seven days. */
const EXPIRES_SECONDS_MAX = 7 * 24 * 3600;

/** - `incomplete`: an authorization that lacks a part or cannot be read;
 *  - `mismatch`: another secret, or something was changed on the way;
 *  - `skewed`: signed too long ago, or in the future; - `expired`: a presigned URL after its time;
 *  - `unsigned-headers`: `x-amz-` headers that the signature does not cover;
 *  - `payload`: the body is not the one announced; - `body`: it is not in chunks, or ended early. */
export type SignatureProblem =
  | 'incomplete'
  | 'mismatch'
  | 'skewed'
  | 'expired'
  | 'unsigned-headers'
  | 'payload'
  | 'body';

/** A request that does not prove who sent it. */
export class SignatureFailure extends Error {
  override readonly name = 'SignatureFailure';
  readonly problem: SignatureProblem;

  constructor(problem: SignatureProblem, message: string) {
    super(message);
    this.problem = problem;
  }
}

/** Who signs, and what for: the same in all requests of a client until the day ends. */
interface Signer {
  /** `KEY/20260101/us-east-1/dynamodb/aws4_request`. */
  readonly credential: string;
  readonly accessKeyId: string;
  /** `20260101`. */
  readonly date: string;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
}

/** What a signed request says of itself, before anything is proven. */
export interface SignatureClaim extends Signer {
  /** `20260101T000000Z`, and the same in epoch milliseconds. */
  readonly time: string;
  readonly timeMs: number;
  /** 64 hex digits. */
  readonly signature: string;
  readonly sessionToken: string | undefined;
  /** Seconds that a presigned URL lives; absent where the signature is in a header. */
  readonly expiresSeconds: number | undefined;
  /** Hash of the payload as announced, or one of the names that stand for it. */
  readonly payload: string | undefined;
}

/** Payload "hashes" that say how the body proves itself instead. */
export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';
export const STREAMING_PREFIX = 'STREAMING-';

/** Reads the claim; `undefined` for a request without a Version 4 signature. @throws SignatureFailure `incomplete` */
export function parseClaim(request: RequestParts): SignatureClaim | undefined {
  const { authorization } = request.headers;
  if (typeof authorization === 'string' && authorization.startsWith(ALGORITHM))
    return headerClaim(request, authorization);
  return request.query.includes('X-Amz-Algorithm=') ? queryClaim(request) : undefined;
}

/** No part has `=` in it, so that there is one way to read a header, however long it is: nothing is proven yet. */
const BEFORE_SIGNATURE = /^AWS4-HMAC-SHA256\s+Credential=([^\s,=]+),?\s*SignedHeaders=([^\s,=]+),?\s*Signature=$/;
const SIGNATURE = /^[0-9a-f]{64}$/;
const SIGNATURE_DIGITS = 64;

function headerClaim({ headers }: RequestParts, authorization: string): SignatureClaim {
  const at = authorization.length - SIGNATURE_DIGITS;
  const last = authorization.slice(at);
  const signer = SIGNATURE.test(last) ? signers.get(authorization.slice(0, at)) : 'other';
  const isOther = signer === 'other';
  const { credential, accessKeyId, date, region, service, signedHeaders } = isOther ? signerOf(authorization) : signer;
  const { time, timeMs } = timeOf(text(headers['x-amz-date']) ?? compactTime(text(headers.date)));
  // One by one, since each signed request comes here: no objects are spread.
  return {
    credential,
    accessKeyId,
    date,
    region,
    service,
    signedHeaders,
    time,
    timeMs,
    signature: isOther ? signatureOf(authorization) : last,
    sessionToken: text(headers['x-amz-security-token']),
    expiresSeconds: undefined,
    payload: text(headers['x-amz-content-sha256']),
  };
}

/** What stands before a signature, as nearly all clients write it: they come with the same all day. */
const signers = new TextMemo<Signer | 'other'>(
  (text) => {
    const match = BEFORE_SIGNATURE.exec(text);
    return match ? { ...scopeOf(match[1]!), signedHeaders: match[2]!.split(';') } : 'other';
  },
  { entriesMax: 1000, charactersMax: 512 },
);

/** The parts in an order that none of AWS's clients uses, but AWS takes. @throws SignatureFailure `incomplete` */
function signerOf(authorization: string): Signer {
  const [credential, names] = [part(authorization, 'Credential'), part(authorization, 'SignedHeaders')];
  if (!credential || !names) throw incomplete();
  return { ...scopeOf(credential), signedHeaders: names.split(';') };
}

/** @throws SignatureFailure `incomplete` */
function signatureOf(authorization: string): string {
  const signature = part(authorization, 'Signature');
  if (!signature || !SIGNATURE.test(signature)) throw incomplete();
  return signature;
}

function part(authorization: string, name: string): string | undefined {
  return new RegExp(`[\\s,]${name}=([^\\s,]+)`).exec(authorization)?.[1];
}

function incomplete(): SignatureFailure {
  return new SignatureFailure('incomplete', 'Authorization header requires Credential, SignedHeaders and Signature');
}

function queryClaim(request: RequestParts): SignatureClaim {
  const query = new URLSearchParams(request.query);
  const credential = query.get('X-Amz-Credential');
  const signature = query.get('X-Amz-Signature');
  const names = query.get('X-Amz-SignedHeaders');
  const scope = credential ? scopeOf(credential) : undefined;
  // Device SDKs leave it out: the signature then lives as long as one in a header.
  const lives = query.get('X-Amz-Expires') ?? (scope?.service === DEVICE_GATEWAY ? undefined : '');
  if (query.get('X-Amz-Algorithm') !== ALGORITHM || !scope || !names || !SIGNATURE.test(signature ?? '')) {
    throw new SignatureFailure(
      'incomplete',
      'AWS query-string parameters must include X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date and X-Amz-SignedHeaders.',
    );
  }
  const expires = lives === undefined ? undefined : Number(lives);
  if (expires !== undefined && !(expires >= 1 && expires <= EXPIRES_SECONDS_MAX)) {
    throw new SignatureFailure('incomplete', 'X-Amz-Expires must be between 1 and 604800 seconds');
  }
  return {
    ...scope,
    ...timeOf(query.get('X-Amz-Date') ?? undefined),
    signedHeaders: names.split(';'),
    signature: signature!,
    sessionToken: query.get('X-Amz-Security-Token') ?? undefined,
    expiresSeconds: expires,
    payload: query.get('X-Amz-Content-Sha256') ?? text(request.headers['x-amz-content-sha256']),
  };
}

/** Access keys are without slashes, so the scope is the last four parts. */
function scopeOf(credential: string): Omit<Signer, 'signedHeaders'> {
  const [accessKeyId, date, region, service, end, more] = credential.split('/');
  if (end !== 'aws4_request' || more !== undefined || !accessKeyId || !/^\d{8}$/.test(date!) || !service) {
    throw new SignatureFailure('incomplete', 'Credential must have the form KEY/DATE/REGION/SERVICE/aws4_request');
  }
  return { credential, accessKeyId, date: date!, region: region!, service };
}

/** The last time that was read: requests of the same second have the same text. */
let lastTime: Pick<SignatureClaim, 'time' | 'timeMs'> = { time: '', timeMs: 0 };

function timeOf(time: string | undefined): Pick<SignatureClaim, 'time' | 'timeMs'> {
  if (time !== undefined && time !== '' && time === lastTime.time) return lastTime;
  lastTime = readTime(time);
  return lastTime;
}

function readTime(time: string | undefined): Pick<SignatureClaim, 'time' | 'timeMs'> {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(time ?? '');
  if (!parts)
    throw new SignatureFailure('incomplete', 'Date must be in ISO-8601 basic format, for example 20260101T000000Z');
  const [year, month, day, hour, minute, second] = parts.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return { time: time!, timeMs: Date.UTC(year, month - 1, day, hour, minute, second) };
}

/** The `Date` header in the notation that is signed. */
function compactTime(date: string | undefined): string | undefined {
  const ms = Date.parse(date ?? '');
  return Number.isNaN(ms) ? undefined : `${new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, '')}`;
}

function text(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.join(',');
}

/** Signing keys kept; beyond it all are made anew (S5). A fleet signs with few keys, each good for a day. */
const KEYS_MAX = 1000;

/** Checks signatures, in constant time where secrets are compared, and keeps the keys derived on the way. */
export class SignatureVerifier {
  readonly #keys = new Map<string, { readonly secret: string; readonly mac: Mac }>();

  /**
   * Verifies all but the body.
   *
   * @param payload  what stands for the body in the canonical request: its hash, or the announced name
   * @param now  epoch milliseconds
   * @throws SignatureFailure
   */
  verify(claim: SignatureClaim, request: RequestParts, secret: string, payload: string, now: number): void {
    checkTime(claim, now);
    checkSigned(claim, request);
    const canonical = canonicalRequest(claim, request, payload);
    const scope = claim.credential.slice(claim.accessKeyId.length + 1);
    const toSign = `${ALGORITHM}\n${claim.time}\n${scope}\n${hash('sha256', canonical, 'hex')}`;
    const expected = this.#mac(claim, secret).digest(toSign);
    if (!timingSafeEqual(expected, Buffer.from(claim.signature, 'hex'))) throw mismatch();
  }

  /** The key that everything in this scope is signed with. */
  signingKey(claim: SignatureClaim, secret: string): KeyObject {
    return this.#mac(claim, secret).key;
  }

  #mac(claim: SignatureClaim, secret: string): Mac {
    const known = this.#keys.get(claim.credential);
    if (known?.secret === secret) return known.mac;
    const parts = [claim.date, claim.region, claim.service, 'aws4_request'];
    const bytes = parts.reduce(
      (key: Buffer, part) => createHmac('sha256', key).update(part).digest(),
      Buffer.from(`AWS4${secret}`),
    );
    const mac = new Mac(bytes);
    if (this.#keys.size >= KEYS_MAX) this.#keys.clear();
    this.#keys.set(claim.credential, { secret, mac });
    return mac;
  }
}

export function mismatch(): SignatureFailure {
  return new SignatureFailure(
    'mismatch',
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
  );
}

/**
 * Signatures are made over paths without empty and dot segments, so that one is good for many spellings. Where these lead elsewhere
 * (`/dev/../prod/orders` to the stage `dev`) only the one that was signed may pass.
 *
 * @throws SignatureFailure `mismatch`
 */
export function checkSpelling(path: string): void {
  if (!isNormalPath(path)) throw mismatch();
}

function checkTime(claim: SignatureClaim, now: number): void {
  if (!claim.time.startsWith(claim.date)) {
    throw new SignatureFailure(
      'mismatch',
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${claim.date}' != '${claim.time.slice(0, 8)}', from '${claim.time}'.`,
    );
  }
  if (claim.timeMs - now > CLOCK_SKEW_MS_MAX) throw skewed(claim, now, 'not yet current', 'later');
  if (claim.expiresSeconds !== undefined) {
    if (now > claim.timeMs + claim.expiresSeconds * 1000) throw new SignatureFailure('expired', 'Request has expired');
  } else if (now - claim.timeMs > CLOCK_SKEW_MS_MAX) throw skewed(claim, now, 'expired', 'earlier');
}

function skewed(claim: SignatureClaim, now: number, what: string, than: string): SignatureFailure {
  const bound = now + (than === 'later' ? CLOCK_SKEW_MS_MAX : -CLOCK_SKEW_MS_MAX);
  const shown = (ms: number) => new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, '');
  const sign = than === 'later' ? '+' : '-';
  return new SignatureFailure(
    'skewed',
    `Signature ${what}: ${claim.time} is now ${than} than ${shown(bound)} (${shown(now)} ${sign} 5 min.)`,
  );
}

/** What an attacker could change unnoticed must not exist: the host and all of AWS's own headers are signed. */
function checkSigned(claim: SignatureClaim, request: RequestParts): void {
  const { signedHeaders } = claim;
  const { host, ':authority': authority = host } = request.headers;
  // HTTP/2 has room for both: what was signed as the one must not come to the other [RFC 9113, 8.3.1].
  if (host !== undefined && host !== authority) {
    throw new SignatureFailure('unsigned-headers', "'Host' and ':authority' of a signed request must be the same.");
  }
  if (!signedHeaders.includes('host') && !signedHeaders.includes(':authority')) {
    throw new SignatureFailure(
      'unsigned-headers',
      "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
    );
  }
  for (const name in request.headers) {
    // The token proves itself: it names the session whose secret signs.
    if (!name.startsWith('x-amz-') || name === 'x-amz-security-token' || signedHeaders.includes(name)) continue;
    throw new SignatureFailure(
      'unsigned-headers',
      `There were headers present in the request which were not signed: ${name}`,
    );
  }
}

function canonicalRequest(claim: SignatureClaim, request: RequestParts, payload: string): string {
  const path = canonicalPath(request.path, claim.service === 's3');
  const query = request.query === '' ? '' : canonicalQuery(signedQuery(claim, request.query));
  let headers = '';
  for (const name of claim.signedHeaders) headers += `${name}:${canonicalHeader(request, name)}\n`;
  return `${request.method}\n${path}\n${query}\n${headers}\n${claim.signedHeaders.join(';')}\n${payload}`;
}

/** For WebSockets to AWS IoT, the session token is appended after signing (developer guide, "IAM users, groups, and roles"). */
function signedQuery({ service }: SignatureClaim, query: string): string {
  if (service !== DEVICE_GATEWAY) return query;
  const isToken = (part: string) => part.startsWith('X-Amz-Security-Token=');
  return query
    .split('&')
    .filter((part) => !isToken(part))
    .join('&');
}

function canonicalHeader(request: RequestParts, name: string): string {
  const { headers } = request;
  // Names are the client's: what every object has is no header.
  const sent = Object.hasOwn(headers, name) ? headers[name] : name === 'host' ? headers[':authority'] : undefined;
  const value = text(sent) ?? '';
  const trimmed = value.trim();
  return trimmed.includes('  ') ? trimmed.replace(/ {2,}/g, ' ') : trimmed;
}
