import type { Clock } from '../../base/index.ts';
import type { Flushable, Turn } from './turn.ts';

/** A client whose connection is over. */
export interface Departing {
  readonly client: { readonly clientId: string };
  /** Does what is left to do: its will, its session, and those who watch. */
  leave(): void;
}

/**
 * Lets closings take turns by the time that they take (record 0115), so that a fleet that leaves at once does not hold up those who stay. A
 * client that leaves alone leaves at once; when a turn of the event loop has no time left, the others wait, in their order.
 *
 * - At least one leaves in a turn, so that each has gone after as many turns as there were before it.
 * - Whoever needs one to be gone says so by {@link settle}: a client id is nobody else's before.
 */
export class Departures implements Flushable {
  isScheduled = false;
  readonly #clock: Clock;
  readonly #turn: Turn;
  readonly #turnMs: number;
  readonly #waiting = new Map<string, Departing>();
  /** What closings have taken since the end of the last turn, milliseconds. */
  #spentMs = 0;
  #isClosed = false;

  /** @param turnMs  what closings may take of a turn; the last one may exceed it */
  constructor(clock: Clock, turn: Turn, turnMs: number) {
    this.#clock = clock;
    this.#turn = turn;
    this.#turnMs = turnMs;
  }

  add(one: Departing): void {
    const isAlone = this.#waiting.size === 0 && this.#spentMs < this.#turnMs;
    this.#waiting.set(one.client.clientId, one);
    if (isAlone || this.#isClosed) this.#carryOut(one);
    this.#turn.schedule(this);
  }

  /** The client is gone when this returns, if it is to go. */
  settle(clientId: string): void {
    const one = this.#waiting.get(clientId);
    if (one) this.#carryOut(one);
  }

  /** All that are to go are gone when this returns. */
  settleAll(): void {
    for (const one of this.#waiting.values()) this.#carryOut(one);
  }

  /** Nobody waits, from now on. */
  close(): void {
    this.#isClosed = true;
    this.settleAll();
  }

  /** The end of a turn: those that wait have the time that others have left. */
  flush(): void {
    for (const one of this.#waiting.values()) {
      if (this.#spentMs > 0 && this.#spentMs >= this.#turnMs) break;
      this.#carryOut(one);
    }
    this.#spentMs = 0;
    if (this.#waiting.size > 0) this.#turn.schedule(this);
  }

  #carryOut(one: Departing): void {
    this.#waiting.delete(one.client.clientId);
    const begunAt = this.#clock.monotonic();
    one.leave();
    this.#spentMs += this.#clock.monotonic() - begunAt;
  }
}
