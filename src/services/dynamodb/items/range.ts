/* Which rows a query or scan is for. */
import { invalid } from '../errors.ts';
import type { KeyCondition } from '../expressions/index.ts';
import type { Attributes } from '../model/attribute-value.ts';
import {
  afterPrefix,
  indexRowKey,
  itemRowKey,
  partitionPrefix,
  segmentRange,
  sortKeyBytes,
  sortKeyPrefix,
} from '../model/key.ts';
import { keyNames } from '../model/projection.ts';
import { hashAttributes, type Index, type KeySchema, rangeAttributes, type Table } from '../model/table.ts';
import { checkedAttributes } from '../model/values.ts';
import { checkKeyValue, checkPart } from './keys.ts';

/** Rows in byte order: `from` inclusive, `to` exclusive; absent means open. */
export interface RowRange {
  readonly from?: Uint8Array | undefined;
  readonly to?: Uint8Array | undefined;
}

/** What is read: a table, or an index of it. */
export interface Readable {
  readonly table: Table;
  readonly index: Index | undefined;
  readonly key: KeySchema;
  readonly space: string;
}

/** @throws DynamodbError `validation-failed`: there is no such index, or it is not filled yet */
export function readable(table: Table, indexName: string | undefined): Readable {
  if (indexName === undefined) return { table, index: undefined, key: table.key, space: table.space };
  const index = table.indexes.get(indexName);
  if (!index) throw invalid(`The table does not have the specified index: ${indexName}`);
  if (index.status === 'CREATING') {
    throw invalid(`Cannot read from backfilling global secondary index: ${indexName}`);
  }
  return { table, index, key: index.key, space: index.space };
}

/** The rows that a key condition is for. @throws DynamodbError `validation-failed`: no key has such a value */
export function rangeOf(key: KeySchema, { hash, moreHash = [], equal = [], range }: KeyCondition): RowRange {
  const hashes = [hash, ...moreHash];
  for (const [at, { name }] of hashAttributes(key).entries()) checkKeyValue(name, hashes[at]!, true);
  const sort = rangeAttributes(key);
  for (const [at, value] of equal.entries()) checkKeyValue(sort[at]!.name, value, false);
  const partition = Buffer.concat([
    partitionPrefix(key, ...hashes),
    ...equal.map((value, at) => sortKeyBytes(sort[at]!, value)),
  ]);
  const whole = { from: partition, to: afterPrefix(partition) };
  const attribute = sort[equal.length];
  if (!range || !attribute) return whole;
  for (const value of range.values) checkKeyValue(attribute.name, value, false);
  const [low, high] = range.values.map((value) => () => Buffer.concat([partition, sortKeyBytes(attribute, value)]));
  switch (range.op) {
    case '=':
      return { from: low!(), to: afterPrefix(low!()) };
    case '<':
      return { from: partition, to: low!() };
    case '<=':
      return { from: partition, to: afterPrefix(low!()) };
    case '>':
      return { from: afterPrefix(low!()), to: whole.to };
    case '>=':
      return { from: low!(), to: whole.to };
    case 'between':
      return { from: low!(), to: afterPrefix(high!()) };
    case 'begins_with': {
      const prefix = Buffer.concat([partition, sortKeyPrefix(attribute, range.values[0]!)]);
      return { from: prefix, to: afterPrefix(prefix) };
    }
  }
}

/** The rows of a segment of a scan. */
export function rangeOfSegment(segment: number | undefined, segments: number | undefined): RowRange {
  return segment === undefined || segments === undefined ? {} : segmentRange(segment, segments);
}

/** What is left of a range behind the row at which the last page ended. */
export function rangeAfter(range: RowRange, row: Uint8Array, reverse: boolean): RowRange {
  return reverse ? { from: range.from, to: row } : { from: Buffer.concat([row, Buffer.of(0)]), to: range.to };
}

/** Whether a row is in the range. */
export function isWithin({ from, to }: RowRange, row: Uint8Array): boolean {
  return (!from || Buffer.compare(from, row) <= 0) && (!to || Buffer.compare(row, to) < 0);
}

/** Names of the attributes that tell where a page ended: the key of the table, and that of the index. */
export function startKeyNames({ table, index }: Readable): readonly string[] {
  return index ? [...new Set([...keyNames(table.key), ...keyNames(index.key)])] : keyNames(table.key);
}

const STARTING = 'The provided starting key is invalid';

/** The row that an `ExclusiveStartKey` names. @param of  AWS words it by that. @throws DynamodbError `validation-failed` */
export function startRow(source: Readable, given: Attributes, of: 'query' | 'scan'): Buffer {
  const { table, index } = source;
  const key = prefixed(() => checkedAttributes(given));
  const names = startKeyNames(source);
  if (Object.keys(key).length !== names.length) {
    throw invalid(
      index || of === 'query' ? STARTING : `${STARTING}: The provided key element does not match the schema`,
    );
  }
  if (index || of === 'query') {
    if (!names.every((name) => Object.hasOwn(key, name))) throw invalid(STARTING);
    checkKey(source.key, key);
  }
  prefixed(() => checkKey(table.key, key));
  return index ? indexRowKey(index.key, table.key, key)! : itemRowKey(table.key, key);
}

function checkKey(schema: KeySchema, key: Attributes): void {
  for (const attribute of hashAttributes(schema)) checkPart(attribute, key, true);
  for (const attribute of rangeAttributes(schema)) checkPart(attribute, key, false);
}

/** AWS says so of what is wrong with a starting key. */
function prefixed<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { message } = error as Error;
    if (NOT_PREFIXED.test(message)) throw error;
    throw invalid(`${STARTING}: ${message}`);
  }
}

/** All save these. */
const NOT_PREFIXED = /contains duplicates|number set|numeric value|significant digits|number with magnitude/;
