import type { Clock, Timer } from '../../base/index.ts';

/**
 * Watches that a client is heard from: one and a half times its keep-alive without a packet is too long [MQTT-3.1.2-22].
 * Hearing costs a clock reading; the timer looks only when it falls due.
 */
export class KeepAlive {
  readonly #clock: Clock;
  readonly #allowedMs: number;
  readonly #isReading: () => boolean;
  readonly #lost: () => void;
  #heardAt: number;
  #timer: Timer | undefined;

  /** @param seconds  0 watches nothing; @param isReading  while it is false, the silence is ours */
  constructor(clock: Clock, seconds: number, isReading: () => boolean, lost: () => void) {
    this.#clock = clock;
    this.#allowedMs = seconds * 1500;
    this.#isReading = isReading;
    this.#lost = lost;
    this.#heardAt = clock.monotonic();
  }

  start(): void {
    if (this.#allowedMs > 0) this.#wait(this.#allowedMs);
  }

  heard(): void {
    this.#heardAt = this.#clock.monotonic();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #wait(ms: number): void {
    this.#timer = this.#clock.timer(ms, () => this.#check());
  }

  #check(): void {
    const silentMs = this.#clock.monotonic() - this.#heardAt;
    if (silentMs < this.#allowedMs) this.#wait(this.#allowedMs - silentMs);
    else if (this.#isReading()) this.#lost();
    else this.#wait(this.#allowedMs);
  }
}
