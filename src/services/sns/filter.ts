import { hasCode } from '../../base/index.ts';
import { compilePattern, isOr, type Pattern, type PatternInvalid } from '../../codec/patterns/index.ts';
import { type AttributeCall, invalidAttribute } from './errors.ts';
import { isObject, jsonObject } from './json.ts';
import type { MessageAttributes } from './message.ts';
import { SNS_LIMITS, type Subscription } from './model.ts';

/**
 * What a filter policy says of a message: `taken`, or why it is filtered out, by the metric that counts it.
 *
 * @see Amazon SNS developer guide, "Available Amazon SNS metrics", NumberOfNotificationsFilteredOut
 */
export type Verdict =
  | 'taken'
  | 'MessageAttributes'
  | 'NoMessageAttributes'
  | 'InvalidAttributes'
  | 'MessageBody'
  | 'InvalidMessageBody';

/** Decides whether a subscription gets a message. */
export type Filter = (message: FilterInput) => Verdict;

/** A message as policies see it; parsed once, however many policies look. */
export class FilterInput {
  readonly #text: string;
  readonly #attributes: MessageAttributes;
  #body: object | null | undefined;
  #comparable: Readonly<Record<string, unknown>> | null | undefined;

  constructor(text: string, attributes: MessageAttributes) {
    this.#text = text;
    this.#attributes = attributes;
  }

  /** The body as a JSON object; `null` when it is none. */
  get body(): object | null {
    if (this.#body === undefined) this.#body = jsonObject(this.#text) ?? null;
    return this.#body;
  }

  get hasAttributes(): boolean {
    for (const _ in this.#attributes) return true;
    return false;
  }

  /** Attributes as policies compare them; `null` when one cannot be read. */
  get comparable(): Readonly<Record<string, unknown>> | null {
    if (this.#comparable === undefined) this.#comparable = comparable(this.#attributes);
    return this.#comparable;
  }
}

/** Compiles the filter policy of a subscription; `undefined` where all messages pass. */
export function compileFilter({ FilterPolicy, FilterPolicyScope }: Subscription['attributes']): Filter | undefined {
  if (FilterPolicy === undefined) return undefined;
  const pattern = compilePattern(JSON.parse(FilterPolicy));
  return FilterPolicyScope === 'MessageBody' ? bodyFilter(pattern) : attributeFilter(pattern);
}

/** A body that is no JSON object matches no policy. */
function bodyFilter(pattern: Pattern): Filter {
  return ({ body }) => {
    if (body === null) return 'InvalidMessageBody';
    return pattern.matches(body) ? 'taken' : 'MessageBody';
  };
}

function attributeFilter(pattern: Pattern): Filter {
  return (message) => {
    const { comparable } = message;
    if (comparable === null) return 'InvalidAttributes';
    if (pattern.matches(comparable)) return 'taken';
    return message.hasAttributes ? 'MessageAttributes' : 'NoMessageAttributes';
  };
}

/** Numbers as numbers, arrays as what they hold, binary ones not at all; `null` when an array is none. */
function comparable(attributes: MessageAttributes): Readonly<Record<string, unknown>> | null {
  const seen: Record<string, unknown> = Object.create(null);
  for (const [name, { DataType, StringValue }] of Object.entries(attributes)) {
    if (StringValue === undefined) continue;
    if (DataType.endsWith('.Array')) {
      const values = parseArray(StringValue);
      if (!values) return null;
      seen[name] = values;
    } else if (DataType === 'Number' || DataType.startsWith('Number.')) seen[name] = Number(StringValue);
    else seen[name] = StringValue;
  }
  return seen;
}

function parseArray(text: string): readonly unknown[] | undefined {
  try {
    const values: unknown = JSON.parse(text);
    return Array.isArray(values) ? values : undefined;
  } catch {
    return undefined;
  }
}

/** Checks a filter policy as Subscribe and SetSubscriptionAttributes do. @throws parameter-invalid */
export function checkFilterPolicy(text: string, scope: string | undefined, call: AttributeCall): void {
  const refuse = (reason: string) => invalidAttribute(`FilterPolicy: ${reason}`, call);
  if (Buffer.byteLength(text) > SNS_LIMITS.filterBytesMax) throw refuse('Filter policy is too long');
  const policy = jsonObject(text);
  if (!policy) throw refuse('failed to parse JSON.');
  if (Object.keys(policy).length > SNS_LIMITS.filterKeysMax) {
    throw refuse('Filter policy can not have more than 5 keys');
  }
  try {
    compilePattern(policy);
  } catch (error) {
    if (!hasCode(error, 'pattern-invalid')) throw error;
    throw refuse((error as PatternInvalid).reason);
  }
  if (combinations(policy, 1, 1) > SNS_LIMITS.filterCombinationsMax) throw refuse('Filter policy is too complex');
  if (scope !== 'MessageBody' && isNested(policy)) {
    throw invalidAttribute('Filter policy scope MessageAttributes does not support nested filter policy', call);
  }
}

type Json = Readonly<Record<string, unknown>>;

/**
 * The product of the numbers of values of all arrays, each times its depth; the branches of `$or` add up. A list within
 * `anything-but` counts as its values do.
 *
 * @see Amazon SNS developer guide, "Filter policy constraints"
 */
function combinations(policy: Json, depth: number, before: number): number {
  let product = before;
  for (const [key, value] of Object.entries(policy)) {
    if (isOr(key, value)) {
      const branches = value.map((branch) => combinations(branch, depth, product));
      product = branches.reduce((sum, one) => sum + one, 0);
    } else if (Array.isArray(value)) product *= value.reduce((sum: number, one) => sum + testsOf(one), 0) * depth;
    else product = combinations(value as Json, depth + 1, product);
    // A hostile policy need not be counted to its end.
    if (product > SNS_LIMITS.filterCombinationsMax) return product;
  }
  return product;
}

/** A list of prefixes and the like is tried one by one, as the values of an array are; excluded values are looked up. */
function testsOf(condition: unknown): number {
  const excluded = isObject(condition) ? condition['anything-but'] : undefined;
  const [list] = isObject(excluded) ? Object.values(excluded) : [];
  return Array.isArray(list) ? list.length : 1;
}

function isNested(policy: Json): boolean {
  return Object.entries(policy).some(([key, value]) => (isOr(key, value) ? value.some(isNested) : isObject(value)));
}
