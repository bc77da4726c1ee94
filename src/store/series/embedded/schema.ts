import type { FieldValue, Point, Rejection } from '../series.ts';
import { SERIES_LIMITS } from '../series.ts';
import { type FieldType, hasShape, type Shape, shapeOf } from './point-codec.ts';

export type ColumnType = 'tag' | FieldType;

/** Columns of a measurement beside `time`, in the order in which they came. */
export type MeasurementSchema = Readonly<Record<string, ColumnType>>;

/** What a write adds to the schema, and what does not fit it. */
export interface Check {
  /** New measurements and those with new columns, whole. */
  readonly changed: ReadonlyMap<string, MeasurementSchema>;
  readonly rejected: readonly Rejection[];
}

const INT64_MIN = -(1n << 63n);
const INT64_MAX = (1n << 63n) - 1n;

/**
 * Decides which points fit a database's measurements. Shapes that fitted once are remembered by the run, so that a batch of
 * alike points costs one look.
 */
export function checkPoints(points: readonly Point[], schemas: ReadonlyMap<string, MeasurementSchema>): Check {
  const changed = new Map<string, MeasurementSchema>();
  const rejected: Rejection[] = [];
  let fitting: Shape | undefined;
  for (let index = 0; index < points.length; index++) {
    const point = points[index]!;
    let reason = reasonOfValues(point);
    if (reason === undefined && !(fitting && hasShape(point, fitting))) {
      const shape = shapeOf(point);
      reason = addShape(shape, schemas, changed);
      if (reason === undefined) fitting = shape;
    }
    if (reason !== undefined) rejected.push({ index, reason });
  }
  return { changed, rejected };
}

/** The schema of what a downsampling policy writes. */
export function rollupSchema(from: MeasurementSchema): MeasurementSchema {
  const columns: [string, ColumnType][] = [];
  for (const [name, type] of Object.entries(from)) {
    if (type === 'tag') columns.push([name, 'tag']);
    if (type !== 'float' && type !== 'integer') continue;
    columns.push([name, 'float'], [`${name}_min`, 'float'], [`${name}_max`, 'float'], [`${name}_count`, 'integer']);
  }
  return Object.fromEntries(columns);
}

/** Adds what the shape brings to `changed`; returns why it cannot be. */
function addShape(
  shape: Shape,
  schemas: ReadonlyMap<string, MeasurementSchema>,
  changed: Map<string, MeasurementSchema>,
): string | undefined {
  const { measurement } = shape;
  const known = changed.get(measurement) ?? schemas.get(measurement);
  const reason = known ? undefined : reasonOfMeasurement(measurement, schemas, changed);
  if (reason) return reason;
  if (shape.fields.length === 0) return 'a point has one field or more';
  const columns: [string, ColumnType][] = [
    ...shape.tags.map((name): [string, ColumnType] => [name, 'tag']),
    ...shape.fields.map(({ name, type }): [string, ColumnType] => [name, type]),
  ];
  const merged: Record<string, ColumnType> = { ...known };
  for (const [name, type] of columns) {
    const reasonOfColumn = reasonOf(measurement, name, type, merged);
    if (reasonOfColumn) return reasonOfColumn;
    merged[name] = type;
  }
  const count = Object.keys(merged).length;
  if (count > SERIES_LIMITS.columnsMax) return `${measurement} would have ${count} columns`;
  if (!known || count > Object.keys(known).length) changed.set(measurement, merged);
  return undefined;
}

function reasonOfMeasurement(
  measurement: string,
  schemas: ReadonlyMap<string, MeasurementSchema>,
  changed: ReadonlyMap<string, MeasurementSchema>,
): string | undefined {
  const reason = reasonOfName(measurement, 'measurement');
  if (reason) return reason;
  if (schemas.size + changed.size >= SERIES_LIMITS.measurementsMax) return 'the database has too many measurements';
  const lower = measurement.toLowerCase();
  for (const names of [schemas, changed]) {
    for (const name of names.keys()) {
      if (name.toLowerCase() === lower) return `measurement ${measurement} differs from ${name} only in case`;
    }
  }
  return undefined;
}

function reasonOf(
  measurement: string,
  name: string,
  type: ColumnType,
  columns: Readonly<Record<string, ColumnType>>,
): string | undefined {
  const existing = Object.hasOwn(columns, name) ? columns[name] : undefined;
  if (existing === type) return undefined;
  if (existing) return conflict(measurement, name, type, existing);
  const reason = reasonOfName(name, type === 'tag' ? 'tag' : 'field');
  if (reason) return reason;
  const lower = name.toLowerCase();
  if (lower === 'time') return `${name} cannot be the name of a tag or field`;
  const other = Object.keys(columns).find((column) => column.toLowerCase() === lower);
  return other && `${name} differs from ${other} of ${measurement} only in case`;
}

/** InfluxDB's words for it, which its clients look for. */
function conflict(measurement: string, name: string, type: ColumnType, existing: ColumnType): string {
  if (type === 'tag' || existing === 'tag') {
    return `"${name}" on measurement "${measurement}" is a ${type === 'tag' ? 'tag' : 'field'}, already exists as a ${existing === 'tag' ? 'tag' : 'field'}`;
  }
  return `input field "${name}" on measurement "${measurement}" is type ${type}, already exists as type ${existing}`;
}

function reasonOfName(name: string, what: string): string | undefined {
  const sizeBytes = Buffer.byteLength(name);
  if (sizeBytes < 1 || sizeBytes > SERIES_LIMITS.nameBytesMax || !name.isWellFormed() || name.includes('\0')) {
    return `the name of a ${what} is 1 to ${SERIES_LIMITS.nameBytesMax} bytes of UTF-8`;
  }
  // Objects hold tags, fields and columns, and this one name is not theirs to give.
  return name === '__proto__' ? `${name} cannot be the name of a ${what}` : undefined;
}

function reasonOfValues({ time, tags, fields }: Point): string | undefined {
  if (time < INT64_MIN || time > INT64_MAX) return 'the time is out of the range of 64 bits';
  for (const name in tags) if (isTooLong(tags[name]!)) return `tag ${name} is too long`;
  for (const name in fields) {
    const reason = reasonOfValue(name, fields[name]!);
    if (reason) return reason;
  }
  return undefined;
}

function reasonOfValue(name: string, value: FieldValue): string | undefined {
  if (typeof value === 'string' && isTooLong(value)) return `field ${name} is too long`;
  if (typeof value === 'bigint' && (value < INT64_MIN || value > INT64_MAX)) {
    return `field ${name} is out of the range of 64 bits`;
  }
  if (typeof value === 'number' && !Number.isFinite(value)) return `field ${name} is not a finite number`;
  return undefined;
}

function isTooLong(text: string): boolean {
  // Three bytes a code unit is the most: only long texts are measured.
  return text.length * 3 > SERIES_LIMITS.textBytesMax && Buffer.byteLength(text) > SERIES_LIMITS.textBytesMax;
}
