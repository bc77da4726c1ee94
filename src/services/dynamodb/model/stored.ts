/**
 * Items as they stand in the store.
 *
 * | bytes | |
 * |---|---|
 * | 1 | version of the format: 1 |
 * | 4 | size of the item as AWS counts it, big endian |
 * | rest | the attributes as the API writes them, JSON in UTF-8: `{"id":{"S":"x"}}`, numbers canonical, binaries base64 |
 *
 * So an answer takes an item as it stands, and what only counts bytes does not look into it.
 */
import { DomainError } from '../../../base/index.ts';
import type { Attributes, AttributeValue } from './attribute-value.ts';
import { sizeOfAttributes } from './size.ts';
import type { StoredItem } from './table.ts';

/** The one version there is (S4). */
const FORMAT = 1;
const HEADER_BYTES = 5;
/** A binary or a set of them; an attribute of such a name is looked at in vain. */
const BINARY = /\{"BS?":/;

/** An item of attributes that are checked and canonical. */
export function itemOf(attributes: Attributes): StoredItem {
  return new NewItem(attributes);
}

/** The value of a row as an item; it is parsed when it is first asked for attributes. @throws DomainError `format-too-new` */
export function decodeItem(value: Uint8Array): StoredItem {
  if (value[0] !== FORMAT) {
    throw new DomainError('format-too-new', `an item has format ${value[0]}; this release reads ${FORMAT}`);
  }
  return new ReadItem(value);
}

/** Size of the item in the value of a row, as AWS counts it. */
export function sizeOfEncoded(value: Uint8Array): number {
  return value[1]! * 0x1000000 + ((value[2]! << 16) | (value[3]! << 8) | value[4]!);
}

/** JSON of an encoded item, UTF-8: a view. */
export function jsonBytesOf(value: Uint8Array): Uint8Array {
  return value.subarray(HEADER_BYTES);
}

class NewItem implements StoredItem {
  readonly attributes: Attributes;
  #sizeBytes: number | undefined;
  #json: string | undefined;
  #encoded: Uint8Array | undefined;

  constructor(attributes: Attributes) {
    this.attributes = attributes;
  }

  get sizeBytes(): number {
    this.#sizeBytes ??= sizeOfAttributes(this.attributes);
    return this.#sizeBytes;
  }

  get json(): string {
    this.#json ??= jsonOfAttributes(this.attributes);
    return this.#json;
  }

  get encoded(): Uint8Array {
    this.#encoded ??= encode(this.json, this.sizeBytes);
    return this.#encoded;
  }
}

class ReadItem implements StoredItem {
  readonly encoded: Uint8Array;
  #json: string | undefined;
  #attributes: Attributes | undefined;

  constructor(encoded: Uint8Array) {
    this.encoded = encoded;
  }

  get sizeBytes(): number {
    return sizeOfEncoded(this.encoded);
  }

  get json(): string {
    this.#json ??= textOf(this.encoded);
    return this.#json;
  }

  get attributes(): Attributes {
    this.#attributes ??= attributesOfJson(this.json);
    return this.#attributes;
  }
}

function encode(json: string, sizeBytes: number): Uint8Array {
  const length = Buffer.byteLength(json);
  const value = Buffer.allocUnsafe(HEADER_BYTES + length);
  value[0] = FORMAT;
  value.writeUInt32BE(sizeBytes, 1);
  value.write(json, HEADER_BYTES, length, 'utf8');
  return value;
}

function textOf({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset + HEADER_BYTES, byteLength - HEADER_BYTES).toString('utf8');
}

/** Attributes as the API writes them. @param attributes  checked: of each value the one member that it has */
export function jsonOfAttributes(attributes: Attributes): string {
  let text = '{';
  for (const name in attributes) {
    if (text.length > 1) text += ',';
    text += `${quoted(name)}:${jsonOfValue(attributes[name]!)}`;
  }
  return `${text}}`;
}

/** The reverse of {@link jsonOfAttributes}. */
export function attributesOfJson(json: string): Attributes {
  const attributes = JSON.parse(json);
  if (BINARY.test(json)) decodeBinaries(attributes);
  return attributes;
}

function jsonOfValue(value: AttributeValue): string {
  if ('S' in value) return `{"S":${quoted(value.S)}}`;
  if ('N' in value) return `{"N":"${value.N}"}`;
  if ('M' in value) return `{"M":${jsonOfAttributes(value.M)}}`;
  if ('L' in value) return `{"L":[${value.L.map(jsonOfValue).join()}]}`;
  if ('BOOL' in value) return value.BOOL ? '{"BOOL":true}' : '{"BOOL":false}';
  if ('NULL' in value) return '{"NULL":true}';
  if ('B' in value) return `{"B":"${base64(value.B)}"}`;
  if ('SS' in value) return `{"SS":[${value.SS.map(quoted).join()}]}`;
  if ('NS' in value) return `{"NS":["${value.NS.join('","')}"]}`;
  return `{"BS":["${value.BS.map(base64).join('","')}"]}`;
}

/** What JSON escapes: quote, backslash, controls and lone surrogates. */
const ESCAPED = /["\\]|[^ -\ud7ff\ue000-\uffff]/;

function quoted(text: string): string {
  return ESCAPED.test(text) ? JSON.stringify(text) : `"${text}"`;
}

/** Binaries as the API writes them. */
export function base64({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
}

function decodeBinaries(attributes: Record<string, any>): void {
  for (const name in attributes) decodeBinary(attributes[name]);
}

function decodeBinary(value: any): void {
  if ('B' in value) value.B = Buffer.from(value.B, 'base64');
  else if ('BS' in value) value.BS = value.BS.map((member: string) => Buffer.from(member, 'base64'));
  else if ('M' in value) decodeBinaries(value.M);
  else if ('L' in value) value.L.forEach(decodeBinary);
}
