import { type Condition, holds, type Template } from '../../../codec/policies/index.ts';
import type { DeviceAction, Statement } from './document.ts';
import { CompiledPolicies, type EffectivePolicy, type PolicyContext, resourcePatterns } from './evaluate.ts';

export interface ResourceFinding {
  /** As the policy writes it. */
  readonly resource: string;
  /** Variables that have no value here, so that the resource matches nothing. */
  readonly unresolved: readonly string[];
  /** What the variables stand for. */
  readonly variables: Readonly<Record<string, string>>;
  readonly matches: boolean;
}

export interface ConditionFinding {
  readonly operator: string;
  readonly key: string;
  readonly wanted: readonly string[];
  /** What the client has; absent where it has no such thing. */
  readonly actual?: readonly string[];
  readonly holds: boolean;
}

/** What one statement says to one question. */
export interface StatementFinding {
  readonly policy: string;
  readonly via: string;
  /** 1 is the first. */
  readonly statement: number;
  readonly sid?: string;
  readonly effect: 'Allow' | 'Deny';
  readonly actions: readonly string[];
  readonly actionMatches: boolean;
  readonly isNotResource: boolean;
  readonly resources: readonly ResourceFinding[];
  readonly conditions: readonly ConditionFinding[];
  /** It decides this question, as far as no other does. */
  readonly applies: boolean;
}

export type Verdict = 'ALLOWED' | 'EXPLICIT_DENY' | 'IMPLICIT_DENY';

/** A decision with everything that has led to it. */
export interface Explanation {
  readonly action: `iot:${DeviceAction}`;
  readonly resource: string;
  readonly verdict: Verdict;
  readonly findings: readonly StatementFinding[];
}

/** Says statement by statement how policies decide; by the same code that decides. */
export function explain(
  policies: readonly EffectivePolicy[],
  context: PolicyContext,
  action: DeviceAction,
  resourceArn: string,
  name: string,
): Explanation {
  const findings = policies.flatMap((policy) =>
    policy.document.statements.map((statement, index) =>
      findingOf({ policy, statement, index, context, action, name }),
    ),
  );
  const compiled = new CompiledPolicies(policies, context);
  const denied = compiled.denies(action, name) ? 'EXPLICIT_DENY' : 'IMPLICIT_DENY';
  const verdict = compiled.allows(action, name) ? 'ALLOWED' : denied;
  return { action: `iot:${action}`, resource: resourceArn, verdict, findings };
}

function findingOf(one: {
  readonly policy: EffectivePolicy;
  readonly statement: Statement;
  readonly index: number;
  readonly context: PolicyContext;
  readonly action: DeviceAction;
  readonly name: string;
}): StatementFinding {
  const { policy, statement, index, context, action, name } = one;
  const resources = statement.resources.map((resource) => resourceFinding(resource, context, action, name));
  const conditions = statement.conditions.map((condition) => conditionFinding(condition, context));
  const { sid, effect, actionTexts, isNotResource } = statement;
  const alone = new CompiledPolicies([{ ...policy, document: { statements: [statement] } }], context);
  return {
    ...{ policy: policy.name, via: policy.via, statement: index + 1 },
    ...(sid !== undefined && { sid }),
    ...{ effect, actions: actionTexts, actionMatches: statement.actions.has(action), isNotResource },
    ...{ resources, conditions },
    applies: effect === 'Allow' ? alone.allows(action, name) : alone.denies(action, name),
  };
}

function resourceFinding(
  resource: Template,
  context: PolicyContext,
  action: DeviceAction,
  name: string,
): ResourceFinding {
  const patterns = resourcePatterns(resource, action, context);
  const valued = resource.variables.map((variable) => [variable, context.values(variable)?.[0]] as const);
  const known = valued.filter((entry): entry is [string, string] => entry[1] !== undefined);
  // One that has a value which may not stand in a resource is as good as unresolved.
  const unresolved = patterns === undefined && known.length === valued.length ? valued : valued.filter((v) => !v[1]);
  return {
    resource: resource.text,
    unresolved: patterns === undefined ? unresolved.map(([variable]) => variable) : [],
    variables: Object.fromEntries(known),
    matches: patterns?.some((pattern) => pattern.matches(name)) ?? false,
  };
}

function conditionFinding(condition: Condition, { values }: PolicyContext): ConditionFinding {
  const { operator, key, wanted } = condition;
  const actual = values(key);
  return {
    ...{ operator, key, wanted: wanted.map(({ text }) => text) },
    ...(actual && { actual }),
    holds: holds(condition, values),
  };
}

/** Why a statement applies or does not, in a few words. */
export function becauseOf(finding: StatementFinding): string {
  const { applies, effect, actionMatches, actions, isNotResource, resources, conditions } = finding;
  if (applies) return effect === 'Allow' ? 'it allows this' : 'it denies this';
  if (!actionMatches) return `it is about ${actions.join(', ')}`;
  const failing = conditions.find((condition) => !condition.holds);
  if (failing) return conditionSentence(failing);
  const unresolved = [...new Set(resources.flatMap((resource) => resource.unresolved))];
  if (unresolved.length > 0 && !resources.some(({ matches }) => matches)) {
    return `${unresolved.map((name) => `\${${name}}`).join(', ')} ${unresolved.length === 1 ? 'has' : 'have'} no value here`;
  }
  if (isNotResource) return 'it is about everything but this resource';
  return `its resource is ${resources.map(resolvedText).join(' or ')}`;
}

function conditionSentence({ operator, key, wanted, actual }: ConditionFinding): string {
  const has = actual === undefined ? 'has no value here' : `is ${actual.map((one) => JSON.stringify(one)).join(', ')}`;
  return `its condition ${operator} ${key} ${wanted.map((one) => JSON.stringify(one)).join(' or ')} does not hold: it ${has}`;
}

/** With the values of its variables put in. */
function resolvedText({ resource, variables }: ResourceFinding): string {
  return resource.replace(/\$\{([^},\s]+)[^}]*\}/g, (whole, name: string) => variables[name] ?? whole);
}
