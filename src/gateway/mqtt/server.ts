import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Clock, hasCode, messageOf, type Random } from '../../base/index.ts';
import * as mqtt from '../../codec/mqtt/index.ts';
import type { Caller } from '../../services/index.ts';
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
import type { WireServer } from '../../wire/index.ts';
import { Addresses } from './addresses.ts';
import { CommitBudget, WaitingBudget } from './budget.ts';
import { Connection } from './connection.ts';
import { Departures } from './departures.ts';
import { redirection, shutdown, TAKEN_OVER } from './ending.ts';
import { type MqttGauges, mqttGauges } from './gauges.ts';
import type { ConnectionHost } from './host.ts';
import { KeepAlives } from './keep-alive.ts';
import { limitsWith, type MqttLimits } from './limits.ts';
import { callerOf } from './listeners/device-door.ts';
import { FileTable } from './listeners/file-table.ts';
import type { IdentitySource } from './listeners/identity.ts';
import { type Entrance, Listener, type ListenerAddress, type ListenerOptions } from './listeners/listener.ts';
import { Networks } from './listeners/networks.ts';
import type { SignatureCheck } from './listeners/signatures.ts';
import { Upgrades } from './listeners/upgrades.ts';
import type { OutputRoom } from './output.ts';
import { TokenBucket } from './rates.ts';
import { systemValues } from './system-values.ts';
import type { Transport } from './transport.ts';
import { Turn } from './turn.ts';

export interface MqttGatewayOptions {
  readonly broker: Broker;
  /** Address of the listener in plain; default `127.0.0.1`. */
  readonly host?: string;
  /** Its port; 0 is any free one. */
  readonly port: number;
  /** Listeners besides. */
  readonly listeners?: readonly ListenerOptions[];
  /** Key and certificate of the TLS listeners; required where there are any. */
  readonly identity?: IdentitySource;
  /** What takes HTTP of TLS listeners, and whose signatures are good there; without it such connections are closed. */
  readonly http?: { readonly server: Pick<WireServer, 'acceptDevice'>; readonly signatures: SignatureCheck };
  /** Addresses and networks of proxies: connections from there begin with a PROXY header (version 2), others have none. */
  readonly proxies?: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Default: everyone may do everything, for `dev` on loopback. */
  readonly access?: DeviceAccess;
  /** Told what clients do; nobody unless given. */
  readonly watcher?: ClientWatcher;
  /** Those that differ from {@link MQTT_LIMITS}; another name is refused. */
  readonly limits?: Partial<MqttLimits>;
  /** Where MQTT 5 clients are told to go when the gateway closes, `host:port`. */
  readonly successor?: string;
}

export interface MqttGateway extends AsyncDisposable {
  /** Where the listener in plain is. */
  readonly address: ListenerAddress;
  /** Where all are: the one in plain, then the others in the order in which they were asked for. */
  readonly listening: readonly ListenerAddress[];
  readonly clients: ClientDirectory;
  /**
   * Drains: from now on clients are told to connect to another server instead (MQTT 5, 4.11), those that are connected some at a time.
   * Resolves when all are gone. A 3.1.1 client cannot be told where to go; its connection is closed.
   *
   * @param serverReference  `host:port`, or several parted by spaces
   */
  redirect(serverReference: string): Promise<void>;
  /**
   * Makes a WebSocket of a request that has come by another port than the gateway's own, or refuses it.
   *
   * @param arrival  who is at the other end
   * @param signatures  finds who has signed it
   */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, arrival: Arrival, signatures: SignatureCheck): void;
  /** Stops accepting and reading, acknowledges what is being committed, tells clients why, and closes. Twice is safe. */
  close(): Promise<void>;
}

/** Opens all listeners, or none. @throws DomainError `listen-failed`  a port is taken or not allowed; `tls-identity-invalid` */
export async function openMqttGateway(options: MqttGatewayOptions): Promise<MqttGateway> {
  const gateway = new Gateway(options);
  try {
    const { host = '127.0.0.1', port, listeners = [] } = options;
    for (const listener of [{ kind: 'mqtt', host, port } as const, ...listeners]) await gateway.listen(listener);
  } catch (error) {
    await gateway.close();
    throw error;
  }
  return gateway;
}

class Gateway implements MqttGateway, ConnectionHost, Entrance {
  readonly broker: Broker;
  readonly access: DeviceAccess;
  readonly watcher: ClientWatcher | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: MqttLimits;
  readonly gauges: MqttGauges;
  readonly turn = new Turn();
  readonly keepAlives: KeepAlives;
  readonly budget: CommitBudget;
  readonly waiting: WaitingBudget;
  readonly departures: Departures;
  readonly outputRoom: OutputRoom;
  readonly topics = new mqtt.TopicCache();
  readonly addresses: Addresses;
  successor: string | undefined;
  readonly #successorAtEnd: string | undefined;
  readonly proxies: Networks;
  readonly identity: IdentitySource | undefined;
  readonly #http: MqttGatewayOptions['http'];
  readonly #upgrades: Upgrades;
  readonly #random: Random;
  readonly #listeners: Listener[] = [];
  readonly #files = new FileTable();
  /** Sockets of all listeners, whatever they speak. */
  #sockets = 0;
  /** One listener for all of them. */
  readonly #uncount = (): void => {
    this.#sockets--;
  };
  readonly #open = new Set<Connection>();
  /** Resolves the end of {@link close} when the last connection is gone. */
  #lastClosed: (() => void) | undefined;
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
    this.limits = limitsWith(options.limits);
    this.#successorAtEnd = options.successor;
    this.keepAlives = new KeepAlives(options.clock);
    this.budget = new CommitBudget(this.limits.commitBytesMax);
    this.waiting = new WaitingBudget(this.limits.waitingBytesMax, this.turn, () => this.#makeRoom());
    this.outputRoom = { bytesMax: this.limits.outboundBytesMax, budget: this.waiting };
    this.departures = new Departures(this.clock, this.turn, this.limits.closingTurnMs);
    this.addresses = new Addresses(this.clock, this.limits);
    this.gauges = mqttGauges(options.metrics);
    this.#random = options.random;
    this.broker.tell(systemValues(options.metrics, () => this.#byClientId.size));
    this.proxies = new Networks(options.proxies ?? []);
    this.identity = options.identity;
    this.#http = options.http;
    this.#upgrades = new Upgrades({
      limits: this.limits,
      logger: this.logger,
      offended: (remoteAddress) => this.offended(remoteAddress),
      opened: (transport, arrival) => this.mqtt(transport, arrival),
    });
  }

  async listen(options: ListenerOptions): Promise<void> {
    this.#listeners.push(await Listener.open(options, this));
  }

  get address(): ListenerAddress {
    return this.listening[0]!;
  }

  get listening(): readonly ListenerAddress[] {
    return this.#listeners.map(({ address }) => address);
  }

  readonly clients: ClientDirectory = this.#directory();

  newClientId(): string {
    return `auto-${this.#random.bytes(12).toString('hex')}`;
  }

  claim(connection: Connection): boolean {
    this.departures.settle(connection.clientId);
    const before = this.#byClientId.get(connection.clientId);
    if (before && !this.#mayTakeOver(before, connection)) return false;
    before?.end(TAKEN_OVER);
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

  /** Too much waits: those go who are not let in yet, then those for whom most does; the others keep what they have. */
  #makeRoom(): void {
    // What is kept for those who have left goes first.
    this.departures.settleAll();
    const waiting = Array.from(this.#open, (connection) => ({ connection, bytes: connection.waitingBytes }));
    const behind = waiting
      .filter(({ bytes }) => bytes > 0)
      .sort((a, b) => rankOf(a.connection) - rankOf(b.connection) || b.bytes - a.bytes);
    let clients = 0;
    for (const { connection } of behind) {
      if (this.waiting.isRelieved) break;
      connection.crowdedOut();
      clients++;
    }
    this.gauges.crowdedOut.add(clients);
    this.logger.warn('mqtt clients disconnected: too much waits for all together', { clients });
  }

  async redirect(serverReference: string): Promise<void> {
    this.successor = serverReference;
    const { signal } = this.#ending;
    while (this.#byClientId.size > 0 && !signal.aborted) {
      const some = Array.from(this.#byClientId.values().take(this.limits.redirectsPerSecond));
      for (const connection of some) connection.end(redirection(serverReference));
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

  counts(socket: Socket): boolean {
    if (this.#sockets >= this.limits.connectionsMax || this.#closing !== undefined) return false;
    this.#sockets++;
    void this.#files.accepted(socket);
    socket.on('close', this.#uncount);
    return true;
  }

  admits(remoteAddress: string | undefined): boolean {
    return !this.addresses.isBanned(remoteAddress);
  }

  offended(remoteAddress: string | undefined): void {
    if (this.addresses.offended(remoteAddress))
      this.logger.warn('address banned: too many refusals', { remoteAddress });
  }

  refused(): void {
    this.gauges.refused.add();
  }

  mqtt(transport: Transport, arrival: Arrival): void {
    if (this.#closing !== undefined) return void transport.destroy();
    const connection = new Connection(this, transport, arrival);
    this.#open.add(connection);
    connection.start();
  }

  closed(connection: Connection): void {
    this.#open.delete(connection);
    if (this.#open.size === 0) this.#lastClosed?.();
  }

  readonly socketFailed = (error: Error): void => this.logger.debug('mqtt socket error', { error: messageOf(error) });

  http(socket: Socket, arrival: Arrival): void {
    if (!this.#http) return void socket.destroy();
    const { server, signatures } = this.#http;
    server.acceptDevice(socket, {
      caller: (request) => this.#callerOf(arrival, request),
      upgrade: (request, upgraded, head) => this.upgrade(request, upgraded, head, arrival, signatures),
    });
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, arrival: Arrival, signatures: SignatureCheck): void {
    const isFull = this.#open.size >= this.limits.connectionsMax;
    if (isFull || this.#closing !== undefined || !this.admits(arrival.remoteAddress)) {
      this.refused();
      return void socket.destroy();
    }
    this.#upgrades.take(request, socket, head, arrival, signatures).catch((error: unknown) => {
      this.logger.error('websocket failed', { error });
      socket.destroy();
    });
  }

  async #callerOf(arrival: Arrival, request: IncomingMessage): Promise<Caller> {
    try {
      return await callerOf(this.access, arrival, request);
    } catch (error) {
      if (hasCode(error, 'forbidden')) this.offended(arrival.remoteAddress);
      throw error;
    }
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
      disconnect: (clientId, { publishesWill = true, endsSession = false } = {}) => {
        this.departures.settle(clientId);
        const connection = byClientId.get(clientId);
        connection?.dismiss(publishesWill, endsSession);
        return connection !== undefined;
      },
    };
  }

  async #drainAndClose(): Promise<void> {
    this.successor ??= this.#successorAtEnd;
    for (const listener of this.#listeners) listener.close();
    for (const connection of this.#open) connection.stopReading();
    this.departures.close();
    await this.broker.drain();
    if (this.#open.size === 0) return;
    const closed = new Promise<void>((resolve) => {
      this.#lastClosed = resolve;
    });
    for (const connection of [...this.#open]) {
      connection.flush();
      connection.end(shutdown(this.successor));
    }
    await closed;
    this.keepAlives.close();
  }
}

/** Who has proved nothing must not make anybody go who has. */
function rankOf(connection: Connection): number {
  return connection.isConnected ? 1 : 0;
}
