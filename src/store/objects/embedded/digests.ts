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

/** Length, MD5 and a checksum of a body that comes in pieces. */
export class Digests {
  readonly #checks: BodyChecks;
  readonly #md5 = createHash('md5');
  readonly #checksum;
  #sizeBytes = 0;

  constructor(checks: BodyChecks) {
    this.#checks = checks;
    this.#checksum = checks.checksum && checksumHasher(checks.checksum.algorithm);
  }

  /** @throws content-mismatch, as soon as more comes than was announced */
  update(bytes: Uint8Array): void {
    this.#sizeBytes += bytes.byteLength;
    const { contentLength } = this.#checks;
    if (contentLength !== undefined && this.#sizeBytes > contentLength)
      throw wrongLength(contentLength, this.#sizeBytes);
    this.#md5.update(bytes);
    this.#checksum?.update(bytes);
  }

  /** The body has ended. @throws content-mismatch */
  finish(): Digested {
    return checked(this.#checks, this.#sizeBytes, this.#md5.digest('hex'), this.#checksum?.digest());
  }
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
