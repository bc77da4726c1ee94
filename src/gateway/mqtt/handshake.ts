import * as mqtt from '../../codec/mqtt/index.ts';
import {
  type Arrival,
  type AuthenticationExchange,
  type AuthenticationStep,
  type ClientPermissions,
  type ConnectAttribute,
  type ConnectRequest,
  type DeviceAccess,
  IOT_LIMITS,
} from '../../services/iot/index.ts';

const { Reason } = mqtt;

/**
 * Finds out who a client is: by one decision on its CONNECT, or by an exchange of AUTH packets (4.12), before it is connected and, when
 * it asks for that, afterwards.
 */
export class Handshake {
  readonly packet: mqtt.ConnectPacket;
  readonly #access: DeviceAccess;
  readonly #request: ConnectRequest;
  #exchange: AuthenticationExchange | undefined;
  #current: ClientPermissions | undefined;

  /** @param clientId  the client's own, or the one that it is given */
  constructor(access: DeviceAccess, arrival: Arrival, packet: mqtt.ConnectPacket, clientId: string) {
    this.packet = packet;
    this.#access = access;
    const { username, password, version } = packet;
    const connectAttributes = connectAttributesOf(packet);
    this.#request = { ...arrival, clientId, username, password, version, connectAttributes };
  }

  get method(): string | undefined {
    return this.packet.properties.authenticationMethod;
  }

  begin(): AuthenticationStep | Promise<AuthenticationStep> {
    const { clientId, version, clean, properties } = this.packet;
    // A client without an id must accept to lose its session [3.1.1: MQTT-3.1.3-8].
    if (clientId === '' && version === 4 && !clean) {
      return refusal(Reason.clientIdentifierNotValid, 'a client without an id must ask for a clean session');
    }
    if (Buffer.byteLength(clientId) > IOT_LIMITS.clientIdBytesMax) {
      return refusal(Reason.clientIdentifierNotValid, 'the client id is too long');
    }
    if (this.method === undefined) return this.#access.connect(this.#request);
    return this.#begin(properties.authenticationData);
  }

  /** AUTH in an exchange that has begun. @throws MqttError  the client does not keep to it */
  continue(packet: mqtt.AuthPacket): AuthenticationStep | Promise<AuthenticationStep> {
    this.#checkMethod(packet); // [MQTT-4.12.0-5]
    if (packet.reasonCode !== Reason.continueAuthentication || !this.#exchange) {
      throw new mqtt.MqttError('protocol-error', Reason.protocolError, 'this AUTH belongs to no exchange'); // [MQTT-4.12.0-3]
    }
    return this.#exchange.next(packet.properties.authenticationData);
  }

  /** AUTH of a connected client: begins an exchange anew or goes on with one. @throws MqttError */
  renew(packet: mqtt.AuthPacket, current: ClientPermissions): AuthenticationStep | Promise<AuthenticationStep> {
    if (packet.reasonCode !== Reason.reAuthenticate) return this.continue(packet);
    this.#checkMethod(packet); // [MQTT-4.12.1-1]
    if (this.#exchange) {
      throw new mqtt.MqttError('protocol-error', Reason.protocolError, 'an exchange is going on already');
    }
    this.#current = current;
    return this.#begin(packet.properties.authenticationData);
  }

  /** AUTH to the client: more is asked, or it is done. */
  answer(reasonCode: number, data: Buffer | undefined): mqtt.AuthPacket {
    const properties = { authenticationMethod: this.method!, ...(data && { authenticationData: data }) };
    return { type: 'auth', reasonCode, properties };
  }

  /** The exchange is over; a further AUTH begins another. */
  settle(): void {
    this.#exchange = undefined;
  }

  #begin(data: Buffer | undefined): AuthenticationStep | Promise<AuthenticationStep> {
    const method = this.#access.authentication?.(this.method!);
    // [MQTT-4.12.0-1]
    if (!method) return refusal(Reason.badAuthenticationMethod, 'this authentication method is not known here');
    this.#exchange = method.begin(this.#request, this.#current);
    return this.#exchange.next(data);
  }

  #checkMethod({ properties }: mqtt.AuthPacket): void {
    if (this.method !== undefined && properties.authenticationMethod === this.method) return;
    throw new mqtt.MqttError('protocol-error', Reason.protocolError, 'AUTH names another method than CONNECT did');
  }
}

function connectAttributesOf({ version, clean, will, properties }: mqtt.ConnectPacket): readonly ConnectAttribute[] {
  const isPersistent = version === 4 ? !clean : (properties.sessionExpiryInterval ?? 0) > 0;
  return [...(isPersistent ? (['PersistentConnect'] as const) : []), ...(will ? (['LastWill'] as const) : [])];
}

function refusal(reasonCode: number, reason: string): AuthenticationStep {
  return { kind: 'refused', reasonCode, reason };
}
