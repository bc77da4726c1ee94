import { createHash, hash, timingSafeEqual } from 'node:crypto';
import { ACCOUNT_ID, DEFAULT_REGION, formatArn } from '../base/index.ts';
import {
  type ChunkSigner,
  parseClaim,
  parseVersion2Claim,
  type RequestParts,
  type SignatureClaim,
  SignatureFailure,
  SignatureVerifier,
  STREAMING_PREFIX,
  UNSIGNED_PAYLOAD,
  verifyVersion2,
} from '../codec/aws/index.ts';
import type { AccessKey, Caller, Credentials } from '../services/index.ts';
import type { AuthenticationProblem } from './failures.ts';

/** Credentials that do not let a request in. */
export class AuthenticationFailure extends Error {
  override readonly name = 'AuthenticationFailure';
  readonly problem: AuthenticationProblem;

  constructor(problem: AuthenticationProblem, message: string) {
    super(message);
    this.problem = problem;
  }
}

/** Who sent a request, and how its body is to be read. */
export interface Authenticated {
  readonly caller: Caller;
  readonly region: string;
  /** When the credentials that were proved end, epoch milliseconds; absent for those that do not. */
  readonly expiresAt?: number | undefined;
  /** What the chunks of an `aws-chunked` body are signed with, where they are. */
  readonly chunks?: ChunkSigner | undefined;
  /** Hash that a streamed body must turn out to have. */
  readonly payloadHash?: string | undefined;
}

const ROOT: Caller = { accountId: ACCOUNT_ID, arn: formatArn('iam', '', ACCOUNT_ID, 'root') };
const UNSIGNED_ROOT: Caller = { ...ROOT, unsigned: true };
const NOBODY: Caller = { accountId: 'anonymous', arn: 'anonymous', unsigned: true };
const HEX_HASH = /^[0-9a-f]{64}$/;
const EMPTY_HASH = hash('sha256', '', 'hex');

/** Finds out who calls. */
export class Authenticator {
  readonly #credentials: Credentials;
  readonly #secured: boolean;
  readonly #now: () => number;
  readonly #verifier = new SignatureVerifier();

  constructor(options: { readonly credentials: Credentials; readonly secured: boolean; readonly now: () => number }) {
    this.#credentials = options.credentials;
    this.#secured = options.secured;
    this.#now = options.now;
  }

  /** Every caller must be proved. */
  get isSecured(): boolean {
    return this.#secured;
  }

  /** The request's claim; where nothing is proven a broken one counts as none. @throws SignatureFailure */
  claim(request: RequestParts): SignatureClaim | undefined {
    try {
      return parseClaim(request);
    } catch (error) {
      if (this.#secured) throw error;
      return undefined;
    }
  }

  /** Nobody says who they are, where everybody must be proved. */
  isAnonymous(claim: SignatureClaim | undefined, request: RequestParts): boolean {
    return this.#secured && !claim && parseVersion2Claim(request) === undefined;
  }

  /** Turns away whoever names no key that we know, before a byte of the body is held. @throws AuthenticationFailure */
  admit(claim: SignatureClaim | undefined, request: RequestParts): void {
    if (!this.#secured) return;
    const named = claim ?? parseVersion2Claim(request);
    if (!named) throw missing();
    if (!this.#credentials.secretFor(named.accessKeyId)) throw unknownKey();
  }

  /**
   * The caller. In `dev` any credentials do, and a known key names its owner; in `secured` the signature must prove them.
   *
   * @param body  the whole body; `undefined` for one that is streamed and will prove itself
   * @throws AuthenticationFailure, SignatureFailure
   */
  authenticate(claim: SignatureClaim | undefined, request: RequestParts, body: Uint8Array | undefined): Authenticated {
    if (this.#secured) return this.#proven(claim, request, body);
    const known = claim && this.#credentials.secretFor(claim.accessKeyId);
    const anyone = claim ? { ...ROOT, accessKeyId: claim.accessKeyId } : UNSIGNED_ROOT;
    return { caller: known?.caller ?? anyone, region: claim?.region || DEFAULT_REGION };
  }

  /** Who comes by a link to an open operation. */
  unsigned(): Authenticated {
    return { caller: this.#secured ? NOBODY : UNSIGNED_ROOT, region: DEFAULT_REGION };
  }

  #proven(claim: SignatureClaim | undefined, request: RequestParts, body: Uint8Array | undefined): Authenticated {
    if (!claim) return this.#provenByVersion2(request);
    const key = this.#key(claim);
    const payload = payloadOf(claim, body);
    this.#verifier.verify(claim, request, key.secret, payload, this.#now());
    const streamed = body === undefined;
    return {
      caller: key.caller,
      region: claim.region || DEFAULT_REGION,
      expiresAt: key.expiresAt,
      chunks:
        streamed && payload.startsWith(`${STREAMING_PREFIX}AWS4-HMAC-SHA256`)
          ? this.#chunkSigner(claim, key)
          : undefined,
      payloadHash: streamed && HEX_HASH.test(payload) ? payload : undefined,
    };
  }

  /** Version 2 is taken for presigned URLs only, which older clients of S3 still make. */
  #provenByVersion2(request: RequestParts): Authenticated {
    const claim = parseVersion2Claim(request);
    if (!claim) throw missing();
    const key = this.#key(claim);
    verifyVersion2(claim, request, key.secret, this.#now());
    return { caller: key.caller, region: DEFAULT_REGION };
  }

  #key(claim: Pick<SignatureClaim, 'accessKeyId' | 'sessionToken'>): AccessKey {
    const key = this.#credentials.secretFor(claim.accessKeyId);
    if (!key) throw unknownKey();
    if (key.sessionToken !== undefined && !sameText(key.sessionToken, claim.sessionToken ?? '')) {
      throw new AuthenticationFailure('token', 'The security token included in the request is invalid.');
    }
    if (key.expiresAt !== undefined && key.expiresAt <= this.#now()) {
      throw new AuthenticationFailure('expired-token', 'The security token included in the request is expired');
    }
    return key;
  }

  #chunkSigner(claim: SignatureClaim, key: AccessKey): ChunkSigner {
    return {
      key: this.#verifier.signingKey(claim, key.secret),
      time: claim.time,
      scope: `${claim.date}/${claim.region}/${claim.service}/aws4_request`,
      seed: claim.signature,
    };
  }
}

function missing(): AuthenticationFailure {
  return new AuthenticationFailure('missing', 'Missing Authentication Token');
}

function unknownKey(): AuthenticationFailure {
  return new AuthenticationFailure('unknown-key', 'The security token included in the request is invalid.');
}

/** What stands for the body in the signature; a whole body must be what was announced. */
function payloadOf(claim: SignatureClaim, body: Uint8Array | undefined): string {
  const { service, expiresSeconds } = claim;
  const isS3 = service === 's3';
  const payload = claim.payload ?? (expiresSeconds !== undefined && isS3 ? UNSIGNED_PAYLOAD : undefined);
  if (body === undefined) return streamedPayload(payload, isS3);
  if (isS3 && payload === UNSIGNED_PAYLOAD) return payload;
  const actual = body.length === 0 ? EMPTY_HASH : hash('sha256', body, 'hex');
  if (payload !== undefined && payload !== actual) {
    throw new SignatureFailure(
      'payload',
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
    );
  }
  return actual;
}

function streamedPayload(payload: string | undefined, isS3: boolean): string {
  const known = payload !== undefined && (HEX_HASH.test(payload) || payload.startsWith(STREAMING_PREFIX));
  if (known || (isS3 && payload === UNSIGNED_PAYLOAD)) return payload!;
  throw new SignatureFailure('payload', "Missing or invalid 'x-amz-content-sha256' header.");
}

function sameText(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
