import type * as mqtt from '../../codec/mqtt/index.ts';

/** A CONNECT to be decided on. */
export interface ConnectRequest {
  /** As the client has sent it; empty when it asks for one. */
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: Buffer | undefined;
  readonly version: mqtt.ProtocolVersion;
  /** Address of the peer. */
  readonly remoteAddress: string | undefined;
}

export type ConnectDecision =
  | { readonly kind: 'accepted'; readonly permissions: ClientPermissions }
  /** `reasonCode` as MQTT 5 has them; a 3.1.1 client gets the return code that says it best. */
  | { readonly kind: 'refused'; readonly reasonCode: number };

/** What a connected client may do; asked for every packet, so it must be quick (compiled, cached). */
export interface ClientPermissions {
  /** Certificate thumbprint, user name ...: what `principal()` of rules gives. */
  readonly principal: string | undefined;
  mayPublish(topic: string): boolean;
  maySubscribe(filter: string): boolean;
}

/** Decides who may connect and what they may do then. */
export interface MqttAuthorizer {
  connect(request: ConnectRequest): ConnectDecision | Promise<ConnectDecision>;
}

/** Lets everyone do everything: for `dev` on loopback. */
export const openAuthorizer: MqttAuthorizer = {
  connect: () => ({ kind: 'accepted', permissions: EVERYTHING }),
};

const EVERYTHING: ClientPermissions = {
  principal: undefined,
  mayPublish: () => true,
  maySubscribe: () => true,
};
