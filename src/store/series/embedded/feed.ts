import type { Log } from '../../log/index.ts';
import type { Engine } from './engine.ts';
import type { Applied } from './protocol.ts';

/** Records of one read of the log. */
const READ_RECORDS = 1000;
const READ_BYTES = 1024 * 1024;
/** Bytes with the worker that are not in the tables yet; beyond it the feed waits. Decoded they take ten times as much. */
const IN_FLIGHT_BYTES_MAX = 8 * 1024 * 1024;
/** Bytes in the tables before their records are let go from the log. */
const TRIM_BYTES = 16 * 1024 * 1024;

/** Brings the records of one database from the log to the worker, in order, and lets go of those that are in the tables. */
export class Feed {
  readonly #log: Log;
  readonly #partition: string;
  readonly #database: string;
  readonly #engine: Engine;
  #fed: number;
  #applied: number;
  #inFlightBytes = 0;
  #trimmableBytes = 0;
  #turn: Promise<void> = Promise.resolve();
  readonly #waiting: (() => void)[] = [];

  /** @param applied  offset up to which the log is in the tables */
  constructor(log: Log, partition: string, database: string, engine: Engine, applied: number) {
    this.#log = log;
    this.#partition = partition;
    this.#database = database;
    this.#engine = engine;
    this.#fed = applied;
    this.#applied = applied;
  }

  /** Resolves when the worker has been sent every record below `through`, which is durable. */
  upTo(through: number): Promise<void> {
    const fed = this.#turn.then(() => this.#feed(through));
    this.#turn = fed.catch(() => {});
    return fed;
  }

  /** Records up to `offset` are in the tables. */
  async applied({ offset, bytes }: Applied): Promise<void> {
    this.#applied = offset;
    this.#inFlightBytes -= bytes;
    this.#trimmableBytes += bytes;
    for (const wake of this.#waiting.splice(0)) wake();
    if (this.#trimmableBytes >= TRIM_BYTES) await this.trim();
  }

  /** Lets go of the records that are in the tables. */
  async trim(): Promise<void> {
    if (this.#trimmableBytes === 0) return;
    this.#trimmableBytes = 0;
    await this.#log.trim(this.#partition, this.#applied);
  }

  /** Wakes who waits for a worker that is gone. */
  stop(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async #feed(through: number): Promise<void> {
    while (this.#fed < through && !this.#engine.isGone) {
      if (this.#inFlightBytes > IN_FLIGHT_BYTES_MAX) {
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
        continue;
      }
      const records = await this.#log.read(this.#partition, this.#fed, READ_RECORDS, READ_BYTES);
      if (records.length === 0) return;
      // Copied: the log's memory stays the log's, and these are handed over.
      const payloads = records.map(({ payload }) => new Uint8Array(payload));
      this.#engine.apply({ kind: 'apply', database: this.#database, offset: records[0]!.offset, payloads });
      this.#fed = records.at(-1)!.offset + 1;
      for (const { byteLength } of payloads) this.#inFlightBytes += byteLength;
    }
  }
}
