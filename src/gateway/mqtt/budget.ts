import type * as mqtt from '../../codec/mqtt/index.ts';
import type { Flushable, Turn } from './turn.ts';

/** Something that waits until there is room again. */
export interface Waiting {
  /** There may be room: look again. */
  schedule(): void;
}

/**
 * Bytes of all clients together that wait for a commit (S5). When they reach the limit, whoever sends more is read no further
 * until half of it is committed, rather than being refused by the log.
 */
export class CommitBudget {
  readonly #bytesMax: number;
  readonly #waiting = new Set<Waiting>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get isFull(): boolean {
    return this.#bytes >= this.#bytesMax;
  }

  take(bytes: number): void {
    this.#bytes += bytes;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
    if (this.#waiting.size === 0 || this.#bytes > this.#bytesMax / 2) return;
    for (const one of this.#waiting) one.schedule();
    this.#waiting.clear();
  }

  /** Has it told when half of the budget is free. */
  wait(one: Waiting): void {
    this.#waiting.add(one);
  }

  forget(one: Waiting): void {
    this.#waiting.delete(one);
  }
}

/** What a place in a queue takes beside the bytes of the message. */
const PLACE_BYTES = 64;

/** So much is free when room has been made. */
const FREE_AFTER = 1 / 8;

/**
 * Bytes of all clients together that wait to be read or acknowledged, or for the rest of their packet (S5, record 0110). A message that waits
 * for many is in memory once, and counts once. When they reach the limit, room is made at the end of the turn.
 */
export class WaitingBudget implements Flushable {
  isScheduled = false;
  readonly #bytesMax: number;
  readonly #turn: Turn;
  readonly #makeRoom: () => void;
  #bytes = 0;

  /** @param makeRoom  lets clients go until {@link isRelieved} */
  constructor(bytesMax: number, turn: Turn, makeRoom: () => void) {
    this.#bytesMax = bytesMax;
    this.#turn = turn;
    this.#makeRoom = makeRoom;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get free(): number {
    return Math.max(0, this.#bytesMax - this.#bytes);
  }

  /** As much is free as room is made for: clients are not let go one by one. */
  get isRelieved(): boolean {
    return this.#bytes <= this.#bytesMax * (1 - FREE_AFTER);
  }

  /** A message has got a place in a queue. */
  hold(frame: mqtt.PublishFrame): void {
    this.change(frame.queues++ === 0 ? PLACE_BYTES + frame.bytes.length : PLACE_BYTES);
  }

  /** It has left it. */
  letGo(frame: mqtt.PublishFrame): void {
    this.change(--frame.queues === 0 ? -PLACE_BYTES - frame.bytes.length : -PLACE_BYTES);
  }

  change(by: number): void {
    this.#bytes += by;
    if (this.#bytes > this.#bytesMax) this.#turn.schedule(this);
  }

  flush(): void {
    if (this.#bytes > this.#bytesMax) this.#makeRoom();
  }
}
