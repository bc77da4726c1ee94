import { invalid } from '../errors.ts';
import type { Attributes, AttributeValue } from '../model/attribute-value.ts';
import { hashAttributes, type KeyAttribute, type KeySchema, rangeAttributes, type Table } from '../model/table.ts';

/** Bytes of a partition key and of a sort key, in tables and indexes alike; of all of its attributes, where it has several. */
const HASH_BYTES_MAX = 2048;
const RANGE_BYTES_MAX = 1024;

/**
 * Refuses an item whose attributes cannot be keys of the table's indexes. An item that lacks them is in none, which is fine.
 * @throws DynamodbError `validation-failed`, in AWS's words
 */
export function checkIndexKeys(table: Table, attributes: Attributes): void {
  for (const { name, key } of table.indexes.values()) {
    checkKey(name, hashAttributes(key), HASH_BYTES_MAX, attributes);
    checkKey(name, rangeAttributes(key), RANGE_BYTES_MAX, attributes);
  }
}

/** Whether an item has a place in an index of this key, if it has the attributes at all. */
export function isIndexable(key: KeySchema, attributes: Attributes): boolean {
  return (
    fits(hashAttributes(key), HASH_BYTES_MAX, attributes) && fits(rangeAttributes(key), RANGE_BYTES_MAX, attributes)
  );
}

function fits(part: readonly KeyAttribute[], bytesMax: number, attributes: Attributes): boolean {
  let bytes = 0;
  for (const { name, type } of part) {
    if (!Object.hasOwn(attributes, name)) return false;
    const value = attributes[name]!;
    if (!(type in value)) return false;
    const size = sizeOf(value);
    if (size === 0) return false;
    bytes += size;
  }
  return bytes <= bytesMax;
}

/** @param part  the partition key or the sort key */
function checkKey(index: string, part: readonly KeyAttribute[], bytesMax: number, attributes: Attributes): void {
  let bytes = 0;
  for (const attribute of part) bytes += checkedSize(index, attribute, attributes);
  if (bytes <= bytesMax) return;
  const what = bytesMax === HASH_BYTES_MAX ? 'hashkey' : 'rangekey';
  throw invalid(
    `One or more parameter values were invalid: Size of ${what} has exceeded the maximum size limit of${bytesMax} bytes`,
  );
}

/** Bytes of an attribute of an index's key, if the item has it. */
function checkedSize(index: string, { name, type }: KeyAttribute, attributes: Attributes): number {
  if (!Object.hasOwn(attributes, name)) return 0;
  const value = attributes[name]!;
  if (!(type in value)) {
    throw invalid(
      `One or more parameter values were invalid: Type mismatch for Index Key ${name} Expected: ${type} Actual: ${Object.keys(value)[0]} IndexName: ${index}`,
    );
  }
  const size = sizeOf(value);
  if (size === 0) {
    throw invalid(
      `One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty ${type === 'S' ? 'string' : 'binary'} value. IndexName: ${index}, IndexKey: ${name}`,
    );
  }
  return size;
}

/** Bytes of a key's value; a number always fits. */
function sizeOf(value: AttributeValue): number {
  if ('S' in value) return Buffer.byteLength(value.S);
  return 'B' in value ? value.B.length : 1;
}
