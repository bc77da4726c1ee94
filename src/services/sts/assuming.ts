/*
 * Taking on a role: its trust policy says who may, the caller's own policies where it leaves that to the account, and the session
 * gets what was asked for (tags, a narrower policy, a name that stays) as far as both allow it.
 */
import { ACCOUNT_ID, formatArn } from '../../base/index.ts';
import type { Authority, RequestFacts, Role } from '../iam/index.ts';
import type { Caller, Permission, ServiceCaller } from '../index.ts';
import { stsError } from './errors.ts';
import { STS_LIMITS } from './limits.ts';
import { packedSize, type SessionRequest, sessionPolicies, sessionTags } from './session-policies.ts';
import type { Session, Sessions } from './sessions.ts';

/** What STS needs of IAM. */
export interface Identities {
  roleByArn(arn: string): Role | undefined;
  userIdByArn(arn: string): string | undefined;
  /** JSON text of a managed policy. */
  managedPolicy?(arn: string): string | undefined;
  /** An OpenID Connect provider by its URL without `https://`. */
  oidcProvider?(url: string): { readonly arn: string; readonly clientIds: readonly string[] } | undefined;
}

/** Who becomes whom, for how long. */
export interface Assumption {
  readonly roleArn: string;
  /** 2 to 64 letters, digits and `+=,.@-`. */
  readonly sessionName: string;
  /** 900 to the role's own maximum; 3,600 if absent. */
  readonly durationSeconds?: number;
}

/** Who asks: with a signature, with another's token, or a service in its own name. */
export type Asker =
  | { readonly kind: 'caller'; readonly caller: Caller }
  | { readonly kind: 'token'; readonly provider: string }
  | { readonly kind: 'service'; readonly service: ServiceCaller };

export interface AssumingOptions {
  readonly sessions: Sessions;
  readonly identities: Identities;
  readonly authority: Pick<Authority, 'trusts'>;
}

/** What is asked for beside the role. */
export interface Wish extends SessionRequest, Assumption {
  readonly action: 'sts:AssumeRole' | 'sts:AssumeRoleWithWebIdentity';
  /** Of the call, as conditions may ask. */
  readonly facts: RequestFacts;
  readonly externalId?: string | undefined;
  readonly sourceIdentity?: string | undefined;
  /** Condition keys of the token that was shown. */
  readonly claims?: Readonly<Record<string, string | readonly string[]>>;
}

export interface Assumed {
  readonly session: Session;
  readonly packedPolicySize: number | undefined;
}

/** @throws access-denied, validation, malformed-policy, packed-policy-too-large, too-many-sessions */
export async function assume(options: AssumingOptions, wish: Wish, asker: Asker): Promise<Assumed> {
  const { sessions, identities } = options;
  const role = identities.roleByArn(wish.roleArn);
  if (!role) throw denied(asker, wish.action, wish.roleArn);
  const parent = asker.kind === 'caller' ? asker.caller.session : undefined;
  const given = sessionTags(wish);
  const inherited = inheritedTags(parent);
  checkInherited(given, inherited);
  checkTransitive(wish, given);
  const sourceIdentity = parent?.sourceIdentity ?? wish.sourceIdentity;
  await checkTrust(options, role, { ...wish, Tags: wish.Tags ?? [] }, asker);
  const seconds = secondsOf(wish, role, parent?.kind === 'role');
  const policies = sessionPolicies(wish, (arn) => identities.managedPolicy?.(arn));
  const tags = { ...given, ...inherited };
  const packedPolicySize = packedSize(policies, tags);
  const transitiveTags = [...Object.keys(inherited), ...(wish.TransitiveTagKeys ?? [])];
  const grant = {
    arn: formatArn('sts', '', ACCOUNT_ID, `assumed-role/${role.name}/${wish.sessionName}`),
    kind: 'role',
    principalArn: role.arn,
    userId: `${role.id}:${wish.sessionName}`,
    ...(policies && { policies }),
    ...(Object.keys(tags).length > 0 && { tags }),
    ...(transitiveTags.length > 0 && { transitiveTags }),
    ...(sourceIdentity !== undefined && { sourceIdentity }),
    ...(asker.kind === 'token' && { federatedProvider: asker.provider }),
  } as const;
  return { session: await sessions.issue(grant, seconds), packedPolicySize };
}

/** Every right that the trust policy must give: the role itself, and what comes with its session. */
async function checkTrust({ authority }: AssumingOptions, role: Role, wish: Wish, asker: Asker): Promise<void> {
  const actions = [
    wish.action,
    ...(wish.Tags!.length > 0 ? ['sts:TagSession'] : []),
    ...(wish.sourceIdentity === undefined ? [] : ['sts:SetSourceIdentity']),
  ];
  const context = contextOf(role, wish);
  for (const action of actions) {
    const permission: Permission = { action, resources: [role.arn], context };
    const { caller, requester } = whoAsks(asker);
    const isTrusted = await authority.trusts(role.trustPolicy, caller, permission, wish.facts, requester);
    if (!isTrusted) throw denied(asker, action, role.arn);
  }
}

function whoAsks(asker: Asker) {
  const nobody = { accountId: ACCOUNT_ID, arn: 'anonymous' };
  switch (asker.kind) {
    case 'caller':
      return { caller: asker.caller, requester: undefined };
    case 'token':
      return { caller: nobody, requester: { kind: 'web-identity', provider: asker.provider } as const };
    case 'service': {
      const { service } = asker;
      const requester = { kind: 'service', service: service.principal } as const;
      return { caller: { ...nobody, arn: service.principal, service }, requester };
    }
  }
}

function contextOf(role: Role, wish: Wish): NonNullable<Permission['context']> {
  const { Tags = [], TransitiveTagKeys = [], externalId, sourceIdentity, sessionName, claims = {} } = wish;
  return {
    ...claims,
    'sts:RoleSessionName': sessionName,
    ...(externalId !== undefined && { 'sts:ExternalId': externalId }),
    ...(sourceIdentity !== undefined && { 'sts:SourceIdentity': sourceIdentity }),
    ...(TransitiveTagKeys.length > 0 && { 'sts:TransitiveTagKeys': TransitiveTagKeys }),
    ...(Tags.length > 0 && { 'aws:TagKeys': Tags.map(({ Key }) => Key) }),
    ...Object.fromEntries(Tags.map(({ Key, Value }) => [`aws:RequestTag/${Key}`, Value])),
    ...Object.fromEntries(Object.entries(role.tags).map(([key, value]) => [`aws:ResourceTag/${key}`, value])),
  };
}

function inheritedTags(parent: Caller['session']): Record<string, string> {
  const kept = new Set(parent?.transitiveTags);
  return Object.fromEntries(Object.entries(parent?.tags ?? {}).filter(([key]) => kept.has(key)));
}

/** A tag that the session before has made its own cannot be given another value. */
function checkInherited(given: Record<string, string>, inherited: Record<string, string>): void {
  const kept = new Set(Object.keys(inherited).map((key) => key.toLowerCase()));
  if (!Object.keys(given).some((key) => kept.has(key.toLowerCase()))) return;
  throw stsError(
    'validation',
    'One of the specified transitive tag keys cannot be set because it conflicts with a transitive tag key from the calling session.',
  );
}

function checkTransitive({ TransitiveTagKeys = [] }: SessionRequest, given: Record<string, string>): void {
  if (TransitiveTagKeys.every((key) => Object.hasOwn(given, key))) return;
  throw stsError('validation', 'The specified transitive tag key must be included in the requested tags.');
}

function secondsOf({ durationSeconds }: Assumption, role: Role, isChained: boolean): number {
  const seconds = durationSeconds ?? STS_LIMITS.assumedSeconds;
  if (isChained && seconds > STS_LIMITS.chainedSecondsMax) {
    throw stsError(
      'validation',
      'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.',
    );
  }
  if (seconds > role.maxSessionSeconds) {
    throw stsError('validation', 'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.');
  }
  return seconds;
}

/** AWS does not tell a role that is not there from one that may not be taken on. */
function denied(asker: Asker, action: string, roleArn: string): Error {
  if (asker.kind === 'token') return stsError('access-denied', `Not authorized to perform ${action}`);
  const who = asker.kind === 'caller' ? asker.caller.arn : asker.service.principal;
  return stsError('access-denied', `User: ${who} is not authorized to perform: ${action} on resource: ${roleArn}`);
}
