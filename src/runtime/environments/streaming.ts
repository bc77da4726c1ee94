import { Pieces } from '../../base/index.ts';
import { RUNTIME_LIMITS } from '../limits.ts';
import type { ResponseStream } from '../runtime.ts';

/** What became of a response that came in pieces. */
export type Streamed =
  | { readonly kind: 'success'; readonly payload: Uint8Array }
  | { readonly kind: 'error'; readonly payload: Uint8Array; readonly errorType: string };

const EMPTY = new Uint8Array(0);
const TOO_LARGE = 'Function.ResponseSizeTooLarge';

/**
 * A response as it comes in pieces: handed on to who takes it so, else put together, as `Invoke` returns what a handler streams.
 * Bytes beyond the limit (200 MB, or 6 MB put together) are dropped, and the response counts as broken off at its end.
 */
export class StreamedResponse {
  readonly #taker: ResponseStream | undefined;
  readonly #bytesMax: number;
  readonly #pieces = new Pieces();
  #bytes = 0;

  constructor(taker: ResponseStream | undefined, contentType: string) {
    this.#taker = taker;
    this.#bytesMax = taker ? RUNTIME_LIMITS.streamBytesMax : RUNTIME_LIMITS.responseBytesMax;
    taker?.start(contentType);
  }

  /** @returns a promise when the taker is behind */
  write(chunk: Uint8Array): Promise<void> | void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#bytesMax) return;
    if (this.#taker) return this.#taker.write(chunk);
    this.#pieces.push(chunk);
  }

  /** @param errorType  empty when the handler ended it well */
  end(errorType: string, payload: Uint8Array): Streamed {
    if (errorType !== '') return { kind: 'error', errorType, payload };
    if (this.#bytes > this.#bytesMax) return { kind: 'error', errorType: TOO_LARGE, payload: this.#tooLarge() };
    return { kind: 'success', payload: this.#taker ? EMPTY : this.#pieces.takeAll() };
  }

  #tooLarge(): Uint8Array {
    const errorMessage = `Response payload size (${this.#bytes} bytes) exceeded maximum allowed payload size (${this.#bytesMax} bytes).`;
    return Buffer.from(JSON.stringify({ errorType: TOO_LARGE, errorMessage }));
  }
}
