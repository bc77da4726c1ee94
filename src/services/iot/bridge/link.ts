/**
 * A session with a foreign broker, over one connection after the other.
 *
 *     waiting --(time to dial)--> dialling --(CONNACK)--> subscribing --(SUBACK)--> open --(socket ends)--> waiting, with backoff
 *
 * - L1 a message is acknowledged after it is settled, in order of arrival ({@link Inbox}).
 * - L2 no more than the window is unsettled: MQTT 5 brokers are told so; besides, the socket is not read while it is full.
 * - L3 a QoS 1 publish ends with its PUBACK, or with the connection: who publishes tries again.
 *
 * mqtt.js reads no further until a message is acknowledged, so that no batch could come together: hence a client of our own.
 */
import { createConnection, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type Clock, DomainError, messageOf, type Random, type Timer } from '../../../base/index.ts';
import * as mqtt from '../../../codec/mqtt/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import type { ForeignBroker } from './foreign-broker.ts';
import { type Arrived, Inbox } from './inbox.ts';
import { BRIDGE_LIMITS } from './limits.ts';

export interface LinkOptions {
  readonly broker: ForeignBroker;
  readonly clientId: string;
  readonly subscriptions: readonly mqtt.SubscriptionRequest[];
  /** Filters of the session that are given up. */
  readonly unwanted?: readonly string[];
  /** Unsettled messages: 1 to {@link BRIDGE_LIMITS}.unackedMax. */
  readonly window: number;
  /** Begins without what an earlier session has left, and leaves nothing. */
  readonly clean?: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Takes a message over; to be settled some time. */
  readonly onMessage: (arrived: Arrived) => void;
  readonly onOpen?: () => void;
}

/** A message that goes out. */
export type OutgoingMessage = Pick<mqtt.PublishPacket, 'topic' | 'payload' | 'qos' | 'retain' | 'properties'>;

/** - `link-down`: not connected, or the connection ended before the acknowledgement: try again;
 *  - `message-refused`: the broker does not want this message, or cannot take one of its size. */
export type LinkErrorCode = 'link-down' | 'message-refused';

interface InFlight {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'waiting'; readonly timer: Timer }
  | { readonly kind: 'dialling' | 'subscribing'; readonly socket: Socket; readonly deadline: Timer }
  | { readonly kind: 'open'; readonly socket: Socket; readonly since: number; readonly keepAlive: Timer }
  | { readonly kind: 'closed' };

export class Link implements AsyncDisposable {
  readonly #options: LinkOptions;
  readonly #inbox = new Inbox();
  readonly #inFlight = new Map<number, InFlight>();
  /** Publishes that wait for a place in the broker's window. */
  readonly #queued: (() => void)[] = [];
  #state: State = { kind: 'idle' };
  #problem: string | undefined;
  #attempt = 0;
  #nextPacketId = 1;
  /** What the broker takes at once, and how large. */
  #receiveMaximum = 65_535;
  #packetBytesMax = Number.POSITIVE_INFINITY;
  /** What it can do: one that is sent more ends the connection (3.2.2.3). */
  #retains = true;
  #qosMax: mqtt.Qos = 2;
  #keepAliveMs: number;
  #lastSentAt = 0;
  #lastReceivedAt = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#keepAliveMs = options.broker.keepAliveSeconds * 1000;
  }

  /** Connects in the background, and again whenever the connection is lost. Twice is once. */
  start(): void {
    if (this.#state.kind === 'idle') this.#dial();
  }

  get isOpen(): boolean {
    return this.#state.kind === 'open';
  }

  /** Why there is no connection; `undefined` while there is one, or nothing has gone wrong yet. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Messages that have come and are not settled. */
  get held(): number {
    return this.#inbox.held;
  }

  /** The message is done with: its acknowledgement goes out as soon as those before it have gone. */
  settle(arrived: Arrived): void {
    this.#inbox.settle(arrived);
    this.#acknowledge();
    this.#pace();
  }

  /** The connection is given up, so that the broker sends again what is not settled; it comes back with the usual pause. */
  reset(reason: string): void {
    if ('socket' in this.#state) this.#lose(reason);
  }

  /**
   * Publishes; at QoS 1 resolves with the acknowledgement, at QoS 0 as soon as it is written.
   * @throws DomainError {@link LinkErrorCode}
   */
  async publish(message: OutgoingMessage): Promise<void> {
    if (this.#state.kind !== 'open') throw this.#down();
    if (message.qos === 0 || this.#qosMax === 0) return this.#write(this.#frame({ ...message, qos: 0 }, 0));
    while (this.#inFlight.size >= this.#receiveMaximum) {
      await new Promise<void>((resolve) => this.#queued.push(resolve));
      if (!this.isOpen) throw this.#down();
    }
    const packetId = this.#takePacketId();
    let frame: Buffer;
    try {
      frame = this.#frame(message, packetId);
    } catch (error) {
      // The place that it had waited for is for the next: no acknowledgement may be left to tell that one.
      this.#queued.shift()?.();
      throw error;
    }
    const acknowledged = new Promise<void>((resolve, reject) => this.#inFlight.set(packetId, { resolve, reject }));
    this.#write(frame);
    return acknowledged;
  }

  /** Writes at QoS 0 if the connection takes it now. @returns false: it was dropped */
  offer(message: OutgoingMessage): boolean {
    const state = this.#state;
    if (state.kind !== 'open' || state.socket.writableLength > BRIDGE_LIMITS.socketBytesMax) return false;
    const frame = this.#encode({ ...message, qos: 0 }, 0);
    if (frame.length > this.#packetBytesMax) return false;
    this.#write(frame);
    return true;
  }

  /** Says goodbye; what is not settled comes again when somebody takes the session up. */
  async [Symbol.asyncDispose](): Promise<void> {
    const state = this.#state;
    this.#state = { kind: 'closed' };
    release(state);
    this.#failAll();
    if (!('socket' in state)) return;
    const { socket } = state;
    if (state.kind === 'dialling') return void socket.destroy();
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    // A broker that does not close its side must not keep us.
    const patience = this.#options.clock.timer(BRIDGE_LIMITS.closeMsMax, () => socket.destroy());
    socket.resume();
    socket.end(mqtt.encodePacket({ type: 'disconnect', reasonCode: 0, properties: mqtt.NO_PROPERTIES }, this.#version));
    await closed;
    patience.cancel();
  }

  get #version(): mqtt.ProtocolVersion {
    return this.#options.broker.protocol;
  }

  #dial(): void {
    const { broker, clock } = this.#options;
    const { host, port, tls } = broker;
    const socket = tls
      ? connectTls({ host, port, ...tls, ...(isName(host) && { servername: host }) })
      : createConnection({ host, port });
    socket.setNoDelay(true);
    const deadline = clock.timer(BRIDGE_LIMITS.connectTimeoutMs, () => this.#lose('no answer in time'));
    this.#state = { kind: 'dialling', socket, deadline };
    const decoder = new mqtt.PacketDecoder({ version: this.#version, packetBytesMax: BRIDGE_LIMITS.packetBytesMax });
    socket.on(tls ? 'secureConnect' : 'connect', () => this.#sendConnect());
    socket.on('data', (chunk) => this.#receive(socket, decoder, chunk));
    socket.on('error', (error) => this.#owns(socket) && this.#lose(messageOf(error)));
    socket.on('close', () => this.#owns(socket) && this.#lose('the broker has closed the connection'));
  }

  #owns(socket: Socket): boolean {
    return 'socket' in this.#state && this.#state.socket === socket;
  }

  #sendConnect(): void {
    const { broker, clientId, window, clean = false } = this.#options;
    const { username, password, keepAliveSeconds, sessionExpirySeconds } = broker;
    this.#send({
      type: 'connect',
      version: this.#version,
      clientId,
      clean,
      keepAlive: keepAliveSeconds,
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password: Buffer.from(password) }),
      properties:
        this.#version === 5
          ? {
              sessionExpiryInterval: clean ? 0 : sessionExpirySeconds,
              receiveMaximum: window,
              maximumPacketSize: BRIDGE_LIMITS.packetBytesMax,
            }
          : mqtt.NO_PROPERTIES,
    });
  }

  #receive(socket: Socket, decoder: mqtt.PacketDecoder, chunk: Buffer): void {
    if (!this.#owns(socket)) return;
    this.#lastReceivedAt = this.#options.clock.monotonic();
    try {
      decoder.push(chunk);
      for (let packet = decoder.next(); packet && this.#owns(socket); packet = decoder.next()) this.#handle(packet);
    } catch (error) {
      if (!(error instanceof mqtt.MqttError)) throw error;
      this.#lose(`the broker has sent what is no MQTT: ${error.message}`);
    }
    this.#pace();
  }

  #handle(packet: mqtt.Packet): void {
    switch (packet.type) {
      case 'connack':
        return this.#connected(packet);
      case 'suback':
        return this.#subscribed(packet.reasonCodes);
      case 'publish':
        return this.#arrived(packet);
      case 'puback':
        return this.#acknowledged(packet);
      case 'disconnect':
        return this.#lose(`the broker has said goodbye: ${reasonOf(packet)}`);
    }
  }

  #connected(connack: mqtt.ConnackPacket): void {
    const state = this.#state;
    if (state.kind !== 'dialling') return;
    const { reasonCode, sessionPresent, properties } = connack;
    if (reasonCode !== 0) return this.#lose(`the broker has refused us: ${reasonOf(connack)}`);
    this.#inbox.connected(sessionPresent);
    this.#receiveMaximum = properties.receiveMaximum ?? 65_535;
    this.#packetBytesMax = properties.maximumPacketSize ?? Number.POSITIVE_INFINITY;
    this.#retains = properties.retainAvailable ?? true;
    this.#qosMax = properties.maximumQos ?? 2;
    this.#keepAliveMs = (properties.serverKeepAlive ?? this.#options.broker.keepAliveSeconds) * 1000;
    const { subscriptions, unwanted: filters = [] } = this.#options;
    if (filters.length > 0) {
      this.#send({ type: 'unsubscribe', packetId: this.#takePacketId(), filters, properties: mqtt.NO_PROPERTIES });
    }
    if (subscriptions.length === 0) return this.#open(state);
    this.#state = { ...state, kind: 'subscribing' };
    // Again for each connection: a broker may have forgotten them, and one that has not replaces them by the same.
    this.#send({ type: 'subscribe', packetId: this.#takePacketId(), subscriptions, properties: mqtt.NO_PROPERTIES });
  }

  #subscribed(reasonCodes: readonly number[]): void {
    const state = this.#state;
    if (state.kind !== 'subscribing') return;
    const refused = reasonCodes.findIndex((code) => code >= 0x80);
    if (refused < 0) return this.#open(state);
    const { filter } = this.#options.subscriptions[refused]!;
    this.#lose(`the broker has refused the subscription to ${filter} (0x${reasonCodes[refused]!.toString(16)})`);
  }

  #open({ socket, deadline }: Extract<State, { deadline: Timer }>): void {
    const { clock, logger, broker, clientId, onOpen } = this.#options;
    deadline.cancel();
    this.#problem = undefined;
    this.#state = { kind: 'open', socket, since: clock.monotonic(), keepAlive: this.#keepAliveTimer() };
    logger.info('foreign-broker-connected', { broker: broker.name, clientId });
    onOpen?.();
  }

  #arrived(packet: mqtt.PublishPacket): void {
    const arrived = this.#inbox.take(packet, this.#options.clock.now());
    if (arrived) this.#options.onMessage(arrived);
    else this.#acknowledge();
  }

  #acknowledge(): void {
    if (this.#state.kind !== 'open' && this.#state.kind !== 'subscribing') return;
    const due = this.#inbox.due();
    if (due.length === 0) return;
    const frames = due.map((packetId) =>
      mqtt.encodePacket({ type: 'puback', packetId, reasonCode: 0, properties: mqtt.NO_PROPERTIES }, this.#version),
    );
    this.#write(frames.length === 1 ? frames[0]! : Buffer.concat(frames));
  }

  /** L2. */
  #pace(): void {
    if (!('socket' in this.#state)) return;
    const { socket } = this.#state;
    const isFull = this.#inbox.held >= this.#options.window;
    if (isFull && !socket.isPaused()) socket.pause();
    if (!isFull && socket.isPaused()) {
      this.#lastReceivedAt = this.#options.clock.monotonic();
      socket.resume();
    }
  }

  #acknowledged(puback: mqtt.AckPacket): void {
    const waiting = this.#inFlight.get(puback.packetId);
    if (!waiting) return;
    this.#inFlight.delete(puback.packetId);
    this.#queued.shift()?.();
    if (puback.reasonCode < 0x80) return waiting.resolve();
    waiting.reject(refused(`${this.#options.broker.name} has refused the message: ${reasonOf(puback)}`));
  }

  #keepAliveTimer(): Timer {
    // At half the interval: a ping is on its way well before the broker would give us up.
    return this.#options.clock.timer(this.#keepAliveMs / 2 || MINUTE_MS, () => this.#keepAlive());
  }

  #keepAlive(): void {
    const state = this.#state;
    if (state.kind !== 'open') return;
    const now = this.#options.clock.monotonic();
    if (this.#keepAliveMs > 0) {
      const isSilent = now - this.#lastReceivedAt > 1.5 * this.#keepAliveMs;
      if (isSilent && !state.socket.isPaused()) return this.#lose('the broker is silent');
      if (now - this.#lastSentAt >= this.#keepAliveMs / 2) this.#send({ type: 'pingreq' });
    }
    this.#state = { ...state, keepAlive: this.#keepAliveTimer() };
  }

  #lose(reason: string): void {
    const { clock, random, logger, broker, clientId } = this.#options;
    const state = this.#state;
    const now = clock.monotonic();
    if (state.kind === 'open' && now - state.since > BRIDGE_LIMITS.steadyMs) this.#attempt = 0;
    // Once for each new reason: a broker that is away for a night must not fill the log.
    if (this.#problem !== reason) logger.warn('foreign-broker-lost', { broker: broker.name, clientId, reason });
    this.#problem = reason;
    const longest = Math.min(BRIDGE_LIMITS.backoffMsMax, BRIDGE_LIMITS.backoffMsBase * 2 ** this.#attempt);
    this.#attempt = Math.min(this.#attempt + 1, 16);
    this.#state = { kind: 'waiting', timer: clock.timer(longest * (0.5 + random.next() / 2), () => this.#dial()) };
    release(state);
    if ('socket' in state) state.socket.destroy();
    this.#failAll();
  }

  #failAll(): void {
    const error = this.#down();
    for (const { reject } of this.#inFlight.values()) reject(error);
    this.#inFlight.clear();
    for (const wake of this.#queued.splice(0)) wake();
  }

  #down(): Error {
    const { name } = this.#options.broker;
    // The outbox probes one message at a time while the broker is away, and none of them uses up a try.
    return new DomainError('link-down', `${name} is not connected${this.#problem ? `: ${this.#problem}` : ''}`, {
      remedy: 'retry',
      fields: { uncounted: true, unavailable: true },
    });
  }

  #frame(message: OutgoingMessage, packetId: number): Buffer {
    const frame = this.#encode(message, packetId);
    if (frame.length <= this.#packetBytesMax) return frame;
    throw refused(`${this.#options.broker.name} takes packets of ${this.#packetBytesMax} bytes at most`);
  }

  #encode(message: OutgoingMessage, packetId: number): Buffer {
    const retain = message.retain && this.#retains;
    return mqtt.encodePacket({ ...message, type: 'publish', retain, dup: false, packetId }, this.#version);
  }

  #takePacketId(): number {
    while (this.#inFlight.has(this.#nextPacketId)) this.#nextPacketId = (this.#nextPacketId % 65_535) + 1;
    const packetId = this.#nextPacketId;
    this.#nextPacketId = (packetId % 65_535) + 1;
    return packetId;
  }

  #send(packet: mqtt.Packet): void {
    this.#write(mqtt.encodePacket(packet, this.#version));
  }

  #write(bytes: Buffer): void {
    if (!('socket' in this.#state)) return;
    this.#state.socket.write(bytes);
    this.#lastSentAt = this.#options.clock.monotonic();
  }
}

const MINUTE_MS = 60_000;

function release(state: State): void {
  if ('timer' in state) state.timer.cancel();
  if ('deadline' in state) state.deadline.cancel();
  if ('keepAlive' in state) state.keepAlive.cancel();
}

function refused(message: string): Error {
  return new DomainError('message-refused', message, { remedy: 'never' });
}

/** Only names are sent as server name (RFC 6066, 3). */
function isName(host: string): boolean {
  return !/^[0-9.]+$|:/.test(host);
}

function reasonOf({ reasonCode, properties }: { readonly reasonCode: number; readonly properties: mqtt.Properties }) {
  const code = `0x${reasonCode.toString(16).padStart(2, '0')}`;
  return properties.reasonString === undefined ? code : `${properties.reasonString} (${code})`;
}
