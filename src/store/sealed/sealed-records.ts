/**
 * Records of which some spaces are sealed: what is put there is an envelope on disk, and comes back in the clear.
 *
 *  - E1  A key is durable in the key file before anything is sealed with it.
 *  - E2  A key leaves the file only when nothing is sealed with it any more.
 *  - E3  A record is sealed again in a transaction on the condition that nobody has changed it: no write is lost.
 *  - E4  Values that stood there in the clear, from before their space was sealed, are sealed when the store is opened. Afterwards
 *        one in the clear is damage, not data.
 *
 * So a rotation that is cut off at any point leaves every record readable, and the next one ends it.
 */
import { type Clock, hasCode, type Random } from '../../base/index.ts';
import { keyIdOf } from '../../codec/sealed/index.ts';
import type {
  Change,
  KeyRange,
  RecordEntry,
  RecordKey,
  Records,
  Transaction,
  Version,
  Write,
} from '../records/index.ts';
import { Keyring, type KeyView } from './keyring.ts';
import { SEALING_LIMITS } from './limits.ts';

/** Where it stands which spaces are sealed: itself an envelope, so that it tells too whether the right key file is there. */
const LEDGER_SPACE = 'sealed';
const LEDGER_KEY = Buffer.from('spaces');

export interface SealedRecordsOptions {
  readonly records: Records;
  /** Spaces whose values are sealed. */
  readonly spaces: readonly string[];
  readonly keyFile: string;
  readonly passphrase?: string;
  readonly clock: Clock;
  readonly random: Random;
}

/** How things stand with the keys. */
export interface SealingView {
  readonly keyFile: string;
  readonly protection: 'passphrase' | 'none';
  /** Oldest first; more than one means that a rotation has not ended. */
  readonly keys: readonly KeyView[];
}

/** What a rotation has done. */
export interface Rotation {
  /** The key that seals now. */
  readonly keyId: string;
  readonly records: number;
}

/** The store of who has secrets. It borrows the records store below; disposing does not close that. */
export class SealedRecords implements Records {
  readonly #records: Records;
  readonly #spaces: ReadonlySet<string>;
  readonly #keyring: Keyring;
  readonly #clock: Clock;
  /** Sealed transactions that are on their way: what they wrote may be sealed with the key before. */
  readonly #flying = new Set<Promise<unknown>>();
  #rotating: Promise<Rotation> | undefined;

  private constructor(records: Records, spaces: ReadonlySet<string>, keyring: Keyring, clock: Clock) {
    this.#records = records;
    this.#spaces = spaces;
    this.#keyring = keyring;
    this.#clock = clock;
  }

  /** Opens the keys, and seals what stands in the clear. @throws KeyFileErrorCode, key-unknown, seal-broken */
  static async open(options: SealedRecordsOptions): Promise<SealedRecords> {
    const { records, spaces, keyFile: file, passphrase, clock, random } = options;
    const ledger = await records.get(LEDGER_SPACE, LEDGER_KEY);
    const ground = { clock, random, ...(passphrase !== undefined && { passphrase }) };
    const keyring = await Keyring.open({ file, isExpected: ledger !== undefined, ...ground });
    const sealed = new SealedRecords(records, new Set(spaces), keyring, clock);
    await sealed.#adopt(ledger);
    return sealed;
  }

  get view(): SealingView {
    const { path: keyFile, protection, keys } = this.#keyring;
    return { keyFile, protection, keys };
  }

  /**
   * Makes a new key, seals everything again with it and forgets the keys before. Durable when it resolves; calls and other writes go
   * on meanwhile. A second call while one runs waits for that one.
   */
  rotate(): Promise<Rotation> {
    this.#rotating ??= this.#rotate().finally(() => {
      this.#rotating = undefined;
    });
    return this.#rotating;
  }

  async get(space: string, key: Uint8Array): Promise<RecordEntry | undefined> {
    const entry = await this.#records.get(space, key);
    return entry && this.#opened(space, entry);
  }

  async getAll(keys: readonly RecordKey[]): Promise<readonly (RecordEntry | undefined)[]> {
    const entries = await this.#records.getAll(keys);
    return entries.map((entry, at) => entry && this.#opened(keys[at]!.space, entry));
  }

  async range(space: string, range: KeyRange): Promise<readonly RecordEntry[]> {
    const entries = await this.#records.range(space, range);
    return this.#spaces.has(space) ? entries.map((entry) => this.#opened(space, entry)) : entries;
  }

  commit(transaction: Transaction): Promise<Version> {
    if (!transaction.writes.some(({ space }) => this.#spaces.has(space))) return this.#records.commit(transaction);
    const writes = transaction.writes.map((write) => this.#sealed(write));
    return this.#track(this.#records.commit({ ...transaction, writes }));
  }

  watchChanges(space: string): Promise<void> {
    return this.#records.watchChanges(space);
  }

  async changes(space: string, after: Version, limit: number): Promise<readonly Change[]> {
    const changes = await this.#records.changes(space, after, limit);
    if (!this.#spaces.has(space)) return changes;
    return changes.map((change) =>
      change.value === undefined
        ? change
        : { ...change, value: this.#keyring.open(change.value, placeOf(space, change.key)) },
    );
  }

  waitForChanges(space: string, after: Version, signal: AbortSignal): Promise<void> {
    return this.#records.waitForChanges(space, after, signal);
  }

  trimChanges(space: string, through: Version): Promise<void> {
    return this.#records.trimChanges(space, through);
  }

  dropSpace(space: string): Promise<void> {
    return this.#records.dropSpace(space);
  }

  sizeBytes(): Promise<number> {
    return this.#records.sizeBytes();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rotating?.catch(() => {});
  }

  #opened(space: string, entry: RecordEntry): RecordEntry {
    if (!this.#spaces.has(space)) return entry;
    return { ...entry, value: this.#keyring.open(entry.value, placeOf(space, entry.key)) };
  }

  #sealed(write: Write): Write {
    if (write.kind !== 'put' || !this.#spaces.has(write.space)) return write;
    return { ...write, value: this.#keyring.seal(write.value, placeOf(write.space, write.key)) };
  }

  async #track<T>(work: Promise<T>): Promise<T> {
    this.#flying.add(work);
    try {
      return await work;
    } finally {
      this.#flying.delete(work);
    }
  }

  /** E4: spaces that the ledger does not name may hold values in the clear. */
  async #adopt(ledger: RecordEntry | undefined): Promise<void> {
    const known = ledger && (JSON.parse(this.#openLedger(ledger).toString()) as readonly string[]);
    const fresh = [...this.#spaces].filter((space) => !known?.includes(space));
    if (fresh.length === 0) return;
    await Promise.all(fresh.map((space) => this.#seal(space, isClear)));
    await this.#writeLedger([...(known ?? []), ...fresh]);
  }

  #openLedger({ value }: RecordEntry): Buffer {
    return this.#keyring.open(value, placeOf(LEDGER_SPACE, LEDGER_KEY));
  }

  async #writeLedger(spaces: readonly string[]): Promise<void> {
    const value = this.#keyring.seal(Buffer.from(JSON.stringify(spaces)), placeOf(LEDGER_SPACE, LEDGER_KEY));
    await this.#records.commit({ writes: [{ kind: 'put', space: LEDGER_SPACE, key: LEDGER_KEY, value }] });
  }

  async #rotate(): Promise<Rotation> {
    const ledger = await this.#records.get(LEDGER_SPACE, LEDGER_KEY);
    const spaces = JSON.parse(this.#openLedger(ledger!).toString()) as readonly string[];
    // One that was cut off has made a new key already: it is ended first, with that key.
    if (this.#keyring.keys.length === 1) await this.#keyring.add(this.#clock);
    const { currentId } = this.#keyring;
    // E2: what was sealed before the key was there must have landed before its space is read.
    await Promise.allSettled(this.#flying);
    const isOld = (value: Uint8Array) => keyIdOf(value) !== currentId;
    let records = 0;
    for (const space of spaces) records += await this.#seal(space, isOld);
    await this.#writeLedger(spaces);
    await this.#keyring.retire();
    return { keyId: currentId, records };
  }

  /** Seals the values of a space of which `is` holds. @returns how many */
  async #seal(space: string, is: (value: Uint8Array) => boolean): Promise<number> {
    let from: Uint8Array = Buffer.alloc(0);
    let count = 0;
    for (;;) {
      const page = await this.#records.range(space, { from, limit: SEALING_LIMITS.resealBatchMax });
      const entries = page.filter(({ value }) => is(value));
      if (entries.length > 0) count += await this.#sealBatch(space, entries);
      if (page.length < SEALING_LIMITS.resealBatchMax) return count;
      from = Buffer.concat([page.at(-1)!.key, Buffer.of(0)]);
    }
  }

  async #sealBatch(space: string, entries: readonly RecordEntry[]): Promise<number> {
    try {
      await this.#records.commit({
        conditions: entries.map(({ key, version }) => ({ space, key, is: version })),
        writes: entries.map(({ key, value }) => ({ kind: 'put', space, key, value: this.#again(space, key, value) })),
      });
      return entries.length;
    } catch (error) {
      if (!hasCode(error, 'condition-failed')) throw error;
    }
    // E3: what has changed since was sealed by its own write, with the current key.
    if (entries.length === 1) return 0;
    let count = 0;
    for (const entry of entries) count += await this.#sealBatch(space, [entry]);
    return count;
  }

  #again(space: string, key: Uint8Array, value: Uint8Array): Buffer {
    const place = placeOf(space, key);
    return this.#keyring.seal(isClear(value) ? value : this.#keyring.open(value, place), place);
  }
}

/** Values of the platform's registries are JSON, which does not begin with the number of a version. */
function isClear(value: Uint8Array): boolean {
  return value.length > 0 && value[0]! >= 0x20;
}

function placeOf(space: string, key: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${space}\0`), key]);
}
