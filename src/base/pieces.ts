/** Pieces up to here are put together. */
const TOGETHER_BYTES_MAX = 64 * 1024;

/**
 * Bytes that come in pieces and wait, first in first out. Small pieces are put together: a writer who sends a million of one byte
 * would make his reader hold a million objects, and with each the buffer that it came in.
 */
export class Pieces {
  #byteLength = 0;
  readonly #whole: Uint8Array[] = [];
  /** What the next piece is added to, of which `#lastLength` bytes are used; as it came, or a buffer of our own with room. */
  #last: Uint8Array | undefined;
  #lastLength = 0;

  /** Of all that wait. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /** Kept as it is where it is large or nothing waits: nobody may write to it any more. */
  push(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#byteLength += piece.length;
    const length = this.#lastLength + piece.length;
    if (!this.#last || length > TOGETHER_BYTES_MAX) {
      this.#closeLast();
      this.#last = piece;
      this.#lastLength = piece.length;
      return;
    }
    if (length > this.#last.length) {
      const roomy = Buffer.allocUnsafeSlow(Math.min(2 * length, TOGETHER_BYTES_MAX));
      roomy.set(this.#last.subarray(0, this.#lastLength));
      this.#last = roomy;
    }
    this.#last.set(piece, this.#lastLength);
    this.#lastLength = length;
  }

  /** @returns the next bytes, of one piece or several small ones; `undefined` when none wait */
  shift(): Uint8Array | undefined {
    if (this.#whole.length === 0) this.#closeLast();
    const next = this.#whole.shift();
    this.#byteLength -= next?.length ?? 0;
    return next;
  }

  /** @returns all that wait, in one */
  takeAll(): Uint8Array {
    this.#closeLast();
    this.#byteLength = 0;
    return Buffer.concat(this.#whole.splice(0));
  }

  #closeLast(): void {
    if (this.#last) this.#whole.push(this.#last.subarray(0, this.#lastLength));
    this.#last = undefined;
    this.#lastLength = 0;
  }
}
