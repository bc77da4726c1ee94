/**
 * Decides what a client may do: an explicit Deny wins, else one Allow will do, else it is denied.
 *
 * Everything that stays the same for a connection (its variables, most conditions) is worked out once for each action, so that a
 * decision compares a topic with a few patterns.
 */
import {
  type Condition,
  holds,
  type Lookup,
  type Pattern,
  resolvePattern,
  type Template,
  type Values,
} from '../../../codec/policies/index.ts';
import type { DeviceAction, PolicyDocument, Statement } from './document.ts';

/** A policy and how it comes to count. */
export interface EffectivePolicy {
  /** As it is named; those of authorizers have no name of their own. */
  readonly name: string;
  /** ARN of the certificate, group or other target that it is attached to; of an authorizer's, the authorizer. */
  readonly via: string;
  readonly document: PolicyDocument;
}

/** What is known of a client. */
export interface PolicyContext {
  /** `arn:aws:iot:REGION:ACCOUNT:`, which all resources begin with. */
  readonly arnPrefix: string;
  /** The same as a policy's resource is compared with it: for a client without a region, with the one that the resource names. */
  prefixFor(resource: string): string;
  /** Values of variables and condition keys, whatever the case of their letters. */
  readonly values: Values;
}

/** How the resources of an action begin, behind the ARN's prefix. */
export const RESOURCE_KINDS: Readonly<Record<DeviceAction, 'client/' | 'topic/' | 'topicfilter/'>> = {
  Connect: 'client/',
  Publish: 'topic/',
  RetainPublish: 'topic/',
  Receive: 'topic/',
  Subscribe: 'topicfilter/',
};

/** Whose value changes while a client is connected. */
const PASSING_KEYS = new Set(['aws:currenttime', 'aws:epochtime']);

/** A statement that may apply to an action, ready to be asked. */
interface Rule {
  readonly patterns: readonly Pattern[];
  readonly isNotResource: boolean;
  /** Conditions that may change; the others hold. */
  readonly passing: readonly Condition[];
}

interface Rules {
  readonly allows: readonly Rule[];
  readonly denies: readonly Rule[];
  readonly allowsAll: boolean;
}

/** The policies of one client, compiled for each action when it is first asked about. */
export class CompiledPolicies {
  readonly #policies: readonly EffectivePolicy[];
  readonly #context: PolicyContext;
  readonly #rules: Partial<Record<DeviceAction, Rules>> = {};

  constructor(policies: readonly EffectivePolicy[], context: PolicyContext) {
    this.#policies = policies;
    this.#context = context;
  }

  /** @param name  a topic, a topic filter or a client id */
  allows(action: DeviceAction, name: string): boolean {
    const rules = this.#rulesOf(action);
    if (rules.allowsAll) return true;
    const applies = (rule: Rule) => this.#applies(rule, name);
    return !rules.denies.some(applies) && rules.allows.some(applies);
  }

  /** True where every name is allowed, now and as long as the policies stay. */
  allowsAll(action: DeviceAction): boolean {
    return this.#rulesOf(action).allowsAll;
  }

  /** False where a condition may answer otherwise by and by, though nothing is changed. */
  get isSteady(): boolean {
    const { allows, denies } = this.#rulesOf('Publish');
    return [...allows, ...denies].every(({ passing }) => passing.length === 0);
  }

  /** Whether a statement denies it in so many words. */
  denies(action: DeviceAction, name: string): boolean {
    return this.#rulesOf(action).denies.some((rule) => this.#applies(rule, name));
  }

  #applies({ patterns, isNotResource, passing }: Rule, name: string): boolean {
    if (patterns.some((pattern) => pattern.matches(name)) === isNotResource) return false;
    return passing.every((condition) => holds(condition, this.#context.values));
  }

  #rulesOf(action: DeviceAction): Rules {
    let rules = this.#rules[action];
    if (rules === undefined) {
      rules = compile(this.#policies, action, this.#context);
      this.#rules[action] = rules;
    }
    return rules;
  }
}

function compile(policies: readonly EffectivePolicy[], action: DeviceAction, context: PolicyContext): Rules {
  const allows: Rule[] = [];
  const denies: Rule[] = [];
  for (const { document } of policies) {
    for (const statement of document.statements) {
      const rule = ruleOf(statement, action, context);
      if (rule) (statement.effect === 'Allow' ? allows : denies).push(rule);
    }
  }
  const isFree = ({ patterns, isNotResource, passing }: Rule) =>
    passing.length === 0 && !isNotResource && patterns.some((pattern) => pattern.matchesAll);
  return { allows: orNone(allows), denies: orNone(denies), allowsAll: denies.length === 0 && allows.some(isFree) };
}

/** `undefined` for a statement that never applies to this client. */
function ruleOf(statement: Statement, action: DeviceAction, context: PolicyContext): Rule | undefined {
  if (!statement.actions.has(action)) return undefined;
  if (statement.conditions.some((condition) => !isPassing(condition) && !holds(condition, context.values))) {
    return undefined;
  }
  const passing = orNone(statement.conditions.filter(isPassing));
  const { effect, isNotResource, resources } = statement;
  const found = resources.map((resource) => resourcePatterns(resource, action, context));
  // "Everything but what is unknown" would be everything: no permission, and a prohibition of all.
  if (isNotResource && effect === 'Allow' && found.includes(undefined)) return undefined;
  const patterns = found.length === 1 ? (found[0] ?? NONE) : found.flatMap((one) => one ?? []);
  if (patterns.length === 0 && !isNotResource) return undefined;
  return { patterns, isNotResource, passing };
}

export function isPassing({ key, wanted }: Condition): boolean {
  const names = [key, ...wanted.flatMap(({ variables }) => variables)];
  return names.some((name) => PASSING_KEYS.has(name.toLowerCase()));
}

/** One empty list for all: each client has several. */
const NONE: readonly never[] = [];

function orNone<T>(list: readonly T[]): readonly T[] {
  return list.length === 0 ? NONE : list;
}

/** Patterns of resources without variables: the same for every client. By the beginning that was taken off. */
const fixed = new WeakMap<Template, Map<string, readonly Pattern[]>>();

/**
 * What a resource says of the names of one action; empty where it is about other kinds, `undefined` where a variable has no value:
 * such a resource matches nothing.
 */
export function resourcePatterns(
  resource: Template,
  action: DeviceAction,
  context: PolicyContext,
): readonly Pattern[] | undefined {
  const beginning = context.prefixFor(resource.text) + RESOURCE_KINDS[action];
  if (resource.variables.length > 0) {
    return resolvePattern(resource, resourceLookup(context.values, action))?.after(beginning);
  }
  const known = fixed.get(resource) ?? new Map<string, readonly Pattern[]>();
  fixed.set(resource, known);
  const patterns = known.get(beginning) ?? resolvePattern(resource, () => undefined)!.after(beginning);
  known.set(beginning, patterns);
  return patterns;
}

/**
 * Variables as resources get them. A certificate's attribute with a wildcard is not put in, as AWS documents; neither is a `+` or `#`
 * in a topic filter: a client that calls itself `+` would subscribe to everybody's topics.
 */
function resourceLookup(values: Values, action: DeviceAction): Lookup {
  return (name) => {
    const value = values(name)?.[0];
    if (value === undefined) return undefined;
    if (/[*?]/.test(value) && /^iot:certificate\./i.test(name)) return undefined;
    return action === 'Subscribe' && /[+#]/.test(value) ? undefined : value;
  };
}
