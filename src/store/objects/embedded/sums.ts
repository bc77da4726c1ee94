import { createHash } from 'node:crypto';
import { type ChecksumHasher, checksumHasher } from '../../../codec/checksums/index.ts';
import type { ChecksumAlgorithm } from '../objects.ts';

/** What was computed over all bytes of a content. */
export interface Sums {
  /** Hex. */
  readonly md5: string;
  /** Base64, in the order in which they were asked for. */
  readonly checksums: readonly string[];
}

/** MD5 and checksums of a content that comes in pieces. */
export class SumsInMaking {
  readonly #md5 = createHash('md5');
  readonly #hashers: readonly ChecksumHasher[];

  constructor(algorithms: readonly ChecksumAlgorithm[]) {
    this.#hashers = algorithms.map(checksumHasher);
  }

  update(piece: Uint8Array): void {
    this.#md5.update(piece);
    for (const hasher of this.#hashers) hasher.update(piece);
  }

  digest(): Sums {
    const checksums = this.#hashers.map((hasher) => hasher.digest().toString('base64'));
    return { md5: this.#md5.digest('hex'), checksums };
  }
}
