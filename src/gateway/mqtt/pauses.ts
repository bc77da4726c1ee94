import type { Transport } from './transport.ts';

/** Who has stopped the reading: access is being decided, the session is being stored, commits are behind, the peer does not
 * read, or sends more than it may, the server goes. */
export type Pause = 'deciding' | 'opening' | 'commits' | 'reader' | 'rate' | 'stopping';

/** Each has a bit of its own. */
const BIT: Readonly<Record<Pause, number>> = {
  deciding: 1,
  opening: 2,
  commits: 4,
  reader: 8,
  rate: 16,
  stopping: 32,
};

/** Holds a socket's reading back by named reasons, so that none resumes what another has paused. */
export class Pauses {
  readonly #socket: Transport;
  /** Bits of the reasons; 0 means that the socket is read. */
  #reasons = 0;

  constructor(socket: Transport) {
    this.#socket = socket;
  }

  get isReading(): boolean {
    return this.#reasons === 0;
  }

  has(why: Pause): boolean {
    return (this.#reasons & BIT[why]) !== 0;
  }

  pause(why: Pause): void {
    this.#reasons |= BIT[why];
    this.#socket.pause();
  }

  resume(why: Pause): void {
    if (!this.has(why)) return;
    this.#reasons &= ~BIT[why];
    if (this.isReading) this.#socket.resume();
  }
}
