import { assert, type DomainError } from '../../../base/index.ts';
import type { RecordsErrorCode } from '../records.ts';
import type { FrameReader } from './frames.ts';
import { OPENING_ID } from './protocol.ts';

/** Who waits for an answer of the worker. */
export interface Call {
  /** Reads the result off the frame, at once: the next answer follows it there. */
  readonly resolve: (from: FrameReader) => void;
  readonly reject: (error: DomainError<RecordsErrorCode>) => void;
}

/**
 * Calls without an answer, by numbers that are given again.
 *
 * No `Map`: one from which as much is taken as is put in moves to a new table all the time, and a table that it has left goes on holding its
 * entries and the next table. Once one has grown old, each scavenge of V8's young generation took all calls since for alive, answered
 * ones too, and copied what they had held: 5 to 14 ms long, where it now takes one.
 */
export class PendingCalls {
  #calls: (Call | undefined)[] = [];
  #free: number[] = [];

  constructor() {
    this.#calls[OPENING_ID] = undefined;
  }

  /** The call that is answered once the file is open. */
  addOpening(call: Call): void {
    this.#calls[OPENING_ID] = call;
  }

  /** @returns the number to be answered */
  add(call: Call): number {
    const id = this.#free.pop() ?? this.#calls.length;
    this.#calls[id] = call;
    return id;
  }

  /** The call with that number, which is answered now. */
  take(id: number): Call {
    const call = this.#calls[id];
    assert(call, `an answer to request ${id}, which nobody made`);
    this.#calls[id] = undefined;
    if (id !== OPENING_ID) this.#free.push(id);
    return call;
  }

  /** All of them: none is answered any more. */
  takeAll(): readonly Call[] {
    const calls = this.#calls.filter((call) => call !== undefined);
    this.#calls = [undefined];
    this.#free = [];
    return calls;
  }
}
