/**
 * One device's connection to the broker, over its own socket.
 *
 *     waiting --(time to dial)--> dialling --(CONNACK)--> open --(socket ends)--> waiting, with backoff
 *
 * Invariants:
 * - C1 a QoS 1 message leaves `unacked` only by its PUBACK: what a lost connection leaves is sent again by the next, in order,
 *   before anything new.
 * - C2 packet identifiers are those of `unacked`, each once; there are never more than `window`.
 * - C3 the session is kept across connections (clean = false); if the broker has forgotten it, the messages are sent as new.
 */
import { createConnection, type Socket } from 'node:net';
import type { Clock, Random } from '../../base/index.ts';
import { encodePacket, NO_PROPERTIES, type Packet, PacketDecoder } from '../../codec/mqtt/index.ts';
import type { Counts, LatencyHistogram } from './figures.ts';
import type { Fleet } from './fleet.ts';

/** Numbers of a connection (S5). */
export const CONNECTION_LIMITS = {
  backoffMsBase: 200,
  backoffMsMax: 5000,
  /** Backoff starts anew only after this long connected, or a broker that accepts and then drops is dialled without pause. */
  steadyMs: 5000,
  /** For TCP and CONNACK together. */
  connectTimeoutMs: 10_000,
  /** Without an acknowledgement for this long the connection is given up. */
  ackTimeoutMs: 30_000,
} as const;

/** Bits of the first byte of a PUBLISH. */
const DUP = 0x08;
const SESSION_EXPIRY_SECONDS = 3600;

interface Unacked {
  readonly packetId: number;
  readonly frame: Buffer;
  readonly sentAt: number;
}

export interface ConnectionOptions {
  readonly fleet: Fleet;
  readonly clientId: string;
  readonly topic: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly counts: Counts;
  readonly latencies: readonly LatencyHistogram[];
}

type State =
  | { readonly kind: 'waiting'; readonly until: number }
  | { readonly kind: 'dialling'; readonly socket: Socket; readonly since: number }
  | { readonly kind: 'open'; readonly socket: Socket; readonly since: number }
  | { readonly kind: 'closed' };

export class DeviceConnection {
  readonly #options: ConnectionOptions;
  readonly #unacked = new Map<number, Unacked>();
  #state: State;
  #attempt = 0;
  #nextPacketId = 1;
  #window: number;
  /** Frames of this turn, written together by `flush`. */
  #pending: Buffer[] = [];
  #lastSentAt = 0;
  #lastAckAt = 0;

  constructor(options: ConnectionOptions, dialAt: number) {
    this.#options = options;
    this.#window = options.fleet.window;
    this.#state = { kind: 'waiting', until: dialAt };
  }

  get unacked(): number {
    return this.#unacked.size;
  }

  get isDialling(): boolean {
    return this.#state.kind === 'dialling';
  }

  /** Whether a message may be published now: connected, with room in the window and in the socket. */
  get isReady(): boolean {
    return this.#state.kind === 'open' && this.#unacked.size < this.#window && !this.#state.socket.writableNeedDrain;
  }

  /** Queues a message for this turn's write; only while `isReady`. */
  publish(payload: Buffer, now: number): void {
    const { fleet, topic, counts } = this.#options;
    const packetId = fleet.qos === 0 ? 0 : this.#takePacketId();
    const frame = encodePacket(
      {
        type: 'publish',
        topic,
        payload,
        qos: fleet.qos,
        retain: false,
        dup: false,
        packetId,
        properties: NO_PROPERTIES,
      },
      fleet.protocol,
    );
    if (packetId > 0) {
      if (this.#unacked.size === 0) this.#lastAckAt = now;
      this.#unacked.set(packetId, { packetId, frame, sentAt: now });
      counts.inFlight++;
    }
    counts.sent++;
    counts.bytes += frame.length;
    this.#pending.push(frame);
  }

  /** Writes what this turn has published, at once. */
  flush(now: number): void {
    if (this.#pending.length === 0 || this.#state.kind !== 'open') return;
    this.#state.socket.write(this.#pending.length === 1 ? this.#pending[0]! : Buffer.concat(this.#pending));
    this.#pending = [];
    this.#lastSentAt = now;
  }

  /** Dials, pings and gives up as the time demands; `mayDial` says whether the fleet has room for one more attempt. */
  tick(now: number, mayDial: boolean): void {
    const state = this.#state;
    if (state.kind === 'waiting' && mayDial && now >= state.until) return this.#dial(now);
    if (state.kind === 'dialling' && now - state.since > CONNECTION_LIMITS.connectTimeoutMs) return this.#lose(now);
    if (state.kind !== 'open') return;
    if (this.#unacked.size > 0 && now - this.#lastAckAt > CONNECTION_LIMITS.ackTimeoutMs) return this.#lose(now);
    if (now - this.#lastSentAt > this.#options.fleet.keepAliveSeconds * 500) {
      this.#send(state.socket, { type: 'pingreq' });
      this.#lastSentAt = now;
    }
  }

  /** Says goodbye: DISCONNECT, then the end of the stream. */
  close(): void {
    const state = this.#state;
    this.#state = { kind: 'closed' };
    if (state.kind === 'dialling') state.socket.destroy();
    if (state.kind !== 'open') return;
    this.#options.counts.connected--;
    this.#send(state.socket, { type: 'disconnect', reasonCode: 0, properties: NO_PROPERTIES });
    state.socket.end();
    // A broker that does not close its side must not keep us.
    this.#options.clock.timer(1000, () => state.socket.destroy());
  }

  #dial(now: number): void {
    const { fleet } = this.#options;
    const socket = createConnection({ host: fleet.host, port: fleet.port, noDelay: true });
    const decoder = new PacketDecoder({ version: fleet.protocol });
    this.#state = { kind: 'dialling', socket, since: now };
    socket.on('connect', () => this.#sendConnect(socket));
    socket.on('data', (chunk) => this.#receive(socket, decoder, chunk));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      if (this.#owns(socket)) this.#lose(this.#options.clock.monotonic());
    });
  }

  #owns(socket: Socket): boolean {
    return 'socket' in this.#state && this.#state.socket === socket;
  }

  #sendConnect(socket: Socket): void {
    const { fleet, clientId } = this.#options;
    this.#send(socket, {
      type: 'connect',
      version: fleet.protocol,
      clientId,
      clean: false,
      keepAlive: fleet.keepAliveSeconds,
      ...(fleet.username === undefined ? {} : { username: fleet.username }),
      ...(fleet.password === undefined ? {} : { password: Buffer.from(fleet.password) }),
      properties: fleet.protocol === 5 ? { sessionExpiryInterval: SESSION_EXPIRY_SECONDS } : NO_PROPERTIES,
    });
  }

  #send(socket: Socket, packet: Packet): void {
    socket.write(encodePacket(packet, this.#options.fleet.protocol));
  }

  #receive(socket: Socket, decoder: PacketDecoder, chunk: Buffer): void {
    if (!this.#owns(socket)) return;
    try {
      decoder.push(chunk);
      for (let packet = decoder.next(); packet; packet = decoder.next()) this.#handle(socket, packet);
    } catch {
      socket.destroy();
    }
  }

  #handle(socket: Socket, packet: Packet): void {
    if (packet.type === 'puback') return this.#acknowledged(packet.packetId, packet.reasonCode);
    if (packet.type === 'disconnect') return void socket.destroy();
    if (packet.type !== 'connack' || this.#state.kind !== 'dialling') return;
    if (packet.reasonCode !== 0) return void socket.destroy();
    this.#opened(socket, packet.sessionPresent, packet.properties.receiveMaximum);
  }

  #opened(socket: Socket, sessionPresent: boolean, receiveMaximum = 65_535): void {
    const { fleet, clock, counts } = this.#options;
    const now = clock.monotonic();
    this.#state = { kind: 'open', socket, since: now };
    this.#window = Math.min(fleet.window, receiveMaximum);
    this.#lastAckAt = now;
    counts.connected++;
    counts.connects++;
    // C1, C3: the same frames in the same order; DUP only where the session makes them the same messages [MQTT-3.3.1-1].
    this.#pending = [];
    for (const { frame } of this.#unacked.values()) {
      if (sessionPresent) frame[0]! |= DUP;
      this.#pending.push(frame);
      counts.resent++;
    }
    this.flush(now);
  }

  #acknowledged(packetId: number, reasonCode: number): void {
    const { counts, clock, latencies } = this.#options;
    const unacked = this.#unacked.get(packetId);
    if (!unacked) return;
    this.#unacked.delete(packetId);
    const now = clock.monotonic();
    this.#lastAckAt = now;
    counts.inFlight--;
    if (reasonCode >= 0x80) counts.refused++;
    else counts.acked++;
    for (const latency of latencies) latency.add(now - unacked.sentAt);
  }

  #lose(now: number): void {
    const { counts, random } = this.#options;
    const state = this.#state;
    if (state.kind === 'open') {
      counts.connected--;
      if (now - state.since > CONNECTION_LIMITS.steadyMs) this.#attempt = 0;
    }
    counts.disconnects++;
    this.#pending = [];
    const { backoffMsBase, backoffMsMax } = CONNECTION_LIMITS;
    // Full jitter over the upper half: a whole fleet must not come back in the same instant.
    const longest = Math.min(backoffMsMax, backoffMsBase * 2 ** this.#attempt++);
    this.#state = { kind: 'waiting', until: now + longest * (0.5 + random.next() / 2) };
    if ('socket' in state) state.socket.destroy();
  }

  #takePacketId(): number {
    while (this.#unacked.has(this.#nextPacketId)) this.#nextPacketId = (this.#nextPacketId % 65_535) + 1;
    const packetId = this.#nextPacketId;
    this.#nextPacketId = (packetId % 65_535) + 1;
    return packetId;
  }
}
