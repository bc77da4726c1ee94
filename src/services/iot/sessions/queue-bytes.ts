import type { Gauge } from '../../../telemetry/index.ts';

/** What the sessions of one principal have queued together. */
export interface QueueShare {
  readonly principal: string | undefined;
  bytes: number;
  sessions: number;
}

/**
 * Bytes of all queues together, shared by principals by the rule of record 0114: the sessions of one may have as much queued as is free. Each
 * session holds the share of its principal, so that a message costs two sums and no look-up. What is there after a restart is counted, whether
 * it would be taken or not.
 */
export class QueueBytes {
  readonly #max: number;
  readonly #gauge: Gauge;
  readonly #byPrincipal = new Map<string, QueueShare>();
  #bytes = 0;

  /** @param gauge  shows the sum as it changes */
  constructor(max: number, gauge: Gauge) {
    this.#max = max;
    this.#gauge = gauge;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Takes in a session; it has so many bytes already. A client that has proved nothing shares with nobody. */
  join(principal: string | undefined, bytes: number): QueueShare {
    const share = this.#shareOf(principal);
    share.sessions++;
    this.add(share, bytes);
    return share;
  }

  /** The session is over, or another principal's. */
  leave(share: QueueShare, bytes: number): void {
    this.add(share, -bytes);
    if (--share.sessions === 0 && share.principal !== undefined) this.#byPrincipal.delete(share.principal);
  }

  add(share: QueueShare, bytes: number): void {
    share.bytes += bytes;
    this.#bytes += bytes;
    this.#gauge.set(this.#bytes);
  }

  /** Its principal has as much as is free, or more: nothing is queued. The message before may have exceeded it. */
  isFull(share: QueueShare): boolean {
    return share.bytes >= this.#max - this.#bytes;
  }

  #shareOf(principal: string | undefined): QueueShare {
    const known = principal === undefined ? undefined : this.#byPrincipal.get(principal);
    if (known) return known;
    const share = { principal, bytes: 0, sessions: 0 };
    if (principal !== undefined) this.#byPrincipal.set(principal, share);
    return share;
  }
}
