/* What PutItem, UpdateItem, DeleteItem and the same within batches and transactions ask for, as changes for the writer. */
import { RawJson } from '../../../codec/aws/index.ts';
import { DynamodbError, invalid } from '../errors.ts';
import { type BoundCondition, type BoundUpdate, checkKeyPaths, tooLarge, type Updated } from '../expressions/index.ts';
import type { Attributes } from '../model/attribute-value.ts';
import { itemRowKey } from '../model/key.ts';
import { itemOf } from '../model/stored.ts';
import type { StoredItem, Table } from '../model/table.ts';
import { checkedAttributes } from '../model/values.ts';
import { checkIndexKeys } from '../tables/index-keys.ts';
import { checkedKey, rowOfItem, rowOfKey } from './keys.ts';
import { ITEM_LIMITS } from './limits.ts';
import type { WantedChange } from './writer.ts';

/** What must hold of the item, and what the refusal shows. */
export interface Guard {
  readonly condition?: BoundCondition | undefined;
  /** `ReturnValuesOnConditionCheckFailure: ALL_OLD`. */
  readonly showsOld?: boolean;
}

/** What else the caller wants of a change. */
export interface ChangeWishes {
  /** What was there is answered. */
  readonly returnsOld?: boolean;
  readonly counted?: boolean;
}

/** An item as a request gives it: checked, canonical and not too large. @throws DynamodbError `validation-failed` */
export function itemToPut(attributes: Attributes): StoredItem {
  return checkedItem(checkedAttributes(attributes));
}

/** An item of attributes that are checked already. @throws DynamodbError `validation-failed`: it is too large */
export function checkedItem(attributes: Attributes): StoredItem {
  const item = itemOf(attributes);
  if (item.sizeBytes > ITEM_LIMITS.itemBytesMax) throw invalid('Item size has exceeded the maximum allowed size');
  return item;
}

/** @throws DynamodbError `validation-failed`: the key of the item does not fit the table */
export function putChange(table: Table, item: StoredItem, guard: Guard, wishes: ChangeWishes = {}): WantedChange {
  const key = rowOfItem(table.key, item.attributes);
  checkIndexKeys(table, item.attributes);
  return {
    ...changeOf(table, key, guard, wishes),
    decide: (old) => {
      check(guard, old);
      return { kind: 'put', item };
    },
  };
}

/** @throws DynamodbError `validation-failed`: the key does not fit the table */
export function deleteChange(table: Table, key: Attributes, guard: Guard, wishes: ChangeWishes = {}): WantedChange {
  return {
    ...changeOf(table, rowOfKey(table.key, key), guard, wishes),
    decide: (old) => {
      check(guard, old);
      return { kind: 'delete' };
    },
  };
}

/** Only looks. @throws DynamodbError `validation-failed`: the key does not fit the table */
export function checkChange(table: Table, key: Attributes, guard: Guard): WantedChange {
  return {
    ...changeOf(table, rowOfKey(table.key, key), guard, {}),
    decide: (old) => {
      check(guard, old);
      return { kind: 'keep' };
    },
  };
}

/**
 * @param update  none leaves an item as it is, and makes one of its key where there is none
 * @param updated  told what came of it, once for each try
 * @throws DynamodbError `validation-failed`: the key does not fit the table, or the update writes to it
 */
export function updateChange(
  table: Table,
  key: Attributes,
  update: BoundUpdate | undefined,
  guard: Guard,
  { counted }: ChangeWishes = {},
  updated: (result: Updated | undefined, old: StoredItem | undefined) => void = () => {},
): WantedChange {
  const checked = checkedKey(table.key, key);
  update?.checkKeys(table.key);
  if (update) checkKeyPaths(table, update.paths);
  return {
    ...changeOf(table, itemRowKey(table.key, checked), guard, { returnsOld: true, ...(counted && { counted }) }),
    decide: (old) => {
      check(guard, old);
      const before = old?.attributes ?? checked;
      const result = update?.apply(before, old !== undefined);
      updated(result, old);
      if (!old && result && !result.createsItem) return { kind: 'keep' };
      const item = result ? itemOf(result.attributes) : (old ?? itemOf(checked));
      if (item.sizeBytes > ITEM_LIMITS.itemBytesMax) throw tooLarge();
      checkIndexKeys(table, item.attributes);
      return { kind: 'put', item };
    },
  };
}

function changeOf(
  table: Table,
  key: Uint8Array,
  { condition }: Guard,
  { returnsOld = false, counted = false }: ChangeWishes,
): Omit<WantedChange, 'decide'> {
  return { table, key, readsOld: returnsOld || condition !== undefined, counted };
}

function check({ condition, showsOld }: Guard, old: StoredItem | undefined): void {
  if (!condition || condition.evaluate(old?.attributes)) return;
  const fields = showsOld && old ? { fields: { Item: new RawJson(old.json) } } : {};
  throw new DynamodbError('condition-failed', 'The conditional request failed', fields);
}
