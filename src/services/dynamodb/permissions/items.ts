import type {
  BatchGetItemInput,
  BatchWriteItemInput,
  TransactGetItemsInput,
  TransactWriteItemsInput,
} from '@aws-sdk/client-dynamodb';
import type { CallPlace, Conditions, Permission, PermissionsOf } from '../../index.ts';
import type { Attributes } from '../model/attribute-value.ts';
import { attributesOf, type ItemRequest, leadingKeyOfQuery, leadingKeys, selectOf } from './conditions.ts';
import { type GuardedTable, lazily, type Targets } from './targets.ts';

/** Which item operations answer with attributes as a read does, and which with those before or after the change. */
const READS: ReadonlySet<string> = new Set(['GetItem', 'BatchGetItem', 'Query', 'Scan']);

/** Rights on items: what a batch or a transaction does is asked for each of its tables, or entries. */
export function itemPermissions(targets: Targets): Record<string, PermissionsOf> {
  const single = (name: string): PermissionsOf => {
    return (input: ItemRequest, place) => [one(targets, name, input, place)];
  };
  return {
    GetItem: single('GetItem'),
    PutItem: single('PutItem'),
    UpdateItem: single('UpdateItem'),
    DeleteItem: single('DeleteItem'),
    Query: single('Query'),
    Scan: single('Scan'),

    BatchGetItem: ({ RequestItems = {}, ReturnConsumedCapacity }: BatchGetItemInput, place) =>
      Object.entries(RequestItems).map(([table, { Keys = [], ...request }]) => {
        const about = { ...request, ReturnConsumedCapacity } as ItemRequest;
        return batch(targets, 'BatchGetItem', table, Keys as Attributes[], Keys as Attributes[], about, place);
      }),

    BatchWriteItem: ({ RequestItems = {}, ReturnConsumedCapacity }: BatchWriteItemInput, place) =>
      Object.entries(RequestItems).map(([table, requests]) => {
        const items = requests.map((request) => (request.PutRequest?.Item ?? request.DeleteRequest?.Key) as Attributes);
        const about = { ReturnConsumedCapacity } as ItemRequest;
        return batch(targets, 'BatchWriteItem', table, items, items, about, place);
      }),

    TransactGetItems: ({ TransactItems = [], ReturnConsumedCapacity }: TransactGetItemsInput, place) =>
      TransactItems.map(({ Get }) => {
        const request = { ...Get, ReturnConsumedCapacity } as ItemRequest;
        return one(targets, 'GetItem', request, place, 'TransactGetItems');
      }),

    TransactWriteItems: ({ TransactItems = [], ReturnConsumedCapacity }: TransactWriteItemsInput, place) =>
      TransactItems.flatMap(({ Put, Update, Delete, ConditionCheck }) => {
        const entries = { PutItem: Put, UpdateItem: Update, DeleteItem: Delete, ConditionCheckItem: ConditionCheck };
        return Object.entries(entries).flatMap(([name, entry]) => {
          if (!entry) return [];
          const request = { ...entry, ReturnConsumedCapacity } as ItemRequest;
          return [one(targets, name, request, place, 'TransactWriteItems')];
        });
      }),
  };
}

/** A right to one operation on a table, or on an index of it. */
function one(targets: Targets, name: string, request: ItemRequest, place: CallPlace, enclosing?: string): Permission {
  const nameOrArn = request.TableName ?? '';
  return lazily(`dynamodb:${name}`, targets.of(nameOrArn, place, request.IndexName), () => {
    const table = targets.table(nameOrArn, place.region);
    return {
      ...leadingKeysOf(name, request, table),
      'dynamodb:Attributes': attributesOf(request),
      ...answered(name, request),
      ...(enclosing !== undefined && { 'dynamodb:EnclosingOperation': enclosing }),
    };
  });
}

function leadingKeysOf(name: string, request: ItemRequest, table: GuardedTable | undefined): Conditions {
  if (name === 'Scan') return {};
  if (name !== 'Query') return leadingKeys([request.Key ?? request.Item], table?.key);
  const { IndexName } = request;
  return leadingKeyOfQuery(request, IndexName === undefined ? table?.key : table?.indexes.get(IndexName)?.key);
}

/** What the answer holds, where conditions may ask for it. */
function answered(name: string, request: ItemRequest): Conditions {
  const { ReturnValues = 'NONE', ReturnConsumedCapacity = 'NONE' } = request;
  return {
    ...(READS.has(name) ? { 'dynamodb:Select': selectOf(request) } : { 'dynamodb:ReturnValues': ReturnValues }),
    'dynamodb:ReturnConsumedCapacity': ReturnConsumedCapacity,
  };
}

/** A right to what a batch does on one of its tables. */
function batch(
  targets: Targets,
  name: string,
  nameOrArn: string,
  keys: readonly Attributes[],
  items: readonly Attributes[],
  request: ItemRequest,
  place: CallPlace,
): Permission {
  return lazily(`dynamodb:${name}`, targets.of(nameOrArn, place), () => {
    const names = new Set(attributesOf(request));
    for (const item of items) for (const attribute in item) names.add(attribute);
    const { ReturnConsumedCapacity = 'NONE' } = request;
    return {
      ...leadingKeys(keys, targets.table(nameOrArn, place.region)?.key),
      'dynamodb:Attributes': [...names],
      ...(READS.has(name) && { 'dynamodb:Select': selectOf(request) }),
      'dynamodb:ReturnConsumedCapacity': ReturnConsumedCapacity,
    };
  });
}
