import { invalid, RequestRefusal } from '../errors.ts';

/**
 * Numbers of DynamoDB: decimals of 38 significant digits, and magnitudes from 1E-130 to 9.99...E+125.
 *
 * They travel and are stored as text. The canonical text has no exponent, no plus, no needless zeros and no negative zero:
 * so two canonical numbers are equal when their texts are.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
 */
export const NUMBER_LIMITS = {
  /** Significant digits. */
  digits: 38,
  /** Decimal exponent of the largest number: 9.99E+125. */
  exponentMax: 125,
  /** Decimal exponent of the smallest: 1E-130. Negated. */
  exponentMinNegated: 130,
} as const;

/** A number apart: `sign` times `d.ddd` times ten to `exponent`, where `d.ddd` are `digits`. */
interface Decimal {
  readonly sign: 1 | -1;
  /** Without leading and trailing zeros; empty for zero. */
  readonly digits: string;
  readonly exponent: number;
}

const PLAIN = /^(?:0|-?[1-9]\d{0,37})$/;
const NUMERIC = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;

/** Canonical texts up to this length are told apart by their doubles: fifteen digits survive, and keep their order. */
const EXACT_AS_DOUBLE = 15;

/**
 * The canonical text of a number.
 * @throws DynamodbError `validation-failed`, as AWS words it: no number, too many digits, too large, too small
 */
export function canonicalNumber(text: string): string {
  return PLAIN.test(text) ? text : textOf(checked(parse(text)));
}

/** Below zero, zero or above: how the value of `a` stands to that of `b`. @param a  canonical, as `b` */
export function compareNumbers(a: string, b: string): number {
  if (a === b) return 0;
  if (a.length <= EXACT_AS_DOUBLE && b.length <= EXACT_AS_DOUBLE) return Number(a) - Number(b);
  return compareDecimals(parse(a), parse(b));
}

/** The sum, canonical. @throws DynamodbError `validation-failed` when it does not fit */
export function addNumbers(a: string, b: string): string {
  return sum(a, b, 1);
}

/** `a` less `b`, canonical. @throws DynamodbError `validation-failed` when it does not fit */
export function subtractNumbers(a: string, b: string): string {
  return sum(a, b, -1);
}

const NEGATIVE = 1;
const ZERO = 2;
const POSITIVE = 3;
/** Added to an exponent, so that a byte holds it. */
const EXPONENT_BIAS = NUMBER_LIMITS.exponentMinNegated;

/**
 * Bytes whose unsigned order is that of the values; none is the beginning of another's, so that more may follow.
 *
 * | bytes | |
 * |---|---|
 * | 1 | 1 below zero, 2 zero (and nothing follows), 3 above |
 * | 1 | exponent + 130 |
 * | 1-19 | digits from the first on, two a byte: 1 + 0...99 |
 * | 1 | 0 |
 *
 * Below zero, all but the first are complements.
 * @param text  canonical
 */
export function encodeNumber(text: string): Uint8Array {
  const { sign, digits, exponent } = parse(text);
  if (digits === '') return Uint8Array.of(ZERO);
  const pairs = Math.ceil(digits.length / 2);
  const bytes = new Uint8Array(pairs + 3);
  bytes[0] = sign < 0 ? NEGATIVE : POSITIVE;
  bytes[1] = exponent + EXPONENT_BIAS;
  for (let pair = 0; pair < pairs; pair++) {
    const high = digits.charCodeAt(pair * 2) - 48;
    const low = pair * 2 + 1 < digits.length ? digits.charCodeAt(pair * 2 + 1) - 48 : 0;
    bytes[pair + 2] = high * 10 + low + 1;
  }
  if (sign < 0) for (let at = 1; at < bytes.length; at++) bytes[at] = ~bytes[at]!;
  return bytes;
}

/** @returns a number of any size: not yet checked. @throws DynamodbError `validation-failed` when it is none */
function parse(text: string): Decimal {
  const match = NUMERIC.exec(text);
  const [, sign, whole = '', fraction = '', power = '0'] = match ?? [];
  if (whole === '' && fraction === '') throw notNumeric(text);
  const all = whole + fraction;
  const first = firstDigit(all);
  if (first === all.length) return { sign: 1, digits: '', exponent: 0 };
  return {
    sign: sign === '-' ? -1 : 1,
    digits: all.slice(first, lastDigit(all) + 1),
    exponent: whole.length - first - 1 + Number(power),
  };
}

function notNumeric(text: string) {
  const newer = `The parameter cannot be converted to a numeric value: ${text}`;
  return new RequestRefusal(text === '' ? newer.slice(0, -2) : newer, newer);
}

/** Where the leading zeros end. */
function firstDigit(digits: string): number {
  let at = 0;
  while (digits.charCodeAt(at) === 48) at++;
  return at;
}

/** Where the trailing zeros begin, less one. A loop, since a pattern would take quadratic time over zeros. */
function lastDigit(digits: string): number {
  let at = digits.length - 1;
  while (digits.charCodeAt(at) === 48) at--;
  return at;
}

function checked(decimal: Decimal): Decimal {
  const { digits, exponent } = decimal;
  if (digits === '') return decimal;
  if (exponent > NUMBER_LIMITS.exponentMax) throw overflow();
  if (exponent < -NUMBER_LIMITS.exponentMinNegated) throw underflow();
  if (digits.length > NUMBER_LIMITS.digits)
    throw invalid('Attempting to store more than 38 significant digits in a Number');
  return decimal;
}

const overflow = () =>
  invalid('Number overflow. Attempting to store a number with magnitude larger than supported range');
const underflow = () =>
  invalid('Number underflow. Attempting to store a number with magnitude smaller than supported range');

function textOf({ sign, digits, exponent }: Decimal): string {
  if (digits === '') return '0';
  const minus = sign < 0 ? '-' : '';
  if (exponent < 0) return `${minus}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  const fraction = digits.slice(exponent + 1);
  return fraction === '' ? minus + whole : `${minus}${whole}.${fraction}`;
}

function compareDecimals(a: Decimal, b: Decimal): number {
  if (a.digits === '' || b.digits === '') return signOf(a) - signOf(b);
  if (a.sign !== b.sign) return a.sign - b.sign;
  if (a.exponent !== b.exponent) return (a.exponent - b.exponent) * a.sign;
  // Both begin at the same power: the order of the texts is that of the magnitudes.
  return (a.digits < b.digits ? -1 : a.digits > b.digits ? 1 : 0) * a.sign;
}

function signOf({ sign, digits }: Decimal): number {
  return digits === '' ? 0 : sign;
}

function sum(a: string, b: string, factor: 1 | -1): string {
  const quick = sumOfIntegers(a, b, factor);
  if (quick !== undefined) return quick;
  const [left, right] = [parse(a), parse(b)];
  const scale = Math.min(lowestPower(left), lowestPower(right));
  const total = coefficient(left, scale) + BigInt(factor) * coefficient(right, scale);
  const { digits, ...rest } = parse(`${total}e${scale}`);
  // AWS says so of a sum of too many digits, though it is not too large.
  if (digits.length > NUMBER_LIMITS.digits) throw overflow();
  return textOf(checked({ digits, ...rest }));
}

/** Counters: what most sums are. `undefined` when doubles would not be exact. */
function sumOfIntegers(a: string, b: string, factor: 1 | -1): string | undefined {
  if (a.length > EXACT_AS_DOUBLE || b.length > EXACT_AS_DOUBLE) return undefined;
  const [left, right] = [Number(a), Number(b)];
  return Number.isInteger(left) && Number.isInteger(right) ? String(left + factor * right) : undefined;
}

/** The power of ten of the last digit. */
function lowestPower({ digits, exponent }: Decimal): number {
  return digits === '' ? 0 : exponent - digits.length + 1;
}

function coefficient(decimal: Decimal, scale: number): bigint {
  if (decimal.digits === '') return 0n;
  const magnitude = BigInt(decimal.digits) * 10n ** BigInt(lowestPower(decimal) - scale);
  return decimal.sign < 0 ? -magnitude : magnitude;
}
