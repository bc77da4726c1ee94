import { assert } from '../../../base/index.ts';
import type { Attributes, AttributeValue } from '../model/attribute-value.ts';
import { sizeOfValue } from '../model/size.ts';
import type { KeySchema } from '../model/table.ts';

/** The key attributes of an item: their JSON, and their size as AWS counts it. */
export function keysOf({ hash, range }: KeySchema, attributes: Attributes): { json: string; sizeBytes: number } {
  const first = attributes[hash.name]!;
  const json = memberOf(hash.name, first);
  const sizeBytes = Buffer.byteLength(hash.name) + sizeOfValue(first);
  if (!range) return { json: `{${json}}`, sizeBytes };
  const second = attributes[range.name]!;
  return {
    json: `{${json},${memberOf(range.name, second)}}`,
    sizeBytes: sizeBytes + Buffer.byteLength(range.name) + sizeOfValue(second),
  };
}

function memberOf(name: string, value: AttributeValue): string {
  const member = `${JSON.stringify(name)}:`;
  if ('S' in value) return `${member}{"S":${JSON.stringify(value.S)}}`;
  if ('N' in value) return `${member}{"N":"${value.N}"}`;
  assert('B' in value, 'a key is a string, a number or bytes');
  const { buffer, byteOffset, byteLength } = value.B;
  return `${member}{"B":"${Buffer.from(buffer, byteOffset, byteLength).toString('base64')}"}`;
}
