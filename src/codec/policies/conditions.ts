import { BlockList, isIP } from 'node:net';
import { type Lookup, parseTemplate, resolvePattern, type Template } from './pattern.ts';

/** Values of condition keys; a key may have several. `undefined` has none. */
export type Values = (key: string) => readonly string[] | undefined;

/** One key of one operator, with the values it is compared with. */
export interface Condition {
  /** As it is written: `ForAllValues:StringEqualsIfExists`. */
  readonly operator: string;
  readonly key: string;
  readonly wanted: readonly Template[];
  readonly test: Test;
  readonly isNegated: boolean;
  readonly ifExists: boolean;
  readonly set: 'all' | 'any' | undefined;
}

/** Compares a value of the request with one of the policy. */
type Test = (value: string, wanted: Template, lookup: Lookup) => boolean;

/**
 * The `Condition` of a statement; all must hold.
 *
 * @see IAM user guide, "IAM JSON policy elements: Condition operators"
 * @throws SyntaxError  an operator that does not exist, a value it cannot compare with
 */
export function parseConditions(block: unknown, hasVariables: boolean): readonly Condition[] {
  if (block === undefined) return [];
  if (typeof block !== 'object' || block === null || Array.isArray(block)) {
    throw new SyntaxError('Condition is an object of operators');
  }
  return Object.entries(block).flatMap(([operator, keys]) => parseOperator(operator, keys, hasVariables));
}

/** Whether a condition holds: any of the wanted values will do, none of them where it is negated. */
export function holds(condition: Condition, values: Values): boolean {
  const { key, wanted, test, isNegated, ifExists, set } = condition;
  const actual = values(key);
  const lookup: Lookup = (name) => values(name)?.[0];
  if (test === NULL) return wanted.some(({ text }) => (text.toLowerCase() === 'true') === (actual === undefined));
  if (actual === undefined || actual.length === 0) return ifExists || set === 'all' || (isNegated && set === undefined);
  const matchesAny = (value: string) => wanted.some((one) => test(value, one, lookup)) !== isNegated;
  if (set === 'any') return actual.some(matchesAny);
  if (set === 'all') return actual.every(matchesAny);
  // A key with several values and no set operator: IAM leaves it undefined; every value must do, so that nothing is let in by one.
  return actual.every(matchesAny);
}

function parseOperator(operator: string, keys: unknown, hasVariables: boolean): Condition[] {
  const match = /^(?:(ForAllValues|ForAnyValue):)?(\w+?)(IfExists)?$/.exec(operator);
  const known = Object.hasOwn(OPERATORS, match?.[2] ?? '') ? OPERATORS[match![2]!] : undefined;
  if (!match || !known) throw new SyntaxError(`${operator} is no condition operator`);
  if (typeof keys !== 'object' || keys === null || Array.isArray(keys)) {
    throw new SyntaxError(`${operator} is an object of keys and values`);
  }
  const set = match[1] === undefined ? undefined : match[1] === 'ForAllValues' ? 'all' : 'any';
  return Object.entries(keys).map(([key, value]) => {
    const wanted = valuesOf(operator, value).map((text) => parseTemplate(text, hasVariables));
    for (const one of wanted) if (one.variables.length === 0) known.check?.(one.text);
    return {
      operator,
      key,
      wanted,
      test: known.test,
      isNegated: known.isNegated,
      ifExists: match[3] !== undefined,
      set,
    };
  });
}

function valuesOf(operator: string, value: unknown): string[] {
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.map((one) => {
    if (typeof one === 'string') return one;
    if (typeof one === 'number' || typeof one === 'boolean') return String(one);
    throw new SyntaxError(`${operator} is compared with texts, numbers or booleans`);
  });
}

interface Operator {
  readonly test: Test;
  readonly isNegated: boolean;
  /** @throws SyntaxError  not a value of its kind */
  readonly check?: (text: string) => void;
}

/** Operators that compare whole texts have no wildcards: `*` is a star there. */
const text = (template: Template, lookup: Lookup): string | undefined => resolvePattern(template, lookup)?.toString();

const equals: Test = (value, wanted, lookup) => value === text(wanted, lookup);
const equalsIgnoringCase: Test = (value, wanted, lookup) => value.toLowerCase() === text(wanted, lookup)?.toLowerCase();
const like: Test = (value, wanted, lookup) => resolvePattern(wanted, lookup)?.matches(value) ?? false;
const bool: Test = (value, wanted, lookup) => value.toLowerCase() === text(wanted, lookup)?.toLowerCase();
const NULL: Test = () => false;

/** Part by part, so that a `*` never reaches over a colon of the ARN. */
const arnLike: Test = (value, wanted, lookup) => {
  const patterns = resolvePattern(wanted, lookup)?.arnParts() ?? [];
  const parts = value.split(':');
  if (patterns.length < 6 || parts.length < 6) return false;
  const actual = [...parts.slice(0, 5), parts.slice(5).join(':')];
  return patterns.every((pattern, index) => pattern.matches(actual[index]!));
};

/** What a variable makes of the network may be none: then nothing is in it. */
const inNetwork: Test = (value, wanted, lookup) => {
  const range = networkOf(text(wanted, lookup) ?? '');
  const address = withoutZone(value);
  if (range === undefined || isIP(address) !== range.version) return false;
  const type = range.version === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(range.network, range.bits, type);
  return list.check(address, type);
};

interface Network {
  readonly network: string;
  readonly version: 4 | 6;
  readonly bits: number;
}

/** An address is a network of itself; `undefined` for what is neither. */
function networkOf(range: string): Network | undefined {
  const [, network, prefix] = /^([0-9a-f.:]+)(?:\/(\d{1,3}))?$/i.exec(range) ?? [];
  const version = isIP(network ?? '');
  if (network === undefined || version === 0) return undefined;
  const most = version === 4 ? 32 : 128;
  const bits = prefix === undefined ? most : Number(prefix);
  return bits > most ? undefined : { network, version: version as 4 | 6, bits };
}

/** `fe80::1%eth0` names an interface of ours. */
function withoutZone(address: string): string {
  const percent = address.indexOf('%');
  return percent < 0 ? address : address.slice(0, percent);
}

function numeric(compare: (a: number, b: number) => boolean): Test {
  return (value, wanted, lookup) => compare(Number(value), Number(text(wanted, lookup) ?? Number.NaN));
}

function dated(compare: (a: number, b: number) => boolean): Test {
  return (value, wanted, lookup) => compare(timeOf(value), timeOf(text(wanted, lookup) ?? ''));
}

/** ISO 8601, or seconds since 1970. */
function timeOf(value: string): number {
  return /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value);
}

function checkNumber(value: string): void {
  if (value.trim() === '' || Number.isNaN(Number(value))) throw new SyntaxError(`${value} is no number`);
}

function checkTime(value: string): void {
  if (Number.isNaN(timeOf(value))) throw new SyntaxError(`${value} is no time; write it as 2026-11-28T12:00:00Z`);
}

function checkBoolean(value: string): void {
  if (!/^(true|false)$/i.test(value)) throw new SyntaxError(`${value} is neither true nor false`);
}

function checkNetwork(value: string): void {
  if (!networkOf(value)) throw new SyntaxError(`${value} is no address and no network like 203.0.113.0/24`);
}

const plain = (test: Test, check?: Operator['check']): Operator => ({
  test,
  isNegated: false,
  ...(check && { check }),
});
const negated = (test: Test, check?: Operator['check']): Operator => ({
  test,
  isNegated: true,
  ...(check && { check }),
});

const OPERATORS: Readonly<Record<string, Operator>> = {
  StringEquals: plain(equals),
  StringNotEquals: negated(equals),
  StringEqualsIgnoreCase: plain(equalsIgnoringCase),
  StringNotEqualsIgnoreCase: negated(equalsIgnoringCase),
  StringLike: plain(like),
  StringNotLike: negated(like),
  NumericEquals: plain(
    numeric((a, b) => a === b),
    checkNumber,
  ),
  NumericNotEquals: negated(
    numeric((a, b) => a === b),
    checkNumber,
  ),
  NumericLessThan: plain(
    numeric((a, b) => a < b),
    checkNumber,
  ),
  NumericLessThanEquals: plain(
    numeric((a, b) => a <= b),
    checkNumber,
  ),
  NumericGreaterThan: plain(
    numeric((a, b) => a > b),
    checkNumber,
  ),
  NumericGreaterThanEquals: plain(
    numeric((a, b) => a >= b),
    checkNumber,
  ),
  DateEquals: plain(
    dated((a, b) => a === b),
    checkTime,
  ),
  DateNotEquals: negated(
    dated((a, b) => a === b),
    checkTime,
  ),
  DateLessThan: plain(
    dated((a, b) => a < b),
    checkTime,
  ),
  DateLessThanEquals: plain(
    dated((a, b) => a <= b),
    checkTime,
  ),
  DateGreaterThan: plain(
    dated((a, b) => a > b),
    checkTime,
  ),
  DateGreaterThanEquals: plain(
    dated((a, b) => a >= b),
    checkTime,
  ),
  Bool: plain(bool, checkBoolean),
  BinaryEquals: plain(equals),
  IpAddress: plain(inNetwork, checkNetwork),
  NotIpAddress: negated(inNetwork, checkNetwork),
  ArnEquals: plain(arnLike),
  ArnLike: plain(arnLike),
  ArnNotEquals: negated(arnLike),
  ArnNotLike: negated(arnLike),
  Null: plain(NULL, checkBoolean),
};
