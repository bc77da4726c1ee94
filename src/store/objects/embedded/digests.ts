import { hash } from 'node:crypto';
import { DomainError } from '../../../base/index.ts';
import { checksumHasher } from '../../../codec/checksums/index.ts';
import type { BodyChecks, ChecksumAlgorithm, ObjectsErrorCode } from '../objects.ts';
import { type Sums, SumsInMaking } from './sums.ts';

/** What was computed of a content. */
export interface Digested {
  readonly sizeBytes: number;
  /** Hex. */
  readonly md5: string;
  /** Base64, where one is to be kept. */
  readonly checksum?: string;
}

export interface DigestOptions extends BodyChecks {
  /** Checksum that is kept; unless given, the one that is checked. */
  readonly keeps?: ChecksumAlgorithm | undefined;
}

/** Sums in the making. */
export interface Digesting {
  /** When it resolves the pieces are no longer needed. */
  update(pieces: readonly Uint8Array[]): Promise<void> | void;
  digest(): Promise<Sums> | Sums;
  /** Nobody will ask for them. */
  drop(): void;
}

/** The checksums that a body takes. */
export function algorithmsOf({ checksum, keeps }: DigestOptions): readonly ChecksumAlgorithm[] {
  const wanted = [checksum?.algorithm, keeps].filter((algorithm) => algorithm !== undefined);
  return [...new Set(wanted)];
}

/** Length, MD5 and checksums of a body that comes in pieces. */
export class Digests {
  readonly #options: DigestOptions;
  readonly #sums: Digesting;
  #sizeBytes = 0;

  /** @param sums  of {@link algorithmsOf} the options; absent: they are computed here */
  constructor(options: DigestOptions, sums: Digesting = sumsHere(options)) {
    this.#options = options;
    this.#sums = sums;
  }

  /** When it resolves the pieces are no longer needed. @throws content-mismatch, as soon as more comes than was announced */
  update(pieces: readonly Uint8Array[]): Promise<void> | void {
    const { contentLength } = this.#options;
    for (const piece of pieces) this.#sizeBytes += piece.byteLength;
    if (contentLength !== undefined && this.#sizeBytes > contentLength)
      throw wrongLength(contentLength, this.#sizeBytes);
    return this.#sums.update(pieces);
  }

  /** The body has ended. @throws content-mismatch */
  async finish(): Promise<Digested> {
    return checked(this.#options, this.#sizeBytes, await this.#sums.digest());
  }

  /** The body has broken off. */
  drop(): void {
    this.#sums.drop();
  }
}

function sumsHere(options: DigestOptions): Digesting {
  const sums = new SumsInMaking(algorithmsOf(options));
  return {
    update: (pieces) => {
      for (const piece of pieces) sums.update(piece);
    },
    digest: () => sums.digest(),
    drop: () => {},
  };
}

/** The same of a content that is there. @throws content-mismatch */
export function digest(bytes: Uint8Array, options: DigestOptions): Digested {
  const checksums = algorithmsOf(options).map((algorithm) => {
    const hasher = checksumHasher(algorithm);
    hasher.update(bytes);
    return hasher.digest().toString('base64');
  });
  return checked(options, bytes.byteLength, { md5: hash('md5', bytes, 'hex'), checksums });
}

function checked(options: DigestOptions, sizeBytes: number, { md5, checksums }: Sums): Digested {
  const { contentLength, md5: announced, checksum: check, keeps = check?.algorithm } = options;
  if (contentLength !== undefined && contentLength !== sizeBytes) {
    throw wrongLength(contentLength, sizeBytes);
  }
  if (announced !== undefined && announced !== md5) {
    throw mismatch(`MD5 ${announced} was announced and ${md5} came`, { reason: 'md5' });
  }
  const sums = new Map(algorithmsOf(options).map((algorithm, index) => [algorithm, checksums[index]!]));
  if (check) checkSum(check, sums.get(check.algorithm)!);
  return { sizeBytes, md5, ...(keeps !== undefined && { checksum: sums.get(keeps)! }) };
}

function checkSum({ algorithm, value }: NonNullable<BodyChecks['checksum']>, checksum: string): void {
  const expected = typeof value === 'function' ? value() : value;
  if (expected === undefined || expected === checksum) return;
  throw mismatch(`${algorithm} ${expected} was announced and ${checksum} came`, { reason: 'checksum', algorithm });
}

function wrongLength(announced: number, sizeBytes: number) {
  return mismatch(`${announced} bytes were announced and ${sizeBytes} came`, { reason: 'length' });
}

function mismatch(message: string, fields: Readonly<Record<string, string>>): DomainError<ObjectsErrorCode> {
  return new DomainError('content-mismatch', message, { fields });
}
