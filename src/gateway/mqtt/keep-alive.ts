import { Agenda, type Clock, type Dated } from '../../base/index.ts';

/** Whose silence is watched. */
export interface KeepAliveOwner {
  /** While it is false, the silence is ours. */
  readonly isReading: boolean;
  /** The client has not been heard from for too long. */
  silent(): void;
}

/** Those who have gone are forgotten by then at the latest. */
const LOOK_MS_MAX = 300_000;

/** All keep-alives of a gateway, on one timer. */
export class KeepAlives {
  readonly clock: Clock;
  readonly #agenda: Agenda<KeepAlive>;

  constructor(clock: Clock) {
    this.clock = clock;
    this.#agenda = new Agenda(clock, (one) => one.look(clock.monotonic()));
  }

  /** @param seconds  as the client or the server has set it; 0 watches nothing */
  watch(seconds: number, owner: KeepAliveOwner): KeepAlive {
    const now = this.clock.monotonic();
    const keepAlive = new KeepAlive(this.clock, seconds * 1500, owner, now);
    const next = keepAlive.look(now);
    if (next !== undefined) this.#agenda.by(keepAlive, next);
    return keepAlive;
  }

  close(): void {
    this.#agenda.close();
  }
}

/**
 * Watches that a client is heard from: one and a half times its keep-alive without a packet is too long [MQTT-3.1.2-22].
 * Hearing costs a clock reading; when it was is looked at only when it may have been too long ago.
 */
export class KeepAlive implements Dated {
  tendAt = Number.POSITIVE_INFINITY;
  readonly #clock: Clock;
  readonly #allowedMs: number;
  #owner: KeepAliveOwner | undefined;
  #heardAt: number;

  constructor(clock: Clock, allowedMs: number, owner: KeepAliveOwner, now: number) {
    this.#clock = clock;
    this.#allowedMs = allowedMs;
    this.#owner = owner;
    this.#heardAt = now;
  }

  heard(): void {
    if (this.#allowedMs > 0) this.#heardAt = this.#clock.monotonic();
  }

  /** Lets go of its owner, so that what still knows of it holds nothing. */
  stop(): void {
    this.#owner = undefined;
  }

  /** When to look again; `undefined` when nothing is to be watched any more. */
  look(now: number): number | undefined {
    const owner = this.#owner;
    if (owner === undefined || this.#allowedMs === 0) return undefined;
    if (!owner.isReading) this.#heardAt = now;
    const silentAt = this.#heardAt + this.#allowedMs;
    if (silentAt > now) return Math.min(silentAt, now + LOOK_MS_MAX);
    owner.silent();
    return undefined;
  }
}
