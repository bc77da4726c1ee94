import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';

/** What `@smithy/signature-v4` hashes with: SHA-256, or its HMAC where it gives a secret. */
export class Sha256 {
  readonly #hash: Hash | Hmac;

  constructor(secret?: string | Uint8Array) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret);
  }

  update(data: string | Uint8Array): void {
    this.#hash.update(data);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
}
