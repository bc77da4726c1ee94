/**
 * The way of one client from its first packet to CONNACK: who it is, whether it may come in, and which session it has.
 *
 *     greeting --(CONNECT)--> deciding --(accepted)--> the connection is connected
 *                               |  ^
 *                  (more to ask)v  |(AUTH)
 *                           authenticating
 */
import * as mqtt from '../../codec/mqtt/index.ts';
import type {
  Arrival,
  AuthenticationStep,
  ClientPermissions,
  CommitGroup,
  ConnectedClient,
  Opening,
} from '../../services/iot/index.ts';
import type { Address } from './addresses.ts';
import { type Decider, follow } from './decider.ts';
import { Handshake } from './handshake.ts';
import type { ConnectionHost } from './host.ts';
import { maySend } from './inbound.ts';
import { offer, serverKeepAlive, sessionExpiryOf, sessionOffer } from './offer.ts';
import { type Peer, peerOf } from './peer.ts';
import { CROWDED_OUT } from './reason-texts.ts';
import { isTooLong } from './subscribe.ts';

const { Reason } = mqtt;

/** Refusals that count towards a ban of the address; others (rates, a drain, a full store) are no fault of those who come from there. */
const OFFENCES: ReadonlySet<number> = new Set([
  Reason.malformedPacket,
  Reason.protocolError,
  Reason.unsupportedProtocolVersion,
  Reason.clientIdentifierNotValid,
  Reason.badUserNameOrPassword,
  Reason.notAuthorized,
  Reason.badAuthenticationMethod,
]);

/** A client that is let in, and the session that it has. */
export interface Entered {
  readonly client: ConnectedClient;
  readonly permissions: ClientPermissions;
  readonly opening: Opening & { readonly kind: 'durable' | 'transient' };
  readonly will: mqtt.Will | undefined;
  /** Of CONNACK. */
  readonly properties: mqtt.Properties;
  /** Authenticates the client again, where it has named a method (4.12.1). */
  readonly handshake: Handshake | undefined;
}

/** The connection that is entered by. */
export interface Entrant extends Decider {
  readonly host: ConnectionHost;
  readonly version: mqtt.ProtocolVersion;
  readonly arrival: Arrival;
  readonly address: Address;
  /** What the client has said of itself, before anything is sent to it. */
  introduce(clientId: string, peer: Peer): void;
  /** Makes the connection the one of its client id; see {@link ConnectionHost.claim}. */
  claim(): boolean;
  /** False when the packet is larger than the client takes. */
  write(packet: mqtt.ConnackPacket | mqtt.AuthPacket): boolean;
  send(packet: mqtt.AuthPacket): void;
  /** Does something when the group is committed: at once, when there is nothing to wait for. */
  after(group: CommitGroup | undefined, run: () => void): void;
  enter(entered: Entered): void;
  close(): void;
}

type State =
  | { readonly kind: 'greeting' | 'over' }
  | { readonly kind: 'deciding' | 'authenticating'; readonly handshake: Handshake };

export class Entry {
  readonly #entrant: Entrant;
  readonly #host: ConnectionHost;
  #state: State = { kind: 'greeting' };
  #clientId = '';
  /** A durable session whose CONNACK waits for its commit. */
  #opening: (Opening & { readonly kind: 'durable' }) | undefined;

  constructor(entrant: Entrant) {
    this.#entrant = entrant;
    this.#host = entrant.host;
  }

  /** Packets are handled now: none while access is being decided. */
  get isListening(): boolean {
    return this.#state.kind === 'greeting' || this.#state.kind === 'authenticating';
  }

  /** A packet of a client that is not connected yet. @throws MqttError */
  handle(packet: mqtt.Packet): void {
    const state = this.#state;
    if (state.kind === 'greeting' && packet.type === 'connect') return this.#connect(packet);
    if (state.kind !== 'authenticating') {
      throw new mqtt.MqttError('protocol-error', Reason.protocolError, 'CONNECT comes first'); // [MQTT-3.1.0-1]
    }
    if (packet.type === 'disconnect') return this.#entrant.close();
    if (packet.type !== 'auth') {
      throw new mqtt.MqttError('protocol-error', Reason.protocolError, 'AUTH is waited for'); // [MQTT-3.1.2-30]
    }
    const { handshake } = state;
    this.#state = { kind: 'deciding', handshake };
    follow(handshake.continue(packet), this.#entrant, (step) => this.#stepped(handshake, step));
  }

  /** The client has broken the protocol. */
  violated({ code, reasonCode, message }: mqtt.MqttError): void {
    // Only a CONNECT is answered; other bytes on a fresh connection are not MQTT at all.
    const isMqtt = this.#state.kind !== 'greeting' || code === 'unsupported-protocol-version';
    if (isMqtt) return this.#refuse(reasonCode, message);
    this.#host.addresses.refused(this.#entrant.address);
    this.#entrant.close();
  }

  /** The store has not taken the session. */
  unstored(): void {
    if (this.#opening) this.#host.broker.sessions.abandon(this.#opening, 'unstored');
    this.#opening = undefined;
    this.#refuse(Reason.serverUnavailable, 'the session cannot be stored now');
  }

  /** Too much waits for all clients together, and this one is not in yet. */
  crowdedOut(): void {
    if (this.#state.kind !== 'greeting') return this.#refuse(Reason.quotaExceeded, CROWDED_OUT);
    this.#host.gauges.refused.add();
    this.#entrant.close();
  }

  /** The connection ends before the client was told that it is connected: it has no will yet. */
  giveUp(): void {
    this.#state = { kind: 'over' };
    if (this.#opening) this.#host.broker.sessions.abandon(this.#opening, 'gone');
    this.#opening = undefined;
  }

  #connect(packet: mqtt.ConnectPacket): void {
    const { access, addresses, successor } = this.#host;
    const { arrival, address } = this.#entrant;
    // Policies name the id that the client gets, so it is given first [MQTT-3.1.3-7].
    this.#clientId = packet.clientId === '' ? this.#host.newClientId() : packet.clientId;
    const handshake = new Handshake(access, arrival, packet, this.#clientId);
    this.#entrant.introduce(this.#clientId, peerOf(packet));
    this.#state = { kind: 'deciding', handshake };
    if (successor !== undefined) {
      return this.#refuse(Reason.useAnotherServer, 'this server is being drained', { serverReference: successor });
    }
    if (!addresses.mayConnect(address)) {
      return this.#refuse(
        Reason.connectionRateExceeded,
        'too many connections from this address: wait before the next',
      );
    }
    follow(handshake.begin(), this.#entrant, (step) => this.#stepped(handshake, step));
  }

  #stepped(handshake: Handshake, step: AuthenticationStep): void {
    if (this.#state.kind !== 'deciding') return;
    switch (step.kind) {
      case 'continue':
        this.#state = { kind: 'authenticating', handshake };
        return this.#entrant.send(handshake.answer(Reason.continueAuthentication, step.data)); // [MQTT-4.12.0-2]
      case 'refused':
        if (step.permissions) this.#tellFailure(step.permissions);
        return this.#refuse(step.reasonCode, step.reason);
      case 'accepted':
        return this.#accept(handshake, step.permissions, step.data);
    }
  }

  #accept(handshake: Handshake, permissions: ClientPermissions, data: Buffer | undefined): void {
    const { packet } = handshake;
    if (packet.will && !maySend(this.#host, permissions, packet.will)) {
      this.#tellFailure(permissions);
      return this.#refuse(Reason.notAuthorized, 'the will may not be published');
    }
    if (packet.will && isTooLong(packet.will.topic)) {
      return this.#refuse(Reason.topicNameInvalid, 'the topic of the will is too long');
    }
    if (!this.#entrant.claim()) {
      return this.#refuse(Reason.connectionRateExceeded, 'this client id is taken over too often: two clients use it');
    }
    const opening = this.#host.broker.sessions.connect({
      clientId: this.#clientId,
      clean: packet.clean,
      expirySeconds: sessionExpiryOf(packet),
      will: packet.will,
      permissions,
    });
    if (opening.kind === 'refused') return this.#refuse(Reason.quotaExceeded, opening.reason);
    const enter = () => this.#enter(handshake, permissions, data, opening);
    if (opening.group === undefined) return enter();
    if (opening.kind === 'durable') this.#opening = opening;
    const { pauses } = this.#entrant;
    pauses.pause('opening');
    this.#entrant.after(opening.group, () => {
      this.#opening = undefined;
      enter();
      pauses.resume('opening');
      this.#entrant.process();
    });
  }

  #enter(
    handshake: Handshake,
    permissions: ClientPermissions,
    data: Buffer | undefined,
    opening: Entered['opening'],
  ): void {
    const { packet, method } = handshake;
    const { limits, clock } = this.#host;
    const client: ConnectedClient = {
      clientId: this.#clientId,
      principal: permissions.principal,
      thingName: permissions.thingName,
      ...(permissions.exclusiveThing !== undefined && { exclusiveThing: permissions.exclusiveThing }),
      version: packet.version,
      arrival: this.#entrant.arrival,
      connectedAt: clock.now(),
      keepAlive: serverKeepAlive(packet, limits) ?? packet.keepAlive,
      cleanStart: packet.clean,
    };
    // 3.1.1 has none.
    const properties: mqtt.Properties =
      packet.version === 4
        ? mqtt.NO_PROPERTIES
        : {
            // Asked before permissions are watched: what is not offered is no refusal.
            ...offer(packet, this.#clientId, permissions, limits),
            ...sessionOffer(packet, opening.kind === 'durable' ? opening.session : undefined),
            ...(method !== undefined && { authenticationMethod: method }), // [MQTT-4.12.0-5]
            ...(data && { authenticationData: data }),
          };
    handshake.settle();
    const renewing = method === undefined ? undefined : handshake;
    this.#entrant.enter({ client, permissions, opening, will: packet.will, properties, handshake: renewing });
  }

  /** Answers CONNECT with a failure and closes. */
  #refuse(reasonCode: number, reason?: string, more: mqtt.Properties = {}): void {
    const { addresses, gauges, logger } = this.#host;
    const { arrival, address, version } = this.#entrant;
    gauges.refused.add();
    const details = { clientId: this.#clientId, remoteAddress: arrival.remoteAddress, reasonCode, reason };
    logger.debug('mqtt connect refused', details);
    if (OFFENCES.has(reasonCode) && addresses.refused(address))
      logger.warn('mqtt address banned: too many refused connects', details);
    const code = version === 5 ? reasonCode : mqtt.connectReturnCodeOf(reasonCode);
    const properties = { ...more, ...(reason !== undefined && { reasonString: reason }) };
    this.#entrant.write({ type: 'connack', sessionPresent: false, reasonCode: code, properties });
    this.#entrant.close();
  }

  #tellFailure({ principal, exclusiveThing }: ClientPermissions): void {
    const thing = exclusiveThing !== undefined && { exclusiveThing };
    const { arrival } = this.#entrant;
    this.#host.watcher?.connectFailed({ clientId: this.#clientId, principal, ...thing, arrival });
  }
}
