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
  const entries = new Map(
    (input.ContextEntries ?? []).map(({ ContextKeyName = '', ContextKeyValues = [] }) => [
      ContextKeyName.toLowerCase(),
      ContextKeyValues,
    ]),
  );
  const asked = ActionNames.flatMap((action) => ResourceArns.map((resource) => ({ action, resource })));
  for (const { action } of asked) {
    if (!/^[a-z0-9-]+:[a-z0-9*?]+$/i.test(action)) throw iamError('invalid-input', `Invalid action name: ${action}`);
  }
  const numbered = asked.map((one, index) => ({ ...one, key: String(index).padStart(6, '0') }));
  const { items, rest } = page(numbered, ({ key }) => key, input);
  const results = items.map((one) => resultOf(setting, one, entries, input.ResourceArns !== undefined));
  return { EvaluationResults: results, ...rest };
}

function resultOf(
  setting: Setting,
  { action, resource: name }: { readonly action: string; readonly resource: string },
  entries: ReadonlyMap<string, readonly string[]>,
  isSpecific: boolean,
) {
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
  const said = DECISIONS[decision.verdict];
  const details = {
    MatchedStatements: matchedStatements(decision, setting, denying),
    MissingContextValues: [...missing].sort(),
    ...(isWithin !== undefined && { PermissionsBoundaryDecisionDetail: { AllowedByPermissionsBoundary: isWithin } }),
  };
  const specific = { EvalResourceName: name, EvalResourceDecision: said, ...details };
  return {
    ...{ EvalActionName: action, EvalResourceName: name, EvalDecision: said, ...details },
    ...(isSpecific && { ResourceSpecificResults: [specific] }),
  };
}

const DECISIONS: Readonly<Record<Decision['verdict'], string>> = {
  allowed: 'allowed',
  'explicit-deny': 'explicitDeny',
  'implicit-deny': 'implicitDeny',
};

function matchedStatements(decision: Decision, setting: Setting, denying: Source | undefined): readonly object[] {
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
