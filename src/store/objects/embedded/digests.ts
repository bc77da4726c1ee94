import { createHash, hash } from 'node:crypto';
import { DomainError } from '../../../base/index.ts';
import { checksumHasher } from '../../../codec/checksums/index.ts';
import type { BodyChecks, ObjectsErrorCode } from '../objects.ts';

/** What was computed of a content. */
export interface Digested {
  readonly sizeBytes: number;
  /** Hex. */
  readonly md5: string;
  /** Base64, where one was asked for. */
  readonly checksum?: string;
}

/** An MD5 in the making. */
export interface Md5 {
  /** When it resolves the pieces are no longer needed. */
  update(pieces: readonly Uint8Array[]): Promise<void> | void;
  /** Hex. */
  digest(): Promise<string> | string;
  /** Nobody will ask for it. */
  drop(): void;
}

/** Length, MD5 and a checksum of a body that comes in pieces. */
export class Digests {
  readonly #checks: BodyChecks;
  readonly #md5: Md5;
  readonly #checksum;
  #sizeBytes = 0;

  /** @param md5  absent: it is computed here */
  constructor(checks: BodyChecks, md5: Md5 = md5Here()) {
    this.#checks = checks;
    this.#md5 = md5;
    this.#checksum = checks.checksum && checksumHasher(checks.checksum.algorithm);
  }

  /** When it resolves the pieces are no longer needed. @throws content-mismatch, as soon as more comes than was announced */
  update(pieces: readonly Uint8Array[]): Promise<void> | void {
    const { contentLength } = this.#checks;
    for (const piece of pieces) {
      this.#sizeBytes += piece.byteLength;
      this.#checksum?.update(piece);
    }
    if (contentLength !== undefined && this.#sizeBytes > contentLength)
      throw wrongLength(contentLength, this.#sizeBytes);
    return this.#md5.update(pieces);
  }

  /** The body has ended. @throws content-mismatch */
  async finish(): Promise<Digested> {
    return checked(this.#checks, this.#sizeBytes, await this.#md5.digest(), this.#checksum?.digest());
  }

  /** The body has broken off. */
  drop(): void {
    this.#md5.drop();
  }
}

function md5Here(): Md5 {
  const sum = createHash('md5');
  return {
    update: (pieces) => {
      for (const piece of pieces) sum.update(piece);
    },
    digest: () => sum.digest('hex'),
    drop: () => {},
  };
}

/** The same of a content that is there. @throws content-mismatch */
export function digest(bytes: Uint8Array, checks: BodyChecks): Digested {
  const hasher = checks.checksum && checksumHasher(checks.checksum.algorithm);
  hasher?.update(bytes);
  return checked(checks, bytes.byteLength, hash('md5', bytes, 'hex'), hasher?.digest());
}

function checked(checks: BodyChecks, sizeBytes: number, md5: string, sum: Buffer | undefined): Digested {
  const { contentLength, md5: announced } = checks;
  if (contentLength !== undefined && contentLength !== sizeBytes) {
    throw wrongLength(contentLength, sizeBytes);
  }
  if (announced !== undefined && announced !== md5) {
    throw mismatch(`MD5 ${announced} was announced and ${md5} came`, { reason: 'md5' });
  }
  if (!sum) return { sizeBytes, md5 };
  const checksum = sum.toString('base64');
  const { algorithm, value } = checks.checksum!;
  const expected = typeof value === 'function' ? value() : value;
  if (expected !== undefined && expected !== checksum) {
    throw mismatch(`${algorithm} ${expected} was announced and ${checksum} came`, { reason: 'checksum', algorithm });
  }
  return { sizeBytes, md5, checksum };
}

function wrongLength(announced: number, sizeBytes: number) {
  return mismatch(`${announced} bytes were announced and ${sizeBytes} came`, { reason: 'length' });
}

function mismatch(message: string, fields: Readonly<Record<string, string>>): DomainError<ObjectsErrorCode> {
  return new DomainError('content-mismatch', message, { fields });
}
