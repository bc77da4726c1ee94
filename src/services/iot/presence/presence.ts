import type { Clock, Random, Timer } from '../../../base/index.ts';
import type { ClientWatcher, ConnectedClient, DisconnectReason, RefusedClient } from '../access/clients.ts';
import { IOT_LIMITS } from '../limits.ts';
import type { LifecycleEvents } from './events.ts';
import type { ClientConnection, ConnectionHistory } from './history.ts';

/** Turns what clients do into lifecycle events and connection history. */
export class Presence implements ClientWatcher {
  readonly #events: LifecycleEvents;
  readonly #history: ConnectionHistory;
  readonly #clock: Clock;
  readonly #random: Random;
  /** The connections that are open now: two of one client id for a moment, when one takes over from the other. */
  readonly #open = new Map<ConnectedClient, ClientConnection>();
  #sweeper: Timer | undefined;

  constructor(parts: {
    readonly events: LifecycleEvents;
    readonly history: ConnectionHistory;
    readonly clock: Clock;
    readonly random: Random;
  }) {
    this.#events = parts.events;
    this.#history = parts.history;
    this.#clock = parts.clock;
    this.#random = parts.random;
  }

  /** Says of the connections that a crash has ended that they have; forgets clients that are long gone, now and every hour. */
  start(): void {
    const now = this.#clock.now();
    for (const [clientId, connection] of this.#history.clients()) {
      if (connection.disconnectedAt === undefined) this.#ended(clientId, connection, now, 'SERVER_ERROR');
    }
    this.#sweep();
  }

  connectFailed({ clientId, principal, exclusiveThing, arrival }: RefusedClient): void {
    const facts = {
      sessionId: this.#newSessionId(),
      ...(principal !== undefined && { principal }),
      ...(exclusiveThing !== undefined && { exclusiveThing }),
    };
    this.#events.connectFailed(clientId, facts, this.#clock.now(), arrival.remoteAddress);
  }

  connected(client: ConnectedClient): void {
    const { clientId, principal, thingName, exclusiveThing, arrival, connectedAt } = client;
    const connection = this.#history.begin(clientId, {
      sessionId: this.#newSessionId(),
      connectedAt,
      ...(principal !== undefined && { principal }),
      ...(thingName !== undefined && { thingName }),
      ...(exclusiveThing !== undefined && { exclusiveThing }),
      ...(arrival.remoteAddress !== undefined && { ip: arrival.remoteAddress }),
      isEncrypted: arrival.isEncrypted,
      version: client.version,
      keepAlive: client.keepAlive,
      cleanStart: client.cleanStart,
    });
    this.#open.set(client, connection);
    this.#events.connected(clientId, connection);
  }

  disconnected(client: ConnectedClient, reason: DisconnectReason): void {
    const connection = this.#open.get(client);
    if (!connection) return;
    this.#open.delete(client);
    this.#ended(client.clientId, connection, this.#clock.now(), reason);
  }

  subscribed(client: ConnectedClient, filters: readonly string[]): void {
    this.#subscriptions('subscribed', client, filters);
  }

  unsubscribed(client: ConnectedClient, filters: readonly string[]): void {
    this.#subscriptions('unsubscribed', client, filters);
  }

  async close(): Promise<void> {
    this.#sweeper?.cancel();
    await this.#history.close();
  }

  #newSessionId(): string {
    return this.#random.bytes(16).toString('hex');
  }

  #subscriptions(type: 'subscribed' | 'unsubscribed', client: ConnectedClient, filters: readonly string[]): void {
    const connection = this.#open.get(client);
    if (connection) this.#events.subscriptions(type, client.clientId, connection, this.#clock.now(), filters);
  }

  #ended(clientId: string, connection: ClientConnection, at: number, reason: DisconnectReason): void {
    this.#history.end(clientId, connection, at, reason);
    this.#events.disconnected(clientId, connection, at, reason);
  }

  #sweep(): void {
    this.#history.sweep();
    this.#sweeper = this.#clock.timer(IOT_LIMITS.clientSweepMs, () => this.#sweep());
  }
}
