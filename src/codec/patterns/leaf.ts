import { BlockList, isIP } from 'node:net';
import { PatternInvalid } from './invalid.ts';
import { compileWildcard } from './wildcard.ts';

/** What a pattern says of one scalar: string, number, boolean or null. */
export type ScalarTest = (value: unknown) => boolean;

/** Largest magnitude in a numeric condition, as EventBridge has it. */
const NUMERIC_MAX = 5e9;

type Json = Readonly<Record<string, unknown>>;

/** Compiles one element of a condition array, other than `exists`. */
export function compileScalar(condition: unknown, path: string): ScalarTest {
  if (typeof condition !== 'object' || condition === null) return (value) => value === condition;
  const [operator, operand] = onlyEntry(condition as Json, path);
  const compile = OPERATORS[operator];
  if (!compile) throw new PatternInvalid(`Unrecognized match type ${operator}`, path);
  return compile(operand, path);
}

/** The operators, by the name patterns give them. A name that is not here is refused. */
const OPERATORS: Readonly<Record<string, (operand: unknown, path: string) => ScalarTest>> = {
  __proto__: null as never,
  prefix: compilePrefix,
  suffix: compileSuffix,
  'equals-ignore-case': (operand, path) => {
    const wanted = text(operand, 'equals-ignore-case', path).toLowerCase();
    return (value) => typeof value === 'string' && value.toLowerCase() === wanted;
  },
  wildcard: (operand, path) => {
    const matches = compileWildcard(text(operand, 'wildcard', path), path);
    return (value) => typeof value === 'string' && matches(value);
  },
  numeric: compileNumeric,
  cidr: compileCidr,
  'anything-but': compileAnythingBut,
};

function compilePrefix(operand: unknown, path: string): ScalarTest {
  if (isIgnoreCase(operand)) {
    const wanted = text(operand['equals-ignore-case'], 'prefix', path).toLowerCase();
    return (value) => typeof value === 'string' && value.slice(0, wanted.length).toLowerCase() === wanted;
  }
  const wanted = text(operand, 'prefix', path);
  return (value) => typeof value === 'string' && value.startsWith(wanted);
}

function compileSuffix(operand: unknown, path: string): ScalarTest {
  if (isIgnoreCase(operand)) {
    const wanted = text(operand['equals-ignore-case'], 'suffix', path).toLowerCase();
    return (value) => typeof value === 'string' && value.toLowerCase().endsWith(wanted);
  }
  const wanted = text(operand, 'suffix', path);
  return (value) => typeof value === 'string' && value.endsWith(wanted);
}

function isIgnoreCase(operand: unknown): operand is Json {
  return typeof operand === 'object' && operand !== null && Object.hasOwn(operand, 'equals-ignore-case');
}

/** `anything-but`: a scalar, a list of scalars, or one of the string operators with a value or a list. */
function compileAnythingBut(operand: unknown, path: string): ScalarTest {
  if (Array.isArray(operand) || typeof operand !== 'object' || operand === null) {
    const excluded = new Set(scalars(operand, path));
    return (value) => !excluded.has(value);
  }
  const [operator, inner] = onlyEntry(operand as Json, path);
  const compile = ['prefix', 'suffix', 'equals-ignore-case', 'wildcard'].includes(operator) && OPERATORS[operator];
  if (!compile) throw new PatternInvalid(`Unsupported anything-but pattern: ${operator}`, path);
  const tests = (Array.isArray(inner) ? inner : [inner]).map((one) => compile(one, path));
  if (tests.length === 0) throw new PatternInvalid('Empty arrays are not allowed', path);
  return (value) => !tests.some((test) => test(value));
}

function scalars(operand: unknown, path: string): readonly unknown[] {
  const list = Array.isArray(operand) ? operand : [operand];
  if (list.length === 0) throw new PatternInvalid('Empty arrays are not allowed', path);
  const bad = list.some((one) => typeof one === 'object' && one !== null);
  if (bad) throw new PatternInvalid('Value of anything-but must be an array or single string/number value', path);
  return list;
}

/** Names that mean a condition: an object with one of them is never a branch of `$or`. */
export const RESERVED: ReadonlySet<string> = new Set([...Object.keys(OPERATORS), 'exists']);

const COMPARE: Readonly<Record<string, (value: number, bound: number) => boolean>> = {
  __proto__: null as never,
  '=': (value, bound) => value === bound,
  '<': (value, bound) => value < bound,
  '<=': (value, bound) => value <= bound,
  '>': (value, bound) => value > bound,
  '>=': (value, bound) => value >= bound,
};

/** `["=", 5]`, or one or two bounds: `[">", 0, "<=", 5]`. Checked and worded in the order of AWS's own parser. */
function compileNumeric(operand: unknown, path: string): ScalarTest {
  if (!Array.isArray(operand)) throw new PatternInvalid('Value of numeric must be an array.', path);
  const [operator, bound, secondOperator, secondBound] = operand;
  if (typeof operator !== 'string') {
    throw new PatternInvalid(`Invalid member in numeric match: ${operand.length === 0 ? ']' : operator}`, path);
  }
  const first = compileBound(operator, bound, path);
  if (operand.length <= 2) return (value) => typeof value === 'number' && first(value);
  if (!operator.startsWith('>')) throw new PatternInvalid('Too many elements in numeric expression', path);
  if (typeof secondOperator !== 'string') {
    throw new PatternInvalid(`Bad value in numeric range: ${secondOperator}`, path);
  }
  if (!/^<=?$/.test(secondOperator)) throw new PatternInvalid(`Bad numeric range operator: ${secondOperator}`, path);
  const second = compileBound(secondOperator, secondBound, path);
  if (bound >= secondBound) throw new PatternInvalid('Bottom must be less than top', path);
  if (operand.length > 4) throw new PatternInvalid('Too many terms in numeric range expression', path);
  return (value) => typeof value === 'number' && first(value) && second(value);
}

function compileBound(operator: string, bound: unknown, path: string): (value: number) => boolean {
  const compare = COMPARE[operator];
  if (!compare) throw new PatternInvalid(`Unrecognized numeric range operator: ${operator}`, path);
  const name = operator === '=' ? 'equals' : operator;
  if (typeof bound !== 'number') throw new PatternInvalid(`Value of ${name} must be numeric`, path);
  if (Math.abs(bound) > NUMERIC_MAX) {
    throw new PatternInvalid(`Value of ${name} must be between -5.0e9 and +5.0e9, inclusive`, path);
  }
  return (value) => compare(value, bound);
}

/** `10.0.0.0/24` or an IPv6 block. */
function compileCidr(operand: unknown, path: string): ScalarTest {
  // AWS speaks of a prefix here.
  const parts = text(operand, 'prefix', path).split('/');
  const [address, bits] = parts as [string, string];
  if (parts.length !== 2) throw new PatternInvalid("Malformed CIDR, one '/' required", path);
  if (!/^-?\d{1,9}$/.test(bits)) throw new PatternInvalid('Malformed CIDR, mask bits must be an integer', path);
  const family = isIP(address);
  if (family === 0) throw new PatternInvalid(`Nonstandard IP address: ${address}`, path);
  if (Number(bits) < 0 || Number(bits) > (family === 4 ? 32 : 128)) {
    throw new PatternInvalid('Malformed CIDR, mask bits must not be more than the address has', path);
  }
  const block = new BlockList();
  block.addSubnet(address, Number(bits), family === 4 ? 'ipv4' : 'ipv6');
  return (value) => {
    const version = typeof value === 'string' ? isIP(value) : 0;
    return version !== 0 && block.check(value as string, version === 4 ? 'ipv4' : 'ipv6');
  };
}

function onlyEntry(condition: Json, path: string): readonly [string, unknown] {
  const entries = Object.entries(condition);
  if (entries.length !== 1) throw new PatternInvalid('Only one key allowed in match expression', path);
  return entries[0]!;
}

function text(operand: unknown, operator: string, path: string): string {
  if (typeof operand === 'string') return operand;
  throw new PatternInvalid(`${operator} match pattern must be a string`, path);
}
