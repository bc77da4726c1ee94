/** How much of a body is read, by whoever reads its connection. */
export interface Flow {
  pause(): void;
  resume(): void;
}

const PIECE_BYTES = 64 * 1024;
/** Pieces of one body that wait for their reader; its connection is not read meanwhile. */
const WAITING_MAX = 4;

/** Memory of pieces that nobody needs any more; more than this is let go of. */
const free: Buffer[] = [];
const FREE_MAX = 128;

/**
 * A body of a request of the fast lane that passes: it is read on as fast as its reader takes it, in pieces of 64 KB. Their memory may be
 * given back to be used again, so that taking in an object leaves no garbage outside of V8's heap, which would have it collect all the time.
 */
export class PassingBody implements AsyncIterable<Uint8Array> {
  /** Bytes of the whole body. */
  readonly sizeBytes: number;
  readonly #flow: Flow;
  #missing: number;
  /** Being filled. */
  #piece: Buffer | undefined;
  #filled = 0;
  #waiting: Buffer[] = [];
  #isPaused = false;
  #reader: PromiseWithResolvers<IteratorResult<Uint8Array>> | undefined;
  #failure: unknown;
  #isGivenUp = false;

  /** @param first  what has come of it, at most all of it */
  constructor(sizeBytes: number, first: Buffer, flow: Flow) {
    this.sizeBytes = sizeBytes;
    this.#flow = flow;
    this.#missing = sizeBytes;
    this.push(first);
  }

  get complete(): boolean {
    return this.#missing === 0;
  }

  /** Nothing is read of it because its reader is behind. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return {
      next: () => this.#next(),
      return: async () => {
        this.giveUp(undefined);
        return { done: true, value: undefined };
      },
    };
  }

  /** Takes of the bytes what belongs to it. @returns how many that are */
  push(bytes: Buffer): number {
    const taken = Math.min(bytes.length, this.#missing);
    this.#missing -= taken;
    if (!this.#isGivenUp) this.#copy(bytes, taken);
    return taken;
  }

  /** Nobody will read it, or hears why there is no more. What comes of it from now on is thrown away. */
  giveUp(error: unknown): void {
    if (this.#isGivenUp) return;
    this.#isGivenUp = true;
    this.#failure = error;
    // These nobody has seen.
    for (const { buffer } of this.#waiting) this.reuse(buffer);
    if (this.#piece) this.reuse(this.#piece.buffer);
    this.#waiting = [];
    this.#piece = undefined;
    this.#reader?.reject(error);
    this.#goOn();
  }

  /** Takes back the memory of a piece: its reader needs it no longer. */
  reuse(memory: ArrayBufferLike): void {
    if (free.length < FREE_MAX) free.push(Buffer.from(memory));
  }

  #copy(bytes: Buffer, length: number): void {
    for (let at = 0; at < length; ) {
      this.#piece ??= free.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
      const copied = bytes.copy(this.#piece, this.#filled, at, length);
      at += copied;
      this.#filled += copied;
      if (this.#filled === PIECE_BYTES) this.#give();
    }
    if (this.#missing === 0 && this.#filled > 0) this.#give();
  }

  #give(): void {
    const piece = this.#piece!.subarray(0, this.#filled);
    this.#piece = undefined;
    this.#filled = 0;
    if (this.#reader) {
      this.#reader.resolve({ done: false, value: piece });
      this.#reader = undefined;
      return;
    }
    this.#waiting.push(piece);
    if (this.#waiting.length < WAITING_MAX || this.complete) return;
    this.#isPaused = true;
    this.#flow.pause();
  }

  #next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const value = this.#waiting.shift();
    if (value) {
      if (this.#waiting.length < WAITING_MAX / 2) this.#goOn();
      return Promise.resolve({ done: false, value });
    }
    if (this.complete || this.#isGivenUp) return Promise.resolve({ done: true, value: undefined });
    this.#reader = Promise.withResolvers();
    return this.#reader.promise;
  }

  #goOn(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#flow.resume();
  }
}
