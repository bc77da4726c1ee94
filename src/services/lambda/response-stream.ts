import { Pieces } from '../../base/index.ts';
import type { ResponseStream } from '../../runtime/index.ts';
import { LAMBDA_LIMITS } from './model.ts';

/** An event of the answer, as the model has them. */
export type StreamEvent =
  | { readonly PayloadChunk: { readonly Payload: Uint8Array } }
  | {
      readonly InvokeComplete: {
        readonly ErrorCode?: string;
        readonly ErrorDetails?: string;
        readonly LogResult?: string;
      };
    };

type State =
  | { readonly kind: 'open' }
  /** The function has ended; `last` comes after what still waits. */
  | { readonly kind: 'ended'; readonly last: StreamEvent }
  | { readonly kind: 'failed'; readonly error: unknown }
  /** The client is gone, or has had its last event: what still comes is dropped. */
  | { readonly kind: 'closed' };

/**
 * A streamed response between the environment that writes it and the client that reads it: the environment is not read from while
 * the client is behind by more than `streamBufferBytes`. A function whose client is gone runs to its end, as on Lambda.
 */
export class StreamedResponse implements ResponseStream, AsyncIterableIterator<StreamEvent> {
  #state: State = { kind: 'open' };
  /** Until the client has read them: those that wait together may be fewer than they were written as. */
  #waiting = new Pieces();
  #totalBytes = 0;
  /** What a writer waits for while the client is behind: one for all that is written meanwhile. */
  #room: PromiseWithResolvers<void> | undefined;
  #onEvent: (() => void) | undefined;
  #contentType: string | undefined;

  start(contentType: string): void {
    this.#contentType = contentType;
  }

  /** As a handler that streams has set it; `undefined` of one that does not, or has written nothing yet. */
  get contentType(): string | undefined {
    return this.#contentType;
  }

  write(chunk: Uint8Array): Promise<void> | void {
    if (this.#state.kind !== 'open' || chunk.length === 0) return;
    this.#totalBytes += chunk.length;
    if (this.#totalBytes > LAMBDA_LIMITS.streamBytesMax) return this.#end(tooLarge());
    this.#waiting.push(chunk);
    this.#onEvent?.();
    if (this.#waiting.byteLength < LAMBDA_LIMITS.streamBufferBytes) return;
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  /** The function has ended: the first time counts. @param payload  of one that does not stream */
  complete(
    payload: Uint8Array | undefined,
    complete: Extract<StreamEvent, { InvokeComplete: unknown }>['InvokeComplete'],
  ): void {
    if (payload) void this.write(payload);
    if (this.#state.kind === 'open') this.#end({ InvokeComplete: complete });
  }

  fail(error: unknown): void {
    if (this.#state.kind === 'open') this.#state = { kind: 'failed', error };
    this.#onEvent?.();
  }

  /** Nobody reads on. */
  close(): void {
    this.#state = { kind: 'closed' };
    this.#waiting = new Pieces();
    this.#makeRoom();
    this.#onEvent?.();
  }

  async next(): Promise<IteratorResult<StreamEvent, undefined>> {
    while (this.#waiting.byteLength === 0 && this.#state.kind === 'open') {
      await new Promise<void>((resolve) => {
        this.#onEvent = resolve;
      });
    }
    const chunk = this.#waiting.shift();
    if (chunk) {
      if (this.#waiting.byteLength < LAMBDA_LIMITS.streamBufferBytes) this.#makeRoom();
      return { done: false, value: { PayloadChunk: { Payload: chunk } } };
    }
    const state = this.#state;
    this.#state = { kind: 'closed' };
    if (state.kind === 'failed') throw state.error;
    return state.kind === 'ended' ? { done: false, value: state.last } : { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<StreamEvent, undefined>> {
    this.close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #makeRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  #end(last: StreamEvent): void {
    this.#state = { kind: 'ended', last };
    this.#onEvent?.();
  }
}

function tooLarge(): StreamEvent {
  const errorType = 'Function.ResponseSizeTooLarge';
  const errorMessage = `Response payload size exceeded maximum allowed payload size (${LAMBDA_LIMITS.streamBytesMax} bytes).`;
  return { InvokeComplete: { ErrorCode: errorType, ErrorDetails: JSON.stringify({ errorType, errorMessage }) } };
}
