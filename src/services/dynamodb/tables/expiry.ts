/**
 * Time to live: items whose attribute says that their time has come are deleted in the service's own name.
 *
 * A row for each item that has such an attribute, `seconds since the epoch (8 bytes) + row key of the item`, is kept by a
 * follower, so that a sweep reads nothing but what is due.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html
 */
import { type Clock, ClockJumps, hasCode, messageOf, type Timer } from '../../../base/index.ts';
import type { Write } from '../../../store/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import { TABLE_LIMITS } from '../limits.ts';
import type { Attributes } from '../model/attribute-value.ts';
import type { Follower, ItemChange } from '../model/follower.ts';
import { decodeItem } from '../model/stored.ts';
import type { StoredItem, Table } from '../model/table.ts';
import { backfill, forgetProgress } from './backfill.ts';
import { expirySpace, type TimeToLive } from './definition.ts';
import type { LiveTable } from './live-table.ts';
import { choresOf, type Decide, type Tables } from './tables.ts';

const SECONDS_BYTES = 8;

/** Times are seconds; a longer number is some other unit, and lies ages ahead. */
const SECONDS_MAX = 2 ** 47;

/** Whole seconds since the epoch at which an item expires; `undefined` when it does not: no attribute, or no number. */
export function expiryOf(attributes: Attributes, attribute: string): number | undefined {
  const value = Object.hasOwn(attributes, attribute) ? attributes[attribute]! : undefined;
  if (!value || !('N' in value)) return undefined;
  const seconds = Math.floor(Number(value.N));
  return seconds > 0 && seconds < SECONDS_MAX ? seconds : undefined;
}

/** Whether it is to be deleted now: due, and not for so long that the attribute can hardly mean it. @param at  epoch milliseconds */
export function isExpired(attributes: Attributes, attribute: string, at: number): boolean {
  const expiry = expiryOf(attributes, attribute);
  const now = Math.floor(at / 1000);
  return expiry !== undefined && expiry <= now && expiry > now - TABLE_LIMITS.expiredSecondsMax;
}

function secondsKey(seconds: number): Buffer {
  const key = Buffer.allocUnsafe(SECONDS_BYTES);
  key.writeBigUInt64BE(BigInt(seconds));
  return key;
}

function expiryRow(item: Uint8Array, attributes: Attributes, attribute: string): Buffer | undefined {
  const seconds = expiryOf(attributes, attribute);
  return seconds === undefined ? undefined : Buffer.concat([secondsKey(seconds), item]);
}

const EMPTY = Buffer.alloc(0);

/** Keeps the rows of a table by the time when its items expire. */
export class ExpiryFollower implements Follower {
  readonly readsOld = true;
  readonly #space: string;
  readonly #attribute: string;

  constructor(tableId: string, timeToLive: TimeToLive) {
    this.#space = expirySpace(tableId, timeToLive);
    this.#attribute = timeToLive.attribute;
  }

  follow({ key: item, old, new: now }: ItemChange, writes: Write[]): void {
    const before = old && expiryRow(item, old.attributes, this.#attribute);
    const after = now && expiryRow(item, now.attributes, this.#attribute);
    if (before && !(after && before.equals(after))) writes.push({ kind: 'delete', space: this.#space, key: before });
    // Also when it was the same before: that row may be missing while the table is gone over.
    if (after) writes.push({ kind: 'put', space: this.#space, key: after, value: EMPTY });
  }
}

/** Deletes in the service's own name. */
export interface ExpiredDeleter {
  /** @param expired  whether what stands there now is to be deleted. @returns whether it was deleted */
  deleteExpired(table: Table, key: Uint8Array, expired: (item: StoredItem) => boolean): Promise<boolean>;
}

export interface ExpiryDependencies {
  readonly tables: Tables;
  readonly deleter: ExpiredDeleter;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Finds items that were there before a time to live was switched on, and deletes what has expired. */
export class Expiry implements AsyncDisposable {
  readonly #dependencies: ExpiryDependencies;
  readonly #stop = new AbortController();
  #timer: Timer | undefined;
  #sweeping: Promise<void> = Promise.resolve();
  readonly #jumps: ClockJumps;

  constructor(dependencies: ExpiryDependencies) {
    this.#dependencies = dependencies;
    this.#jumps = new ClockJumps(dependencies.clock);
  }

  start(): void {
    for (const table of this.#dependencies.tables.all()) this.complete(table);
    this.#schedule();
  }

  /** Goes over the items of a table whose time to live was switched on. */
  complete(table: LiveTable): void {
    const { timeToLive } = table.definition;
    if (!timeToLive || timeToLive.complete) return;
    const { tables } = this.#dependencies;
    tables.chores.start(`${choresOf(table.id)}finding what expires`, async (signal) => {
      const space = expirySpace(table.id, timeToLive);
      const rowOf = ({ key, value }: { readonly key: Uint8Array; readonly value: Uint8Array }): Write | undefined => {
        const row = expiryRow(key, decodeItem(value).attributes, timeToLive.attribute);
        return row && { kind: 'put', space, key: row, value: EMPTY };
      };
      if (!(await backfill(tables.records, table, space, rowOf, signal))) return;
      const decide: Decide = (definition) => ({
        definition: { ...definition, timeToLive: { ...timeToLive, complete: true } },
        beside: [forgetProgress(table, space)],
      });
      await tables.update(table, decide, signal);
    });
  }

  /** Ends {@link complete}, should it run: the time to live is about to be switched off. */
  async cancel(table: LiveTable): Promise<void> {
    await this.#dependencies.tables.chores.cancel(`${choresOf(table.id)}finding what expires`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#timer?.cancel();
    await this.#sweeping;
  }

  #schedule(): void {
    if (this.#stop.signal.aborted) return;
    this.#timer = this.#dependencies.clock.timer(TABLE_LIMITS.sweepIntervalMs, () => {
      this.#sweeping = this.#sweepAll().finally(() => this.#schedule());
    });
  }

  async #sweepAll(): Promise<void> {
    const { clock, tables, logger } = this.#dependencies;
    if (!this.#jumps.isSteady()) return;
    const now = clock.now();
    for (const table of [...tables.all()]) {
      const { timeToLive } = table.definition;
      if (!timeToLive || this.#stop.signal.aborted) continue;
      try {
        await this.#sweep(table, timeToLive, now);
      } catch (error) {
        if (hasCode(error, 'resource-not-found')) continue;
        logger.warn('dynamodb: a sweep of expired items failed', { table: table.arn, cause: messageOf(error) });
      }
    }
  }

  async #sweep(table: LiveTable, { attribute, ...spell }: TimeToLive, now: number): Promise<void> {
    const { tables, deleter } = this.#dependencies;
    const seconds = Math.floor(now / 1000);
    const space = expirySpace(table.id, spell);
    const to = secondsKey(seconds + 1);
    let from: Uint8Array = secondsKey(Math.max(0, seconds - TABLE_LIMITS.expiredSecondsMax + 1));
    // Asked anew: once it is off nothing more is deleted.
    const isOn = () => table.definition.timeToLive?.id === spell.id;
    while (!this.#stop.signal.aborted && !table.isDeleted && isOn()) {
      const due = await tables.records.range(space, { from, to, limit: TABLE_LIMITS.expiredAtOnce });
      if (due.length === 0) return;
      const isDue = (item: StoredItem) => isOn() && isExpired(item.attributes, attribute, now);
      await Promise.all(due.map(({ key }) => deleter.deleteExpired(table, key.subarray(SECONDS_BYTES), isDue)));
      from = Buffer.concat([due.at(-1)!.key, Buffer.of(0)]);
    }
  }
}
