import { ACCOUNT_ID, parseArn } from '../../base/index.ts';
import type { AccessKey } from '../index.ts';
import { awsManagedPolicy, isAwsManaged } from './aws-managed.ts';
import type { Group, ManagedPolicy, OidcProvider, Role, Tags, User } from './entities.ts';
import type { IamState } from './state.ts';

/** One policy of a principal. */
export interface PolicyText {
  /** Name of the policy. */
  readonly name: string;
  /** Of a managed one. */
  readonly arn?: string;
  /** Where it stands: inline at a user, a group or a role, or managed. */
  readonly from: 'user' | 'group' | 'role' | 'aws-managed' | 'user-managed';
  /** JSON text. */
  readonly text: string;
}

/** What decides about the calls of a user or a role. */
export interface PrincipalPolicies {
  /** `AIDA...` or `AROA...`. */
  readonly id: string;
  readonly name: string;
  readonly tags: Tags;
  /** Its inline policies, the managed ones that are attached (default versions), and those of a user's groups. */
  readonly identity: readonly PolicyText[];
  /** What its rights cannot go beyond. */
  readonly boundary?: PolicyText;
}

/**
 * The policies of a user or a role; `undefined` when there is none of that ARN.
 *
 * Attached policies whose document is not known grant nothing and are left out. A boundary that is not known leaves nothing:
 * an empty document stands for it, since what bounds must not fall away.
 *
 * @param principalArn  of a user, a role, or a session of a role (`arn:aws:sts::...:assumed-role/NAME/SESSION`)
 */
export function policiesOf(state: IamState, principalArn: string): PrincipalPolicies | undefined {
  const user = userByArn(state, principalArn);
  if (user) return policiesOfUser(state, user);
  const role = roleByArn(state, principalArn) ?? roleOfSession(state, principalArn);
  return role && policiesOfRole(state, role);
}

/** The role of an ARN; `undefined` when there is none. */
export function roleByArn({ roles }: IamState, arn: string): Role | undefined {
  const role = roles.get(arn.slice(arn.lastIndexOf('/') + 1));
  return role?.arn === arn ? role : undefined;
}

export function userByArn({ users }: IamState, arn: string): User | undefined {
  const user = users.get(arn.slice(arn.lastIndexOf('/') + 1));
  return user?.arn === arn ? user : undefined;
}

export function groupByArn({ groups }: IamState, arn: string): Group | undefined {
  const group = groups.get(arn.slice(arn.lastIndexOf('/') + 1));
  return group?.arn === arn ? group : undefined;
}

/** Policies of a group: inline and managed. */
export function policiesOfGroup(state: IamState, group: Group): readonly PolicyText[] {
  return policiesAt(state, group, 'group');
}

/** Groups of a user, in the order it joined them. */
export function groupsOf({ groups }: IamState, user: User): readonly Group[] {
  const ids = user.groups ?? [];
  if (ids.length === 0) return [];
  const all = groups.list();
  return ids.flatMap((id) => all.find((group) => group.id === id) ?? []);
}

/** A managed policy of the account. */
export function policyByArn({ policies }: IamState, arn: string): ManagedPolicy | undefined {
  const policy = policies.get(arn.slice(arn.lastIndexOf('/') + 1));
  return policy?.arn === arn ? policy : undefined;
}

/** A provider by host and path, as tokens name their issuer behind `https://`. */
export function oidcProvider({ providers }: IamState, url: string): OidcProvider | undefined {
  return providers.get(url);
}

/** What a user's key stands for; `undefined` for one that nobody has, or that is inactive. */
export function secretFor({ keys, users }: IamState, accessKeyId: string): AccessKey | undefined {
  const key = keys.get(accessKeyId);
  const user = key?.active ? users.get(key.userName) : undefined;
  return user && { secret: key!.secret, caller: { accountId: ACCOUNT_ID, arn: user.arn, accessKeyId } };
}

function roleOfSession({ roles }: IamState, arn: string): Role | undefined {
  const parsed = parseArn(arn);
  const [kind, name] = parsed?.resource.split('/') ?? [];
  return parsed?.service === 'sts' && kind === 'assumed-role' ? roles.get(name!) : undefined;
}

function policiesOfUser(state: IamState, user: User): PrincipalPolicies {
  const groups = groupsOf(state, user).flatMap((group) => policiesOfGroup(state, group));
  return { ...described(user), identity: [...policiesAt(state, user, 'user'), ...groups], ...boundaryOf(state, user) };
}

function policiesOfRole(state: IamState, role: Role): PrincipalPolicies {
  return { ...described(role), identity: policiesAt(state, role, 'role'), ...boundaryOf(state, role) };
}

function described({ id, name, tags }: User | Role): Pick<PrincipalPolicies, 'id' | 'name' | 'tags'> {
  return { id, name, tags };
}

function policiesAt(
  state: IamState,
  { inlinePolicies = {}, attachedPolicies = [] }: User | Group | Role,
  from: 'user' | 'group' | 'role',
): readonly PolicyText[] {
  const inline = Object.entries(inlinePolicies).map(([name, text]) => ({ name, from, text }));
  return [...inline, ...attachedPolicies.flatMap((arn) => managedText(state, arn) ?? [])];
}

function boundaryOf(state: IamState, { boundary }: User | Role): { readonly boundary?: PolicyText } {
  if (boundary === undefined) return {};
  const nothing = { name: boundary.slice(boundary.lastIndexOf('/') + 1), arn: boundary, text: '{"Statement":[]}' };
  return { boundary: managedText(state, boundary) ?? { ...nothing, from: 'user-managed' } };
}

/** The document that decides of a managed policy: its default version. */
export function managedText(state: IamState, arn: string): PolicyText | undefined {
  if (isAwsManaged(arn)) {
    const known = awsManagedPolicy(arn);
    return known && { name: known.name, arn, from: 'aws-managed', text: known.document };
  }
  const policy = policyByArn(state, arn);
  if (!policy) return undefined;
  return { name: policy.name, arn, from: 'user-managed', text: policy.versions[policy.defaultVersion]!.document };
}
