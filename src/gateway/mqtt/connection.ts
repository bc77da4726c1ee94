/**
 * One client's connection.
 *
 *     greeting --(CONNECT)--> deciding --(accepted)--> connected --> closing --> closed
 *
 * Invariants:
 * - G1 a PUBLISH of QoS 1 or 2 is acknowledged only when everything it has caused is durable, and in the order it came.
 * - G2 a socket is written once per turn of the event loop, by `flush`.
 * - G3 a socket is not read while too much of its client waits for a commit, or while its client does not read.
 * - G4 the will is published unless the client has sent DISCONNECT, or this server shuts down.
 */
import type { Duplex } from 'node:stream';
import { type DomainError, messageOf, type Timer } from '../../base/index.ts';
import * as mqtt from '../../codec/mqtt/index.ts';
import type {
  Arrival,
  ClientPermissions,
  ConnectDecision,
  ConnectedClient,
  DisconnectReason,
  PermissionsListener,
} from '../../services/iot/index.ts';
import type { ConnectionHost, Ending } from './host.ts';
import { Inbound, maySend, type Sender } from './inbound.ts';
import { KeepAlive } from './keep-alive.ts';
import { Output } from './output.ts';
import { Pauses } from './pauses.ts';
import { type Carrier, Session } from './session.ts';
import { type Client, subscribe, unsubscribe } from './subscribe.ts';
import type { Flushable } from './turn.ts';

const { Reason } = mqtt;

/** How every connection begins [MQTT-3.1.0-1]. */
const CONNECT_BYTE = 0x10;

type State =
  | { readonly kind: 'greeting' | 'deciding' | 'closing' | 'closed' }
  | {
      readonly kind: 'connected';
      readonly client: ConnectedClient;
      readonly session: Session;
      readonly permissions: ClientPermissions;
      readonly inbound: Inbound;
    };

export class Connection implements Carrier, Sender, Flushable, PermissionsListener {
  readonly output: Output;
  isScheduled = false;
  readonly #host: ConnectionHost;
  readonly #socket: Duplex;
  readonly #decoder: mqtt.PacketDecoder;
  readonly #arrival: Arrival;
  readonly #pauses: Pauses;
  #state: State = { kind: 'greeting' };
  #clientId = '';
  #will: mqtt.Will | undefined;
  #keepAlive: KeepAlive | undefined;
  /** Nothing has been received yet. */
  #isFresh = true;
  #timer: Timer | undefined;
  /** Ends the watching of the permissions. */
  #unwatch: (() => void) | undefined;
  /** Why the connection ends, as soon as that is known. */
  #endedBy: DisconnectReason = 'CONNECTION_LOST';

  constructor(host: ConnectionHost, socket: Duplex, arrival: Arrival) {
    this.#host = host;
    this.#socket = socket;
    this.#arrival = arrival;
    this.output = new Output(socket, host.gauges.bytesOut, () => this.#drained());
    this.#pauses = new Pauses(socket);
    this.#decoder = new mqtt.PacketDecoder({ packetBytesMax: host.limits.packetBytesMax, topics: host.topics });
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
    const { clock, limits } = this.#host;
    this.#timer = clock.timer(limits.connectTimeoutMs, () => this.#close());
    this.#socket.on('data', (chunk: Buffer) => this.#received(chunk));
    this.#socket.on('error', (error) => this.#host.logger.debug('mqtt socket error', { error: messageOf(error) }));
    this.#socket.on('end', () => this.#socket.end());
    this.#socket.on('close', () => this.#closed());
  }

  /** Another connection has the client id now. */
  takenOver(): void {
    this.end({ reasonCode: Reason.sessionTakenOver, reason: 'DUPLICATE_CLIENTID', publishesWill: true });
  }

  /** An operator has asked for the end. */
  dismiss(): void {
    this.end({ reasonCode: Reason.administrativeAction, reason: 'SERVER_INITIATED_DISCONNECT', publishesWill: true });
  }

  revoked(reason: string): void {
    this.#host.logger.info('mqtt client may no longer be connected', { clientId: this.#clientId, reason });
    this.end({ reasonCode: Reason.notAuthorized, reason: 'FORBIDDEN_ACCESS', publishesWill: true });
  }

  /** The server goes: reads no more; what waits for a commit is still acknowledged by {@link finish}. */
  stopReading(): void {
    this.#pauses.pause('stopping');
  }

  /** Says good-bye, with what is still to be written before it. */
  finish(): void {
    if (this.#state.kind !== 'connected') return this.#close();
    this.end({ reasonCode: Reason.serverShuttingDown, reason: 'SERVER_INITIATED_DISCONNECT', publishesWill: false });
  }

  schedule(): void {
    this.#host.turn.schedule(this);
  }

  overrun(): void {
    this.#host.logger.debug('mqtt client does not keep up', { clientId: this.#clientId });
    this.end({ reasonCode: Reason.quotaExceeded, reason: 'THROTTLED', publishesWill: true });
  }

  groupSettled(): void {
    this.schedule();
  }

  /** End of the turn: acknowledges what is committed and writes all that has gathered. */
  flush(): void {
    const state = this.#state;
    const inbound = state.kind === 'connected' ? state.inbound : undefined;
    if (inbound && !inbound.acknowledge()) return this.#commitFailed(inbound.failure);
    this.output.flush();
    if (inbound && this.#pauses.has('commits')) this.#resumeIfCommitted(inbound);
    if (this.output.queuedBytes > this.#host.limits.outboundBytesMax) this.#pauses.pause('reader');
    if (state.kind === 'connected' && !this.output.isBlocked) state.session.resume();
  }

  /** A store that will take more later (a full disk) is told apart from one that has failed: devices may come again. */
  #commitFailed(failure: unknown): void {
    const isPassing = (failure as Partial<DomainError> | undefined)?.remedy === 'retry';
    const reasonCode = isPassing ? Reason.serverBusy : Reason.implementationSpecificError;
    this.end({ reasonCode, reason: 'SERVER_ERROR', publishesWill: true });
  }

  #received(chunk: Buffer): void {
    this.#host.gauges.bytesIn.add(chunk.length);
    this.#keepAlive?.heard();
    if (this.#isFresh) {
      this.#isFresh = false;
      // Not MQTT, whatever length it seems to announce: no reason to wait for the rest.
      if (chunk[0] !== CONNECT_BYTE) return this.#close();
    }
    this.#decoder.push(chunk);
    this.#process();
  }

  /** Handles the packets that are there, until one makes us wait or the connection ends. */
  #process(): void {
    try {
      while (this.#state.kind === 'greeting' || this.#state.kind === 'connected') {
        const packet = this.#decoder.next();
        if (!packet) break;
        this.#handle(packet);
      }
    } catch (error) {
      if (error instanceof mqtt.MqttError) this.#violated(error);
      else this.#broken(error);
    }
    this.#checkInFlight();
  }

  /** Stops reading when too much waits for its commit, of this client or of all together. */
  #checkInFlight(): void {
    if (this.#state.kind !== 'connected') return;
    const { inbound } = this.#state;
    const { budget } = this.#host;
    if (inbound.isFull) this.#pauses.pause('commits');
    else if (inbound.isWaiting && budget.isFull) {
      this.#pauses.pause('commits');
      budget.wait(this);
    }
  }

  #resumeIfCommitted(inbound: Inbound): void {
    const { budget } = this.#host;
    if (!inbound.hasRoom) return;
    if (budget.isFull) budget.wait(this);
    else this.#pauses.resume('commits');
  }

  #handle(packet: mqtt.Packet): void {
    if (this.#state.kind !== 'connected') {
      if (packet.type !== 'connect')
        throw new mqtt.MqttError('protocol-error', Reason.protocolError, 'CONNECT comes first');
      return this.#connect(packet);
    }
    const { session, permissions, inbound } = this.#state;
    switch (packet.type) {
      case 'publish':
        return inbound.publish(packet, this.#decoder.lastPacketBytes);
      case 'puback':
      case 'pubcomp':
        session.acknowledged(packet.packetId, packet.type);
        return;
      case 'pubrec':
        return this.#received2(packet, session);
      case 'pubrel':
        return this.#answer('pubcomp', packet.packetId, inbound.released(packet.packetId));
      case 'subscribe':
        return this.#subscribe(packet, this.#subscribing(session, permissions));
      case 'unsubscribe':
        return this.#unsubscribe(packet, this.#subscribing(session, permissions));
      case 'pingreq':
        return this.#send({ type: 'pingresp' });
      case 'disconnect':
        return this.#disconnected(packet);
      default:
        throw new mqtt.MqttError('protocol-error', Reason.protocolError, `${packet.type} is not for a server`);
    }
  }

  #subscribing(session: Session, permissions: ClientPermissions): Client {
    const { broker, limits } = this.#host;
    return { broker, session, permissions, limits };
  }

  #connect(packet: mqtt.ConnectPacket): void {
    const { clientId, username, password, version } = packet;
    this.#state = { kind: 'deciding' };
    if (packet.properties.authenticationMethod !== undefined) return this.#refuse(Reason.badAuthenticationMethod);
    // A client without an id must accept to lose its session [3.1.1: MQTT-3.1.3-8].
    if (clientId === '' && version === 4 && !packet.clean) return this.#refuse(Reason.clientIdentifierNotValid);
    const request = { ...this.#arrival, clientId, username, password, version };
    const decision = this.#host.access.connect(request);
    if (!(decision instanceof Promise)) return this.#decided(packet, decision);
    void this.#decideLater(packet, decision);
  }

  /** Reads no further until access is decided. */
  async #decideLater(packet: mqtt.ConnectPacket, decision: Promise<ConnectDecision>): Promise<void> {
    this.#pauses.pause('deciding');
    let outcome: ConnectDecision;
    try {
      outcome = await decision;
    } catch (error) {
      this.#host.logger.warn('mqtt access could not be decided', { error });
      outcome = { kind: 'refused', reasonCode: Reason.serverUnavailable };
    }
    this.#decided(packet, outcome);
    this.#pauses.resume('deciding');
    this.#process();
  }

  #decided(packet: mqtt.ConnectPacket, decision: ConnectDecision): void {
    if (this.#state.kind !== 'deciding') return;
    if (decision.kind === 'refused') return this.#refuse(decision.reasonCode);
    const { will } = packet;
    if (will && !maySend(decision.permissions, will)) return this.#refuse(Reason.notAuthorized);
    const { limits, gauges } = this.#host;
    this.#clientId = packet.clientId === '' ? this.#host.newClientId() : packet.clientId;
    this.#will = will;
    this.#host.claim(this);
    const { permissions } = decision;
    const session = new Session({
      clientId: this.#clientId,
      permissions,
      carrier: this,
      limits,
      gauges,
      receiveMaximum: packet.properties.receiveMaximum ?? 0xffff,
      packetBytesMax: packet.properties.maximumPacketSize ?? Number.POSITIVE_INFINITY,
    });
    const client: ConnectedClient = {
      clientId: this.#clientId,
      principal: permissions.principal,
      thingName: permissions.thingName,
      version: packet.version,
      arrival: this.#arrival,
      connectedAt: this.#host.clock.now(),
      keepAlive: packet.keepAlive,
      cleanStart: packet.clean,
    };
    const inbound = new Inbound(this.#host, this, session, permissions);
    this.#state = { kind: 'connected', client, session, permissions, inbound };
    this.#unwatch = permissions.watch(this);
    this.#timer?.cancel();
    const isReading = () => this.#pauses.isReading;
    const lost = () =>
      this.end({ reasonCode: Reason.keepAliveTimeout, reason: 'MQTT_KEEP_ALIVE_TIMEOUT', publishesWill: true });
    this.#keepAlive = new KeepAlive(this.#host.clock, packet.keepAlive, isReading, lost);
    this.#keepAlive.start();
    gauges.connects.add();
    this.#host.watcher?.connected(client);
    this.#send({ type: 'connack', sessionPresent: false, reasonCode: 0, properties: this.#offer(packet) });
    // Before any acknowledgement of what the client has sent behind its CONNECT.
    this.output.flush();
  }

  /** What this server can do, as far as it differs from what MQTT 5 takes for granted (3.2.2.3). */
  #offer(packet: mqtt.ConnectPacket): mqtt.Properties {
    const { limits } = this.#host;
    return {
      // Sessions end with their connection.
      ...(packet.properties.sessionExpiryInterval && { sessionExpiryInterval: 0 }),
      receiveMaximum: limits.inFlightInMax,
      maximumPacketSize: limits.packetBytesMax,
      topicAliasMaximum: limits.topicAliasMaximum,
      ...(packet.clientId === '' && { assignedClientIdentifier: this.#clientId }),
    };
  }

  /** Answers CONNECT with a failure and closes. */
  #refuse(reasonCode: number): void {
    this.#host.gauges.refused.add();
    const code = this.version === 5 ? reasonCode : mqtt.connectReturnCodeOf(reasonCode);
    this.#send({ type: 'connack', sessionPresent: false, reasonCode: code, properties: mqtt.NO_PROPERTIES });
    this.#close();
  }

  /** PUBREC of a message that we have sent: the client has it, and is asked to forget its identifier. */
  #received2({ packetId, reasonCode }: mqtt.AckPacket, session: Session): void {
    const isRefused = reasonCode >= 0x80;
    const isKnown = session.received(packetId, isRefused);
    if (isRefused && isKnown) return;
    this.#answer('pubrel', packetId, isKnown);
  }

  #answer(type: 'pubrel' | 'pubcomp', packetId: number, isKnown: boolean): void {
    const reasonCode = isKnown ? Reason.success : Reason.packetIdentifierNotFound;
    this.#send({ type, packetId, reasonCode, properties: mqtt.NO_PROPERTIES });
  }

  #subscribe(packet: mqtt.SubscribePacket, client: Client): void {
    const { packetId, properties } = packet;
    const { reasonCodes, retained } = subscribe(packet, client);
    const granted = packet.subscriptions.filter((_, index) => reasonCodes[index]! < 0x80);
    if (granted.length > 0)
      this.#tellWatcher(
        'subscribed',
        granted.map(({ filter }) => filter),
      );
    this.#send({ type: 'suback', packetId, reasonCodes, properties: mqtt.NO_PROPERTIES });
    const identifier = properties.subscriptionIdentifiers?.[0];
    for (const { filter, qos } of retained) {
      client.session.deliverRetained(client.broker.retained(filter), qos, identifier);
    }
  }

  #unsubscribe(packet: mqtt.UnsubscribePacket, client: Client): void {
    const { packetId } = packet;
    const reasonCodes = unsubscribe(packet, client);
    this.#tellWatcher('unsubscribed', packet.filters);
    this.#send({ type: 'unsuback', packetId, reasonCodes, properties: mqtt.NO_PROPERTIES });
  }

  #tellWatcher(what: 'subscribed' | 'unsubscribed', filters: readonly string[]): void {
    const { client } = this;
    if (client) this.#host.watcher?.[what](client, filters);
  }

  #disconnected({ reasonCode }: mqtt.DisconnectPacket): void {
    this.#endedBy = 'CLIENT_INITIATED_DISCONNECT';
    if (reasonCode !== Reason.disconnectWithWill) this.#will = undefined;
    this.#close();
  }

  /** The client has broken the protocol: it is told why, as far as its version has words for it. */
  #violated(error: mqtt.MqttError): void {
    this.#host.gauges.protocolErrors.add();
    this.#host.logger.debug('mqtt protocol error', {
      clientId: this.#clientId,
      remoteAddress: this.#arrival.remoteAddress,
      code: error.code,
      reason: error.message,
    });
    if (this.#state.kind === 'connected') {
      return this.end({ reasonCode: error.reasonCode, reason: 'CLIENT_ERROR', publishesWill: true });
    }
    // Only a CONNECT is answered; other bytes on a fresh connection are not MQTT at all.
    if (error.code === 'unsupported-protocol-version') return this.#refuse(error.reasonCode);
    this.#close();
  }

  /** A bug of ours, met by this client's packet: it ends this connection and no other. */
  #broken(error: unknown): void {
    this.#host.logger.error('mqtt packet failed', { clientId: this.#clientId, error });
    this.end({ reasonCode: Reason.unspecifiedError, reason: 'SERVER_ERROR', publishesWill: true });
    this.#close();
  }

  /** Ends the connection; an MQTT 5 client is told why. */
  end({ reasonCode, reason, publishesWill }: Ending): void {
    if (this.#state.kind === 'closing' || this.#state.kind === 'closed') return;
    this.#endedBy = reason;
    if (!publishesWill) this.#will = undefined;
    if (this.#state.kind === 'connected' && this.version === 5) {
      this.#send({ type: 'disconnect', reasonCode, properties: mqtt.NO_PROPERTIES });
    }
    this.#close();
  }

  /** Writes what is left and closes; a peer that does not take it in time is cut off. */
  #close(): void {
    const before = this.#state;
    if (before.kind === 'closing' || before.kind === 'closed') return;
    this.#state = { kind: 'closing' };
    if (before.kind === 'connected') this.#leave(before);
    this.#timer?.cancel();
    this.#keepAlive?.stop();
    this.#timer = this.#host.clock.timer(this.#host.limits.closeTimeoutMs, () => this.#socket.destroy());
    this.output.end();
    // What the client still sends is thrown away; unread bytes would reset the connection before our last packet arrives.
    this.#socket.resume();
  }

  /** The session ends: no more messages to it, and its will to the others. */
  #leave({ client, session, inbound }: State & { kind: 'connected' }): void {
    const { broker, watcher } = this.#host;
    inbound.drop();
    this.#unwatch?.();
    broker.detach(session);
    this.#host.release(this);
    watcher?.disconnected(client, this.#endedBy);
    const will = this.#will;
    this.#will = undefined;
    if (!will || !mqtt.isTopicName(will.topic)) return;
    const { willDelayInterval: _delay, ...properties } = will.properties;
    // The session ends here, so a will delay has no effect (3.1.3.2.2).
    broker.publish({ ...will, type: 'publish', dup: false, packetId: will.qos === 0 ? 0 : 1, properties }, session);
  }

  #closed(): void {
    this.#timer?.cancel();
    this.#keepAlive?.stop();
    const before = this.#state;
    this.#state = { kind: 'closed' };
    if (before.kind === 'connected') this.#leave(before);
    else this.#host.release(this);
  }

  #drained(): void {
    this.#pauses.resume('reader');
    if (this.#state.kind === 'connected') this.#state.session.resume();
    this.schedule();
  }

  #send(packet: mqtt.Packet): void {
    this.output.packet(mqtt.encodePacket(packet, this.version));
    this.schedule();
  }
}
