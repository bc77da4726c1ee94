/** Roles, users and what policies let them do: the IAM API. */
import { ApiError } from '../api.ts';
import { callQuery, listOf } from '../aws.ts';
import { isJson } from '../letters/json-text.ts';

const SERVICE = { name: 'iam', version: '2010-05-08' };
const PAGES_MAX = 20;

export type IdentityKind = 'role' | 'user';

export interface Identity {
  readonly kind: IdentityKind;
  readonly name: string;
  readonly arn: string;
  readonly id: string;
  readonly path: string;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly description?: string | undefined;
  readonly maxSessionSeconds?: number;
  /** JSON text; of roles. */
  readonly trustPolicy?: string;
  /** The boundary and the tags are known of one that has been read by itself only. */
  readonly boundaryArn?: string | undefined;
  readonly tags: readonly { readonly Key: string; readonly Value: string }[];
}

/** Where a policy stands, in the words of the simulator. */
export type Origin = 'role' | 'user' | 'group' | 'aws-managed' | 'user-managed';

export interface Policy {
  readonly name: string;
  readonly origin: Origin;
  /** The group that a user has it of. */
  readonly group?: string | undefined;
  readonly arn?: string;
  readonly version?: string;
  readonly isBoundary?: boolean;
  /** JSON; `undefined` of a managed policy that the node does not know: it allows nothing. */
  readonly text: string | undefined;
}

type Answer = Readonly<Record<string, unknown>>;
type Fields = Readonly<Record<string, string | undefined>>;

const call = async (action: string, input: Fields, signal: AbortSignal) =>
  (await callQuery(SERVICE, action, input, signal)) as Answer;

/** Members of all pages of a list. */
async function all<T>(action: string, input: Fields, list: string, signal: AbortSignal): Promise<T[]> {
  const items: T[] = [];
  let Marker: string | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const answer = await call(action, { ...input, MaxItems: '1000', Marker }, signal);
    items.push(...listOf<T>(answer[list]));
    Marker = answer.Marker as string | undefined;
    if (!Marker) break;
  }
  return items;
}

/** All of one kind, by name. */
export async function listIdentities(kind: IdentityKind, signal: AbortSignal): Promise<readonly Identity[]> {
  const found = await all<Answer>(`List${named(kind)}s`, {}, `${named(kind)}s`, signal);
  return found.map((one) => identityOf(kind, one));
}

export async function readIdentity(kind: IdentityKind, name: string, signal: AbortSignal): Promise<Identity> {
  const answer = await call(`Get${named(kind)}`, { [`${named(kind)}Name`]: name }, signal);
  return identityOf(kind, answer[named(kind)] as Answer);
}

const named = (kind: IdentityKind | 'group') => `${kind[0]!.toUpperCase()}${kind.slice(1)}`;

function identityOf(kind: IdentityKind, found: Answer): Identity {
  const text = (name: string) => (found[name] as string | undefined) || undefined;
  const trust = text('AssumeRolePolicyDocument');
  return {
    kind,
    name: text(`${named(kind)}Name`)!,
    id: text(`${named(kind)}Id`)!,
    arn: text('Arn')!,
    path: text('Path') ?? '/',
    createdAt: text('CreateDate')!,
    description: text('Description'),
    ...(found.MaxSessionDuration !== undefined && { maxSessionSeconds: Number(found.MaxSessionDuration) }),
    ...(trust !== undefined && { trustPolicy: decodeURIComponent(trust) }),
    boundaryArn: (found.PermissionsBoundary as Answer | undefined)?.PermissionsBoundaryArn as string | undefined,
    tags: listOf(found.Tags),
  };
}

/** Who may assume a role, as its trust policy names them. */
export function trustedBy(trustPolicy: string): readonly string[] {
  if (!isJson(trustPolicy)) return [];
  const { Statement } = JSON.parse(trustPolicy) as { readonly Statement: unknown };
  const names = [Statement].flat().flatMap((statement) => {
    const { Effect, Principal } = statement as { readonly Effect: string; readonly Principal?: object | string };
    return Effect === 'Allow' ? Object.values(typeof Principal === 'string' ? [Principal] : (Principal ?? {})) : [];
  });
  return [...new Set(names.flat() as string[])];
}

/**
 * The policies that decide for a principal: its own, those that are attached, those of its groups, and its boundary.
 *
 * @param arn  of a role, a user or a group
 * @throws ApiError
 */
export async function readPolicies(arn: string, signal: AbortSignal): Promise<readonly Policy[]> {
  const kind = /:(role|user|group)\//.exec(arn)?.[1] as IdentityKind | 'group' | undefined;
  if (!kind) return [];
  const name = arn.slice(arn.lastIndexOf('/') + 1);
  if (kind === 'group') return policiesAt(kind, name, signal);
  const { boundaryArn } = await readIdentity(kind, name, signal);
  const groups =
    kind === 'user'
      ? await all<{ readonly GroupName: string }>('ListGroupsForUser', { UserName: name }, 'Groups', signal)
      : [];
  const found = await Promise.all([
    policiesAt(kind, name, signal),
    ...groups.map(({ GroupName }) => policiesAt('group', GroupName, signal)),
    boundaryArn ? [{ ...(await readManaged(boundaryArn, signal)), isBoundary: true }] : [],
  ]);
  return found.flat();
}

async function policiesAt(kind: IdentityKind | 'group', name: string, signal: AbortSignal): Promise<Policy[]> {
  const holder = { [`${named(kind)}Name`]: name };
  const group = kind === 'group' ? { group: name } : {};
  const [inline, attached] = await Promise.all([
    all<string>(`List${named(kind)}Policies`, holder, 'PolicyNames', signal),
    all<{ readonly PolicyArn: string }>(`ListAttached${named(kind)}Policies`, holder, 'AttachedPolicies', signal),
  ]);
  return Promise.all([
    ...inline.map(async (PolicyName): Promise<Policy> => {
      const { PolicyDocument } = await call(`Get${named(kind)}Policy`, { ...holder, PolicyName }, signal);
      return { name: PolicyName, origin: kind, ...group, text: decodeURIComponent(String(PolicyDocument)) };
    }),
    ...attached.map(async ({ PolicyArn }) => ({ ...(await readManaged(PolicyArn, signal)), ...group })),
  ]);
}

/** A managed policy in the version that decides. */
async function readManaged(arn: string, signal: AbortSignal): Promise<Policy> {
  const origin = arn.includes(':iam::aws:') ? 'aws-managed' : 'user-managed';
  const policy = { name: arn.slice(arn.lastIndexOf('/') + 1), origin, arn } as const;
  try {
    const found = (await call('GetPolicy', { PolicyArn: arn }, signal)).Policy as Answer;
    const version = String(found.DefaultVersionId);
    const answer = await call('GetPolicyVersion', { PolicyArn: arn, VersionId: version }, signal);
    const { Document } = answer.PolicyVersion as Answer;
    return { ...policy, version, text: decodeURIComponent(String(Document)) };
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return { ...policy, text: undefined };
    throw error;
  }
}

export interface ContextEntry {
  readonly name: string;
  readonly type: string;
  readonly values: readonly string[];
}

export interface Question {
  readonly principal: string;
  readonly actions: readonly string[];
  /** None: any. */
  readonly resources: readonly string[];
  readonly context: readonly ContextEntry[];
}

export type Verdict = 'allowed' | 'implicitDeny' | 'explicitDeny';

/** What a simulation says of one action on one resource. */
export interface Outcome {
  readonly action: string;
  readonly resource: string;
  readonly verdict: Verdict;
  readonly matches: readonly Match[];
  /** Context keys that statements ask for and nobody has given. */
  readonly missing: readonly string[];
  readonly isWithinBoundary: boolean | undefined;
}

/** A place in a document; its lines and columns begin at 1. */
interface Position {
  readonly Line: string;
  readonly Column: string;
}

/** A statement that has decided. */
export interface Match {
  readonly SourcePolicyId: string;
  readonly SourcePolicyType: string;
  readonly StartPosition: Position;
  readonly EndPosition: Position;
}

/** @throws ApiError */
export async function simulate(question: Question, signal: AbortSignal): Promise<readonly Outcome[]> {
  const { principal, actions, resources, context } = question;
  const input = {
    PolicySourceArn: principal,
    ...members('ActionNames', actions),
    ...members('ResourceArns', resources),
    ...Object.assign({}, ...context.map((entry, at) => contextFields(`ContextEntries.member.${at + 1}`, entry))),
  };
  const results = await all<Answer>('SimulatePrincipalPolicy', input, 'EvaluationResults', signal);
  return results.flatMap((result) => {
    const each = listOf<Answer>(result.ResourceSpecificResults);
    return (each.length > 0 ? each : [result]).map((one) => outcomeOf(String(result.EvalActionName), one));
  });
}

function members(list: string, values: readonly string[]): Fields {
  return Object.fromEntries(values.map((value, at) => [`${list}.member.${at + 1}`, value]));
}

function contextFields(prefix: string, { name, type, values }: ContextEntry): Fields {
  const fields = { [`${prefix}.ContextKeyName`]: name, [`${prefix}.ContextKeyType`]: type };
  return { ...fields, ...members(`${prefix}.ContextKeyValues`, values) };
}

function outcomeOf(action: string, result: Answer): Outcome {
  const boundary = result.PermissionsBoundaryDecisionDetail as Answer | undefined;
  return {
    action,
    resource: String(result.EvalResourceName),
    verdict: (result.EvalResourceDecision ?? result.EvalDecision) as Verdict,
    matches: listOf(result.MatchedStatements),
    missing: listOf(result.MissingContextValues),
    isWithinBoundary: boundary && boundary.AllowedByPermissionsBoundary === 'true',
  };
}

/**
 * A statement that has matched, and the policy that it is in. Groups of a user may have inline policies of the same name: what
 * the place fits is given of each.
 */
export function statementsOf(match: Match, policies: readonly Policy[]): { policy: Policy; text: string }[] {
  const { SourcePolicyId: id, SourcePolicyType: type, StartPosition: start, EndPosition: end } = match;
  const named = policies.filter(({ name, origin }) => name === id && origin === type);
  // A managed policy that is there several times, as boundary too, is one document.
  const each = named.filter(({ arn }, at) => arn === undefined || named.findIndex((one) => one.arn === arn) === at);
  return each.flatMap((policy) => {
    const { text = '' } = policy;
    const statement = text.slice(indexOf(text, start), indexOf(text, end));
    return isJson(statement) ? [{ policy, text: statement }] : [];
  });
}

function indexOf(text: string, { Line, Column }: Position): number {
  const before = text.split('\n').slice(0, Number(Line) - 1);
  return before.reduce((sum, line) => sum + line.length + 1, 0) + Number(Column) - 1;
}
