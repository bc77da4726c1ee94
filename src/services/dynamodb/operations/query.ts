import type { QueryInput, ScanInput } from '@aws-sdk/client-dynamodb';
import { RawJson } from '../../../codec/aws/index.ts';
import type { Operation } from '../../index.ts';
import { invalid, newlyWorded } from '../errors.ts';
import { checkKeyPaths, type Expressions, type KeyCondition, readExpressions } from '../expressions/index.ts';
import type { CapacityWish } from '../items/capacity.ts';
import { shownCapacity } from '../items/consumed.ts';
import { type Page, type PageWish, readPage } from '../items/page.ts';
import {
  isWithin,
  type Readable,
  type RowRange,
  rangeAfter,
  rangeOf,
  rangeOfSegment,
  readable,
  startKeyNames,
  startRow,
} from '../items/range.ts';
import { checkSelection, mustFetch } from '../items/selection.ts';
import { eachItem, itemsThat } from '../items/slices.ts';
import type { Attributes } from '../model/attribute-value.ts';
import { keyNames, pick } from '../model/projection.ts';
import type { KeySchema, StoredItem } from '../model/table.ts';
import type { ItemParts } from './items.ts';

const OUTSIDE = 'The provided starting key is outside query boundaries based on provided conditions';

/** Query and Scan. */
export function queryOperations({ tables, records, meters }: ItemParts): Record<string, Operation> {
  const Query: Operation<QueryInput> = async (input, { region }) => {
    const expressions = newlyWorded(() =>
      readExpressions(input as Request, {
        expressions: ['ProjectionExpression', 'FilterExpression', 'KeyConditionExpression'],
        legacy: ['AttributesToGet', 'QueryFilter', 'ConditionalOperator', 'KeyConditions'],
      }),
    );
    if (!expressions.keyCondition) {
      throw invalid('Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.');
    }
    checkSelection(input, 'Querying');
    const source = readable(tables.get(input.TableName!, region), input.IndexName);
    const condition = expressions.keyCondition.bind(source.key);
    const all = rangeOf(source.key, condition);
    const reverse = input.ScanIndexForward === false;
    const start = input.ExclusiveStartKey as Attributes | undefined;
    const range = start ? rangeAfter(all, startOfQuery(source, start, all, condition), reverse) : all;
    checkFilter(source.key, expressions, input.QueryFilter ? 'QueryFilter' : 'Filter Expression');
    const { page, answer } = await read(source, input, expressions, range, reverse);
    return { ...answer, ...consumed(source, page, input.ReturnConsumedCapacity) };
  };

  const Scan: Operation<ScanInput> = async (input, { region }) => {
    const expressions = readExpressions(input as Request, {
      expressions: ['ProjectionExpression', 'FilterExpression'],
      legacy: ['AttributesToGet', 'ScanFilter', 'ConditionalOperator'],
    });
    checkSegments(input);
    checkSelection(input, 'Scanning');
    const source = readable(tables.get(input.TableName!, region), input.IndexName);
    const all = rangeOfSegment(input.Segment, input.TotalSegments);
    const start = input.ExclusiveStartKey as Attributes | undefined;
    const range = start ? rangeAfter(all, startOfScan(source, start, all, input), false) : all;
    const { page, answer } = await read(source, input, expressions, range, false);
    return { ...answer, ...consumed(source, page, input.ReturnConsumedCapacity) };
  };

  const read = async (
    source: Readable,
    input: Pick<QueryInput & ScanInput, 'ConsistentRead' | 'Limit' | 'Select'>,
    { filter, projection }: Expressions,
    range: RowRange,
    reverse: boolean,
  ) => {
    const { ConsistentRead: consistent = false, Limit: limit, Select: select } = input;
    if (consistent && source.index?.kind === 'global') {
      throw invalid('Consistent reads are not supported on global secondary indexes');
    }
    checkKeyPaths(source.table, [...(projection?.paths ?? []), ...(filter?.paths ?? [])]);
    const fetches = mustFetch(source, select, projection);
    const wish: PageWish = { source, range, reverse, limit, consistent, fetches };
    const page = await readPage(records, wish);
    charge(source, page);
    meters.read(source.table, page.units.source + page.units.fetched, source.index);
    const kept = filter
      ? await itemsThat(page.items, filter.paths.length, ({ attributes }) => filter.evaluate(attributes))
      : page.items;
    const answer = {
      ...(select !== 'COUNT' && { Items: await shownItems(kept, projection) }),
      Count: kept.length,
      ScannedCount: page.items.length,
      ...(page.last && { LastEvaluatedKey: pick(page.last.attributes, startKeyNames(source)) }),
    };
    return { page, answer };
  };

  return { Query, Scan };
}

type Request = Parameters<typeof readExpressions>[0];

async function shownItems(items: readonly StoredItem[], projection: Expressions['projection']) {
  if (!projection) return new RawJson(`[${items.map(({ json }) => json).join()}]`);
  const shown: Attributes[] = [];
  await eachItem(items, projection.paths.length, ({ attributes }) => shown.push(projection.project(attributes)));
  return shown;
}

/** @throws DynamodbError `throughput-exceeded` */
function charge({ table, index }: Readable, { units }: Page): void {
  (index?.kind === 'global' ? index : table).throughput.read(units.source + units.fetched);
}

function consumed({ table, index }: Readable, { units }: Page, wish: CapacityWish) {
  const shown = shownCapacity(
    table,
    {
      table: index ? units.fetched : units.source,
      indexes: new Map(index ? [[index.name, units.source]] : []),
    },
    wish,
  );
  return shown && { ConsumedCapacity: shown };
}

/** @throws DynamodbError `validation-failed`: it is no key, or none that a page of this query can have ended with */
function startOfQuery(source: Readable, start: Attributes, all: RowRange, { range }: KeyCondition): Buffer {
  const row = newlyWorded(() => startRow(source, start, 'query'));
  if (isWithin(all, row)) return row;
  throw invalid(range ? 'The provided starting key does not match the range key predicate' : OUTSIDE);
}

function startOfScan(
  source: Readable,
  start: Attributes,
  all: RowRange,
  { Segment, TotalSegments }: Pick<ScanInput, 'Segment' | 'TotalSegments'>,
): Buffer {
  const row = startRow(source, start, 'scan');
  if (isWithin(all, row)) return row;
  throw invalid(
    'The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. ' +
      `TotalSegments: ${TotalSegments} Segment: ${Segment}`,
  );
}

function checkFilter(key: KeySchema, { filter }: Expressions, name: string): void {
  if (!filter) return;
  const heads = new Set(filter.paths.map((path) => path[0]));
  const found = keyNames(key).find((attribute) => heads.has(attribute));
  if (found === undefined) return;
  throw invalid(`${name} can only contain non-primary key attributes: Primary key attribute: ${found}`);
}

function checkSegments({ Segment, TotalSegments }: ScanInput): void {
  if (Segment === undefined && TotalSegments === undefined) return;
  if (TotalSegments === undefined) {
    throw invalid(
      'The TotalSegments parameter is required but was not present in the request when Segment parameter is present',
    );
  }
  if (Segment === undefined) {
    throw invalid(
      'The Segment parameter is required but was not present in the request when parameter TotalSegments is present',
    );
  }
  if (Segment >= TotalSegments) {
    throw invalid(
      'The Segment parameter is zero-based and must be less than parameter TotalSegments: ' +
        `Segment: ${Segment} is not less than TotalSegments: ${TotalSegments}`,
    );
  }
}
