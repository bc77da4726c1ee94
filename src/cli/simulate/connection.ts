/**
 * One device's connection to the broker, over its own socket.
 *
 *     waiting --(time to dial)--> dialling --(CONNACK)--> open --(socket ends)--> waiting, with backoff
 *     any --(leave)--> away --(return)--> waiting, within the jitter
 *
 * Invariants:
 * - C1 a message leaves `unacked` only by its PUBACK or PUBCOMP: what a lost connection leaves is sent again by the next, in order,
 *   before anything new.
 * - C2 packet identifiers are those of `unacked`, each once; there are never more than `window`.
 * - C3 the session is kept across connections (clean = false); if the broker has forgotten it, the messages are sent as new. One
 *   that the broker had received (PUBREC) is its own by then.
 */
import { createConnection, type Socket } from 'node:net';
import { connect as connectTls, type SecureContext } from 'node:tls';
import { type Clock, messageOf, type Random } from '../../base/index.ts';
import { encodePacket, NO_PROPERTIES, type Packet, PacketDecoder } from '../../codec/mqtt/index.ts';
import type { Absence } from './absences.ts';
import type { Counts, LatencyHistogram, Reasons } from './figures.ts';
import type { Fleet } from './fleet.ts';

/** Numbers of a connection (S5). */
export const CONNECTION_LIMITS = {
  backoffMsBase: 200,
  /** Backoff starts anew only after this long connected, or a broker that accepts and then drops is dialled without pause. */
  steadyMs: 5000,
  /** For TCP, TLS and CONNACK together: a storm of a whole fleet takes its time. */
  connectTimeoutMs: 30_000,
  /** Without an acknowledgement for this long the connection is given up. */
  ackTimeoutMs: 30_000,
} as const;

/** Bits of the first byte of a PUBLISH. */
const DUP = 0x08;

/** All sockets read into one buffer: nothing of a chunk is kept beyond its turn. */
const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024);

/** What a device shows to prove who it is, PEM. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

interface Unacked {
  readonly packetId: number;
  readonly frame: Buffer;
  readonly sentAt: number;
  /** QoS 2: the broker has it, PUBREL is out. */
  isReleased: boolean;
}

/** What all connections of a run share. */
export interface ConnectionGround {
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly counts: Counts;
  readonly reasons: Reasons;
  /** Of acknowledgements, and of connects from the dial to CONNACK. */
  readonly latencies: readonly LatencyHistogram[];
  readonly connectLatencies: readonly LatencyHistogram[];
  /** What a device proves itself with; devices that share a certificate share the context. */
  readonly secureContext: ((clientId: string) => SecureContext) | undefined;
}

export interface ConnectionOptions {
  readonly ground: ConnectionGround;
  readonly clientId: string;
  readonly topic: string;
  readonly random: Random;
  /** The state has changed by itself: when to look again may have, too. */
  readonly onChange: () => void;
}

type State =
  | { readonly kind: 'waiting'; readonly until: number }
  | { readonly kind: 'dialling'; readonly socket: Socket; readonly since: number }
  | { readonly kind: 'open'; readonly socket: Socket; readonly since: number }
  /** A socket that is left alone, so that the broker notices nothing. */
  | { readonly kind: 'away'; readonly silent: Socket | undefined }
  | { readonly kind: 'closed' };

export class DeviceConnection {
  readonly #options: ConnectionOptions;
  /** Made with the first message: most devices of a large fleet are idle. */
  #unacked: Map<number, Unacked> | undefined;
  #state: State;
  #attempt = 0;
  #nextPacketId = 1;
  #window: number;
  /** Frames of this turn, written together by `flush`. */
  #pending: Buffer[] = NOTHING;
  #lastSentAt = 0;
  #lastAckAt = 0;

  /** @param dialAt  monotonic milliseconds */
  constructor(options: ConnectionOptions, dialAt: number) {
    this.#options = options;
    this.#window = options.ground.fleet.window;
    this.#state = { kind: 'waiting', until: dialAt };
  }

  get unacked(): number {
    return this.#unacked?.size ?? 0;
  }

  get isOpen(): boolean {
    return this.#state.kind === 'open';
  }

  /** Whether a message may be published now: connected, with room in the window and in the socket. */
  get isReady(): boolean {
    return this.#state.kind === 'open' && this.unacked < this.#window && !this.#state.socket.writableNeedDrain;
  }

  /** Whether it is time to dial. */
  wantsToDial(now: number): boolean {
    return this.#state.kind === 'waiting' && now >= this.#state.until;
  }

  /** When `tick` has something to do at the earliest, monotonic milliseconds. */
  get nextAt(): number {
    const state = this.#state;
    if (state.kind === 'waiting') return state.until;
    if (state.kind === 'dialling') return state.since + CONNECTION_LIMITS.connectTimeoutMs;
    if (state.kind !== 'open') return Number.POSITIVE_INFINITY;
    const pingAt = this.#lastSentAt + this.#pingMs;
    return this.unacked === 0 ? pingAt : Math.min(pingAt, this.#lastAckAt + CONNECTION_LIMITS.ackTimeoutMs);
  }

  /** Queues a message for this turn's write; only while `isReady`. */
  publish(payload: Buffer, now: number): void {
    const { topic, ground } = this.#options;
    const { fleet, counts } = ground;
    const { qos } = fleet;
    const packetId = qos === 0 ? 0 : this.#takePacketId();
    const frame = encodePacket(
      { type: 'publish', topic, payload, qos, retain: false, dup: false, packetId, properties: NO_PROPERTIES },
      fleet.protocol,
    );
    if (packetId > 0) {
      this.#unacked ??= new Map();
      if (this.#unacked.size === 0) this.#lastAckAt = now;
      this.#unacked.set(packetId, { packetId, frame, sentAt: now, isReleased: false });
      counts.inFlight++;
    }
    counts.sent++;
    counts.bytes += frame.length;
    if (this.#pending === NOTHING) this.#pending = [];
    this.#pending.push(frame);
  }

  /** Writes what this turn has published, at once. */
  flush(now: number): void {
    if (this.#pending.length === 0 || this.#state.kind !== 'open') return;
    this.#state.socket.write(this.#pending.length === 1 ? this.#pending[0]! : Buffer.concat(this.#pending));
    this.#pending = NOTHING;
    this.#lastSentAt = now;
  }

  /** Pings and gives up as the time demands. */
  tick(now: number): void {
    const state = this.#state;
    if (state.kind === 'dialling' && now - state.since > CONNECTION_LIMITS.connectTimeoutMs) {
      return this.#lose(now, 'no CONNACK in time');
    }
    if (state.kind !== 'open') return;
    if (this.unacked > 0 && now - this.#lastAckAt > CONNECTION_LIMITS.ackTimeoutMs) {
      return this.#lose(now, 'no acknowledgement in time');
    }
    if (now - this.#lastSentAt >= this.#pingMs) {
      this.#send(state.socket, { type: 'pingreq' });
      this.#lastSentAt = now;
    }
  }

  /** Connects; only while `wantsToDial`. */
  dial(now: number): void {
    const socket = this.#socket();
    this.#state = { kind: 'dialling', socket, since: now };
    this.#options.ground.counts.dialling++;
    socket.on('error', (error) => this.#ended(socket, (error as { code?: string }).code ?? messageOf(error)));
    socket.on('close', () => this.#ended(socket, 'closed by the broker'));
  }

  /** Goes away. What is unacknowledged is kept. */
  leave(kind: Absence['kind']): void {
    const state = this.#state;
    const { counts } = this.#options.ground;
    const silent = kind === 'network' && state.kind === 'open' ? state.socket : undefined;
    this.#leaveState({ kind: 'away', silent });
    this.#pending = NOTHING;
    counts.away++;
    silent?.pause();
    if (silent || !('socket' in state)) return;
    if (kind === 'sleep' && state.kind === 'open') this.#sayGoodbye(state.socket);
    else state.socket.destroy();
  }

  /** Is back, and dials at `dialAt`. */
  return(dialAt: number): void {
    const state = this.#state;
    if (state.kind !== 'away') return;
    state.silent?.destroy();
    this.#options.ground.counts.away--;
    this.#attempt = 0;
    this.#state = { kind: 'waiting', until: dialAt };
  }

  /** Says goodbye: DISCONNECT, then the end of the stream. */
  close(): void {
    const state = this.#state;
    this.#leaveState({ kind: 'closed' });
    if (state.kind === 'dialling') state.socket.destroy();
    if (state.kind === 'away') state.silent?.destroy();
    if (state.kind === 'open') this.#sayGoodbye(state.socket);
  }

  get #pingMs(): number {
    return this.#options.ground.fleet.keepAliveSeconds * 500;
  }

  #sayGoodbye(socket: Socket): void {
    this.#send(socket, { type: 'disconnect', reasonCode: 0, properties: NO_PROPERTIES });
    socket.end();
    // A broker that does not close its side must not keep us.
    this.#options.ground.clock.timer(1000, () => socket.destroy());
  }

  #socket(): Socket {
    const { ground, clientId } = this.#options;
    const { fleet, secureContext } = ground;
    const { host, port, protocol } = fleet;
    const decoder = new PacketDecoder({ version: protocol });
    const callback = (bytes: number, buffer: Uint8Array): boolean => {
      this.#receive(socket, decoder, buffer.subarray(0, bytes) as Buffer);
      return true;
    };
    const options = { host, port, noDelay: true, onread: { buffer: READ_BUFFER, callback } };
    const named = /^[0-9.]+$/.test(host) ? {} : { servername: host };
    const socket: Socket = secureContext
      ? connectTls({ ...options, ...named, secureContext: secureContext(clientId) })
      : createConnection(options);
    return socket.on(secureContext ? 'secureConnect' : 'connect', () => this.#sendConnect(socket));
  }

  #owns(socket: Socket): boolean {
    return 'socket' in this.#state && this.#state.socket === socket;
  }

  #ended(socket: Socket, reason: string): void {
    socket.destroy();
    if (this.#owns(socket)) this.#lose(this.#options.ground.clock.monotonic(), reason);
  }

  #sendConnect(socket: Socket): void {
    const { ground, clientId } = this.#options;
    const { protocol, keepAliveSeconds, username, password, will, sessionExpirySeconds } = ground.fleet;
    this.#send(socket, {
      type: 'connect',
      version: protocol,
      clientId,
      clean: sessionExpirySeconds === 0,
      keepAlive: keepAliveSeconds,
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password: Buffer.from(password) }),
      ...(will && {
        will: {
          topic: will.topic.replaceAll('{device}', clientId),
          payload: Buffer.from(will.payload.replaceAll('{device}', clientId)),
          qos: will.qos,
          retain: will.retain,
          properties: protocol === 5 ? { willDelayInterval: will.delaySeconds } : NO_PROPERTIES,
        },
      }),
      properties: protocol === 5 ? { sessionExpiryInterval: sessionExpirySeconds } : NO_PROPERTIES,
    });
  }

  #send(socket: Socket, packet: Packet): void {
    socket.write(encodePacket(packet, this.#options.ground.fleet.protocol));
  }

  #receive(socket: Socket, decoder: PacketDecoder, chunk: Buffer): void {
    if (!this.#owns(socket)) return;
    try {
      decoder.push(chunk);
      for (let packet = decoder.next(); packet; packet = decoder.next()) this.#handle(socket, packet);
    } catch (error) {
      this.#ended(socket, messageOf(error));
    }
  }

  #handle(socket: Socket, packet: Packet): void {
    switch (packet.type) {
      case 'puback':
      case 'pubcomp':
        return this.#acknowledged(packet.packetId, packet.reasonCode);
      case 'pubrec':
        return this.#received(socket, packet.packetId, packet.reasonCode);
      case 'publish':
        this.#options.ground.counts.received++;
        if (packet.qos === 0) return;
        return this.#send(socket, {
          type: 'puback',
          packetId: packet.packetId,
          reasonCode: 0,
          properties: NO_PROPERTIES,
        });
      case 'disconnect':
        return this.#ended(socket, `DISCONNECT ${hex(packet.reasonCode)}`);
      case 'connack':
        if (this.#state.kind !== 'dialling') return;
        if (packet.reasonCode !== 0) return this.#ended(socket, `CONNACK ${hex(packet.reasonCode)}`);
        return this.#opened(socket, packet.sessionPresent, packet.properties.receiveMaximum);
    }
  }

  #opened(socket: Socket, sessionPresent: boolean, receiveMaximum = 65_535): void {
    const { fleet, clock, counts, connectLatencies } = this.#options.ground;
    const now = clock.monotonic();
    const { since } = this.#state as Extract<State, { kind: 'dialling' }>;
    for (const latency of connectLatencies) latency.add(now - since);
    this.#leaveState({ kind: 'open', socket, since: now });
    this.#window = Math.min(fleet.window, receiveMaximum);
    this.#lastAckAt = now;
    this.#lastSentAt = now;
    counts.connected++;
    counts.connects++;
    this.#subscribe(socket, sessionPresent);
    this.#sendAgain(sessionPresent);
    this.flush(now);
    this.#options.onChange();
  }

  #subscribe(socket: Socket, sessionPresent: boolean): void {
    const { ground, clientId } = this.#options;
    const { subscribe } = ground.fleet;
    if (!subscribe || sessionPresent) return;
    const filter = subscribe.topic.replaceAll('{device}', clientId);
    const request = {
      filter,
      qos: subscribe.qos,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
    } as const;
    const packetId = this.#takePacketId();
    this.#send(socket, { type: 'subscribe', packetId, subscriptions: [request], properties: NO_PROPERTIES });
  }

  /** C1, C3: the same frames in the same order; DUP only where the session makes them the same messages [MQTT-3.3.1-1]. */
  #sendAgain(sessionPresent: boolean): void {
    const { counts, fleet } = this.#options.ground;
    this.#pending = [];
    for (const one of this.unacked > 0 ? [...this.#unacked!.values()] : []) {
      const { packetId, frame, isReleased } = one;
      if (isReleased && !sessionPresent) {
        this.#acknowledged(packetId, 0);
        continue;
      }
      counts.resent++;
      if (isReleased) {
        this.#pending.push(
          encodePacket({ type: 'pubrel', packetId, reasonCode: 0, properties: NO_PROPERTIES }, fleet.protocol),
        );
        continue;
      }
      if (sessionPresent) frame[0]! |= DUP;
      this.#pending.push(frame);
    }
  }

  /** PUBREC: the broker has the message; a refused one ends here [MQTT-4.3.3-4]. */
  #received(socket: Socket, packetId: number, reasonCode: number): void {
    if (reasonCode >= 0x80) return this.#acknowledged(packetId, reasonCode);
    const unacked = this.#unacked?.get(packetId);
    if (unacked) unacked.isReleased = true;
    this.#lastAckAt = this.#options.ground.clock.monotonic();
    this.#send(socket, { type: 'pubrel', packetId, reasonCode: 0, properties: NO_PROPERTIES });
  }

  #acknowledged(packetId: number, reasonCode: number): void {
    const { counts, clock, latencies, reasons } = this.#options.ground;
    const unacked = this.#unacked?.get(packetId);
    if (!unacked) return;
    this.#unacked!.delete(packetId);
    const now = clock.monotonic();
    this.#lastAckAt = now;
    counts.inFlight--;
    if (reasonCode >= 0x80) {
      counts.refused++;
      reasons.add(`message refused ${hex(reasonCode)}`);
    } else counts.acked++;
    for (const latency of latencies) latency.add(now - unacked.sentAt);
  }

  #lose(now: number, reason: string): void {
    const { counts, fleet, reasons } = this.#options.ground;
    const { random, onChange } = this.#options;
    const state = this.#state;
    if (state.kind === 'open' && now - state.since > CONNECTION_LIMITS.steadyMs) this.#attempt = 0;
    counts.disconnects++;
    reasons.add(reason);
    this.#pending = NOTHING;
    const { jitterSeconds, backoffSecondsMax } = fleet.reconnect;
    const wasOpen = state.kind === 'open';
    // Full jitter over the upper half: a whole fleet must not come back in the same instant, unless it is told to.
    const longest = Math.min(
      backoffSecondsMax * 1000,
      CONNECTION_LIMITS.backoffMsBase * 2 ** Math.min(this.#attempt++, 20),
    );
    const pause =
      wasOpen && jitterSeconds !== undefined
        ? jitterSeconds * 1000 * random.next()
        : longest * (0.5 + random.next() / 2);
    this.#leaveState({ kind: 'waiting', until: now + pause });
    if ('socket' in state) state.socket.destroy();
    onChange();
  }

  /** All that changes the counts of states goes through here. */
  #leaveState(next: State): void {
    const { counts } = this.#options.ground;
    if (this.#state.kind === 'open') counts.connected--;
    if (this.#state.kind === 'dialling') counts.dialling--;
    this.#state = next;
  }

  #takePacketId(): number {
    while (this.#unacked?.has(this.#nextPacketId)) this.#nextPacketId = (this.#nextPacketId % 65_535) + 1;
    const packetId = this.#nextPacketId;
    this.#nextPacketId = (packetId % 65_535) + 1;
    return packetId;
  }
}

const NOTHING: Buffer[] = [];

const hex = (code: number): string => `0x${code.toString(16).padStart(2, '0')}`;
