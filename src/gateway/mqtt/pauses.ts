import type { Transport } from './transport.ts';

/** Who has stopped the reading: access is being decided, commits are behind, the peer does not read, or sends more than
 * it may, the server goes. */
export type Pause = 'deciding' | 'commits' | 'reader' | 'rate' | 'stopping';

/** Holds a socket's reading back by named reasons, so that none resumes what another has paused. */
export class Pauses {
  readonly #socket: Transport;
  /** Empty means that the socket is read. */
  readonly #reasons = new Set<Pause>();

  constructor(socket: Transport) {
    this.#socket = socket;
  }

  get isReading(): boolean {
    return this.#reasons.size === 0;
  }

  has(why: Pause): boolean {
    return this.#reasons.has(why);
  }

  pause(why: Pause): void {
    this.#reasons.add(why);
    this.#socket.pause();
  }

  resume(why: Pause): void {
    if (this.#reasons.delete(why) && this.isReading) this.#socket.resume();
  }
}
