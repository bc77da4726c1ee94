import { assert } from '../../../base/index.ts';
import type { Attributes } from '../model/attribute-value.ts';
import type { KeySchema } from '../model/table.ts';

/** The key attributes of an item: their JSON, and their size as AWS counts it. */
export function keysOf({ hash, range }: KeySchema, attributes: Attributes): { json: string; sizeBytes: number } {
  const first = keyOf(hash.name, attributes);
  if (!range) return { json: `{${first.json}}`, sizeBytes: first.sizeBytes };
  const second = keyOf(range.name, attributes);
  return { json: `{${first.json},${second.json}}`, sizeBytes: first.sizeBytes + second.sizeBytes };
}

function keyOf(name: string, attributes: Attributes): { json: string; sizeBytes: number } {
  const value = attributes[name]!;
  const member = `${JSON.stringify(name)}:`;
  const nameBytes = Buffer.byteLength(name);
  if ('S' in value) {
    return { json: `${member}{"S":${JSON.stringify(value.S)}}`, sizeBytes: nameBytes + Buffer.byteLength(value.S) };
  }
  if ('N' in value) return { json: `${member}{"N":"${value.N}"}`, sizeBytes: nameBytes + numberSize(value.N) };
  assert('B' in value, 'a key is a string, a number or bytes');
  const text = Buffer.from(value.B.buffer, value.B.byteOffset, value.B.byteLength).toString('base64');
  return { json: `${member}{"B":"${text}"}`, sizeBytes: nameBytes + value.B.byteLength };
}

/** A byte for two significant digits, and one more. */
function numberSize(text: string): number {
  const digits = text.replace(/^-?0*\.?0*|[-.]|[eE].*$/g, '').replace(/0+$/, '');
  return Math.ceil(digits.length / 2) + 1 + (text.startsWith('-') ? 1 : 0);
}
