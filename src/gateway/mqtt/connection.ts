/**
 * One client's connection.
 *
 *     entering --(CONNECT is accepted)--> connected --> closing --> closed
 *
 * What happens until CONNECT is accepted is the matter of its {@link Entry}; what the client does then, of {@link Connected}; what becomes
 * of its will and session, of its {@link Departure}.
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
import type { Timer } from '../../base/index.ts';
import * as mqtt from '../../codec/mqtt/index.ts';
import type {
  Arrival,
  CommitGroup,
  ConnectedClient,
  DisconnectReason,
  PermissionsListener,
} from '../../services/iot/index.ts';
import type { Address } from './addresses.ts';
import { Connected, type Holder, type Reply } from './connected.ts';
import { Deferred } from './deferred.ts';
import { BEHIND, BROKEN, CROWDED, type Ending, goodBye, SILENT, TOO_LARGE, unstored } from './ending.ts';
import { type Entered, type Entrant, Entry } from './entry.ts';
import type { ConnectionHost } from './host.ts';
import { receive } from './input.ts';
import { Intake } from './intake.ts';
import type { KeepAliveOwner } from './keep-alive.ts';
import { Output, type OutputOwner } from './output.ts';
import { Pauses } from './pauses.ts';
import { encodeFor, type Peer, UNKNOWN_PEER } from './peer.ts';
import type { TokenBucket } from './rates.ts';
import { EXPLAINED_BYTES_MAX } from './reason-texts.ts';
import { OutboundAliases } from './topic-aliases.ts';
import type { Transport } from './transport.ts';
import type { Flushable } from './turn.ts';

const { Reason } = mqtt;

/** How every connection begins [MQTT-3.1.0-1]. */
const CONNECT_BYTE = 0x10;

type State = { readonly kind: 'closing' | 'closed' } | { readonly kind: 'entering'; readonly entry: Entry } | Connected;

export class Connection implements Holder, Flushable, KeepAliveOwner, OutputOwner, PermissionsListener, Entrant {
  readonly output: Output;
  isScheduled = false;
  readonly host: ConnectionHost;
  readonly arrival: Arrival;
  readonly pauses: Pauses;
  readonly #socket: Transport;
  readonly #decoder: mqtt.PacketDecoder;
  readonly #intake: Intake;
  /** Where it comes from; set while it counts as a connection from there. */
  #address: Address | undefined;
  #peer: Peer = UNKNOWN_PEER;
  /** How often its client id was taken over of late, by it and those before it. */
  takeovers: TokenBucket | undefined;
  #state: State;
  #clientId = '';
  /** Answers that wait for a commit. */
  readonly #deferred = new Deferred();
  /** Nothing has been received yet. */
  #isFresh = true;
  /** Bytes of packets that are not handled yet, as the budget knows of them. */
  #held = 0;
  #timer: Timer | undefined;

  constructor(host: ConnectionHost, socket: Transport, arrival: Arrival) {
    this.host = host;
    this.#socket = socket;
    this.arrival = arrival;
    this.output = new Output(socket, host.gauges.bytesOut, this, host.outputRoom);
    this.pauses = new Pauses(socket);
    this.#intake = new Intake(host, this.pauses);
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

  /** An operator has asked for the end. */
  dismiss(publishesWill: boolean, endsSession: boolean): void {
    if (endsSession && this.#state.kind === 'connected') this.#state.departure.expirySeconds = 0;
    const will = publishesWill ? 'publish' : 'delete';
    this.end({ reasonCode: Reason.administrativeAction, reason: 'API_INITIATED_DISCONNECT', will });
  }

  revoked(reason: string, as: DisconnectReason = 'FORBIDDEN_ACCESS'): void {
    this.host.logger.info('mqtt client may no longer be connected', { clientId: this.#clientId, reason });
    this.end({ reasonCode: Reason.notAuthorized, reason: as, will: 'publish' });
  }

  /** The server goes: reads no more; what waits for a commit is still acknowledged before the end. */
  stopReading(): void {
    // One that closes waits for the end of its peer, which has to be read.
    if (this.#state.kind !== 'closing') this.pauses.pause('stopping');
  }

  get isReading(): boolean {
    return this.pauses.isReading;
  }

  silent(): void {
    this.end(SILENT);
  }

  schedule(): void {
    this.host.turn.schedule(this);
  }

  release(packetId: number): void {
    if (this.#state.kind === 'connected') this.#state.answer('pubrel', packetId, Reason.success);
  }

  overrun(): void {
    this.host.logger.debug('mqtt client does not keep up', { clientId: this.#clientId });
    this.end(BEHIND);
  }

  /** It is the one to go, since too much waits for all together. */
  crowdedOut(): void {
    if (this.#state.kind === 'entering') return this.#state.entry.crowdedOut();
    this.end(CROWDED);
  }

  /** Bytes that wait for the client to read, to acknowledge, or to send the rest of a packet. */
  get waitingBytes(): number {
    if (this.#state.kind !== 'connected') return this.#held;
    return this.#held + this.output.queuedBytes + this.#state.keptBytes;
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
    if (inbound && this.pauses.has('commits') && inbound.mayGoOn(this.#deferred.size)) this.pauses.resume('commits');
    if (this.output.isBlocked && !this.output.hasRoom) this.pauses.pause('reader');
    if (state.kind === 'connected' && !this.output.isBlocked) state.session.resume();
  }

  #commitFailed(failure: unknown): void {
    if (this.#state.kind === 'entering') return this.#state.entry.unstored();
    this.end(unstored(failure));
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
    this.#intake.count(packets, chunk.length, this.#address?.throttle);
  }

  /** Handles the packets that are there, until one makes us wait or the connection ends; how many they were. */
  process(): number {
    let packets = 0;
    try {
      while (this.#isListening()) {
        const packet = this.#decoder.next();
        if (!packet) break;
        packets++;
        const state = this.#state;
        if (state.kind === 'connected') state.handle(packet, this.#decoder);
        else if (state.kind === 'entering') state.entry.handle(packet);
      }
    } catch (error) {
      if (error instanceof mqtt.MqttError) this.#violated(error);
      else this.broken(error);
    }
    const state = this.#state;
    // Of this client or of all together, too much waits for its commit.
    if (state.kind === 'connected' && state.inbound.isHeldUp(this.#deferred.size)) this.pauses.pause('commits');
    this.#decoder.release();
    this.#countHeld();
    return packets;
  }

  /** Packets that have come in part, or must wait for one before them, are in memory with what waits for others (record 0110). */
  #countHeld(): void {
    const { heldBytes } = this.#decoder;
    if (heldBytes === this.#held) return;
    this.host.waiting.change(heldBytes - this.#held);
    this.#held = heldBytes;
  }

  /** Packets are handled now: none while access is being decided. */
  #isListening(): boolean {
    if (this.#state.kind === 'connected') return !this.pauses.has('deciding');
    return this.#state.kind === 'entering' && this.#state.entry.isListening;
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
  enter(entered: Entered): void {
    const { limits, gauges, watcher } = this.host;
    const { client, opening, properties } = entered;
    this.output.isExplaining = this.#peer.wantsProblems && this.#peer.packetBytesMax >= EXPLAINED_BYTES_MAX;
    const aliases = Math.min(this.#peer.topicAliasMaximum, limits.topicAliasOutMax);
    if (aliases > 0) this.output.aliases = new OutboundAliases(aliases, this.#peer.packetBytesMax);
    const connected = new Connected(this, this.#peer, entered);
    this.#state = connected;
    connected.watchPermissions();
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#intake.watch(client.keepAlive, this);
    gauges.connects.add();
    watcher?.connected(client);
    const sessionPresent = opening.kind === 'durable' && opening.before !== undefined;
    // Without it nothing else may be sent, DISCONNECT included [MQTT-3.14.0-1].
    const connack = encodeFor(this.#peer, { type: 'connack', sessionPresent, reasonCode: 0, properties });
    if (!connack) return this.close();
    this.output.packet(connack);
    // Before any acknowledgement of what the client has sent behind its CONNECT [MQTT-3.2.0-1].
    this.output.flush();
    connected.attach();
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
    this.end(BROKEN);
    this.close();
  }

  /** Ends the connection; an MQTT 5 client is told why. Its will and session are done with when this returns. */
  end(ending: Ending): void {
    if (this.#state.kind === 'closing' || this.#state.kind === 'closed') return;
    if (this.#state.kind === 'connected') {
      this.#state.departure.reason = ending.reason;
      this.#state.departure.fate = ending.will;
      if (this.version === 5) this.write(goodBye(ending));
    }
    this.close();
    this.host.departures.settle(this.#clientId);
  }

  /**
   * Writes what is left and closes; a peer that does not take it in time is cut off. Of a connected client that has gone by itself, will and
   * session have their turn.
   */
  close(): void {
    const before = this.#state;
    if (before.kind === 'closing' || before.kind === 'closed') return;
    this.#state = { kind: 'closing' };
    this.#leave(before);
    this.#timer?.cancel();
    this.#intake.stop();
    this.#timer = this.host.clock.timer(this.host.limits.closeTimeoutMs, () => this.#socket.destroy());
    this.output.end();
    // What the client still sends is thrown away; unread bytes would reset the connection before our last packet arrives.
    this.#socket.resume();
  }

  #leave(before: State): void {
    // What has waited for a commit is told to nobody any more.
    this.#deferred.drop();
    this.#decoder.forget();
    this.#countHeld();
    this.host.release(this);
    if (before.kind === 'connected') this.host.departures.add(before);
    else if (before.kind === 'entering') before.entry.giveUp();
  }

  #closed(): void {
    this.host.closed(this);
    this.#timer?.cancel();
    this.#intake.stop();
    this.output.forget();
    if (this.#address) this.host.addresses.leave(this.#address);
    this.#address = undefined;
    const before = this.#state;
    this.#state = { kind: 'closed' };
    this.#leave(before);
  }

  drained(): void {
    this.pauses.resume('reader');
    if (this.#state.kind === 'connected') this.#state.session.resume();
    this.schedule();
  }

  send(packet: Reply): void {
    if (this.write(packet)) return;
    this.end(TOO_LARGE);
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
