/* What a policy that an authorizer has answered says about one route. */
import { isObject } from '../response.ts';

/** - `denied`: a statement says so; - `none`: no statement allows it. */
export type PolicyVerdict = 'allowed' | 'denied' | 'none';

export const INVOKE = 'execute-api:Invoke';

/**
 * Asks a policy document about a call of a route. Statements with conditions deny when they may, and never allow: a policy about one
 * caller that was just made has no need of them.
 */
export function askPolicy(policy: string, resource: string): PolicyVerdict {
  const { Statement } = JSON.parse(policy) as { Statement?: unknown };
  const fitting = [Statement].flat().filter((one) => isObject(one) && fits(one, resource)) as Record<string, unknown>[];
  if (fitting.some(({ Effect }) => Effect === 'Deny')) return 'denied';
  return fitting.some(({ Effect, Condition }) => Effect === 'Allow' && Condition === undefined) ? 'allowed' : 'none';
}

function fits({ Action, NotAction, Resource, NotResource }: Record<string, unknown>, resource: string): boolean {
  const action = Action === undefined ? !matchesAny(NotAction, INVOKE, true) : matchesAny(Action, INVOKE, true);
  return action && (Resource === undefined ? !matchesAny(NotResource, resource) : matchesAny(Resource, resource));
}

function matchesAny(patterns: unknown, text: string, folded = false): boolean {
  return [patterns].flat().some((pattern) => typeof pattern === 'string' && like(pattern, text, folded));
}

/** `*` stands for any text, `?` for one character. Takes time in proportion to both lengths at worst. */
function like(pattern: string, text: string, folded: boolean): boolean {
  const [wanted, given] = folded ? [pattern.toLowerCase(), text.toLowerCase()] : [pattern, text];
  let [at, star, back] = [0, -1, 0];
  let i = 0;
  while (i < given.length) {
    if (at < wanted.length && wanted[at] === '*') [star, back] = [at++, i];
    else if (at < wanted.length && (wanted[at] === '?' || wanted[at] === given[i])) [at, i] = [at + 1, i + 1];
    else if (star >= 0) [at, i] = [star + 1, ++back];
    else return false;
  }
  while (wanted[at] === '*') at++;
  return at === wanted.length;
}
