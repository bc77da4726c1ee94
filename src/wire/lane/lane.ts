/*
 * The fast lane: plain requests of AWS's clients (see codec/http) are read and answered here, at a third of what Node's HTTP server
 * takes for them. All else (streams of unknown length, forms, upgrades, heads that are not plain, attacks) goes to Node's
 * server with its connection, which then stays there: what this lane cannot read without doubt it never reads.
 */
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../base/index.ts';
import type { PlainHead } from '../../codec/http/index.ts';
import { WIRE_LIMITS } from '../limits.ts';
import { LaneConnection, type LaneHost, type Serve } from './connection.ts';

export interface LaneOptions {
  readonly clock: Clock;
  /** Who answers this here, sooner or later; `undefined` leaves it to Node's server. Of its size the lane takes care. */
  readonly serverOf: (head: PlainHead) => Serve | undefined;
  readonly handOver: (socket: Socket) => void;
}

export class Lane implements LaneHost {
  ticks = 0;
  isClosing = false;
  readonly #options: LaneOptions;
  readonly #connections = new Set<LaneConnection>();
  #timer: Timer | undefined;
  #second = 0;
  #date = '';

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** Takes over a connection of HTTP/1.1, paused, with the first bytes that have come on it. */
  take(socket: Socket, first: Buffer): void {
    const connection = new LaneConnection(socket, this);
    this.#connections.add(connection);
    this.#timer ??= this.#nextTick();
    connection.begin(first);
  }

  /** Closes those that wait for a request, as soon as their answers have gone out; the others with the next answer. */
  close(): void {
    this.isClosing = true;
    for (const connection of this.#connections) if (connection.idle) connection.socket.destroySoon();
  }

  readonly date = (): string => {
    const second = Math.floor(this.#options.clock.now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#date = new Date(second * 1000).toUTCString();
    }
    return this.#date;
  };

  serverOf(head: PlainHead): Serve | undefined {
    const { lanePutBytesMax, laneBodyBytesMax } = WIRE_LIMITS;
    const isShort = head.bodyBytes <= (head.method === 'PUT' ? lanePutBytesMax : laneBodyBytesMax);
    return isShort ? this.#options.serverOf(head) : undefined;
  }

  handOver(socket: Socket): void {
    this.#options.handOver(socket);
  }

  closed(connection: LaneConnection): void {
    this.#connections.delete(connection);
    if (this.#connections.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #nextTick(): Timer {
    return this.#options.clock.timer(WIRE_LIMITS.laneTickMs, () => {
      this.ticks++;
      for (const connection of this.#connections) connection.tick(this.ticks);
      this.#timer = this.#connections.size > 0 ? this.#nextTick() : undefined;
    });
  }
}
