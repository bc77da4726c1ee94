/**
 * Which clients there have been, and when: the last connection of each in memory, those before it on disk.
 *
 * Two spaces of the records store:
 *
 *     iot.clients             client id                          -> its last connection
 *     iot.client-connections  client id, 0, number (8 bytes, BE) -> a connection before that
 *
 * What is to be written gathers for a second, so that a storm of reconnecting devices costs few transactions; a crash loses that second
 * and nothing else. It is encoded as it is written: until then it costs a name. Nothing is acknowledged by what stands here.
 */
import { type Clock, messageOf, type Timer } from '../../../base/index.ts';
import { RECORDS_LIMITS, type RecordEntry, type Records, type RowWrite } from '../../../store/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import type { DisconnectReason } from '../access/clients.ts';
import { IOT_LIMITS } from '../limits.ts';

/** One connection of a client, as it is stored. */
export interface ClientConnection {
  /** 0 for the first; AWS's `versionNumber`. */
  readonly number: number;
  readonly sessionId: string;
  /** Epoch milliseconds. */
  readonly connectedAt: number;
  readonly principal?: string;
  readonly thingName?: string;
  /** The same where the client's principal had no other. */
  readonly exclusiveThing?: string;
  readonly ip?: string;
  readonly isEncrypted: boolean;
  /** 4 is MQTT 3.1.1. */
  readonly version: 4 | 5;
  /** Seconds; 0 is none. */
  readonly keepAlive: number;
  readonly cleanStart: boolean;
  /** How many connections before it followed one another within `restlessMs`: many mean that something is wrong. */
  readonly streak: number;
  /** Absent while it is connected. */
  readonly disconnectedAt?: number;
  readonly reason?: DisconnectReason;
}

/** A connection without what the history itself knows. */
export type NewConnection = Omit<ClientConnection, 'number' | 'streak' | 'disconnectedAt' | 'reason'>;

/** Clients and their connections, for those who show them. */
export interface ClientHistory {
  readonly size: number;
  /** The connection that a client has, or had last. */
  last(clientId: string): ClientConnection | undefined;
  /** All clients with their last connection, in no order. */
  clients(): Iterable<readonly [clientId: string, last: ClientConnection]>;
  /** Connections of a client, the latest first: at most the number that is kept of each. */
  connections(clientId: string): Promise<readonly ClientConnection[]>;
  /** The client that has come in as a thing last: mostly the one of the same name. */
  clientOfThing(thingName: string): string;
}

const CLIENTS = 'iot.clients';
const CONNECTIONS = 'iot.client-connections';

export class ConnectionHistory implements ClientHistory {
  readonly #records: Records;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #last = new Map<string, ClientConnection>();
  /** Clients that were things of another name than their own. */
  readonly #byThing = new Map<string, string>();
  /** Told whether a client is kept although it has been gone for long. */
  readonly #isKept: (clientId: string) => boolean;
  /** What is to be written: of a client its last connection as it is then, under its id, and connections before that. */
  #pending = new Map<string, 'last' | EarlierConnection>();
  #timer: Timer | undefined;
  #writing: Promise<void> | undefined;
  #isClosed = false;

  private constructor(parts: Parts) {
    this.#records = parts.records;
    this.#clock = parts.clock;
    this.#logger = parts.logger;
    this.#isKept = parts.isKept;
  }

  /** Reads the last connection of every client. */
  static async open(parts: Parts): Promise<ConnectionHistory> {
    const history = new ConnectionHistory(parts);
    const limit = RECORDS_LIMITS.readRecordsMax;
    let from: Uint8Array = new Uint8Array(0);
    for (;;) {
      const page: readonly RecordEntry[] = await parts.records.range(CLIENTS, { from, limit });
      for (const { key, value } of page) history.#remember(Buffer.from(key).toString(), read(value));
      if (page.length < limit) return history;
      from = Buffer.concat([page.at(-1)!.key, Buffer.of(0)]);
    }
  }

  get size(): number {
    return this.#last.size;
  }

  last(clientId: string): ClientConnection | undefined {
    return this.#last.get(clientId);
  }

  clients(): Iterable<readonly [clientId: string, last: ClientConnection]> {
    return this.#last;
  }

  /** A client has connected. */
  begin(clientId: string, connection: NewConnection): ClientConnection {
    const before = this.#last.get(clientId);
    const isQuick = before !== undefined && connection.connectedAt - before.connectedAt < IOT_LIMITS.restlessMs;
    const begun: ClientConnection = {
      ...connection,
      number: before ? before.number + 1 : 0,
      streak: isQuick ? before.streak + 1 : 0,
    };
    if (!before) this.#makeRoom();
    this.#remember(clientId, begun);
    if (!isRecorded(clientId)) return begun;
    this.#write(clientId);
    if (before) this.#writeEarlier(clientId, before.number, before);
    const oldest = begun.number - IOT_LIMITS.connectionsPerClientMax;
    if (oldest >= 0) this.#writeEarlier(clientId, oldest, undefined);
    return begun;
  }

  /** The connection has ended. */
  end(clientId: string, connection: ClientConnection, disconnectedAt: number, reason: DisconnectReason): void {
    const ended: ClientConnection = { ...connection, disconnectedAt, reason };
    if (this.#last.get(clientId)?.number === connection.number) {
      this.#last.set(clientId, ended);
      if (isRecorded(clientId)) this.#write(clientId);
    } else if (isRecorded(clientId)) this.#writeEarlier(clientId, connection.number, ended);
  }

  async connections(clientId: string): Promise<readonly ClientConnection[]> {
    const last = this.#last.get(clientId);
    if (!last) return [];
    await this.#flush();
    const earlier = await this.#records.range(CONNECTIONS, {
      from: connectionKey(clientId, 0),
      to: connectionKey(clientId, last.number),
      reverse: true,
      limit: IOT_LIMITS.connectionsPerClientMax,
    });
    return [last, ...earlier.map(({ value }) => read(value))].slice(0, IOT_LIMITS.connectionsPerClientMax);
  }

  clientOfThing(thingName: string): string {
    return this.#byThing.get(thingName) ?? thingName;
  }

  /** Forgets clients that have been gone for long, unless they are kept. */
  sweep(): void {
    const before = this.#clock.now() - IOT_LIMITS.clientGoneMsMax;
    for (const [clientId, { disconnectedAt, number }] of this.#last) {
      if (disconnectedAt !== undefined && disconnectedAt < before && !this.#isKept(clientId))
        this.#forget(clientId, number);
    }
  }

  /** Writes what is to be written; twice is safe. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#flush();
  }

  /** Full: those who have been gone longest make room, a hundredth at once. */
  #makeRoom(): void {
    if (this.#last.size < IOT_LIMITS.clientsMax) return;
    const gone = [...this.#last].filter(
      ([clientId, { disconnectedAt }]) => disconnectedAt !== undefined && !this.#isKept(clientId),
    );
    gone.sort(([, a], [, b]) => a.disconnectedAt! - b.disconnectedAt!);
    for (const [clientId, { number }] of gone.slice(0, IOT_LIMITS.clientsMax / 100)) this.#forget(clientId, number);
  }

  #remember(clientId: string, connection: ClientConnection): void {
    this.#last.set(clientId, connection);
    const { thingName } = connection;
    if (thingName !== undefined && thingName !== clientId) this.#byThing.set(thingName, clientId);
  }

  #forget(clientId: string, number: number): void {
    const thingName = this.#last.get(clientId)?.thingName;
    if (thingName !== undefined && this.#byThing.get(thingName) === clientId) this.#byThing.delete(thingName);
    this.#last.delete(clientId);
    if (!isRecorded(clientId)) return;
    this.#write(clientId);
    const oldest = Math.max(0, number - IOT_LIMITS.connectionsPerClientMax);
    for (let at = oldest; at < number; at++) this.#writeEarlier(clientId, at, undefined);
  }

  /** The last connection, or that there is none any more. */
  #write(clientId: string): void {
    this.#gather(clientId, 'last');
  }

  /** One before that; `undefined` deletes it. */
  #writeEarlier(clientId: string, number: number, connection: ClientConnection | undefined): void {
    this.#gather(`${clientId}\0${number}`, { clientId, number, connection });
  }

  #gather(name: string, what: 'last' | EarlierConnection): void {
    this.#pending.set(name, what);
    if (!this.#isClosed) this.#timer ??= this.#clock.timer(IOT_LIMITS.historyDelayMs, () => void this.#flush());
  }

  /** Resolves when all that was pending is written, or could not be: then it is tried again with what comes. */
  async #flush(): Promise<void> {
    await this.#writing;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#pending.size === 0) return;
    this.#writing = this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    const pending = [...this.#pending];
    this.#pending = new Map();
    let at = 0;
    try {
      for (; at < pending.length; at += IOT_LIMITS.historyRowsAtOnce) {
        const some = pending.slice(at, at + IOT_LIMITS.historyRowsAtOnce);
        await this.#records.commit({ writes: some.map(([name, what]) => this.#rowOf(name, what)) });
      }
    } catch (error) {
      this.#logger.warn('connection history could not be written', { reason: messageOf(error) });
      // Beyond the limit the history has a gap rather than the node a leak.
      const room = IOT_LIMITS.historyPendingMax - this.#pending.size;
      this.#pending = new Map([...pending.slice(at, at + Math.max(0, room)), ...this.#pending]);
      if (!this.#isClosed) this.#timer ??= this.#clock.timer(IOT_LIMITS.historyRetryMs, () => void this.#flush());
    }
  }

  #rowOf(name: string, what: 'last' | EarlierConnection): RowWrite {
    if (what === 'last') return rowWrite(CLIENTS, Buffer.from(name), this.#last.get(name));
    return rowWrite(CONNECTIONS, connectionKey(what.clientId, what.number), what.connection);
  }
}

interface EarlierConnection {
  readonly clientId: string;
  readonly number: number;
  /** Absent when it is to be deleted. */
  readonly connection: ClientConnection | undefined;
}

function rowWrite(space: string, key: Buffer, connection: ClientConnection | undefined): RowWrite {
  if (!connection) return { kind: 'delete', space, key };
  return { kind: 'put', space, key, value: Buffer.from(JSON.stringify(connection)) };
}

interface Parts {
  readonly records: Records;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly isKept: (clientId: string) => boolean;
}

/** Longer client ids are known while they are connected, and leave no trace. */
function isRecorded(clientId: string): boolean {
  return Buffer.byteLength(clientId) <= IOT_LIMITS.recordedClientIdBytesMax;
}

/** A client id holds no U+0000 [MQTT-1.5.4-2], so that no key begins with another client's. */
function connectionKey(clientId: string, number: number): Buffer {
  const id = Buffer.from(clientId);
  const key = Buffer.alloc(id.length + 9);
  id.copy(key);
  key.writeBigUInt64BE(BigInt(number), id.length + 1);
  return key;
}

function read(value: Uint8Array): ClientConnection {
  return JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString()) as ClientConnection;
}
