/** Memory of one read. */
export const CHUNK_BYTES = 256 * 1024;

/** Chunks that wait for the next reader, 8 MB at most. */
const CHUNKS_MAX = 32;

/**
 * Memory that readers use again. It stands outside of V8's heap, and V8 marks all of its heap each time that so much of it was made: for
 * objects of 1 MB that took more than a third of all processor time.
 */
export class ChunkPool {
  readonly #chunks: Uint8Array[] = [];

  take(): Uint8Array {
    return this.#chunks.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
  }

  /** Nobody else has it any more. */
  give(chunk: Uint8Array): void {
    if (this.#chunks.length < CHUNKS_MAX) this.#chunks.push(chunk);
  }
}
