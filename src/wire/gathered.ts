/** Pieces below this are put together as they come. */
const SMALL_BYTES = 8 * 1024;
const BLOCK_BYTES = 2 * SMALL_BYTES;

/**
 * A body that comes in pieces, until it is whole. An object of V8's for each piece would have a client that sends byte by byte, in packets
 * or in chunks, fill a hundred times the memory that its body counts for.
 */
export class Gathered {
  #pieces: Uint8Array[] = [];
  #sizeBytes = 0;
  /** Small pieces stand in it from `#from` to `#to`. */
  #block: Buffer | undefined;
  #from = 0;
  #to = 0;

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Keeps a piece, which must not change any more; of small ones, but the first, a copy. */
  add(piece: Uint8Array): void {
    if (piece.length === 0) return;
    const isFirst = this.#sizeBytes === 0;
    this.#sizeBytes += piece.length;
    if (piece.length < SMALL_BYTES && !isFirst) return this.#append(piece);
    this.#closeBlock();
    this.#pieces.push(piece);
  }

  /** All of it, in the memory of the piece where there is one alone. Nothing may be added then. */
  whole(): Buffer {
    this.#closeBlock();
    const [first] = this.#pieces;
    if (this.#pieces.length === 1) return Buffer.from(first!.buffer, first!.byteOffset, first!.byteLength);
    return Buffer.concat(this.#pieces, this.#sizeBytes);
  }

  #append(piece: Uint8Array): void {
    if (!this.#block || this.#to + piece.length > BLOCK_BYTES) {
      this.#closeBlock();
      this.#block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
      [this.#from, this.#to] = [0, 0];
    }
    this.#block.set(piece, this.#to);
    this.#to += piece.length;
  }

  /** What follows does not go behind the small pieces until now. */
  #closeBlock(): void {
    if (this.#to > this.#from) this.#pieces.push(this.#block!.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }
}
