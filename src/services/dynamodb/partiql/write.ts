import { RawJson } from '../../../codec/aws/index.ts';
import { DynamodbError, invalid } from '../errors.ts';
import type { BoundCondition, Updated } from '../expressions/index.ts';
import { checkChange, deleteChange, itemToPut, putChange, updateChange } from '../items/changes.ts';
import { rowOfKey } from '../items/keys.ts';
import type { WantedChange, Written } from '../items/writer.ts';
import type { Attributes } from '../model/attribute-value.ts';
import type { Table } from '../model/table.ts';
import type { BoundStatement } from './bind.ts';
import { isOnlyKey, keyOf } from './plan.ts';
import { refuseSeveral } from './read.ts';
import type { Returning } from './statement.ts';

/** A statement that writes, as a change for the writer. */
export interface StatementChange {
  readonly change: WantedChange;
  /** What `RETURNING` answers; absent when there is nothing. */
  returned(written: Written): RawJson | Attributes | undefined;
}

export interface ChangeWish {
  /** `ReturnValuesOnConditionCheckFailure: ALL_OLD`. */
  readonly showsOld: boolean;
  readonly counted: boolean;
}

/** @throws DynamodbError `validation-failed`: the statement does not name one item of the table */
export function changeOf(table: Table, bound: BoundStatement, wish: ChangeWish): StatementChange {
  const { action } = bound;
  if (action.source.index !== undefined) throw invalid('Writes on indices are not supported');
  switch (action.kind) {
    case 'insert':
      return { change: insertOf(table, bound, wish), returned: () => undefined };
    case 'update':
      return updateOf(table, bound, action.returning, wish);
    case 'delete':
      return deleteOf(table, bound, action.returning, wish);
    case 'exists':
      return { change: existsOf(table, bound, wish), returned: () => undefined };
    default:
      throw invalid('Expected a statement that writes');
  }
}

/** An item that is there already is not replaced. */
function insertOf(table: Table, { item }: BoundStatement, { counted, showsOld }: ChangeWish): WantedChange {
  const put = putChange(table, itemToPut(item!), {}, { counted });
  return {
    ...put,
    readsOld: true,
    decide: (old) => {
      if (!old) return put.decide(old);
      const fields = showsOld ? { fields: { Item: new RawJson(old.json) } } : {};
      throw new DynamodbError('duplicate-item', 'Duplicate primary key exists in table', fields);
    },
  };
}

/** An item that is not there does not fulfil the condition: its key is none. */
function updateOf(
  table: Table,
  bound: BoundStatement,
  returning: Returning | undefined,
  { counted, showsOld }: ChangeWish,
): StatementChange {
  const { where, update } = bound;
  let updated: Updated | undefined;
  const key = keyIn(table, bound);
  const change = updateChange(table, key, update, { condition: where, showsOld }, { counted }, (result) => {
    updated = result;
  });
  return { change, returned: (written) => (returning === undefined ? undefined : shown(returning, written, updated)) };
}

function shown(returning: Returning, { old, new: now }: Written, updated: Updated | undefined) {
  if (returning === 'ALL OLD') return old && new RawJson(old.json);
  if (returning === 'ALL NEW') return now && new RawJson(now.json);
  const attributes = returning === 'MODIFIED OLD' ? updated?.updatedOld() : updated?.updatedNew();
  return attributes && Object.keys(attributes).length > 0 ? attributes : undefined;
}

/** An item that is not there is deleted already; one that is there must fulfil the condition. */
function deleteOf(
  table: Table,
  bound: BoundStatement,
  returning: Returning | undefined,
  { counted, showsOld }: ChangeWish,
): StatementChange {
  const key = keyIn(table, bound);
  const condition = isOnlyKey(whereOf(bound), table.key, bound.bindings) ? undefined : ifThere(bound.where!);
  const wishes = { returnsOld: returning !== undefined, counted };
  const change = deleteChange(table, key, { condition, showsOld }, wishes);
  return {
    change,
    returned: ({ old }) => (returning !== undefined && old ? new RawJson(old.json) : undefined),
  };
}

const ifThere = (condition: BoundCondition): BoundCondition => ({
  paths: condition.paths,
  evaluate: (attributes) => attributes === undefined || condition.evaluate(attributes),
});

function existsOf(table: Table, bound: BoundStatement, { showsOld }: ChangeWish): WantedChange {
  const key = keyIn(table, bound);
  if (isOnlyKey(whereOf(bound), table.key, bound.bindings))
    throw invalid('EXISTS() must contain a single item read with additional condition');
  return checkChange(table, key, { condition: bound.where, showsOld });
}

function keyIn(table: Table, bound: BoundStatement): Attributes {
  return keyOf(whereOf(bound), table.key, bound.bindings);
}

const whereOf = ({ action }: BoundStatement) => ('where' in action ? action.where : undefined);

/**
 * The row of a SELECT that reads one item, within batches and transactions.
 * @param within  the operation, as AWS names it in the refusal
 * @throws DynamodbError `validation-failed` when it reads anything else
 */
export function rowOfSelect(table: Table, bound: BoundStatement, within: string): Uint8Array {
  const where = whereOf(bound);
  refuseSeveral(table, bound.action.source.index);
  if (bound.action.source.index !== undefined || !isOnlyKey(where, table.key, bound.bindings))
    throw invalid(`Select statements within ${within} must specify the primary key in the where clause.`);
  return rowOfKey(table.key, keyOf(where, table.key, bound.bindings));
}
