import * as mqtt from '../../codec/mqtt/index.ts';
import type {
  ClientPermissions,
  ClientSession,
  ConnectedClient,
  PermissionsListener,
  Step,
} from '../../services/iot/index.ts';
import { type Carried, Departure } from './departure.ts';
import type { Ending } from './ending.ts';
import type { Entered } from './entry.ts';
import type { Handshake } from './handshake.ts';
import type { ConnectionHost } from './host.ts';
import { Inbound, type Sender } from './inbound.ts';
import { ConnectionLink } from './link.ts';
import type { Peer } from './peer.ts';
import { type Renewing, renew } from './renewal.ts';
import { type Carrier, Session } from './session.ts';
import { answerSubscribe, answerUnsubscribe, type Client, type Subscribing } from './subscribe.ts';

const { Reason } = mqtt;

/** What the server says otherwise than by a message. */
export type Reply = Exclude<mqtt.Packet, mqtt.PublishPacket>;

/** The connection of a client that is connected. */
export interface Holder extends Carrier, Sender, Subscribing, Renewing, PermissionsListener {
  readonly host: ConnectionHost;
  send(packet: Reply): void;
  end(ending: Ending): void;
  close(): void;
}

/** A client from CONNACK to the end of its connection: carries out what it sends, on its session. */
export class Connected {
  readonly kind = 'connected';
  readonly client: ConnectedClient;
  readonly session: ClientSession;
  /** Set when the session outlives this connection. */
  readonly carried: Carried | undefined;
  readonly permissions: ClientPermissions;
  readonly inbound: Inbound;
  readonly departure: Departure;
  readonly #connection: Holder;
  /** Authenticates the client again, where it has named a method (4.12.1). */
  readonly #handshake: Handshake | undefined;
  /** Ends the watching of the permissions. */
  #unwatch: (() => void) | undefined;

  constructor(
    connection: Holder,
    { receiveMaximum, packetBytesMax }: Peer,
    { client, permissions, opening, will, handshake }: Entered,
  ) {
    const { host } = connection;
    const { limits, waiting, gauges, clock } = host;
    const { clientId } = client;
    const base = { clientId, carrier: connection, permissions, limits, waiting, gauges, clock };
    const carrying = { ...base, receiveMaximum, packetBytesMax };
    const isDurable = opening.kind === 'durable';
    this.#connection = connection;
    this.client = client;
    this.carried = isDurable ? { session: opening.session, link: new ConnectionLink(carrying) } : undefined;
    this.session = this.carried?.session ?? new Session(carrying);
    this.permissions = permissions;
    this.inbound = new Inbound(host, connection, this.session, permissions);
    this.departure = new Departure(will, isDurable);
    this.#handshake = handshake;
  }

  /** Bytes of messages that are kept until the client has acknowledged; those of a durable session are not in memory. */
  get keptBytes(): number {
    return this.session instanceof Session ? this.session.keptBytes : 0;
  }

  /** Has the connection told when the client may do less. */
  watchPermissions(): void {
    this.#unwatch = this.permissions.watch(this.#connection);
  }

  /** Has a durable session send what waits in it. */
  attach(): void {
    this.carried?.session.attach(this.carried.link);
  }

  /** @param source  where the packet was decoded from @throws MqttError  close the connection */
  handle(packet: mqtt.Packet, source: mqtt.PacketSource): void {
    switch (packet.type) {
      case 'publish':
        return this.inbound.publish(packet, source);
      case 'puback':
      case 'pubcomp':
        this.session.acknowledged(packet.packetId, packet.type);
        return;
      case 'pubrec':
        return this.#received(packet);
      case 'pubrel':
        return this.#proceed('pubcomp', packet.packetId, this.session.released(packet.packetId));
      case 'subscribe':
        return answerSubscribe(packet, this.#asClient(), this.#connection);
      case 'unsubscribe':
        return answerUnsubscribe(packet, this.#asClient(), this.#connection);
      case 'pingreq':
        return this.#connection.send({ type: 'pingresp' });
      case 'disconnect':
        return this.#disconnected(packet);
      case 'auth':
        return renew(packet, this.#handshake, this.permissions, this.#connection);
      default:
        throw new mqtt.MqttError('protocol-error', Reason.protocolError, `${packet.type} is not for a server`);
    }
  }

  /** Answers within QoS 2. */
  answer(type: 'pubrel' | 'pubcomp', packetId: number, reasonCode: number): void {
    this.#connection.send({ type, packetId, reasonCode, properties: mqtt.NO_PROPERTIES });
  }

  /** The connection no longer carries its session. */
  leave(): void {
    this.inbound.drop();
    this.#unwatch?.();
    this.departure.carryOut(this.#connection.host, this);
  }

  #asClient(): Client {
    const { broker, limits } = this.#connection.host;
    return { broker, session: this.session, permissions: this.permissions, limits };
  }

  /** PUBREC of a message that we have sent: the client has it, and is asked to forget its identifier. */
  #received({ packetId, reasonCode }: mqtt.AckPacket): void {
    const isRefused = reasonCode >= 0x80;
    const step = this.session.received(packetId, isRefused);
    // A client that will not have it has let go of the identifier itself (4.3.3).
    if (isRefused) return;
    this.#proceed('pubrel', packetId, step);
  }

  /** Answers within QoS 2, once what the answer says is durable. */
  #proceed(type: 'pubrel' | 'pubcomp', packetId: number, step: Step): void {
    if (step === 'unknown') return this.answer(type, packetId, Reason.packetIdentifierNotFound);
    const group = step === 'done' ? undefined : step;
    this.#connection.after(group, () => this.answer(type, packetId, Reason.success));
  }

  #disconnected({ reasonCode, properties }: mqtt.DisconnectPacket): void {
    const { departure } = this;
    const { sessionExpiryInterval: expirySeconds } = properties;
    if (expirySeconds && (this.carried?.session.expirySeconds ?? 0) === 0) {
      const reason = 'a session that ends with its connection cannot be kept at DISCONNECT'; // (3.14.2.2.2)
      throw new mqtt.MqttError('protocol-error', Reason.protocolError, reason);
    }
    departure.expirySeconds = expirySeconds;
    departure.reason = 'CLIENT_INITIATED_DISCONNECT';
    // A client that goes for an error leaves its will [MQTT-3.1.2-8], [MQTT-3.14.4-3].
    if (reasonCode === Reason.success) departure.fate = 'delete';
    this.#connection.close();
  }
}
