import { createHash, hash } from 'node:crypto';

/** A message attribute as the API spells it; binary values are bytes. */
export interface AttributeValue {
  readonly DataType: string;
  readonly StringValue?: string;
  readonly BinaryValue?: Uint8Array;
  /** Reserved by AWS: refused, as there. */
  readonly StringListValues?: readonly string[];
  readonly BinaryListValues?: readonly Uint8Array[];
}

export type Attributes = Readonly<Record<string, AttributeValue>>;

/** MD5 of a message body's UTF-8, hex. */
export function bodyMd5(body: string): string {
  return hash('md5', body, 'hex');
}

/**
 * MD5 of message attributes, hex: names sorted; of each the name, the data type and the value, every one preceded by its
 * length (4 bytes, big-endian), the value also by 1 (string) or 2 (binary).
 *
 * @returns `undefined` when there are none
 * @see Amazon SQS developer guide, "Calculating the MD5 message digest for message attributes"
 */
export function attributesMd5(attributes: Attributes): string | undefined {
  const names = Object.keys(attributes).sort();
  if (names.length === 0) return undefined;
  const md5 = createHash('md5');
  const sized = (bytes: Uint8Array) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    md5.update(length).update(bytes);
  };
  for (const name of names) {
    const { DataType, StringValue, BinaryValue } = attributes[name]!;
    sized(Buffer.from(name));
    sized(Buffer.from(DataType));
    const binary = DataType.startsWith('Binary');
    md5.update(Buffer.of(binary ? 2 : 1));
    sized(binary ? (BinaryValue ?? new Uint8Array(0)) : Buffer.from(StringValue ?? ''));
  }
  return md5.digest('hex');
}

/** What attributes count towards the size of a message: names, types and values. */
export function attributesSize(attributes: Attributes): number {
  let bytes = 0;
  for (const [name, { DataType, StringValue, BinaryValue }] of Object.entries(attributes)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(DataType);
    bytes += BinaryValue ? BinaryValue.length : Buffer.byteLength(StringValue ?? '');
  }
  return bytes;
}
