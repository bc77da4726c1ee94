/** A value of AWS IoT SQL: JSON, or `undefined`, which the language calls Undefined and JSON leaves out. */
export type Value =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly Value[]
  | { readonly [name: string]: Value };

const DECIMAL = /^-?\d+(\.\d+)?(e-?\d+)?$/i;

/** "To Decimal" of the reference; Null is no number, so it gives Undefined. */
export function toNumber(value: Value): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'string' && DECIMAL.test(value)) return Number(value);
  return undefined;
}

/** A decimal, rounded down to an Int. */
export function toInt(value: Value): number | undefined {
  const number = toNumber(value);
  return number === undefined ? undefined : Math.floor(number);
}

/** "To Boolean" of the reference: only booleans and the strings "true" and "false". */
export function toBoolean(value: Value): boolean | undefined {
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string') return undefined;
  const lower = value.toLowerCase();
  return lower === 'true' ? true : lower === 'false' ? false : undefined;
}

/** "To String" of the reference: arrays and objects as JSON; Null and Undefined have none. */
export function toText(value: Value): string | undefined {
  if (typeof value === 'string') return value;
  if (value === undefined || value === null) return undefined;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

export function isArray(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

export function isObject(value: Value): value is { readonly [name: string]: Value } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The member of an object; Undefined where there is none, whatever prototypes say. */
export function memberOf(value: Value, name: string): Value {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** `=`: Undefined if either side is; values of different types are not equal. */
export function equals(left: Value, right: Value): boolean | undefined {
  if (left === undefined || right === undefined) return undefined;
  return same(left, right);
}

function same(left: Value, right: Value): boolean {
  if (left === right) return true;
  if (isArray(left)) {
    return isArray(right) && left.length === right.length && left.every((item, index) => same(item, right[index]));
  }
  if (!isObject(left) || !isObject(right)) return false;
  const names = Object.keys(left);
  return (
    names.length === Object.keys(right).length &&
    names.every((name) => Object.hasOwn(right, name) && same(left[name], right[name]))
  );
}
