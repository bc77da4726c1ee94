import type {
  ConditionCheck,
  Get,
  TransactGetItemsInput,
  TransactWriteItem,
  TransactWriteItemsInput,
} from '@aws-sdk/client-dynamodb';
import { RawJson } from '../../../codec/aws/index.ts';
import type { Operation } from '../../index.ts';
import { DynamodbError, invalid } from '../errors.ts';
import { readExpressions } from '../expressions/index.ts';
import { cancelled } from '../items/cancellation.ts';
import { type CapacityWish, readUnits } from '../items/capacity.ts';
import { checkChange, deleteChange, type Guard, itemToPut, putChange, updateChange } from '../items/changes.ts';
import { shownCapacity, type Units, UnitsSum } from '../items/consumed.ts';
import { rowOfKey } from '../items/keys.ts';
import { ITEM_LIMITS } from '../items/limits.ts';
import { type Tokens, tokenInProgress } from '../items/tokens.ts';
import type { WantedChange, Written } from '../items/writer.ts';
import type { Attributes } from '../model/attribute-value.ts';
import { sizeOfAttributes } from '../model/size.ts';
import { decodeItem } from '../model/stored.ts';
import type { StoredItem, Table } from '../model/table.ts';
import type { ItemParts } from './items.ts';

/** Each unit counts twice in a transaction: once to prepare, once to commit. */
const FACTOR = 2;
const NO_INDEXES: ReadonlyMap<string, number> = new Map();

/** TransactWriteItems and TransactGetItems. */
export function transactionOperations({
  tables,
  records,
  writer,
  tokens,
}: ItemParts & { readonly tokens: Tokens }): Record<string, Operation> {
  const TransactWriteItems: Operation<TransactWriteItemsInput> = async (input, { region }) => {
    const { TransactItems = [], ClientRequestToken: token, ReturnConsumedCapacity: wish } = input;
    const wanted = wantedOf(TransactItems, (name) => tables.get(name, region));
    const write = (more: Pick<Parameters<typeof writer.writeAll>[1] & object, 'conditions' | 'writes'> = {}) =>
      writer.writeAll(wanted, {
        factor: FACTOR,
        refused: (errors) => cancelled(errors, wanted.length),
        outdated: tokenInProgress,
        ...more,
      });
    const written =
      token === undefined ? await write() : await tokens.once(region, token, TransactItems, (taken) => write(taken));
    return shown(
      written === 'done-before' ? await readAgain(wanted) : unitsOf(wanted, written),
      written === 'done-before' ? 'read' : 'write',
      wish,
    );
  };

  const TransactGetItems: Operation<TransactGetItemsInput> = async (input, { region }) => {
    const { TransactItems = [], ReturnConsumedCapacity: wish } = input;
    const gets = TransactItems.map(({ Get }) => readGet(Get!));
    const errors: DynamodbError[] = [];
    const keys = gets.map(({ get, projection }, at) => {
      const table = tables.get(get.TableName!, region);
      const key = reasonAt(errors, at, () => rowOfKey(table.key, get.Key as Attributes));
      return { table, projection, space: table.space, key: key ?? new Uint8Array(0) };
    });
    if (errors.length > 0) throw cancelled(errors, gets.length);
    const rows = await records.getAll(keys);
    const items = rows.map((row) => row && decodeItem(row.value));
    checkSize(items);
    const sums = sumsOf(keys.map(({ table }) => table));
    keys.forEach(({ table }, at) => {
      const units = readUnits(items[at]?.sizeBytes ?? 0, true) * FACTOR;
      reasonAt(errors, at, () => table.throughput.read(units));
      sums.get(table)!.add({ table: units, indexes: NO_INDEXES });
    });
    if (errors.length > 0) throw cancelled(errors, gets.length);
    const Responses = items.map((item, at) => {
      const { projection } = keys[at]!;
      return item ? { Item: projection ? projection.project(item.attributes) : new RawJson(item.json) } : {};
    });
    return { Responses, ...shown(sums, 'read', wish) };
  };

  /** What a repeated request costs: its items are read. */
  const readAgain = async (wanted: readonly WantedChange[]): Promise<Sums> => {
    const rows = await records.getAll(wanted.map(({ table, key }) => ({ space: table.space, key })));
    const sums = sumsOf(wanted.map(({ table }) => table));
    wanted.forEach(({ table }, at) => {
      const row = rows[at];
      const units = readUnits(row ? decodeItem(row.value).sizeBytes : 0, true) * FACTOR;
      sums.get(table)!.add({ table: units, indexes: NO_INDEXES });
    });
    return sums;
  };

  return { TransactWriteItems, TransactGetItems };
}

type Request = Parameters<typeof readExpressions>[0];

/** A part of a transaction, read as far as it can be without its table. */
interface Part {
  readonly tableName: string;
  /** Counts towards the size of the transaction. */
  readonly sizeBytes: number;
  change(table: Table): WantedChange;
}

/** @throws DynamodbError `validation-failed`, `resource-not-found`, or `transaction-canceled`: keys that do not fit */
function wantedOf(items: readonly TransactWriteItem[], tableOf: (name: string) => Table): readonly WantedChange[] {
  const parts = items.map(readPart);
  const size = parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (size > ITEM_LIMITS.transactionBytesMax) throw tooLarge();
  const errors: DynamodbError[] = [];
  const changes = parts.map((part, at) => {
    const table = tableOf(part.tableName);
    return reasonAt(errors, at, () => part.change(table));
  });
  if (errors.length > 0) throw cancelled(errors, items.length);
  const wanted = changes as readonly WantedChange[];
  const rows = new Set(wanted.map(({ table, key }) => `${table.id}/${Buffer.from(key).toString('latin1')}`));
  if (rows.size < wanted.length) {
    throw invalid('Transaction request cannot include multiple operations on one item');
  }
  return wanted;
}

function readPart(item: TransactWriteItem): Part {
  const kinds = Object.values(item).filter((part) => part !== undefined);
  if (kinds.length === 0) {
    throw invalid('Invalid Request: TransactWriteRequest should contain Delete or Put or Update request');
  }
  if (kinds.length > 1) throw invalid('TransactItems can only contain one of Check, Put, Update or Delete');
  if (item.Put) {
    const put = item.Put;
    const guard = guardOf(put, ['ConditionExpression']);
    const toPut = itemToPut(put.Item as Attributes);
    const change = (table: Table) => putChange(table, toPut, guard, COUNTED);
    return { tableName: put.TableName!, sizeBytes: toPut.sizeBytes, change };
  }
  const keyed = (item.Delete ?? item.ConditionCheck ?? item.Update)!;
  const key = keyed.Key as Attributes;
  const part = { tableName: keyed.TableName!, sizeBytes: sizeOfAttributes(key) };
  if (item.Update) {
    const update = item.Update;
    const read = readExpressions(update as Request, { expressions: ['UpdateExpression', 'ConditionExpression'] });
    const guard = { condition: read.condition, showsOld: showsOld(update) };
    return { ...part, change: (table) => updateChange(table, key, read.update, guard, COUNTED) };
  }
  const guard = guardOf(keyed as ConditionCheck, ['ConditionExpression']);
  if (item.Delete) return { ...part, change: (table) => deleteChange(table, key, guard, COUNTED) };
  return { ...part, change: (table) => checkChange(table, key, guard) };
}

/** A transaction looks at all of its items. */
const COUNTED = { counted: true };

function guardOf(part: ConditionCheck | object, expressions: readonly ['ConditionExpression']): Guard {
  const { condition } = readExpressions(part as Request, { expressions });
  return { condition, showsOld: showsOld(part as ConditionCheck) };
}

const showsOld = ({ ReturnValuesOnConditionCheckFailure: wish }: Partial<ConditionCheck>) => wish === 'ALL_OLD';

function readGet(get: Get) {
  const { projection } = readExpressions(get as Request, { expressions: ['ProjectionExpression'] });
  return { get, projection };
}

/** Notes a refusal as the reason of one part; @throws DynamodbError  what refuses the whole request as it is */
function reasonAt<T>(errors: DynamodbError[], at: number, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    // Input that no key can have is refused before there is a transaction.
    if (!(error instanceof DynamodbError) || /cannot contain an empty/.test(error.message)) throw error;
    errors[at] = error;
    return undefined;
  }
}

const tooLarge = () => invalid('Transaction size exceeded the maximum allowed size of 4 MB');

function checkSize(items: readonly (StoredItem | undefined)[]): void {
  const size = items.reduce((sum, item) => sum + (item?.sizeBytes ?? 0), 0);
  if (size > ITEM_LIMITS.transactionBytesMax) throw tooLarge();
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

function shown(sums: Sums, kind: 'read' | 'write', wish: CapacityWish) {
  if (wish === undefined || wish === 'NONE') return {};
  const ConsumedCapacity = [...sums].map(([table, units]) => withKind(shownCapacity(table, units, wish)!, units, kind));
  return { ConsumedCapacity };
}

/** Transactions say whether their units were of reads or of writes. */
function withKind(shownUnits: NonNullable<ReturnType<typeof shownCapacity>>, units: Units, kind: 'read' | 'write') {
  const member = kind === 'read' ? 'ReadCapacityUnits' : 'WriteCapacityUnits';
  const { CapacityUnits, Table: table } = shownUnits;
  return {
    ...shownUnits,
    [member]: CapacityUnits,
    ...(table && { Table: { CapacityUnits: units.table, [member]: units.table } }),
  };
}
