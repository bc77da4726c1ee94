import { createContext, runInContext } from 'node:vm';
import { invalid } from '../errors.ts';
import { CLOUDFORMATION_LIMITS } from '../limits.ts';

/** A parameter's `AllowedPattern`, and what of its value it is held against. */
export interface Patterned {
  readonly name: string;
  readonly pattern: string;
  readonly items: readonly string[];
}

export type Fit = 'fits' | 'differs' | 'no pattern';

/** A pattern must match the whole value, as AWS has it. */
const CODE = `JSON.stringify(JSON.parse(patterned).map(({ pattern, items }) => {
  let whole;
  try {
    whole = new RegExp('^(?:' + pattern + ')$');
  } catch {
    return 'no pattern';
  }
  return items.every((item) => whole.test(item)) ? 'fits' : 'differs';
}))`;

/**
 * Holds values against patterns of the template's author. A pattern may take ages over a value that it almost fits, and this thread
 * has other things to do: all of a template's have some milliseconds.
 *
 * @returns by the parameters' names
 * @throws validation  they take longer
 */
export function fitsOf(patterned: readonly Patterned[]): ReadonlyMap<string, Fit> {
  if (patterned.length === 0) return new Map();
  // Patterns and values reach the code as data.
  const context = createContext(Object.assign(Object.create(null), { patterned: JSON.stringify(patterned) }));
  let found: readonly Fit[];
  try {
    found = JSON.parse(runInContext(CODE, context, { timeout: CLOUDFORMATION_LIMITS.patternsMsMax }) as string);
  } catch {
    const names = patterned.map(({ name }) => name).join(', ');
    throw invalid(`Template error: AllowedPattern takes too long over the values of parameters: [${names}]`);
  }
  return new Map(patterned.map(({ name }, at) => [name, found[at]!]));
}
