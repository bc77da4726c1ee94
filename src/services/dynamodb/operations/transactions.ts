import type {
  ConditionCheck,
  Get,
  TransactGetItemsInput,
  TransactWriteItem,
  TransactWriteItemsInput,
} from '@aws-sdk/client-dynamodb';
import { RawJson } from '../../../codec/aws/index.ts';
import type { Operation } from '../../index.ts';
import { type DynamodbError, invalid } from '../errors.ts';
import { readExpressions } from '../expressions/index.ts';
import { cancelled } from '../items/cancellation.ts';
import { checkChange, deleteChange, type Guard, itemToPut, putChange, updateChange } from '../items/changes.ts';
import { rowOfKey } from '../items/keys.ts';
import { checkPayload, readTogether, reasonAt, type TransactionParts, writeTogether } from '../items/transaction.ts';
import type { WantedChange } from '../items/writer.ts';
import type { Attributes } from '../model/attribute-value.ts';
import { sizeOfAttributes } from '../model/size.ts';
import type { Table } from '../model/table.ts';
import { checkedAttributes } from '../model/values.ts';
import type { ItemParts } from './items.ts';

/** TransactWriteItems and TransactGetItems. */
export function transactionOperations(parts: ItemParts & TransactionParts): Record<string, Operation> {
  const { tables, records } = parts;

  const TransactWriteItems: Operation<TransactWriteItemsInput> = async (input, { region }) => {
    const { TransactItems = [], ClientRequestToken: token, ReturnConsumedCapacity: wish } = input;
    const wanted = wantedOf(TransactItems, (name) => tables.get(name, region));
    return await writeTogether(parts, { wanted, region, token, request: TransactItems, wish });
  };

  const TransactGetItems: Operation<TransactGetItemsInput> = async (input, { region }) => {
    const { TransactItems = [], ReturnConsumedCapacity: wish } = input;
    const gets = TransactItems.map(({ Get }) => readGet(Get!));
    const errors: DynamodbError[] = [];
    const places = gets.map(({ get, key }, at) => {
      const table = tables.get(get.TableName!, region);
      const row = reasonAt(errors, at, () => rowOfKey(table.key, key));
      return { table, key: row ?? new Uint8Array(0) };
    });
    if (errors.length > 0) throw cancelled(errors, gets.length);
    const { items, capacity } = await readTogether(records, places, wish);
    const Responses = items.map((item, at) => {
      const { projection } = gets[at]!;
      return item ? { Item: projection ? projection.project(item.attributes) : new RawJson(item.json) } : {};
    });
    return { Responses, ...capacity };
  };

  return { TransactWriteItems, TransactGetItems };
}

type Request = Parameters<typeof readExpressions>[0];

/** A part of a transaction, read as far as it can be without its table: what is wrong there is no reason of a cancellation. */
interface Part {
  readonly tableName: string;
  /** Counts towards the size of the transaction. */
  readonly sizeBytes: number;
  change(table: Table): WantedChange;
}

/** @throws DynamodbError `validation-failed`, `resource-not-found`, or `transaction-canceled`: keys that do not fit */
function wantedOf(items: readonly TransactWriteItem[], tableOf: (name: string) => Table): readonly WantedChange[] {
  const parts = items.map(readPart);
  checkPayload(parts.map(({ sizeBytes }) => sizeBytes));
  const errors: DynamodbError[] = [];
  const changes = parts.map((part, at) => {
    const table = tableOf(part.tableName);
    return reasonAt(errors, at, () => part.change(table));
  });
  if (errors.length > 0) throw cancelled(errors, items.length);
  return changes as readonly WantedChange[];
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
  const key = checkedAttributes(keyed.Key as Attributes);
  const part = { tableName: keyed.TableName!, sizeBytes: sizeOfAttributes(key) };
  if (item.Update) {
    const update = item.Update;
    const read = readExpressions(update as Request, { expressions: ['UpdateExpression', 'ConditionExpression'] });
    const guard = { condition: read.condition, showsOld: showsOld(update) };
    const sizeBytes = part.sizeBytes + sizeOfAttributes((update.ExpressionAttributeValues ?? {}) as Attributes);
    return { ...part, sizeBytes, change: (table) => updateChange(table, key, read.update, guard, COUNTED) };
  }
  const guard = guardOf(keyed as ConditionCheck, ['ConditionExpression']);
  if (item.Delete) return { ...part, change: (table) => deleteChange(table, key, guard, COUNTED) };
  return { ...part, change: (table) => checkChange(table, key, guard) };
}

/** A transaction looks at all of its items. */
const COUNTED = { counted: true };

function guardOf(part: ConditionCheck | object, expressions: readonly ['ConditionExpression']): Guard {
  const { condition } = readExpressions(part as Request, { expressions, inTransaction: true });
  return { condition, showsOld: showsOld(part as ConditionCheck) };
}

const showsOld = ({ ReturnValuesOnConditionCheckFailure: wish }: Partial<ConditionCheck>) => wish === 'ALL_OLD';

function readGet(get: Get) {
  const { projection } = readExpressions(get as Request, {
    expressions: ['ProjectionExpression'],
    inTransaction: true,
  });
  return { get, key: checkedAttributes(get.Key as Attributes), projection };
}
