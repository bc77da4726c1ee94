import type { DeleteItemInput, GetItemInput, PutItemInput, UpdateItemInput } from '@aws-sdk/client-dynamodb';
import { RawJson } from '../../../codec/aws/index.ts';
import type { Records } from '../../../store/index.ts';
import type { Operation } from '../../index.ts';
import { enveloped, invalid, newlyWorded } from '../errors.ts';
import { checkKeyPaths, readExpressions, type Updated } from '../expressions/index.ts';
import { type CapacityWish, readUnits } from '../items/capacity.ts';
import { checkedItem, deleteChange, type Guard, putChange, updateChange } from '../items/changes.ts';
import { collectionOf } from '../items/collections.ts';
import { isCounted, shownCapacity } from '../items/consumed.ts';
import { rowOfKey } from '../items/keys.ts';
import type { ItemMeters } from '../items/meters.ts';
import type { Writer } from '../items/writer.ts';
import type { Attributes } from '../model/attribute-value.ts';
import { decodeItem } from '../model/stored.ts';
import type { StoredItem, Table, TableDirectory } from '../model/table.ts';
import { checkedAttributes } from '../model/values.ts';

/** What the operations on items work with. */
export interface ItemParts {
  readonly tables: TableDirectory;
  readonly records: Records;
  readonly writer: Writer;
  readonly meters: ItemMeters;
}

const NO_INDEXES: ReadonlyMap<string, number> = new Map();

/** PutItem, GetItem, UpdateItem and DeleteItem. */
export function itemOperations({ tables, records, writer, meters }: ItemParts): Record<string, Operation> {
  const collections = async (table: Table, key: Attributes) => {
    const ItemCollectionMetrics = await collectionOf(records, table, key, 'SIZE');
    return ItemCollectionMetrics && { ItemCollectionMetrics };
  };

  const PutItem: Operation<PutItemInput> = async (input, { region }) => {
    const { ReturnValues = 'NONE', ReturnConsumedCapacity: wish } = input;
    const { condition, attributes } = enveloped(() => ({
      condition: conditionOf(input as Request, ReturnValues),
      attributes: checkedAttributes(input.Item as Attributes),
    }));
    const item = checkedItem(attributes);
    const table = tables.get(input.TableName!, region);
    const wishes = { returnsOld: ReturnValues === 'ALL_OLD', counted: isCounted(wish) };
    const { old, units } = await writer.write(putChange(table, item, guardOf(input, condition), wishes));
    const collection = showsCollections(input) && (await collections(table, input.Item as Attributes));
    return { ...shownOld(ReturnValues, old), ...consumed(table, units, wish), ...collection };
  };

  const DeleteItem: Operation<DeleteItemInput> = async (input, { region }) => {
    const { ReturnValues = 'NONE', ReturnConsumedCapacity: wish } = input;
    const { condition, key } = enveloped(() => ({
      condition: conditionOf(input as Request, ReturnValues),
      key: checkedAttributes(input.Key as Attributes),
    }));
    const table = tables.get(input.TableName!, region);
    const wishes = { returnsOld: ReturnValues === 'ALL_OLD', counted: isCounted(wish) };
    const change = deleteChange(table, key, guardOf(input, condition), wishes);
    const { old, units } = await writer.write(change);
    const collection = showsCollections(input) && (await collections(table, input.Key as Attributes));
    return { ...shownOld(ReturnValues, old), ...consumed(table, units, wish), ...collection };
  };

  const UpdateItem: Operation<UpdateItemInput> = async (input, { region }) => {
    const { ReturnValues = 'NONE', ReturnConsumedCapacity: wish } = input;
    const { condition, update, key } = enveloped(() => ({
      ...readExpressions(input as Request, {
        expressions: ['UpdateExpression', 'ConditionExpression'],
        legacy: ['AttributeUpdates', 'Expected', 'ConditionalOperator'],
      }),
      key: checkedAttributes(input.Key as Attributes),
    }));
    const table = tables.get(input.TableName!, region);
    let result: Updated | undefined;
    const change = updateChange(
      table,
      key,
      update,
      guardOf(input, condition),
      { counted: isCounted(wish) },
      (updated) => {
        result = updated;
      },
    );
    const written = await writer.write(change);
    return {
      ...shownUpdate(ReturnValues, result, written),
      ...consumed(table, written.units, wish),
      ...(showsCollections(input) && (await collections(table, input.Key as Attributes))),
    };
  };

  const GetItem: Operation<GetItemInput> = async (input, { region }) => {
    const { ConsistentRead = false, ReturnConsumedCapacity: wish } = input;
    const { projection } = readExpressions(input as Request, {
      expressions: ['ProjectionExpression'],
      legacy: ['AttributesToGet'],
    });
    const table = tables.get(input.TableName!, region);
    if (projection) checkKeyPaths(table, projection.paths);
    const key = newlyWorded(() => rowOfKey(table.key, input.Key as Attributes));
    const row = await records.get(table.space, key);
    const item = row && decodeItem(row.value);
    const units = readUnits(item?.sizeBytes ?? 0, ConsistentRead);
    table.throughput.read(units);
    meters.read(table, units);
    return {
      ...(item && { Item: projection ? projection.project(item.attributes) : new RawJson(item.json) }),
      ...consumed(table, { table: units, indexes: NO_INDEXES }, wish),
    };
  };

  return { PutItem, GetItem, UpdateItem, DeleteItem };
}

/** Most do not ask for it: they must not wait for nothing. */
function showsCollections({
  ReturnItemCollectionMetrics: wish,
}: Pick<PutItemInput, 'ReturnItemCollectionMetrics'>): boolean {
  return wish === 'SIZE';
}

type Request = Parameters<typeof readExpressions>[0];

function guardOf(
  { ReturnValuesOnConditionCheckFailure: wish }: Pick<PutItemInput, 'ReturnValuesOnConditionCheckFailure'>,
  condition: Guard['condition'],
): Guard {
  return { condition, showsOld: wish === 'ALL_OLD' };
}

function consumed(
  table: Parameters<typeof shownCapacity>[0],
  units: Parameters<typeof shownCapacity>[1],
  wish: CapacityWish,
) {
  const ConsumedCapacity = shownCapacity(table, units, wish);
  return ConsumedCapacity && { ConsumedCapacity };
}

function shownOld(wish: string, old: StoredItem | undefined) {
  return wish === 'ALL_OLD' && old ? { Attributes: new RawJson(old.json) } : undefined;
}

function shownUpdate(
  wish: string,
  updated: Updated | undefined,
  written: { readonly old: StoredItem | undefined; readonly new: StoredItem | undefined },
) {
  switch (wish) {
    case 'ALL_OLD':
      return shownOld(wish, written.old);
    case 'ALL_NEW':
      return written.new && { Attributes: new RawJson(written.new.json) };
    case 'UPDATED_OLD':
      return written.old && updated ? shownAttributes(updated.updatedOld()) : undefined;
    case 'UPDATED_NEW':
      return updated && shownAttributes(updated.updatedNew());
    default:
      return undefined;
  }
}

/** Nothing at all where nothing is left. */
function shownAttributes(attributes: Attributes) {
  return Object.keys(attributes).length > 0 ? { Attributes: attributes } : undefined;
}

/** The condition of a put or a delete, which return nothing but the item as it was. @throws DynamodbError `validation-failed` */
function conditionOf(request: Request, returnValues: string) {
  const { condition } = readExpressions(request, {
    expressions: ['ConditionExpression'],
    legacy: ['Expected', 'ConditionalOperator'],
  });
  if (returnValues !== 'NONE' && returnValues !== 'ALL_OLD') throw invalid('ReturnValues can only be ALL_OLD or NONE');
  return condition;
}
