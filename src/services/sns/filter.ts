import { hasCode } from '../../base/index.ts';
import { compilePattern, type Pattern } from '../../codec/patterns/index.ts';
import { invalid } from './errors.ts';
import type { MessageAttributes } from './message.ts';
import { SNS_LIMITS, type Subscription } from './model.ts';

/** Decides whether a subscription gets a message. */
export type Filter = (message: string, attributes: MessageAttributes) => boolean;

/** Compiled policies, by subscription value: the registry gives a new one after each change. */
const compiled = new WeakMap<Subscription, Filter>();

/** The filter of a subscription; without a policy all messages pass. */
export function filterOf(subscription: Subscription): Filter {
  const found = compiled.get(subscription) ?? compile(subscription.attributes);
  compiled.set(subscription, found);
  return found;
}

function compile({ FilterPolicy, FilterPolicyScope }: Subscription['attributes']): Filter {
  if (FilterPolicy === undefined) return () => true;
  const pattern = compilePattern(JSON.parse(FilterPolicy));
  if (FilterPolicyScope === 'MessageBody') return (message) => matchesBody(pattern, message);
  return (_, attributes) => pattern.matches(comparable(attributes));
}

/** A body that is no JSON object matches no policy. */
function matchesBody(pattern: Pattern, message: string): boolean {
  try {
    const body: unknown = JSON.parse(message);
    return typeof body === 'object' && body !== null && pattern.matches(body);
  } catch {
    return false;
  }
}

/** Attributes as policies see them: numbers as numbers, `String.Array` as what it holds, binary ones not at all. */
function comparable(attributes: MessageAttributes): Record<string, unknown> {
  const seen: Record<string, unknown> = Object.create(null);
  for (const [name, { DataType, StringValue }] of Object.entries(attributes)) {
    if (StringValue === undefined) continue;
    if (DataType === 'String.Array') seen[name] = parseArray(StringValue);
    else if (DataType === 'Number' || DataType.startsWith('Number.')) seen[name] = Number(StringValue);
    else seen[name] = StringValue;
  }
  return seen;
}

function parseArray(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Checks a filter policy as SetSubscriptionAttributes does. @throws parameter-invalid */
export function checkFilterPolicy(text: string, scope: string | undefined): void {
  const policy = parsePolicy(text);
  try {
    compilePattern(policy);
  } catch (error) {
    if (!hasCode(error, 'pattern-invalid')) throw error;
    throw invalid(`FilterPolicy: ${(error as Error).message}`);
  }
  const { keys, combinations } = complexity(policy as Json);
  if (keys > SNS_LIMITS.filterKeysMax) throw invalid('FilterPolicy: Filter policy can not have more than 5 keys');
  if (combinations > SNS_LIMITS.filterCombinationsMax) throw invalid('FilterPolicy: Filter policy is too complex');
  const nested = Object.values(policy as Json).some((value) => !Array.isArray(value));
  if (scope !== 'MessageBody' && nested) {
    throw invalid('FilterPolicy: Filter policy scope MessageAttributes does not support nested filter policy');
  }
}

type Json = Readonly<Record<string, unknown>>;

function parsePolicy(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid('FilterPolicy: failed to parse JSON.');
  }
}

/** Leaf keys, and the product of their numbers of values, each counted by its depth. */
function complexity(policy: Json, depth = 1): { keys: number; combinations: number } {
  let keys = 0;
  let combinations = 1;
  for (const [key, value] of Object.entries(policy)) {
    if (Array.isArray(value) && key !== '$or') {
      keys++;
      combinations *= value.length * depth;
      continue;
    }
    for (const inner of Array.isArray(value) ? value : [value]) {
      const found = complexity(inner as Json, depth + (key === '$or' ? 0 : 1));
      keys += found.keys;
      combinations *= found.combinations;
    }
  }
  return { keys, combinations };
}
