/**
 * One client's connection.
 *
 *     entering --(CONNECT is accepted)--> connected --> closing --> closed
 *
 * What happens until CONNECT is accepted is the matter of its {@link Entry}.
 *
 * Invariants:
 * - G1 a PUBLISH of QoS 1 or 2 is acknowledged only when everything it has caused is durable, and in the order it came.
 * - G2 a socket is written once per turn of the event loop, by `flush`.
 * - G3 a socket is not read while too much of its client waits for a commit, while its client does not read, or has
 *   sent more than it may.
 * - G4 the will is published unless the client has sent DISCONNECT, may not publish it any more, or this server shuts down; that of a
 *   durable session then waits for the restart [MQTT-3.1.2-12].
 * - G5 what a packet promises (CONNACK, SUBACK, UNSUBACK, PUBREL, PUBCOMP) is durable before it is sent.
 * - G6 received bytes are good only while they are handled, since all sockets are read into one buffer: the decoder copies what it
 *   keeps and all of a packet but a PUBLISH's payload; whoever keeps that copies it (retained messages, rules that deliver, reserved
 *   topics), and what goes to subscribers is encoded before the call returns.
 */
import type { DomainError, Timer } from '../../base/index.ts';
import * as mqtt from '../../codec/mqtt/index.ts';
import type {
  Arrival,
  ClientPermissions,
  ClientSession,
  CommitGroup,
  ConnectedClient,
  DisconnectReason,
  DurableSession,
  Leaving,
  PermissionsListener,
  Step,
} from '../../services/iot/index.ts';
import type { Address } from './addresses.ts';
import { Deferred } from './deferred.ts';
import { type Entered, type Entrant, Entry } from './entry.ts';
import type { Handshake } from './handshake.ts';
import type { ConnectionHost, Ending } from './host.ts';
import { Inbound, maySend, type Sender } from './inbound.ts';
import { receive } from './input.ts';
import type { KeepAlive, KeepAliveOwner } from './keep-alive.ts';
import { ConnectionLink } from './link.ts';
import { Output, type OutputOwner } from './output.ts';
import { Pauses } from './pauses.ts';
import { encodeFor, type Peer, UNKNOWN_PEER } from './peer.ts';
import { Throttle, type TokenBucket } from './rates.ts';
import { DISCONNECT_TEXTS, EXPLAINED_BYTES_MAX } from './reason-texts.ts';
import { type Renewing, renew } from './renewal.ts';
import { type Carrier, Session } from './session.ts';
import { answerSubscribe, answerUnsubscribe, type Client, type Subscribing } from './subscribe.ts';
import { OutboundAliases } from './topic-aliases.ts';
import type { Transport } from './transport.ts';
import type { Flushable } from './turn.ts';

const { Reason } = mqtt;

/** How every connection begins [MQTT-3.1.0-1]. */
const CONNECT_BYTE = 0x10;

/** So many bytes without a whole packet are a sign of life too: a large packet over a slow line. */
const HEARD_BYTES = 1000;

type Reply = Exclude<mqtt.Packet, mqtt.PublishPacket>;

/** A durable session on this connection. */
interface Carried {
  readonly session: DurableSession;
  readonly link: ConnectionLink;
}

interface Connected {
  readonly kind: 'connected';
  readonly client: ConnectedClient;
  readonly session: ClientSession;
  /** Set when the session outlives this connection. */
  readonly carried: Carried | undefined;
  readonly permissions: ClientPermissions;
  readonly inbound: Inbound;
  /** Authenticates the client again, where it has named a method (4.12.1). */
  readonly handshake: Handshake | undefined;
}

type State = { readonly kind: 'closing' | 'closed' } | { readonly kind: 'entering'; readonly entry: Entry } | Connected;

export class Connection
  implements
    Carrier,
    Sender,
    Flushable,
    KeepAliveOwner,
    OutputOwner,
    PermissionsListener,
    Entrant,
    Renewing,
    Subscribing
{
  readonly output: Output;
  isScheduled = false;
  readonly host: ConnectionHost;
  readonly arrival: Arrival;
  readonly pauses: Pauses;
  readonly #socket: Transport;
  readonly #decoder: mqtt.PacketDecoder;
  readonly #throttle: Throttle | undefined;
  /** Where it comes from; set while it counts as a connection from there. */
  #address: Address | undefined;
  #peer: Peer = UNKNOWN_PEER;
  /** How often its client id was taken over of late, by it and those before it. */
  takeovers: TokenBucket | undefined;
  #state: State;
  #clientId = '';
  /** The will of a session that ends with its connection; a durable session keeps its own. */
  #will: mqtt.Will | undefined;
  /** Where the will goes, whoever keeps it. */
  #willTo: Pick<mqtt.Will, 'topic' | 'retain'> | undefined;
  /** What becomes of the will when the connection ends. */
  #fate: Leaving['will'] = 'publish';
  /** As DISCONNECT has changed it, seconds. */
  #expirySeconds: number | undefined;
  /** Answers that wait for a commit. */
  readonly #deferred = new Deferred();
  #keepAlive: KeepAlive | undefined;
  /** Nothing has been received yet. */
  #isFresh = true;
  /** Bytes since it was heard from. */
  #unheard = 0;
  #timer: Timer | undefined;
  /** Ends the pause of a client that has sent more than it may. */
  #slow: Timer | undefined;
  /** Ends the watching of the permissions. */
  #unwatch: (() => void) | undefined;
  /** Why the connection ends, as soon as that is known. */
  #endedBy: DisconnectReason = 'CONNECTION_LOST';

  constructor(host: ConnectionHost, socket: Transport, arrival: Arrival) {
    this.host = host;
    this.#socket = socket;
    this.arrival = arrival;
    this.output = new Output(socket, host.gauges.bytesOut, this, host.outputRoom);
    this.pauses = new Pauses(socket);
    const { messagesPerSecondPerClient, bytesPerSecondPerClient } = host.limits;
    this.#throttle = Throttle.of(host.clock, messagesPerSecondPerClient, bytesPerSecondPerClient);
    this.#decoder = new mqtt.PacketDecoder({ packetBytesMax: host.limits.packetBytesMax, topics: host.topics });
    this.#state = { kind: 'entering', entry: new Entry(this) };
  }

  get version(): mqtt.ProtocolVersion {
    return this.#decoder.version;
  }

  get clientId(): string {
    return this.#clientId;
  }

  /** The client, once it is connected. */
  get client(): ConnectedClient | undefined {
    return this.#state.kind === 'connected' ? this.#state.client : undefined;
  }

  /** Begins to read. */
  start(): void {
    const { addresses, clock, gauges, limits } = this.host;
    this.#address = addresses.enter(this.arrival.remoteAddress ?? '');
    if (!this.#address) {
      gauges.refused.add();
      this.#state = { kind: 'closed' };
      this.#socket.on('error', () => {});
      this.#socket.on('close', () => this.host.closed(this));
      this.#socket.destroy();
      return;
    }
    this.#timer = clock.timer(limits.connectTimeoutMs, () => this.close());
    receive(this.#socket, (chunk) => this.#received(chunk));
    this.#socket.on('error', this.host.socketFailed);
    this.#socket.on('end', endToo);
    this.#socket.on('close', () => this.#closed());
  }

  /** Another connection has the client id now. */
  takenOver(): void {
    this.end({ reasonCode: Reason.sessionTakenOver, reason: 'DUPLICATE_CLIENTID', will: 'publish' });
  }

  /** An operator has asked for the end. */
  dismiss(publishesWill: boolean, endsSession: boolean): void {
    if (endsSession) this.#expirySeconds = 0;
    const will = publishesWill ? 'publish' : 'delete';
    this.end({ reasonCode: Reason.administrativeAction, reason: 'API_INITIATED_DISCONNECT', will });
  }

  revoked(reason: string, as: DisconnectReason = 'FORBIDDEN_ACCESS'): void {
    this.host.logger.info('mqtt client may no longer be connected', { clientId: this.#clientId, reason });
    this.end({ reasonCode: Reason.notAuthorized, reason: as, will: 'publish' });
  }

  /** Another server takes over: the client is told which. */
  redirect(serverReference: string): void {
    const reason = 'SERVER_INITIATED_DISCONNECT';
    this.end({ reasonCode: Reason.useAnotherServer, reason, will: 'delete', serverReference });
  }

  /** The server goes: reads no more; what waits for a commit is still acknowledged by {@link finish}. */
  stopReading(): void {
    // One that closes waits for the end of its peer, which has to be read.
    if (this.#state.kind !== 'closing') this.pauses.pause('stopping');
  }

  /** Says good-bye, with what is still to be written before it. */
  finish(): void {
    if (this.#state.kind !== 'connected') return this.close();
    const { successor } = this.host;
    const ending = { reason: 'SERVER_INITIATED_DISCONNECT', will: 'defer' } as const;
    if (successor === undefined) this.end({ ...ending, reasonCode: Reason.serverShuttingDown });
    else this.end({ ...ending, reasonCode: Reason.useAnotherServer, serverReference: successor });
  }

  get isReading(): boolean {
    return this.pauses.isReading;
  }

  silent(): void {
    this.end({ reasonCode: Reason.keepAliveTimeout, reason: 'MQTT_KEEP_ALIVE_TIMEOUT', will: 'publish' });
  }

  schedule(): void {
    this.host.turn.schedule(this);
  }

  release(packetId: number): void {
    this.#answer('pubrel', packetId, Reason.success);
  }

  overrun(): void {
    this.host.logger.debug('mqtt client does not keep up', { clientId: this.#clientId });
    this.end({ reasonCode: Reason.quotaExceeded, reason: 'THROTTLED', will: 'publish' });
  }

  /** Bytes that wait for the client to read or acknowledge. */
  get waitingBytes(): number {
    const { queuedBytes } = this.output;
    if (this.#state.kind !== 'connected') return 0;
    const { session } = this.#state;
    return session instanceof Session ? queuedBytes + session.keptBytes : queuedBytes;
  }

  groupSettled(): void {
    this.schedule();
  }

  /** End of the turn: acknowledges what is committed and writes all that has gathered. */
  flush(): void {
    try {
      this.#flush();
    } catch (error) {
      this.broken(error);
    }
  }

  #flush(): void {
    const state = this.#state;
    const inbound = state.kind === 'connected' ? state.inbound : undefined;
    if (!this.#deferred.release()) return this.#commitFailed(this.#deferred.failure);
    if (inbound && !inbound.acknowledge()) return this.#commitFailed(inbound.failure);
    this.output.flush();
    if (inbound && this.pauses.has('commits')) this.#resumeIfCommitted(inbound);
    if (this.output.isBlocked && !this.output.hasRoom) this.pauses.pause('reader');
    if (state.kind === 'connected' && !this.output.isBlocked) state.session.resume();
  }

  /** A store that will take more later (a full disk) is told apart from one that has failed: devices may come again. */
  #commitFailed(failure: unknown): void {
    if (this.#state.kind === 'entering') return this.#state.entry.unstored();
    const isPassing = (failure as Partial<DomainError> | undefined)?.remedy === 'retry';
    const reasonCode = isPassing ? Reason.serverBusy : Reason.implementationSpecificError;
    this.end({ reasonCode, reason: 'SERVER_ERROR', will: 'publish' });
  }

  #received(chunk: Buffer): void {
    this.host.gauges.bytesIn.add(chunk.length);
    if (this.#isFresh) {
      this.#isFresh = false;
      // Not MQTT, whatever length it seems to announce: no reason to wait for the rest.
      if (chunk[0] !== CONNECT_BYTE) return this.close();
    }
    // Thrown away: nobody will ask for it.
    if (this.#state.kind === 'closing') return;
    this.#decoder.push(chunk);
    const packets = this.process();
    this.#decoder.release();
    this.#listen(packets, chunk.length);
  }

  /** Counts what was received: as a sign of life [MQTT-3.1.2-22], and towards what may be sent. */
  #listen(packets: number, bytes: number): void {
    this.#unheard += bytes;
    if (packets > 0 || this.#unheard >= HEARD_BYTES) {
      this.#unheard = 0;
      this.#keepAlive?.heard();
    }
    const own = this.#throttle?.spend(packets, bytes) ?? 0;
    const shared = this.#address?.throttle?.spend(packets, bytes) ?? 0;
    const waitMs = Math.max(own, shared);
    if (waitMs > 0) this.#slowDown(waitMs);
  }

  /** The client has sent more than it may: the rest waits in its socket. */
  #slowDown(ms: number): void {
    if (this.#state.kind !== 'connected') return;
    this.host.gauges.throttled.add();
    this.pauses.pause('rate');
    this.#slow?.cancel();
    this.#slow = this.host.clock.timer(ms, () => this.pauses.resume('rate'));
  }

  /** Handles the packets that are there, until one makes us wait or the connection ends; how many they were. */
  process(): number {
    let packets = 0;
    try {
      while (this.#isListening()) {
        const packet = this.#decoder.next();
        if (!packet) break;
        packets++;
        this.#handle(packet);
      }
    } catch (error) {
      if (error instanceof mqtt.MqttError) this.#violated(error);
      else this.broken(error);
    }
    this.#checkInFlight();
    return packets;
  }

  /** Packets are handled now: none while access is being decided. */
  #isListening(): boolean {
    if (this.#state.kind === 'connected') return !this.pauses.has('deciding');
    return this.#state.kind === 'entering' && this.#state.entry.isListening;
  }

  /** Stops reading when too much waits for its commit, of this client or of all together. */
  #checkInFlight(): void {
    if (this.#state.kind !== 'connected') return;
    const { inbound } = this.#state;
    const { budget } = this.host;
    const isFull = inbound.isFull || this.#deferred.size >= this.host.limits.inFlightInMax;
    if (isFull) this.pauses.pause('commits');
    else if (inbound.isWaiting && budget.isFull) {
      this.pauses.pause('commits');
      budget.wait(this);
    }
  }

  #resumeIfCommitted(inbound: Inbound): void {
    const { budget } = this.host;
    if (!inbound.hasRoom || this.#deferred.size > this.host.limits.inFlightInMax / 2) return;
    if (budget.isFull) budget.wait(this);
    else this.pauses.resume('commits');
  }

  #handle(packet: mqtt.Packet): void {
    if (this.#state.kind === 'entering') return this.#state.entry.handle(packet);
    if (this.#state.kind !== 'connected') return;
    const { session, permissions, inbound } = this.#state;
    switch (packet.type) {
      case 'publish':
        return inbound.publish(packet, this.#decoder);
      case 'puback':
      case 'pubcomp':
        session.acknowledged(packet.packetId, packet.type);
        return;
      case 'pubrec':
        return this.#received2(packet, session);
      case 'pubrel':
        return this.#proceed('pubcomp', packet.packetId, session.released(packet.packetId));
      case 'subscribe':
        return answerSubscribe(packet, this.#clientOf(session, permissions), this);
      case 'unsubscribe':
        return answerUnsubscribe(packet, this.#clientOf(session, permissions), this);
      case 'pingreq':
        return this.send({ type: 'pingresp' });
      case 'disconnect':
        return this.#disconnected(packet, this.#state);
      case 'auth':
        return renew(packet, this.#state.handshake, permissions, this);
      default:
        throw new mqtt.MqttError('protocol-error', Reason.protocolError, `${packet.type} is not for a server`);
    }
  }

  #clientOf(session: ClientSession, permissions: ClientPermissions): Client {
    const { broker, limits } = this.host;
    return { broker, session, permissions, limits };
  }

  introduce(clientId: string, peer: Peer): void {
    this.#clientId = clientId;
    this.#peer = peer;
  }

  claim(): boolean {
    return this.host.claim(this);
  }

  get address(): Address {
    return this.#address!;
  }

  get isConnected(): boolean {
    return this.#state.kind === 'connected';
  }

  /** The client is let in: its session is sent what waits for it, behind CONNACK. */
  enter({ client, permissions, opening, will, properties, handshake }: Entered): void {
    const { limits, waiting, gauges, clock } = this.host;
    const { receiveMaximum, packetBytesMax } = this.#peer;
    const { clientId } = client;
    const base = { clientId, carrier: this, permissions, limits, waiting, gauges, clock };
    const carrying = { ...base, receiveMaximum, packetBytesMax };
    const carried =
      opening.kind === 'durable' ? { session: opening.session, link: new ConnectionLink(carrying) } : undefined;
    if (!carried) this.#will = will && ownWill(will);
    if (will) this.#willTo = { topic: will.topic, retain: will.retain };
    const session = carried?.session ?? new Session(carrying);
    this.output.isExplaining = this.#peer.wantsProblems && this.#peer.packetBytesMax >= EXPLAINED_BYTES_MAX;
    const aliases = Math.min(this.#peer.topicAliasMaximum, limits.topicAliasOutMax);
    if (aliases > 0) this.output.aliases = new OutboundAliases(aliases, this.#peer.packetBytesMax);
    const inbound = new Inbound(this.host, this, session, permissions);
    this.#state = { kind: 'connected', client, session, carried, permissions, inbound, handshake };
    this.#unwatch = permissions.watch(this);
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#keepAlive = this.host.keepAlives.watch(client.keepAlive, this);
    gauges.connects.add();
    this.host.watcher?.connected(client);
    const sessionPresent = opening.kind === 'durable' && opening.before !== undefined;
    // Without it nothing else may be sent, DISCONNECT included [MQTT-3.14.0-1].
    const connack = encodeFor(this.#peer, { type: 'connack', sessionPresent, reasonCode: 0, properties });
    if (!connack) return this.close();
    this.output.packet(connack);
    // Before any acknowledgement of what the client has sent behind its CONNECT [MQTT-3.2.0-1].
    this.output.flush();
    carried?.session.attach(carried.link);
  }

  /** PUBREC of a message that we have sent: the client has it, and is asked to forget its identifier. */
  #received2({ packetId, reasonCode }: mqtt.AckPacket, session: ClientSession): void {
    const isRefused = reasonCode >= 0x80;
    const step = session.received(packetId, isRefused);
    // A client that will not have it has let go of the identifier itself (4.3.3).
    if (isRefused) return;
    this.#proceed('pubrel', packetId, step);
  }

  /** Answers within QoS 2, once what the answer says is durable. */
  #proceed(type: 'pubrel' | 'pubcomp', packetId: number, step: Step): void {
    if (step === 'unknown') return this.#answer(type, packetId, Reason.packetIdentifierNotFound);
    this.after(step === 'done' ? undefined : step, () => this.#answer(type, packetId, Reason.success));
  }

  #answer(type: 'pubrel' | 'pubcomp', packetId: number, reasonCode: number): void {
    this.send({ type, packetId, reasonCode, properties: mqtt.NO_PROPERTIES });
  }

  /** Does something when the group is committed: at once, when there is nothing to wait for. */
  after(group: CommitGroup | undefined, run: () => void): void {
    if (group === undefined || group.state === 'committed') return run();
    this.#deferred.push(group, run);
    if (group.state === 'pending') group.listeners.push(this);
    else this.schedule();
  }

  tellWatcher(what: 'subscribed' | 'unsubscribed', filters: readonly string[]): void {
    const { client } = this;
    if (client) this.host.watcher?.[what](client, filters);
  }

  #disconnected({ reasonCode, properties }: mqtt.DisconnectPacket, { carried }: Connected): void {
    const { sessionExpiryInterval: expirySeconds } = properties;
    if (expirySeconds && (carried?.session.expirySeconds ?? 0) === 0) {
      const reason = 'a session that ends with its connection cannot be kept at DISCONNECT'; // (3.14.2.2.2)
      throw new mqtt.MqttError('protocol-error', Reason.protocolError, reason);
    }
    this.#expirySeconds = expirySeconds;
    this.#endedBy = 'CLIENT_INITIATED_DISCONNECT';
    // A client that goes for an error leaves its will [MQTT-3.1.2-8], [MQTT-3.14.4-3].
    if (reasonCode === Reason.success) this.#fate = 'delete';
    this.close();
  }

  /** The client has broken the protocol: it is told why, as far as its version has words for it. */
  #violated(error: mqtt.MqttError): void {
    this.host.gauges.protocolErrors.add();
    this.host.logger.debug('mqtt protocol error', {
      clientId: this.#clientId,
      remoteAddress: this.arrival.remoteAddress,
      code: error.code,
      reason: error.message,
    });
    const { reasonCode, message } = error;
    if (this.#state.kind === 'entering') return this.#state.entry.violated(error);
    this.end({ reasonCode, reason: 'CLIENT_ERROR', will: 'publish', reasonString: message });
  }

  /** A bug of ours, met by this client's packet: it ends this connection and no other. */
  broken(error: unknown): void {
    this.host.logger.error('mqtt packet failed', { clientId: this.#clientId, error });
    this.end({ reasonCode: Reason.unspecifiedError, reason: 'SERVER_ERROR', will: 'publish' });
    this.close();
  }

  /** Ends the connection; an MQTT 5 client is told why. */
  end({ reasonCode, reason, will, reasonString, serverReference }: Ending): void {
    if (this.#state.kind === 'closing' || this.#state.kind === 'closed') return;
    this.#endedBy = reason;
    this.#fate = will;
    if (this.#state.kind === 'connected' && this.version === 5) {
      const text = reasonString ?? DISCONNECT_TEXTS[reasonCode];
      const properties = {
        ...(text !== undefined && { reasonString: text }),
        ...(serverReference !== undefined && { serverReference }),
      };
      this.write({ type: 'disconnect', reasonCode: mqtt.disconnectReasonOf(reasonCode), properties });
    }
    this.close();
  }

  /** Writes what is left and closes; a peer that does not take it in time is cut off. */
  close(): void {
    const before = this.#state;
    if (before.kind === 'closing' || before.kind === 'closed') return;
    this.#state = { kind: 'closing' };
    if (before.kind === 'connected') this.#leave(before);
    else if (before.kind === 'entering') this.#giveUp(before.entry);
    this.#timer?.cancel();
    this.#slow?.cancel();
    this.#keepAlive?.stop();
    this.#timer = this.host.clock.timer(this.host.limits.closeTimeoutMs, () => this.#socket.destroy());
    this.output.end();
    // What the client still sends is thrown away; unread bytes would reset the connection before our last packet arrives.
    this.#socket.resume();
  }

  /** The connection no longer carries its session: a durable one waits for the next, another one ends. */
  #leave({ client, session, carried, inbound, permissions }: Connected): void {
    const { broker, watcher } = this.host;
    // It was asked at CONNECT; what the client may do can have changed since.
    const mayGo = this.#fate !== 'publish' || !this.#willTo || maySend(this.host, permissions, this.#willTo);
    if (!mayGo) this.#fate = 'delete';
    inbound.drop();
    this.#deferred.drop();
    this.#unwatch?.();
    if (!carried) broker.detach(session);
    if (session instanceof Session) session.handOver();
    this.host.release(this);
    watcher?.disconnected(client, this.#endedBy);
    if (carried) this.#giveBack(carried);
    else this.#publishWill(session);
  }

  #giveBack({ session, link }: Carried): void {
    const expirySeconds = this.#expirySeconds;
    const leaving = { will: this.#fate, ...(expirySeconds !== undefined && { expirySeconds }) };
    this.host.broker.sessions.leave(session, link, leaving);
  }

  #giveUp(entry: Entry): void {
    this.#deferred.drop();
    entry.giveUp();
  }

  /** The session ends with the connection, so a will delay has no effect (3.1.3.2.2). */
  #publishWill(session: ClientSession): void {
    const will = this.#will;
    this.#will = undefined;
    if (!will || this.#fate !== 'publish' || !mqtt.isTopicName(will.topic)) return;
    const { willDelayInterval: _delay, ...properties } = will.properties;
    const packetId = will.qos === 0 ? 0 : 1;
    this.host.broker.publish({ ...will, type: 'publish', dup: false, packetId, properties }, session);
  }

  #closed(): void {
    this.host.closed(this);
    this.#timer?.cancel();
    this.#slow?.cancel();
    this.#keepAlive?.stop();
    this.output.forget();
    if (this.#address) this.host.addresses.leave(this.#address);
    this.#address = undefined;
    const before = this.#state;
    this.#state = { kind: 'closed' };
    if (before.kind === 'connected') this.#leave(before);
    else if (before.kind === 'entering') this.#giveUp(before.entry);
    this.host.release(this);
  }

  drained(): void {
    this.pauses.resume('reader');
    if (this.#state.kind === 'connected') this.#state.session.resume();
    this.schedule();
  }

  send(packet: Reply): void {
    if (this.write(packet)) return;
    // The client takes no packet of this size, and cannot go on without it [MQTT-3.1.2-24].
    this.end({ reasonCode: Reason.packetTooLarge, reason: 'CLIENT_ERROR', will: 'publish' });
  }

  /** False when the packet is larger than the client takes. */
  write(packet: Reply): boolean {
    const bytes = encodeFor(this.#peer, packet);
    if (!bytes) return false;
    this.output.packet(bytes);
    this.schedule();
    return true;
  }
}

/** The peer sends no more: neither do we. One listener for all sockets, each of which is `this`. */
function endToo(this: Transport): void {
  this.end();
}

/** The will with memory of its own: it is kept for long, and must not hold the chunk that it came in. */
function ownWill(will: mqtt.Will): mqtt.Will {
  const { correlationData } = will.properties;
  const properties = correlationData
    ? { ...will.properties, correlationData: Buffer.from(correlationData) }
    : will.properties;
  return { ...will, payload: Buffer.from(will.payload), properties };
}
