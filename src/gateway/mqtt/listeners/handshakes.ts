import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../../base/index.ts';
import { externalMemory } from './external-memory.ts';
import { Pace } from './pace.ts';
import { Rotation } from './rotation.ts';

/** How many handshakes there may be, and how long. */
export interface HandshakeLimits {
  readonly handshakesMax: number;
  readonly handshakesAtOnce: number;
  readonly handshakePatienceMs: number;
  readonly handshakesPerTurn: number;
  readonly handshakeTurnMs: number;
  readonly handshakeTimeoutMs: number;
}

/** How often those that have begun are looked at while none of them answers. */
const IDLE_LOOK_MS = 1;

/**
 * Spreads TLS handshakes over turns of the event loop, so that a fleet that comes back at once leaves the others their turn: each
 * handshake is about a millisecond of signing and verifying that nothing else can run beside, half of it when the client's second flight
 * arrives. Only as many as a turn has time for are read in it, by what those before have taken; the bytes of the others wait in their
 * sockets. And ends those that take too long, whatever they send meanwhile (slow loris).
 *
 *     queued --(its turn)--> going on, read in some turns --(settled)--> over
 *                               `--(too slow, or the oldest of too many)--> destroyed
 */
export class Handshakes {
  readonly #clock: Clock;
  readonly #limits: HandshakeLimits;
  readonly #start: (socket: Socket) => void;
  readonly #expired: (socket: Socket, isTooSlow: boolean) => void;
  readonly #rotation: Rotation<Socket>;
  readonly #pace: Pace;
  /** When each must be over, in the order they began: all have the same time, so the first ends first. */
  readonly #deadlines = new Map<Socket, number>();
  /** Those that have begun of late, and when: others wait for them to be over. */
  readonly #young = new Map<Socket, number>();
  /** Something was begun or is over since the last turn. */
  #isMoving = false;
  /** Flights of clients that were worked on since the last turn, as far as one can tell. */
  #flights = 0;
  /** When the last turn was, where the event loop had no time to rest since. */
  #turnedAt: number | undefined;
  #isScheduled = false;
  /** Some wait for their turn. */
  #isCrowd = false;
  #idle: Timer | undefined;
  #timer: Timer | undefined;
  #isClosed = false;

  /**
   * @param start  begins the handshake of a socket
   * @param expired  told of each that is cut off: too slow, or the oldest of too many
   */
  constructor(
    clock: Clock,
    limits: HandshakeLimits,
    start: (socket: Socket) => void,
    expired: (socket: Socket, isTooSlow: boolean) => void,
  ) {
    this.#clock = clock;
    this.#limits = limits;
    this.#start = start;
    this.#expired = expired;
    this.#rotation = new Rotation();
    this.#pace = new Pace(limits.handshakeTurnMs, limits.handshakesPerTurn);
  }

  /** Takes a socket that is not read yet. */
  add(socket: Socket): void {
    this.#rotation.add(socket);
    socket.once('close', () => this.settled(socket));
    this.#moved();
  }

  /** The handshake is over, or the socket is gone. */
  settled(socket: Socket): void {
    this.#flights++;
    this.#rotation.remove(socket);
    this.#deadlines.delete(socket);
    this.#young.delete(socket);
    if (this.#rotation.isCrowded) this.#moved();
    else this.#crowd(false);
  }

  /** Destroys all that are not over. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#idle?.cancel();
    for (const socket of this.#rotation.all()) socket.destroy();
    this.#deadlines.clear();
    this.#crowd(false);
  }

  #crowd(isCrowd: boolean): void {
    if (isCrowd === this.#isCrowd) return;
    this.#isCrowd = isCrowd;
    if (isCrowd) externalMemory.crowdBegan();
    else externalMemory.crowdEnded();
  }

  #moved(): void {
    this.#isMoving = true;
    if (this.#isScheduled) return;
    this.#idle?.cancel();
    this.#isScheduled = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#isScheduled = false;
    this.#isMoving = false;
    if (this.#isClosed) return;
    this.#age();
    const now = this.#clock.monotonic();
    if (this.#turnedAt !== undefined) this.#pace.took(now - this.#turnedAt, this.#flights);
    this.#turnedAt = undefined;
    const { hold, read, begin } = this.#rotation.turn(
      this.#pace.flights,
      this.#limits.handshakesAtOnce - this.#young.size,
    );
    for (const socket of hold) setReading(socket, false);
    for (const socket of read) setReading(socket, true);
    for (const socket of begin) this.#begin(socket);
    this.#crowd(this.#rotation.isCrowded);
    if (!this.#isCrowd) return;
    if (this.#isMoving || begin.length > 0) {
      this.#flights = begin.length;
      this.#turnedAt = now;
      return this.#moved();
    }
    // Nobody waits but for clients that have not answered: no reason to ask as fast as the processor can.
    this.#idle = this.#clock.timer(IDLE_LOOK_MS, () => this.#turn());
  }

  /** Clients that have not answered for long keep nobody waiting any more. */
  #age(): void {
    const before = this.#clock.monotonic() - this.#limits.handshakePatienceMs;
    for (const [socket, begunAt] of this.#young) {
      if (begunAt > before) return;
      this.#young.delete(socket);
    }
  }

  #begin(socket: Socket): void {
    if (socket.destroyed) return this.settled(socket);
    // Who comes back in earnest is through within a few turns: of too many that go on, the oldest is the likeliest to be stalling.
    if (this.#deadlines.size >= this.#limits.handshakesMax) this.#cutOff(this.#deadlines.keys().next().value!, false);
    const now = this.#clock.monotonic();
    this.#deadlines.set(socket, now + this.#limits.handshakeTimeoutMs);
    this.#young.set(socket, now);
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
      this.#cutOff(socket, true);
    }
  }

  #cutOff(socket: Socket, isTooSlow: boolean): void {
    this.settled(socket);
    this.#expired(socket, isTooSlow);
    socket.destroy();
  }
}

interface ReadingHandle {
  readStart(): number;
  readStop(): number;
}

/**
 * Has the kernel's bytes of a socket read, or left where they are. While TLS stands on it the socket's own `pause` does nothing: TLS
 * takes the bytes below it, from the handle. A version of Node without these members reads on: more are then ready at once.
 */
function setReading(socket: Socket, isReading: boolean): void {
  const { _handle: handle } = socket as unknown as { readonly _handle?: Partial<ReadingHandle> | null };
  if (isReading) handle?.readStart?.();
  else handle?.readStop?.();
}
