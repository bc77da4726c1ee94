/**
 * Keys of rows.
 *
 *     row of an item    hash of the partition key (2 bytes), partition key, sort key
 *     row of an index   the same of the index's key, then the whole key of the item's row
 *
 * A partition or sort key of several attributes is their elements one after the other; the hash is that of all of the partition's.
 *
 * The hash spreads partitions over the key space: the order of a scan tells nothing, and a segment of a parallel scan is a
 * range. Each element ends by itself (none is the beginning of another), and elements sort as their values do:
 *
 * | type | bytes |
 * |---|---|
 * | S | UTF-8; 0x00 written as 0x01 0x01, 0x01 as 0x01 0x02; then 0x00 |
 * | B | the same of its bytes |
 * | N | see `number.ts` |
 */
import type { Attributes, AttributeValue } from './attribute-value.ts';
import { encodeNumber } from './number.ts';
import { hashAttributes, type KeyAttribute, type KeySchema, keyAttributes } from './table.ts';

/** Keys are put together here and copied out: nothing waits in between. The longest index row of AWS's limits, every byte escaped, fits. */
const scratch = Buffer.allocUnsafeSlow(16 * 1024);
let end = 0;

const END = 0;
const ESCAPE = 1;

/** Key of an item's row. @param attributes  a key or a whole item, checked against the schema */
export function itemRowKey(schema: KeySchema, attributes: Attributes): Buffer {
  begin();
  writeKey(schema, attributes);
  return finish();
}

/** Key of an item's row in an index; `undefined` when the item lacks an attribute of the index's key, and so is not in it. */
export function indexRowKey(index: KeySchema, table: KeySchema, attributes: Attributes): Buffer | undefined {
  if (!keyAttributes(index).every((attribute) => isKeyed(attribute, attributes))) return undefined;
  begin();
  writeKey(index, attributes);
  writeKey(table, attributes);
  return finish();
}

/** How all rows of one partition begin, in a table or in an index. @param values  of the attributes of the partition key */
export function partitionPrefix(schema: KeySchema, ...values: readonly AttributeValue[]): Buffer {
  begin();
  const start = beginPartition();
  for (const [at, { type }] of hashAttributes(schema).entries()) writeElement(type, values[at]!);
  endPartition(start);
  return finish();
}

/** A sort key as it follows the partition's prefix. */
export function sortKeyBytes({ type }: KeyAttribute, value: AttributeValue): Buffer {
  begin();
  writeElement(type, value);
  return finish();
}

/** How a sort key begins of which only the beginning is given: S and B only. */
export function sortKeyPrefix(attribute: KeyAttribute, value: AttributeValue): Buffer {
  // Without its end.
  return sortKeyBytes(attribute, value).subarray(0, -1);
}

/** The lowest key above all that begin with `prefix`; `undefined` when there is none. */
export function afterPrefix(prefix: Uint8Array): Buffer | undefined {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length--;
  if (length === 0) return undefined;
  const after = Buffer.from(prefix.subarray(0, length));
  after[length - 1]!++;
  return after;
}

/** The part of the key space that a segment of a parallel scan has; absent bounds are open. */
export function segmentRange(segment: number, segments: number): { readonly from?: Buffer; readonly to?: Buffer } {
  const bound = (at: number) => {
    // Three bytes, so that a million segments differ.
    const value = Math.ceil((at * 0x1000000) / segments);
    return Buffer.of(value >>> 16, (value >>> 8) & 0xff, value & 0xff);
  };
  return {
    ...(segment > 0 && { from: bound(segment) }),
    ...(segment + 1 < segments && { to: bound(segment + 1) }),
  };
}

function isKeyed({ name, type }: KeyAttribute, attributes: Attributes): boolean {
  return Object.hasOwn(attributes, name) && type in attributes[name]!;
}

function begin(): void {
  end = 0;
}

function finish(): Buffer {
  return Buffer.from(scratch.subarray(0, end));
}

function writeKey({ hash, moreHash, range, moreRange }: KeySchema, attributes: Attributes): void {
  const start = beginPartition();
  writeElement(hash.type, attributes[hash.name]!);
  if (moreHash) writeElements(moreHash, attributes);
  endPartition(start);
  if (range) writeElement(range.type, attributes[range.name]!);
  if (moreRange) writeElements(moreRange, attributes);
}

function writeElements(part: readonly KeyAttribute[], attributes: Attributes): void {
  for (const { name, type } of part) writeElement(type, attributes[name]!);
}

/** Leaves room for the hash. */
function beginPartition(): number {
  const start = end;
  end += 2;
  return start;
}

function endPartition(start: number): void {
  const hash = hashOf(start + 2, end);
  scratch[start] = hash >>> 8;
  scratch[start + 1] = hash & 0xff;
}

function writeElement(type: KeyAttribute['type'], value: AttributeValue): void {
  if (type === 'S') writeText((value as { readonly S: string }).S);
  else if (type === 'B') writeBytes((value as { readonly B: Uint8Array }).B);
  else writeNumber((value as { readonly N: string }).N);
}

function writeText(text: string): void {
  const start = end;
  end += scratch.write(text, end);
  for (let at = start; at < end; at++) {
    if (scratch[at]! <= ESCAPE) {
      end = start;
      return writeBytes(Buffer.from(text));
    }
  }
  scratch[end++] = END;
}

function writeBytes(bytes: Uint8Array): void {
  for (const byte of bytes) {
    if (byte > ESCAPE) scratch[end++] = byte;
    else {
      scratch[end++] = ESCAPE;
      scratch[end++] = byte + 1;
    }
  }
  scratch[end++] = END;
}

function writeNumber(text: string): void {
  const bytes = encodeNumber(text);
  scratch.set(bytes, end);
  end += bytes.length;
}

/** FNV-1a of 32 bits, folded to 16: part of the stored form. */
function hashOf(from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ scratch[at]!, 0x01000193);
  return (hash ^ (hash >>> 16)) & 0xffff;
}
