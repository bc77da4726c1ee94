/* What transactions of all operations have in common: changes or reads of several items at once, and what they cost. */
import type { ConsumedCapacity } from '@aws-sdk/client-dynamodb';
import type { Records } from '../../../store/index.ts';
import { DynamodbError, invalid } from '../errors.ts';
import { decodeItem } from '../model/stored.ts';
import type { StoredItem, Table } from '../model/table.ts';
import { cancelled } from './cancellation.ts';
import { type CapacityWish, readUnits } from './capacity.ts';
import { shownCapacity, type Units, UnitsSum } from './consumed.ts';
import { ITEM_LIMITS } from './limits.ts';
import { type TakenToken, type Tokens, tokenInProgress } from './tokens.ts';
import type { WantedChange, Writer, Written } from './writer.ts';

/** Each unit counts twice in a transaction: once to prepare, once to commit. */
const FACTOR = 2;
const NO_INDEXES: ReadonlyMap<string, number> = new Map();

/** What a transaction's answer says of capacity. */
export interface CapacityAnswer {
  readonly ConsumedCapacity?: ConsumedCapacity[];
}

/** A transaction that writes. */
export interface WriteTransaction {
  readonly wanted: readonly WantedChange[];
  readonly region: string;
  /** `ClientRequestToken`. */
  readonly token: string | undefined;
  /** All that makes requests under a token equal. */
  readonly request: unknown;
  readonly wish: CapacityWish;
}

export interface TransactionParts {
  readonly records: Records;
  readonly writer: Writer;
  readonly tokens: Tokens;
}

/**
 * Makes all changes or none, and under a token once.
 * @throws DynamodbError `transaction-canceled`, `token-mismatch`, `transaction-in-progress`, `validation-failed`: two of one item
 */
export async function writeTogether(
  { records, writer, tokens }: TransactionParts,
  { wanted, region, token, request, wish }: WriteTransaction,
): Promise<CapacityAnswer> {
  checkDistinct(wanted);
  const write = (more: Partial<TakenToken> = {}) =>
    writer.writeAll(wanted, {
      factor: FACTOR,
      refused: (errors) => cancelled(errors, wanted.length),
      outdated: tokenInProgress,
      ...more,
    });
  const written = token === undefined ? await write() : await tokens.once(region, token, request, write);
  if (written === 'done-before') return shown(await readAgain(records, wanted), 'read', wish);
  return shown(unitsOf(wanted, written), 'write', wish);
}

function checkDistinct(places: readonly ItemPlace[]): void {
  const rows = new Set(places.map(({ table, key }) => `${table.id}/${Buffer.from(key).toString('latin1')}`));
  if (rows.size < places.length) {
    throw invalid('Transaction request cannot include multiple operations on one item');
  }
}

/** The place of an item. */
export interface ItemPlace {
  readonly table: Table;
  readonly key: Uint8Array;
}

/**
 * Reads items at one moment.
 * @returns items by their places; `undefined` where there is none
 * @throws DynamodbError `transaction-canceled`: no throughput; `validation-failed`: two of one item, or too large together
 */
export async function readTogether(
  records: Records,
  places: readonly ItemPlace[],
  wish: CapacityWish,
): Promise<{ readonly items: readonly (StoredItem | undefined)[]; readonly capacity: CapacityAnswer }> {
  checkDistinct(places);
  const rows = await records.getAll(places.map(({ table, key }) => ({ space: table.space, key })));
  const items = rows.map((row) => row && decodeItem(row.value));
  const size = items.reduce((sum, item) => sum + (item?.sizeBytes ?? 0), 0);
  if (size > ITEM_LIMITS.transactionBytesMax) {
    throw invalid('Transaction size exceeded the maximum allowed size of 4 MB');
  }
  const sums = sumsOf(places.map(({ table }) => table));
  const errors: DynamodbError[] = [];
  places.forEach(({ table }, at) => {
    const units = readUnits(items[at]?.sizeBytes ?? 0, true) * FACTOR;
    reasonAt(errors, at, () => table.throughput.read(units));
    sums.get(table)!.add({ table: units, indexes: NO_INDEXES });
  });
  if (errors.length > 0) throw cancelled(errors, places.length);
  return { items, capacity: shown(sums, 'read', wish) };
}

/** Notes a refusal as the reason of one part; @throws DynamodbError  what refuses the whole request as it is */
export function reasonAt<T>(errors: DynamodbError[], at: number, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    // Input that no key can have is refused before there is a transaction.
    if (!(error instanceof DynamodbError) || /cannot contain an empty/.test(error.message)) throw error;
    errors[at] = error;
    return undefined;
  }
}

/**
 * What a transaction that writes carries with it is limited, and not the items that it is about: fifty of 100 KB may be deleted at once.
 * @param sizes  bytes of items, keys and values of the request
 * @throws DynamodbError `validation-failed`
 */
export function checkPayload(sizes: readonly number[]): void {
  const size = sizes.reduce((sum, bytes) => sum + bytes, 0);
  if (size > ITEM_LIMITS.transactionBytesMax) throw invalid('Transaction payload size cannot exceed 4 MB');
}

/** What a repeated request costs: its items are read. */
async function readAgain(records: Records, wanted: readonly WantedChange[]): Promise<Sums> {
  const rows = await records.getAll(wanted.map(({ table, key }) => ({ space: table.space, key })));
  const sums = sumsOf(wanted.map(({ table }) => table));
  wanted.forEach(({ table }, at) => {
    const row = rows[at];
    const units = readUnits(row ? decodeItem(row.value).sizeBytes : 0, true) * FACTOR;
    sums.get(table)!.add({ table: units, indexes: NO_INDEXES });
  });
  return sums;
}

type Sums = ReadonlyMap<Table, UnitsSum>;

function sumsOf(tables: readonly Table[]): Sums {
  return new Map(tables.map((table) => [table, new UnitsSum()]));
}

function unitsOf(wanted: readonly WantedChange[], written: readonly Written[]): Sums {
  const sums = sumsOf(wanted.map(({ table }) => table));
  wanted.forEach(({ table }, at) => void sums.get(table)!.add(written[at]!.units));
  return sums;
}

function shown(sums: Sums, kind: 'read' | 'write', wish: CapacityWish): CapacityAnswer {
  if (wish === undefined || wish === 'NONE') return {};
  const all = [...sums].map(([table, units]) => withKind(shownCapacity(table, units, wish)!, units, kind));
  return { ConsumedCapacity: all };
}

/** Transactions say whether their units were of reads or of writes. */
function withKind(shownUnits: ConsumedCapacity, units: Units, kind: 'read' | 'write'): ConsumedCapacity {
  const member = kind === 'read' ? 'ReadCapacityUnits' : 'WriteCapacityUnits';
  const { CapacityUnits, Table: table } = shownUnits;
  return {
    ...shownUnits,
    [member]: CapacityUnits,
    ...(table && { Table: { CapacityUnits: units.table, [member]: units.table } }),
  };
}
