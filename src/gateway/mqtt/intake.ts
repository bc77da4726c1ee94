import type { Timer } from '../../base/index.ts';
import type { ConnectionHost } from './host.ts';
import type { KeepAlive, KeepAliveOwner } from './keep-alive.ts';
import type { Pauses } from './pauses.ts';
import { Throttle } from './rates.ts';

/** So many bytes without a whole packet are a sign of life too: a large packet over a slow line. */
const HEARD_BYTES = 1000;

/** Counts what one connection receives: as a sign of life [MQTT-3.1.2-22], and towards what its client may send (G3). */
export class Intake {
  readonly #host: ConnectionHost;
  readonly #pauses: Pauses;
  readonly #throttle: Throttle | undefined;
  /** Set while the client is connected. */
  #keepAlive: KeepAlive | undefined;
  /** Bytes since it was heard from. */
  #unheard = 0;
  /** Ends the pause of a client that has sent more than it may. */
  #slow: Timer | undefined;

  constructor(host: ConnectionHost, pauses: Pauses) {
    const { messagesPerSecondPerClient, bytesPerSecondPerClient } = host.limits;
    this.#host = host;
    this.#pauses = pauses;
    this.#throttle = Throttle.of(host.clock, messagesPerSecondPerClient, bytesPerSecondPerClient);
  }

  /** The client is connected. @param seconds  its keep-alive */
  watch(seconds: number, owner: KeepAliveOwner): void {
    this.#keepAlive = this.#host.keepAlives.watch(seconds, owner);
  }

  /** The connection ends. */
  stop(): void {
    this.#slow?.cancel();
    this.#keepAlive?.stop();
    this.#keepAlive = undefined;
  }

  /** @param shared  of all clients from there together */
  count(packets: number, bytes: number, shared: Throttle | undefined): void {
    this.#unheard += bytes;
    if (packets > 0 || this.#unheard >= HEARD_BYTES) {
      this.#unheard = 0;
      this.#keepAlive?.heard();
    }
    const waitMs = Math.max(this.#throttle?.spend(packets, bytes) ?? 0, shared?.spend(packets, bytes) ?? 0);
    if (waitMs > 0 && this.#keepAlive !== undefined) this.#slowDown(waitMs);
  }

  /** The client has sent more than it may: the rest waits in its socket. */
  #slowDown(ms: number): void {
    this.#host.gauges.throttled.add();
    this.#pauses.pause('rate');
    this.#slow?.cancel();
    this.#slow = this.#host.clock.timer(ms, () => this.#pauses.resume('rate'));
  }
}
