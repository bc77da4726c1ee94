/**
 * Points as bytes: the payload of a log record, which is also what the worker reads.
 *
 *     payload  version byte (1), then runs until the end
 *     run      measurement, tag count uint16, tag names, field count uint16, (field name, type byte) each, point count uint32,
 *              then the points: time int64, tag values, field values in the order of the names
 *     name, text   length uint32, UTF-8       float  IEEE double       integer  int64       boolean  byte
 *
 * Points that follow each other with the same measurement and names share a run, so that names are written and looked up once.
 * Little endian.
 */
import { DomainError } from '../../../base/index.ts';
import type { FieldValue, Point } from '../series.ts';

export const POINTS_VERSION = 1;

export type FieldType = 'float' | 'integer' | 'boolean' | 'string';

const TYPES: readonly FieldType[] = ['float', 'integer', 'boolean', 'string'];

/** What points of one run have in common. */
export interface Shape {
  readonly measurement: string;
  readonly tags: readonly string[];
  readonly fields: readonly { readonly name: string; readonly type: FieldType }[];
}

/** Receives the points of a payload. Values come in the order of the shape's names and are only valid during the call. */
export interface PointVisitor {
  /** A run begins. */
  shape(shape: Shape): void;
  point(time: bigint, tags: readonly string[], fields: readonly FieldValue[]): void;
}

export function typeOf(value: FieldValue): FieldType {
  switch (typeof value) {
    case 'number':
      return 'float';
    case 'bigint':
      return 'integer';
    case 'boolean':
      return 'boolean';
    default:
      return 'string';
  }
}

/** Shape of one point. */
export function shapeOf({ measurement, tags, fields }: Point): Shape {
  return {
    measurement,
    tags: Object.keys(tags),
    fields: Object.keys(fields).map((name) => ({ name, type: typeOf(fields[name]!) })),
  };
}

/** Whether the point has the names and types of `shape`, in the same order. */
export function hasShape(point: Point, shape: Shape): boolean {
  if (point.measurement !== shape.measurement) return false;
  let count = 0;
  for (const name in point.tags) if (shape.tags[count++] !== name) return false;
  if (count !== shape.tags.length) return false;
  count = 0;
  for (const name in point.fields) {
    const field = shape.fields[count++];
    if (field?.name !== name || field.type !== typeOf(point.fields[name]!)) return false;
  }
  return count === shape.fields.length;
}

export function encodePoints(points: readonly Point[]): Buffer {
  const out = new PointWriter(64 + points.length * 64);
  out.byte(POINTS_VERSION);
  let start = 0;
  while (start < points.length) {
    const shape = shapeOf(points[start]!);
    let end = start + 1;
    while (end < points.length && hasShape(points[end]!, shape)) end++;
    writeRun(out, shape, points, start, end);
    start = end;
  }
  return out.finish();
}

/** @throws DomainError `format-too-new`; RangeError when the bytes are not what `encodePoints` wrote */
export function decodePoints(payload: Uint8Array, visitor: PointVisitor): void {
  const from = new PointReader(payload);
  const version = from.byte();
  if (version !== POINTS_VERSION) {
    throw new DomainError('format-too-new', `points of format ${version}; this release reads ${POINTS_VERSION}`);
  }
  while (!from.done) readRun(from, visitor);
}

function writeRun(out: PointWriter, shape: Shape, points: readonly Point[], start: number, end: number): void {
  out.text(shape.measurement).uint16(shape.tags.length);
  for (const name of shape.tags) out.text(name);
  out.uint16(shape.fields.length);
  for (const { name, type } of shape.fields) out.text(name).byte(TYPES.indexOf(type));
  out.uint32(end - start);
  for (let i = start; i < end; i++) {
    const { time, tags, fields } = points[i]!;
    out.int64(time);
    for (const name of shape.tags) out.text(tags[name]!);
    for (const { name } of shape.fields) out.value(fields[name]!);
  }
}

function readRun(from: PointReader, visitor: PointVisitor): void {
  const measurement = from.text();
  const tags = Array.from({ length: from.uint16() }, () => from.text());
  const fields = Array.from({ length: from.uint16() }, () => ({ name: from.text(), type: from.type() }));
  visitor.shape({ measurement, tags, fields });
  const tagValues = new Array<string>(tags.length);
  const fieldValues = new Array<FieldValue>(fields.length);
  for (let count = from.uint32(); count > 0; count--) {
    const time = from.int64();
    for (let i = 0; i < tags.length; i++) tagValues[i] = from.text();
    for (let i = 0; i < fields.length; i++) fieldValues[i] = from.value(fields[i]!.type);
    visitor.point(time, tagValues, fieldValues);
  }
}

class PointWriter {
  #buffer: Buffer;
  #at = 0;

  constructor(capacity: number) {
    this.#buffer = Buffer.allocUnsafeSlow(capacity);
  }

  byte(value: number): this {
    this.#reserve(1);
    this.#buffer[this.#at++] = value;
    return this;
  }

  uint16(value: number): this {
    this.#reserve(2);
    this.#at = this.#buffer.writeUInt16LE(value, this.#at);
    return this;
  }

  uint32(value: number): this {
    this.#reserve(4);
    this.#at = this.#buffer.writeUInt32LE(value, this.#at);
    return this;
  }

  int64(value: bigint): this {
    this.#reserve(8);
    this.#at = this.#buffer.writeBigInt64LE(value, this.#at);
    return this;
  }

  text(value: string): this {
    // Three bytes a code unit is the most that UTF-8 takes: reserving them saves measuring the text first.
    this.#reserve(4 + value.length * 3);
    const length = this.#buffer.write(value, this.#at + 4);
    this.#buffer.writeUInt32LE(length, this.#at);
    this.#at += 4 + length;
    return this;
  }

  value(value: FieldValue): this {
    switch (typeof value) {
      case 'number':
        this.#reserve(8);
        this.#at = this.#buffer.writeDoubleLE(value, this.#at);
        return this;
      case 'bigint':
        return this.int64(value);
      case 'boolean':
        return this.byte(value ? 1 : 0);
      default:
        return this.text(value);
    }
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  #reserve(more: number): void {
    const needed = this.#at + more;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }
}

class PointReader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(payload: Uint8Array) {
    this.#buffer = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  }

  get done(): boolean {
    return this.#at >= this.#buffer.length;
  }

  byte(): number {
    return this.#buffer.readUInt8(this.#at++);
  }

  uint16(): number {
    this.#at += 2;
    return this.#buffer.readUInt16LE(this.#at - 2);
  }

  uint32(): number {
    this.#at += 4;
    return this.#buffer.readUInt32LE(this.#at - 4);
  }

  int64(): bigint {
    this.#at += 8;
    return this.#buffer.readBigInt64LE(this.#at - 8);
  }

  type(): FieldType {
    const type = TYPES[this.byte()];
    if (!type) throw new RangeError('unknown type of field');
    return type;
  }

  text(): string {
    const length = this.uint32();
    const start = this.#at;
    this.#at += length;
    if (this.#at > this.#buffer.length) throw new RangeError('text beyond the end');
    return this.#buffer.toString('utf8', start, this.#at);
  }

  value(type: FieldType): FieldValue {
    switch (type) {
      case 'float':
        this.#at += 8;
        return this.#buffer.readDoubleLE(this.#at - 8);
      case 'integer':
        return this.int64();
      case 'boolean':
        return this.byte() !== 0;
      case 'string':
        return this.text();
    }
  }
}
