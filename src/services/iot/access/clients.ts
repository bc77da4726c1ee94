import type { ProtocolVersion } from '../../../codec/mqtt/index.ts';
import type { Arrival } from './access.ts';

/** A connected client, as others see it. */
export interface ConnectedClient {
  readonly clientId: string;
  readonly principal: string | undefined;
  readonly thingName: string | undefined;
  /** Set where the client's principal has this thing and no other. */
  readonly exclusiveThing?: string;
  readonly version: ProtocolVersion;
  readonly arrival: Arrival;
  /** Epoch milliseconds. */
  readonly connectedAt: number;
  /** Seconds; 0 is none. */
  readonly keepAlive: number;
  /** False where it goes on with the session that it had. */
  readonly cleanStart: boolean;
}

/** One that has proved who it is, and may not connect or not publish its will. */
export type RefusedClient = Pick<ConnectedClient, 'clientId' | 'principal' | 'exclusiveThing' | 'arrival'>;

/** Why a connection has ended, in the words of AWS's presence events. */
export type DisconnectReason =
  | 'API_INITIATED_DISCONNECT'
  | 'AUTH_ERROR'
  | 'CLIENT_INITIATED_DISCONNECT'
  | 'CLIENT_ERROR'
  | 'CONNECTION_LOST'
  | 'DUPLICATE_CLIENTID'
  | 'FORBIDDEN_ACCESS'
  | 'MQTT_KEEP_ALIVE_TIMEOUT'
  | 'SERVER_ERROR'
  | 'SERVER_INITIATED_DISCONNECT'
  | 'THROTTLED'
  | 'WEBSOCKET_TTL_EXPIRATION'
  | 'CUSTOMAUTH_TTL_EXPIRATION'
  | 'UNKNOWN';

/**
 * Told what clients do: presence events, connection history, the fleet on show. Synchronous; must neither throw nor wait.
 *
 * @see AWS IoT developer guide, "Lifecycle events"
 */
export interface ClientWatcher {
  connectFailed(client: RefusedClient): void;
  connected(client: ConnectedClient): void;
  disconnected(client: ConnectedClient, reason: DisconnectReason): void;
  subscribed(client: ConnectedClient, filters: readonly string[]): void;
  unsubscribed(client: ConnectedClient, filters: readonly string[]): void;
}

/** The clients that are connected now, of all listeners. */
export interface ClientDirectory {
  get(clientId: string): ConnectedClient | undefined;
  /** In no order. */
  list(): Iterable<ConnectedClient>;
  readonly size: number;
  /**
   * Ends the connection, as an operator or an API asks; false when there is none. An MQTT 5 client is told `administrativeAction`.
   * The will is published unless `publishesWill` is false; a durable session ends with the connection if `endsSession` is true.
   */
  disconnect(clientId: string, options?: { readonly publishesWill?: boolean; readonly endsSession?: boolean }): boolean;
}

/** As long as no gateway is open. */
export const NO_CLIENTS: ClientDirectory = { get: () => undefined, list: () => [], size: 0, disconnect: () => false };
