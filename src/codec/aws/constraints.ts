import { compilePattern } from './pattern.ts';
import type { Constraints } from './shape.ts';

/** Tells which constraints a value breaks, in AWS's words; most values break none, so the answer is usually `undefined`. */
export type Check<T> = (value: T) => readonly string[] | undefined;

const TOO_LONG = 'Member must have length less than or equal to ';
const TOO_SHORT = 'Member must have length greater than or equal to ';
export const NOT_NULL = 'Member must not be null';

/** Compiles what a shape demands of the length of its values; `undefined` when nothing. */
export function lengthCheck({ min, max }: Constraints): Check<number> | undefined {
  if (max === undefined && !min) return undefined;
  const most = max ?? Number.POSITIVE_INFINITY;
  const least = min ?? 0;
  return (length) => {
    if (length > most) return [TOO_LONG + most];
    return length < least ? [TOO_SHORT + least] : undefined;
  };
}

/** Compiles what a shape demands of its numbers. */
export function rangeCheck({ min, max }: Constraints): Check<number> | undefined {
  if (max === undefined && min === undefined) return undefined;
  const most = max ?? Number.POSITIVE_INFINITY;
  const least = min ?? Number.NEGATIVE_INFINITY;
  return (value) => {
    if (value > most) return [`Member must have value less than or equal to ${most}`];
    return value < least ? [`Member must have value greater than or equal to ${least}`] : undefined;
  };
}

/** Compiles what a shape demands of its strings. Patterns are tried on strings of allowed length only. */
export function stringCheck(constraints: Constraints): Check<string> | undefined {
  const length = lengthCheck(constraints);
  const pattern = patternCheck(constraints.pattern);
  const values = enumCheck(constraints.enum);
  if (!pattern && !values) return length && ((value) => length(value.length));
  return (value) => {
    const broken = [...(values?.(value) ?? []), ...(length?.(value.length) ?? [])];
    const tooLong = constraints.max !== undefined && value.length > constraints.max;
    if (pattern && !tooLong) broken.unshift(...(pattern(value) ?? []));
    return broken.length > 0 ? broken : undefined;
  };
}

function patternCheck(pattern: string | undefined): Check<string> | undefined {
  const compiled = pattern === undefined ? undefined : compilePattern(pattern);
  return (
    compiled &&
    ((value) => (compiled.test(value) ? undefined : [`Member must satisfy regular expression pattern: ${pattern}`]))
  );
}

function enumCheck(values: readonly string[] | undefined): Check<string> | undefined {
  if (!values) return undefined;
  const known = new Set(values);
  return (value) => (known.has(value) ? undefined : [`Member must satisfy enum value set: [${values.join(', ')}]`]);
}
