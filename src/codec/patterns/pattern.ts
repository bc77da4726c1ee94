import { PatternInvalid } from './invalid.ts';
import { compileScalar, RESERVED, type ScalarTest } from './leaf.ts';

/**
 * Event patterns: the one language of Lambda filter criteria, SNS filter policies and EventBridge rules.
 *
 * A pattern is an object with the shape of the event; each leaf is an array of conditions of which one must hold:
 * a scalar (exact), or `{prefix}`, `{suffix}`, `{equals-ignore-case}`, `{wildcard}`, `{anything-but}`, `{numeric}`,
 * `{exists}`, `{cidr}`. All keys of an object must match; `$or` (see {@link isOr}) holds when one of its objects does. Where the event has an
 * array, one element that matches is enough; an array of objects must match within one element.
 *
 * @see Amazon EventBridge user guide, "Comparison operators for use in event patterns"
 */
export interface Pattern {
  /** `event` is parsed JSON. */
  matches(event: unknown): boolean;
  /** Top-level keys the pattern looks at, those inside `$or` too. */
  readonly keys: ReadonlySet<string>;
}

/** Numbers of patterns (S5): hostile ones are refused, not run. */
export const PATTERN_LIMITS = {
  /** Length of the JSON text, as Lambda has it. */
  textLengthMax: 4096,
  depthMax: 64,
} as const;

type Test = (value: unknown) => boolean;
type Json = Readonly<Record<string, unknown>>;

/** @throws PatternInvalid */
export function parsePattern(text: string): Pattern {
  let pattern: unknown;
  try {
    pattern = JSON.parse(text);
  } catch (error) {
    throw new PatternInvalid(`Unexpected JSON: ${(error as Error).message}`);
  }
  return compilePattern(pattern);
}

/** @param pattern  parsed JSON; @throws PatternInvalid */
export function compilePattern(pattern: unknown): Pattern {
  if (!isObject(pattern)) throw new PatternInvalid('Filter is not an object');
  return { matches: compileObject(pattern, '', 0), keys: new Set(topKeys(pattern)) };
}

function* topKeys(pattern: Json): Iterable<string> {
  for (const [key, value] of Object.entries(pattern)) {
    if (!isOr(key, value)) yield key;
    else for (const branch of value) yield* topKeys(branch);
  }
}

function compileObject(pattern: Json, path: string, depth: number): Test {
  const entries = Object.entries(pattern);
  if (entries.length === 0) throw new PatternInvalid('Empty objects are not allowed', path);
  if (depth > PATTERN_LIMITS.depthMax) throw new PatternInvalid('Pattern is nested too deep', path);
  const tests = entries.map(([key, value]) =>
    isOr(key, value) ? compileOr(value, path, depth) : compileKey(key, value, path ? `${path}.${key}` : key, depth),
  );
  const all = (value: Json) => tests.every((test) => test(value));
  return (value) => {
    if (Array.isArray(value)) return value.some((element) => isObject(element) && all(element));
    // What is not an object has none of the keys; a pattern of `exists: false` alone still matches it.
    return all(isObject(value) ? value : {});
  };
}

function compileKey(key: string, value: unknown, path: string, depth: number): (event: Json) => boolean {
  const test = Array.isArray(value)
    ? compileLeaf(value, path)
    : isObject(value) && compileObject(value, path, depth + 1);
  if (!test) throw new PatternInvalid(`"${key}" must be an object or an array`, path);
  return (event) => test(Object.hasOwn(event, key) ? event[key] : undefined);
}

function compileOr(branches: readonly Json[], path: string, depth: number): (event: Json) => boolean {
  const tests = branches.map((branch) => compileObject(branch, path, depth + 1));
  return (event) => tests.some((test) => test(event));
}

/** One of the conditions must hold for one of the leaf's values; `exists` looks at whether there are any. */
function compileLeaf(conditions: readonly unknown[], path: string): Test {
  if (conditions.length === 0) throw new PatternInvalid('Empty arrays are not allowed', path);
  const scalarTests: ScalarTest[] = [];
  let present: boolean | undefined;
  let absent = false;
  for (const condition of conditions) {
    const exists = existsOf(condition, path);
    if (exists === undefined) scalarTests.push(compileScalar(condition, path));
    else if (exists) present = true;
    else absent = true;
  }
  return (value) => {
    const leaves = leavesOf(value);
    if (leaves.length === 0) return absent;
    return present === true || leaves.some((leaf) => scalarTests.some((test) => test(leaf)));
  };
}

function existsOf(condition: unknown, path: string): boolean | undefined {
  if (Array.isArray(condition))
    throw new PatternInvalid('Match value must be String, number, true, false, or null', path);
  if (!isObject(condition) || !Object.hasOwn(condition, 'exists')) return undefined;
  if (Object.keys(condition).length > 1) throw new PatternInvalid('Only one key allowed in match expression', path);
  if (typeof condition.exists !== 'boolean')
    throw new PatternInvalid('exists match pattern must be either true or false.', path);
  return condition.exists;
}

/** Scalars at a leaf: an object is none ("exists match only works on leaf nodes"), an array gives those it holds. */
function leavesOf(value: unknown): readonly unknown[] {
  if (value === undefined || isObject(value)) return [];
  return Array.isArray(value) ? scalarsIn(value) : [value];
}

/** What arrays within arrays hold, in order; however deep they are, without recursion. */
function scalarsIn(array: readonly unknown[]): readonly unknown[] {
  if (!array.some(Array.isArray)) return array.filter((element) => !isObject(element));
  const scalars: unknown[] = [];
  const rest: { readonly elements: readonly unknown[]; next: number }[] = [{ elements: array, next: 0 }];
  for (let level = rest.at(-1); level; level = rest.at(-1)) {
    if (level.next === level.elements.length) rest.pop();
    else {
      const element = level.elements[level.next++];
      if (Array.isArray(element)) rest.push({ elements: element, next: 0 });
      else if (!isObject(element)) scalars.push(element);
    }
  }
  return scalars;
}

/** `$or` is one only over at least two objects without reserved names; else it is a key like any other. */
export function isOr(key: string, value: unknown): value is readonly Json[] {
  if (key !== '$or' || !Array.isArray(value) || value.length < 2) return false;
  return value.every((branch) => isObject(branch) && !Object.keys(branch).some((name) => RESERVED.has(name)));
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
