import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../../base/index.ts';

/** How many handshakes there may be, and how long. */
export interface HandshakeLimits {
  readonly handshakesMax: number;
  readonly handshakesPerTurn: number;
  readonly handshakeTimeoutMs: number;
}

/**
 * Spreads TLS handshakes over turns of the event loop, so that a fleet that comes back at once leaves the others their turn: each
 * handshake is about a millisecond of signing and verifying that nothing else can run beside. And ends those that take too long,
 * whatever they send meanwhile (slow loris).
 *
 *     queued --(its turn)--> going on --(settled)--> over
 *                               `--(too slow, or the oldest of too many)--> destroyed
 */
export class Handshakes {
  readonly #clock: Clock;
  readonly #limits: HandshakeLimits;
  readonly #start: (socket: Socket) => void;
  readonly #expired: () => void;
  /** In the order they came. */
  readonly #queued = new Set<Socket>();
  /** When each must be over, in the order they began: all have the same time, so the first ends first. */
  readonly #deadlines = new Map<Socket, number>();
  #isScheduled = false;
  #timer: Timer | undefined;

  /**
   * @param start  begins the handshake of a socket
   * @param expired  told of each that is cut off
   */
  constructor(clock: Clock, limits: HandshakeLimits, start: (socket: Socket) => void, expired: () => void) {
    this.#clock = clock;
    this.#limits = limits;
    this.#start = start;
    this.#expired = expired;
  }

  /** Handshakes that go on. */
  get size(): number {
    return this.#deadlines.size;
  }

  /** Takes a socket that is not read yet. */
  add(socket: Socket): void {
    this.#queued.add(socket);
    socket.once('close', () => this.settled(socket));
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#turn());
  }

  /** The handshake is over, or the socket is gone. */
  settled(socket: Socket): void {
    this.#queued.delete(socket);
    this.#deadlines.delete(socket);
  }

  /** Destroys all that are not over. */
  close(): void {
    this.#timer?.cancel();
    for (const socket of [...this.#queued, ...this.#deadlines.keys()]) socket.destroy();
    this.#queued.clear();
    this.#deadlines.clear();
  }

  #turn(): void {
    this.#isScheduled = false;
    let left = this.#limits.handshakesPerTurn;
    for (const socket of this.#queued) {
      if (left-- === 0) break;
      this.#queued.delete(socket);
      this.#begin(socket);
    }
    if (this.#queued.size === 0) return;
    this.#isScheduled = true;
    setImmediate(() => this.#turn());
  }

  #begin(socket: Socket): void {
    if (socket.destroyed) return;
    // Who comes back in earnest is through within a turn or two: of too many that go on, the oldest is the likeliest to be stalling.
    if (this.#deadlines.size >= this.#limits.handshakesMax) this.#cutOff(this.#deadlines.keys().next().value!);
    this.#deadlines.set(socket, this.#clock.monotonic() + this.#limits.handshakeTimeoutMs);
    this.#timer ??= this.#clock.timer(this.#limits.handshakeTimeoutMs, () => this.#sweep());
    this.#start(socket);
  }

  #sweep(): void {
    this.#timer = undefined;
    const now = this.#clock.monotonic();
    for (const [socket, deadline] of this.#deadlines) {
      if (deadline > now) {
        this.#timer = this.#clock.timer(deadline - now, () => this.#sweep());
        return;
      }
      this.#cutOff(socket);
    }
  }

  #cutOff(socket: Socket): void {
    this.#deadlines.delete(socket);
    this.#expired();
    socket.destroy();
  }
}
