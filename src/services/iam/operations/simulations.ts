import { isIP } from 'node:net';
import { ACCOUNT_ID, parseArn } from '../../../base/index.ts';
import type { Values } from '../../../codec/policies/index.ts';
import type { Caller, Operation } from '../../index.ts';
import { iamError } from '../errors.ts';
import {
  type Decision,
  evaluate,
  type Policy,
  type Principal,
  parsePolicy,
  type Requester,
  requesterOf,
  valuesOf,
} from '../evaluation/index.ts';
import { groupByArn, type PolicyText, policiesOf, policiesOfGroup } from '../principals.ts';
import type { IamState } from '../state.ts';
import { page } from './pages.ts';
import { statementPositions } from './statement-positions.ts';

/** A document that takes part, under the name that results have for it. */
interface Source {
  readonly id: string;
  readonly type: PolicyText['from'] | 'resource' | 'none';
  readonly text: string;
  readonly policy: Policy;
}

/** All that a simulation decides by. */
interface Setting {
  readonly identity: readonly Source[];
  readonly boundary: readonly Source[] | undefined;
  readonly resource: Source | undefined;
  readonly requester: Requester;
  /** What condition keys are without being given: what is known of the caller. */
  readonly known: Values;
}

interface Excluded {
  readonly PolicyArn?: string;
  readonly InlinePolicyIdentifier?: { readonly PolicyName?: string };
}

interface Input {
  readonly PolicySourceArn: string;
  readonly PolicyInputList?: readonly string[];
  readonly PermissionsBoundaryPolicyInputList?: readonly string[];
  readonly PolicyExclusionList?: readonly Excluded[];
  readonly ActionNames: readonly string[];
  readonly ResourceArns?: readonly string[];
  readonly ResourcePolicy?: string;
  readonly CallerArn?: string;
  readonly ContextEntries?: readonly {
    readonly ContextKeyName?: string;
    readonly ContextKeyType?: string;
    readonly ContextKeyValues?: readonly string[];
  }[];
  readonly MaxItems?: number;
  readonly Marker?: string;
}

/** What policies would say about calls. @see IAM API reference, SimulateCustomPolicy and SimulatePrincipalPolicy */
export function simulationOperations(state: IamState): Record<string, Operation> {
  return {
    SimulateCustomPolicy: (input: Input) => {
      if (input.ResourcePolicy !== undefined && input.CallerArn === undefined) {
        throw iamError('invalid-input', 'You must specify a value for CallerArn when you include a ResourcePolicy.');
      }
      return simulate({ ...settingOf(state, input, input.CallerArn), ...limitedBy(input, undefined) }, input);
    },
    SimulatePrincipalPolicy: (input: Input) => {
      const { PolicySourceArn, CallerArn, ResourcePolicy } = input;
      const { isGroup, identity, boundary } = heldBy(state, input);
      if (isGroup && ResourcePolicy !== undefined && CallerArn === undefined) {
        throw iamError('invalid-input', 'You must specify a value for CallerArn: a group makes no calls.');
      }
      const setting = settingOf(state, input, CallerArn ?? (isGroup ? undefined : PolicySourceArn));
      return simulate(
        { ...setting, identity: [...identity, ...setting.identity], ...limitedBy(input, boundary) },
        input,
      );
    },
  };
}

/** What the input says of identity, resource and caller. */
function settingOf(state: IamState, input: Input, callerArn: string | undefined): Omit<Setting, 'boundary'> {
  const { PolicyInputList, ResourcePolicy } = input;
  const { caller, principal } = callerOf(state, callerArn);
  const facts = { region: '' };
  const known = caller && valuesOf({ caller, principal, facts, context: undefined, now: state.clock.now() });
  return {
    identity: given(PolicyInputList, 'PolicyInputList'),
    resource: ResourcePolicy === undefined ? undefined : source('ResourcePolicy', 'resource', ResourcePolicy),
    requester: caller ? requesterOf(caller, principal?.id) : { kind: 'account', accountId: ACCOUNT_ID },
    // What differs from call to call must be given, as AWS has it.
    known: (key) => (known && /^aws:(principal|userid$|username$)/i.test(key) ? known(key) : undefined),
  };
}

/** A boundary that is given stands in the place of the principal's own. */
function limitedBy({ PermissionsBoundaryPolicyInputList: list }: Input, own: readonly Source[] | undefined) {
  return { boundary: list ? given(list, 'PermissionsBoundaryPolicyInputList') : own };
}

function heldBy(state: IamState, { PolicySourceArn, PolicyExclusionList = [] }: Input) {
  const group = groupByArn(state, PolicySourceArn);
  const found = group
    ? { identity: policiesOfGroup(state, group), boundary: undefined }
    : policiesOf(state, PolicySourceArn);
  if (!found) throw iamError('no-such-entity', `The principal ${PolicySourceArn} cannot be found.`);
  const isKept = ({ arn, name }: PolicyText) =>
    !PolicyExclusionList.some(({ PolicyArn, InlinePolicyIdentifier: inline }) =>
      arn === undefined ? inline?.PolicyName === name : PolicyArn === arn,
    );
  const sources = (texts: readonly PolicyText[]) =>
    texts.filter(isKept).map(({ name, from, text }) => source(name, from, text));
  return {
    isGroup: group !== undefined,
    identity: sources(found.identity),
    boundary: found.boundary && sources([found.boundary]),
  };
}

function callerOf(state: IamState, arn: string | undefined): { caller?: Caller; principal?: Principal | undefined } {
  if (arn === undefined) return {};
  if (!parseArn(arn)) throw iamError('invalid-input', `Invalid CallerArn: ${arn}`);
  const found = policiesOf(state, arn);
  const caller: Caller = { accountId: arn.split(':')[4] || ACCOUNT_ID, arn };
  if (!arn.includes(':role/') && !arn.includes(':assumed-role/')) return { caller, principal: found };
  const principalArn = state.roles.list().find(({ id }) => id === found?.id)?.arn ?? arn;
  const session = { kind: 'role', principalArn, userId: `${found?.id ?? 'AROA'}:simulation`, issuedAt: 0 } as const;
  return { caller: { ...caller, session }, principal: found };
}

function given(texts: readonly string[] = [], list: string): readonly Source[] {
  return texts.map((text, index) => source(`${list}.${index + 1}`, 'none', text));
}

function source(id: string, type: Source['type'], text: string): Source {
  try {
    return { id, type, text, policy: parsePolicy(text, type === 'resource' ? 'resource' : 'identity') };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw iamError('invalid-input', `Invalid policy ${id}: ${error.message}`);
  }
}

function simulate(setting: Setting, input: Input) {
  const { ActionNames, ResourceArns = ['*'] } = input;
  const entries = entriesOf(input);
  for (const action of ActionNames) {
    if (!/^[a-z0-9-]+:[a-z0-9*?]+$/i.test(action)) throw iamError('invalid-input', `Invalid action name: ${action}`);
  }
  const numbered = ActionNames.map((action, index) => ({ action, key: String(index).padStart(6, '0') }));
  const { items, rest } = page(numbered, ({ key }) => key, input);
  const results = items.map(({ action }) =>
    resultOf(
      action,
      ResourceArns.map((resource) => outcomeOf(setting, action, resource, entries)),
    ),
  );
  return { EvaluationResults: results, ...rest };
}

/** What texts of the types of context values are. Those of text may be anything. */
const CONTEXT_VALUES: Readonly<Record<string, (text: string) => boolean>> = {
  numeric: (text) => text.trim() !== '' && Number.isFinite(Number(text)),
  boolean: (text) => /^(true|false)$/i.test(text),
  ip: (text) => isIP(text.replace(/\/\d{1,3}$/, '')) > 0,
  date: (text) => !Number.isNaN(Date.parse(text)) || /^\d+$/.test(text),
  binary: (text) => /^[A-Za-z0-9+/]*={0,2}$/.test(text),
};

/** Values of context keys that are given, by the key in lower case. */
function entriesOf({ ContextEntries = [] }: Input): ReadonlyMap<string, readonly string[]> {
  for (const { ContextKeyName, ContextKeyType = 'string', ContextKeyValues: values = [] } of ContextEntries) {
    const type = ContextKeyType.replace(/List$/, '');
    const wrong = values.find((value) => CONTEXT_VALUES[type]?.(value) === false);
    if (wrong !== undefined) {
      throw iamError(
        'invalid-input',
        `Context key ${ContextKeyName} of type ${ContextKeyType} has the value ${wrong}.`,
      );
    }
    if (type === ContextKeyType && values.length > 1) {
      throw iamError(
        'invalid-input',
        `Context key ${ContextKeyName} of type ${ContextKeyType} has more than one value.`,
      );
    }
  }
  return new Map(
    ContextEntries.map(({ ContextKeyName = '', ContextKeyValues = [] }) => [
      ContextKeyName.toLowerCase(),
      ContextKeyValues,
    ]),
  );
}

/** What is said of one action on one resource. */
interface Outcome {
  readonly resource: string;
  readonly verdict: Decision['verdict'];
  readonly details: {
    readonly MatchedStatements: readonly MatchedStatement[];
    readonly MissingContextValues: readonly string[];
    readonly PermissionsBoundaryDecisionDetail?: { readonly AllowedByPermissionsBoundary: boolean };
  };
}

function outcomeOf(
  setting: Setting,
  action: string,
  name: string,
  entries: ReadonlyMap<string, readonly string[]>,
): Outcome {
  const { identity, boundary, resource, requester, known } = setting;
  const missing = new Set<string>();
  const values: Values = (key) => {
    const found = entries.get(key.toLowerCase()) ?? known(key);
    if (found === undefined) missing.add(key);
    return found;
  };
  const request = { action, resource: name, requester, values };
  // Several boundaries limit together: what each of them allows.
  const isWithin = boundary?.every(({ policy }) => evaluate({ identity: [policy] }, request).verdict === 'allowed');
  const limit = boundary && (isWithin ? boundary.map(({ policy }) => policy)[0] : { statements: [] });
  const denying = boundary?.find(({ policy }) => evaluate({ identity: [policy] }, request).verdict === 'explicit-deny');
  const decision = evaluate(
    {
      identity: identity.map(({ policy }) => policy),
      boundary: denying?.policy ?? limit,
      resource: resource?.policy,
    },
    request,
  );
  return {
    resource: name,
    verdict: decision.verdict,
    details: {
      MatchedStatements: matchedStatements(decision, setting, denying),
      MissingContextValues: [...missing].sort(),
      ...(isWithin !== undefined && { PermissionsBoundaryDecisionDetail: { AllowedByPermissionsBoundary: isWithin } }),
    },
  };
}

/** The most restrictive first: of several resources it is what is said of the action. */
const RESTRICTIVE: readonly Decision['verdict'][] = ['explicit-deny', 'implicit-deny', 'allowed'];

/**
 * One result for an action, whatever number of resources it was asked of: the most restrictive of all decisions, and each by itself
 * where resources were named.
 *
 * @see IAM API reference, EvaluationResult
 */
function resultOf(action: string, outcomes: readonly Outcome[]) {
  const verdict = RESTRICTIVE.find((one) => outcomes.some((outcome) => outcome.verdict === one))!;
  const deciding = outcomes.filter((outcome) => outcome.verdict === verdict);
  const statements = deciding.flatMap(({ details }) => details.MatchedStatements);
  const boundaries = outcomes.flatMap(({ details }) => details.PermissionsBoundaryDecisionDetail ?? []);
  const isWithin = boundaries.every(({ AllowedByPermissionsBoundary: allowed }) => allowed);
  const isSpecific = outcomes.some(({ resource }) => resource !== '*');
  return {
    EvalActionName: action,
    EvalResourceName: outcomes.length === 1 ? outcomes[0]!.resource : '*',
    EvalDecision: DECISIONS[verdict],
    MatchedStatements: [...new Map(statements.map((one) => [JSON.stringify(one), one])).values()],
    MissingContextValues: [...new Set(outcomes.flatMap(({ details }) => details.MissingContextValues))].sort(),
    ...(boundaries.length > 0 && { PermissionsBoundaryDecisionDetail: { AllowedByPermissionsBoundary: isWithin } }),
    ...(isSpecific && {
      ResourceSpecificResults: outcomes.map(({ resource, verdict: own, details }) => ({
        ...{ EvalResourceName: resource, EvalResourceDecision: DECISIONS[own] },
        ...details,
      })),
    }),
  };
}

const DECISIONS: Readonly<Record<Decision['verdict'], string>> = {
  allowed: 'allowed',
  'explicit-deny': 'explicitDeny',
  'implicit-deny': 'implicitDeny',
};

interface MatchedStatement {
  readonly SourcePolicyId: string;
  readonly SourcePolicyType: Source['type'];
  readonly StartPosition: object;
  readonly EndPosition: object;
}

function matchedStatements(
  decision: Decision,
  setting: Setting,
  denying: Source | undefined,
): readonly MatchedStatement[] {
  return decision.matches.map(({ source: kind, policy, statement }) => {
    const { identity, boundary, resource } = setting;
    const from =
      kind === 'identity-based policy'
        ? identity[policy]!
        : kind === 'resource-based policy'
          ? resource!
          : (denying ?? boundary![0]!);
    const { start, end } = statementPositions(from.text)[statement.index]!;
    return { SourcePolicyId: from.id, SourcePolicyType: from.type, StartPosition: start, EndPosition: end };
  });
}
