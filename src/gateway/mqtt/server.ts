import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type Clock, DomainError, type Random } from '../../base/index.ts';
import * as mqtt from '../../codec/mqtt/index.ts';
import {
  type Arrival,
  type Broker,
  type ClientDirectory,
  type ClientWatcher,
  type ConnectedClient,
  type DeviceAccess,
  OPEN_ACCESS,
} from '../../services/iot/index.ts';
import type { Logger, Metrics } from '../../telemetry/index.ts';
import { Addresses } from './addresses.ts';
import { CommitBudget } from './budget.ts';
import { Connection } from './connection.ts';
import { type MqttGauges, mqttGauges } from './gauges.ts';
import type { ConnectionHost } from './host.ts';
import { MQTT_LIMITS, type MqttLimits } from './limits.ts';
import { TokenBucket } from './rates.ts';
import { systemValues } from './system-values.ts';
import { Turn } from './turn.ts';

export interface MqttGatewayOptions {
  readonly broker: Broker;
  /** Default `127.0.0.1`. */
  readonly host?: string;
  /** 0 is any free port. */
  readonly port: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Default: everyone may do everything, for `dev` on loopback. */
  readonly access?: DeviceAccess;
  /** Told what clients do; nobody unless given. */
  readonly watcher?: ClientWatcher;
  readonly limits?: Partial<MqttLimits>;
}

export interface MqttGateway extends AsyncDisposable {
  readonly address: { readonly host: string; readonly port: number };
  readonly clients: ClientDirectory;
  /**
   * Drains: from now on clients are told to connect to another server instead (MQTT 5, 4.11), those that are connected some at a time.
   * Resolves when all are gone. A 3.1.1 client cannot be told where to go; its connection is closed.
   *
   * @param serverReference  `host:port`, or several parted by spaces
   */
  redirect(serverReference: string): Promise<void>;
  /** Stops accepting and reading, acknowledges what is being committed, tells clients why, and closes. Twice is safe. */
  close(): Promise<void>;
}

/** Opens the MQTT listener. @throws DomainError `listen-failed`  the port is taken or not allowed */
export async function openMqttGateway(options: MqttGatewayOptions): Promise<MqttGateway> {
  const gateway = new TcpGateway(options);
  await gateway.listen(options.host ?? '127.0.0.1', options.port);
  return gateway;
}

class TcpGateway implements MqttGateway, ConnectionHost {
  readonly broker: Broker;
  readonly access: DeviceAccess;
  readonly watcher: ClientWatcher | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: MqttLimits;
  readonly gauges: MqttGauges;
  readonly turn = new Turn();
  readonly budget: CommitBudget;
  readonly topics = new mqtt.TopicCache();
  readonly addresses: Addresses;
  successor: string | undefined;
  readonly #random: Random;
  readonly #server: Server;
  readonly #open = new Set<Connection>();
  readonly #byClientId = new Map<string, Connection>();
  /** Aborted when the gateway closes. */
  readonly #ending = new AbortController();
  #closing: Promise<void> | undefined;

  constructor(options: MqttGatewayOptions) {
    this.broker = options.broker;
    this.access = options.access ?? OPEN_ACCESS;
    this.watcher = options.watcher;
    this.clock = options.clock;
    this.logger = options.logger.child({ gateway: 'mqtt' });
    this.limits = { ...MQTT_LIMITS, ...options.limits };
    this.budget = new CommitBudget(this.limits.commitBytesMax);
    this.addresses = new Addresses(this.clock, this.limits);
    this.gauges = mqttGauges(options.metrics);
    this.#random = options.random;
    this.broker.tell(systemValues(options.metrics, () => this.#byClientId.size));
    // Half-open connections: a client may close its side and still get our last packets.
    this.#server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000, allowHalfOpen: true });
  }

  async listen(host: string, port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) => {
        reject(
          new DomainError('listen-failed', `MQTT cannot listen on ${host}:${port}: ${error.message}`, { cause: error }),
        );
      });
      this.#server.listen({ host, port, backlog: 1024 }, resolve);
    });
    this.#server.removeAllListeners('error');
    this.#server.on('error', (error) => this.logger.error('mqtt listener failed', { error }));
    this.#server.on('connection', (socket) => this.#accept(socket));
  }

  get address(): { readonly host: string; readonly port: number } {
    const { address, port } = this.#server.address() as AddressInfo;
    return { host: address, port };
  }

  readonly clients: ClientDirectory = this.#directory();

  newClientId(): string {
    return `auto-${this.#random.bytes(12).toString('hex')}`;
  }

  claim(connection: Connection): boolean {
    const before = this.#byClientId.get(connection.clientId);
    if (before && !this.#mayTakeOver(before, connection)) return false;
    before?.takenOver();
    this.#byClientId.set(connection.clientId, connection);
    this.gauges.connections.set(this.#byClientId.size);
    return true;
  }

  /** Counts takeovers of a client id, from connection to connection: an id that nobody fights for costs nothing. */
  #mayTakeOver(before: Connection, after: Connection): boolean {
    const { takeoversPerMinuteMax: most } = this.limits;
    if (most === 0) return true;
    const now = this.clock.monotonic();
    before.takeovers ??= new TokenBucket(most / 60, most, now);
    after.takeovers = before.takeovers;
    return before.takeovers.take(now);
  }

  release(connection: Connection): void {
    if (this.#byClientId.get(connection.clientId) !== connection) return;
    this.#byClientId.delete(connection.clientId);
    this.gauges.connections.set(this.#byClientId.size);
  }

  async redirect(serverReference: string): Promise<void> {
    this.successor = serverReference;
    const { signal } = this.#ending;
    while (this.#byClientId.size > 0 && !signal.aborted) {
      const some = Array.from(this.#byClientId.values().take(this.limits.redirectsPerSecond));
      for (const connection of some) connection.redirect(serverReference);
      if (this.#byClientId.size > 0) await this.clock.sleep(1000, signal).catch(() => {});
    }
  }

  close(): Promise<void> {
    this.#ending.abort();
    this.#closing ??= this.#drainAndClose();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accept(socket: Socket): void {
    if (this.#open.size >= this.limits.connectionsMax || this.#closing !== undefined) {
      this.gauges.refused.add();
      socket.destroy();
      return;
    }
    const arrival: Arrival = { remoteAddress: socket.remoteAddress, isEncrypted: false };
    const connection = new Connection(this, socket, arrival);
    this.#open.add(connection);
    socket.once('close', () => this.#open.delete(connection));
    connection.start();
  }

  #directory(): ClientDirectory {
    const byClientId = this.#byClientId;
    return {
      get size() {
        return byClientId.size;
      },
      get: (clientId) => byClientId.get(clientId)?.client,
      *list(): Generator<ConnectedClient> {
        for (const { client } of byClientId.values()) if (client) yield client;
      },
      disconnect: (clientId) => {
        const connection = byClientId.get(clientId);
        connection?.dismiss();
        return connection !== undefined;
      },
    };
  }

  async #drainAndClose(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of this.#open) connection.stopReading();
    await this.broker.drain();
    for (const connection of [...this.#open]) {
      connection.flush();
      connection.finish();
    }
    await closed;
  }
}
