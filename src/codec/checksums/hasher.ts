import { createHash } from 'node:crypto';
// Of CRC32, zlib's takes three times as long.
import { crc32, crc32c } from '@node-rs/crc32';
import { Crc64Nvme } from './crc64nvme.ts';

/** Checksums of contents, under S3's names. */
export const CHECKSUM_ALGORITHMS = ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const;

export type ContentAlgorithm = (typeof CHECKSUM_ALGORITHMS)[number];

/** How many bytes each has. */
export const CHECKSUM_BYTES: Readonly<Record<ContentAlgorithm, number>> = {
  CRC32: 4,
  CRC32C: 4,
  CRC64NVME: 8,
  SHA1: 20,
  SHA256: 32,
};

/** A checksum in the making. */
export interface ChecksumHasher {
  update(bytes: Uint8Array): unknown;
  /** Big endian; once. */
  digest(): Buffer;
}

export function checksumHasher(algorithm: ContentAlgorithm): ChecksumHasher {
  switch (algorithm) {
    case 'CRC32':
      return new Crc32Hasher(crc32);
    case 'CRC32C':
      return new Crc32Hasher(crc32c);
    case 'CRC64NVME':
      return new Crc64Nvme();
    case 'SHA1':
      return createHash('sha1');
    case 'SHA256':
      return createHash('sha256');
  }
}

class Crc32Hasher implements ChecksumHasher {
  readonly #next: (bytes: Uint8Array, state: number) => number;
  #state = 0;

  constructor(next: (bytes: Uint8Array, state: number) => number) {
    this.#next = next;
  }

  update(bytes: Uint8Array): void {
    this.#state = this.#next(bytes, this.#state);
  }

  digest(): Buffer {
    const bytes = Buffer.allocUnsafe(4);
    bytes.writeUInt32BE(this.#state >>> 0);
    return bytes;
  }
}
