/* Readers of scalars in each notation, and what is said of values that have the wrong type. */
import { type Check, lengthCheck, rangeCheck, stringCheck } from './constraints.ts';
import { ReadFailure } from './failure.ts';
import type { ScalarShape } from './shape.ts';
import { showValue } from './show.ts';
import { readTimestamp } from './timestamp.ts';
import type { Trail } from './trail.ts';

/**
 * What scalars look like in the tree:
 * - `json`: numbers and booleans are JSON's, blobs base64, timestamps numbers or text;
 * - `text`: everything is a string;
 * - `cbor`: as json, but blobs are bytes and timestamps may be `Date`s.
 */
export type Notation = 'json' | 'text' | 'cbor';

/** Reads one value; notes broken constraints in the trail; @throws ReadFailure `serialization` for the wrong type. */
export type Read = (value: any, trail: Trail) => unknown;

/** A reader that also holds the shape's constraints. */
export function checkedScalar(shape: ScalarShape, notation: Notation): Read {
  const read = scalarReader(shape, notation);
  const check = scalarCheck(shape);
  if (!check) return read;
  return (value, trail) => {
    const got = read(value, trail);
    const broken = check(got);
    if (broken) for (const constraint of broken) trail.problem(showValue(got), constraint);
    return got;
  };
}

function scalarCheck(shape: ScalarShape): Check<any> | undefined {
  switch (shape.type) {
    case 'string':
      return stringCheck(shape);
    case 'blob': {
      const length = shape.streaming ? undefined : lengthCheck(shape);
      return length && ((value: Uint8Array) => length(value.length));
    }
    case 'integer':
    case 'long':
    case 'float':
    case 'double':
      return rangeCheck(shape);
    default:
      return undefined;
  }
}

/** A reader that looks at the type only. */
export function scalarReader(shape: ScalarShape, notation: Notation): Read {
  switch (shape.type) {
    case 'string':
      return (value) => (typeof value === 'string' ? value : wrongType(value, 'String'));
    case 'boolean':
      return notation === 'text'
        ? booleanFromText
        : (value) => (typeof value === 'boolean' ? value : wrongType(value, 'Boolean'));
    case 'integer':
    case 'long':
      return notation === 'text' ? wholeFromText(shape.type) : wholeNumber(shape.type);
    case 'float':
    case 'double':
      return notation === 'text' ? (value) => floatFromText(String(value)) : floatNumber;
    case 'timestamp':
      return (value) => (value instanceof Date ? value : readTimestamp(value));
    case 'blob':
      return notation === 'cbor' ? bytes : blobFromBase64;
    default:
      return (value) => value;
  }
}

function wholeNumber(type: 'integer' | 'long'): Read {
  return (value) => {
    if (typeof value === 'bigint' && type === 'long') return Number(value);
    return Number.isInteger(value) ? value : wrongType(value, type === 'long' ? 'Long' : 'Integer');
  };
}

function wholeFromText(type: 'integer' | 'long'): Read {
  return (value) =>
    /^[-+]?\d{1,19}$/.test(value) ? Number(value) : wrongType(value, type === 'long' ? 'Long' : 'Integer');
}

function booleanFromText(value: unknown): boolean {
  if (value === 'true' || value === 'false') return value === 'true';
  // Java's clients of the query protocol write booleans in any case.
  if (typeof value === 'string' && /^(true|false)$/i.test(value)) return value.toLowerCase() === 'true';
  return wrongType(value, 'Boolean');
}

function floatNumber(value: unknown): number {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^(NaN|-?Infinity)$/.test(value) ? Number(value) : wrongType(value, 'Double');
}

function floatFromText(value: string): number {
  const number = Number(value);
  return value.trim() !== '' && (value === 'NaN' || !Number.isNaN(number)) ? number : wrongType(value, 'Double');
}

function bytes(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : wrongType(value, 'Blob');
}

/** Node ignores what is not base64; a length that does not fit what came out tells. */
function blobFromBase64(value: unknown): Uint8Array {
  if (typeof value !== 'string') return wrongType(value, 'Blob');
  const { length } = value;
  if (length % 4 !== 0) {
    throw new ReadFailure(
      'serialization',
      `Base64 encoded length is expected a multiple of 4 bytes but found: ${length}`,
    );
  }
  const decoded = Buffer.from(value, 'base64');
  const padding = value.endsWith('==') ? 2 : value.endsWith('=') ? 1 : 0;
  if (decoded.length !== (length / 4) * 3 - padding)
    throw new ReadFailure('serialization', 'Invalid Base64 character detected');
  return decoded;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

/** What is said of a list or structure where a scalar should be, or the other way round. */
export function misplaced(value: unknown): ReadFailure {
  if (Array.isArray(value)) return new ReadFailure('serialization', 'Start of list found where not expected');
  if (isObject(value)) return new ReadFailure('serialization', 'Start of structure or map found where not expected.');
  return new ReadFailure('serialization', 'Unexpected field type');
}

function wrongType(value: unknown, wanted: string): never {
  if (typeof value === 'object') throw misplaced(value);
  throw new ReadFailure('serialization', `${tokenName(value)} cannot be converted to ${wanted}`);
}

/** The names that AWS's JSON parser has for what it met. */
function tokenName(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'TRUE_VALUE' : 'FALSE_VALUE';
  if (typeof value === 'number') return Number.isInteger(value) ? 'NUMBER_VALUE' : 'DECIMAL_VALUE';
  return 'STRING_VALUE';
}
