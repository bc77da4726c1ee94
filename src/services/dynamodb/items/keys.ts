/* Keys in requests, and the keys in items: what AWS says of those that do not fit the table. */
import { invalid } from '../errors.ts';
import type { Attributes, AttributeType, AttributeValue } from '../model/attribute-value.ts';
import { itemRowKey } from '../model/key.ts';
import { utf8Length } from '../model/size.ts';
import type { KeyAttribute, KeySchema } from '../model/table.ts';
import { checkedAttributes, typeOf } from '../model/values.ts';
import { ITEM_LIMITS } from './limits.ts';

const MISMATCH = 'The provided key element does not match the schema';
const WRONG = 'One or more parameter values were invalid: ';

/** The row of a key that a request names. @throws DynamodbError `validation-failed` */
export function rowOfKey(schema: KeySchema, key: Attributes): Buffer {
  return itemRowKey(schema, checkedKey(schema, key));
}

/** A key that has all of its attributes and no others, its numbers canonical. @throws DynamodbError `validation-failed` */
export function checkedKey(schema: KeySchema, key: Attributes): Attributes {
  const checked = checkedAttributes(key);
  if (Object.keys(checked).length !== (schema.range ? 2 : 1)) throw invalid(MISMATCH);
  checkPart(schema.hash, checked, true);
  if (schema.range) checkPart(schema.range, checked, false);
  return checked;
}

/** @throws DynamodbError `validation-failed` */
export function checkPart({ name, type }: KeyAttribute, key: Attributes, isHash: boolean): void {
  if (!Object.hasOwn(key, name) || !(type in key[name]!)) throw invalid(MISMATCH);
  checkKeyValue(name, key[name]!, isHash);
}

/** The row of an item to be put. @throws DynamodbError `validation-failed` when its key does not fit the table */
export function rowOfItem(schema: KeySchema, item: Attributes): Buffer {
  checkItemPart(schema.hash, item, true);
  if (schema.range) checkItemPart(schema.range, item, false);
  return itemRowKey(schema, item);
}

function checkItemPart({ name, type }: KeyAttribute, item: Attributes, isHash: boolean): void {
  if (!Object.hasOwn(item, name)) throw invalid(`${WRONG}Missing the key ${name} in the item`);
  const value = item[name]!;
  if (!(type in value)) {
    throw invalid(`${WRONG}Type mismatch for key ${name} expected: ${type} actual: ${typeOf(value)}`);
  }
  checkKeyValue(name, value, isHash);
}

/** A value of a key, of the key's type. @throws DynamodbError `validation-failed`: it is empty or too long */
export function checkKeyValue(name: string, value: AttributeValue, isHash: boolean): void {
  const length = 'S' in value ? utf8Length(value.S) : 'B' in value ? value.B.length : 1;
  if (length === 0) throw invalid(emptyKey(name, typeOf(value)));
  if (isHash && length > ITEM_LIMITS.partitionKeyBytesMax) {
    throw invalid(`${WRONG}Size of hashkey has exceeded the maximum size limit of2048 bytes`);
  }
  if (!isHash && length > ITEM_LIMITS.sortKeyBytesMax) {
    throw invalid(`${WRONG}Aggregated size of all range keys has exceeded the size limit of 1024 bytes`);
  }
}

const emptyKey = (name: string, type: AttributeType) =>
  'One or more parameter values are not valid. ' +
  `The AttributeValue for a key attribute cannot contain an empty ${type === 'S' ? 'string' : 'binary'} value. Key: ${name}`;
