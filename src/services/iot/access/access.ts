import type { ProtocolVersion } from '../../../codec/mqtt/index.ts';
import type { Caller } from '../../index.ts';
import type { AuthenticationMethod } from './authentication.ts';
import type { DisconnectReason } from './clients.ts';

/** How a client has come in, and what its transport has proved of it. */
export interface Arrival {
  /** Address of the peer; behind a proxy, the one that the PROXY header tells. */
  readonly remoteAddress: string | undefined;
  readonly isEncrypted: boolean;
  /** The client certificate of mutual TLS; whether it is known, active and trusted is for {@link DeviceAccess} to say. */
  readonly certificate?: PeerCertificate;
  /** Server name that the client has asked for (SNI). */
  readonly serverName?: string;
  /** WebSocket: the request that was upgraded. */
  readonly upgrade?: UpgradeRequest;
  /** Who has signed the WebSocket request (Signature Version 4); its signature is verified. */
  readonly caller?: SignedCaller;
}

/** Who has signed. */
export interface SignedCaller extends Caller {
  /** Until when the credentials are good: epoch milliseconds, absent where they do not end. */
  readonly expiresAt?: number;
  /** That the signature is for. */
  readonly region?: string;
}

export interface PeerCertificate {
  /** Of the client's own; those that it has sent with it say nothing about who it is here. */
  readonly der: Buffer;
  /** SHA-256 of the certificate's DER, lower-case hex: AWS's certificate id. */
  readonly certificateId: string;
}

export interface UpgradeRequest {
  /** Lower-case names, as node:http has them. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** What stands behind `?`, as it was sent. */
  readonly queryString: string;
}

/** A CONNECT to be decided on. */
export interface ConnectRequest extends Arrival {
  /** As the client has sent it, or the one that it is given when it has sent none. */
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: Buffer | undefined;
  readonly version: ProtocolVersion;
  /** What else the client asks for, in the words of the condition key `iot:ConnectAttributes`. */
  readonly connectAttributes: readonly ConnectAttribute[];
}

/** `PersistentConnect`: a session that outlives the connection; `LastWill`: a will. */
export type ConnectAttribute = 'PersistentConnect' | 'LastWill';

export type ConnectDecision =
  | { readonly kind: 'accepted'; readonly permissions: ClientPermissions }
  /** `reasonCode` as MQTT 5 has them; a 3.1.1 client gets the return code that says it best. `reason` is for the log and the reason string. */
  | {
      readonly kind: 'refused';
      readonly reasonCode: number;
      readonly reason?: string;
      /** Of one who has proved who it is, and may not connect. */
      readonly permissions?: ClientPermissions;
    };

/** Told when what a connected client may do has changed, within a second of the change. */
export interface PermissionsListener {
  /**
   * The client is nobody any more (certificate revoked, token expired, authorizer says no): disconnect it.
   *
   * @param as  what presence events tell; `FORBIDDEN_ACCESS` unless given
   */
  revoked(reason: string, as?: DisconnectReason): void;
}

/**
 * What a connected client may do. Asked for every packet, so it is compiled and cached; a change of policies changes the answers of
 * the same object, without a new connection.
 */
export interface ClientPermissions {
  /** Certificate id, user name ...: what `principal()` of rules gives. */
  readonly principal: string | undefined;
  /** The thing that the certificate is attached to and whose name is the client id. */
  readonly thingName: string | undefined;
  /** The same where the client's principal has this thing and no other: lifecycle events name it only then, as AWS's do. */
  readonly exclusiveThing?: string | undefined;
  mayPublish(topic: string): boolean;
  /** Beside {@link mayPublish}, for a message with the retain flag. */
  mayRetain(topic: string): boolean;
  /** @param filter  as it was sent: with `$share/GROUP/` where it has that */
  maySubscribe(filter: string): boolean;
  /** Asked before each message is sent, unless {@link receivesAll}. */
  mayReceive(topic: string): boolean;
  /** True as long as {@link mayReceive} is true for every topic: saves the question for each message. May change. */
  readonly receivesAll: boolean;
  /** What of its proof lasts, where that says by itself what the client may do: asked by it after a restart. */
  readonly lasting?: LastingProof | undefined;
  /** Asked of a client that has gone, before a delayed will of it is published: by what holds now. Absent where nothing can change. */
  mayLeaveWill?(will: { readonly topic: string; readonly retain: boolean }): boolean;
  /** Has the listener told of changes until the result is called. */
  watch(listener: PermissionsListener): () => void;
}

/** Who a client was and where it came from, as it is kept with its session. */
export interface LastingProof {
  /** Of its certificate or user. */
  readonly arn: string;
  readonly clientId: string;
  readonly sourceIp?: string;
  readonly serverName?: string;
  readonly isEncrypted: boolean;
  readonly connectAttributes: readonly ConnectAttribute[];
}

/** Decides who may connect and what they may do then. */
export interface DeviceAccess {
  connect(request: ConnectRequest): ConnectDecision | Promise<ConnectDecision>;
  /** Who publishes by HTTPS: no client id, no connection; only what may be published is asked. */
  publisher(arrival: Arrival): ConnectDecision | Promise<ConnectDecision>;
  /** The authentication method of this name (MQTT 5, 4.12); without it, or where it gives none, such a CONNECT is refused. */
  authentication?(method: string): AuthenticationMethod | undefined;
}

/** Lets everyone do everything: for `dev` on loopback. */
export const OPEN_ACCESS: DeviceAccess = {
  connect: () => ({ kind: 'accepted', permissions: EVERYTHING }),
  publisher: () => ({ kind: 'accepted', permissions: EVERYTHING }),
};

/** The permissions of whom nothing is denied. */
export const EVERYTHING: ClientPermissions = {
  principal: undefined,
  thingName: undefined,
  mayPublish: () => true,
  mayRetain: () => true,
  maySubscribe: () => true,
  mayReceive: () => true,
  receivesAll: true,
  watch: () => NOTHING_TO_END,
};

const NOTHING_TO_END = (): void => {};
