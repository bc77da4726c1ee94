import type { Registry } from '../../store/index.ts';
import type { Group, Role, User } from './entities.ts';
import { iamError, quotaExceeded } from './errors.ts';
import { IAM_LIMITS } from './limits.ts';
import type { IamState } from './state.ts';

/** What policies hang on, by the word that operations have for it. */
export interface Holders {
  readonly User: User;
  readonly Group: Group;
  readonly Role: Role;
}

export type HolderKind = keyof Holders;

interface HolderLimits {
  readonly attachedMax: number;
  readonly inlineCharactersMax: number;
}

const LIMITS: Readonly<Record<HolderKind, HolderLimits>> = {
  User: {
    attachedMax: IAM_LIMITS.attachedPoliciesPerUserMax,
    inlineCharactersMax: IAM_LIMITS.userPolicyCharactersMax,
  },
  Group: {
    attachedMax: IAM_LIMITS.attachedPoliciesPerGroupMax,
    inlineCharactersMax: IAM_LIMITS.groupPolicyCharactersMax,
  },
  Role: {
    attachedMax: IAM_LIMITS.attachedPoliciesPerRoleMax,
    inlineCharactersMax: IAM_LIMITS.rolePolicyCharactersMax,
  },
};

/** A user, group or role by its name. @throws no-such-entity */
export function holder<Kind extends HolderKind>(state: IamState, kind: Kind, name: string): Holders[Kind] {
  const found = registryOf(state, kind).get(name);
  if (!found) throw iamError('no-such-entity', `The ${kind.toLowerCase()} with name ${name} cannot be found.`);
  return found;
}

/**
 * Replaces members of a user, group or role as `decide` says, which sees all changes before its own.
 *
 * @throws no-such-entity, and what `decide` throws
 */
export function changeHolder<Kind extends HolderKind>(
  state: IamState,
  kind: Kind,
  name: string,
  decide: (found: Holders[Kind]) => Partial<Holders[Kind]>,
): Promise<void> {
  return state.change(() => {
    const found = holder(state, kind, name);
    const changed = { ...found, ...decide(found) };
    return { changes: [registryOf(state, kind).change(name, changed)], result: undefined };
  });
}

/** The same for what hangs on it: a service's own role is not the account's to change. @throws unmodifiable-entity too */
export function changePolicies<Kind extends HolderKind>(
  state: IamState,
  kind: Kind,
  name: string,
  decide: (found: Holders[Kind]) => Partial<Holders[Kind]>,
): Promise<void> {
  return changeHolder(state, kind, name, (found) => {
    checkModifiable(found);
    return decide(found);
  });
}

/** @throws unmodifiable-entity for a service-linked role */
export function checkModifiable({ name, path }: { readonly name: string; readonly path: string }): void {
  if (!path.startsWith('/aws-service-role/')) return;
  const why = 'this role is only modifiable by AWS';
  throw iamError('unmodifiable-entity', `Cannot perform the operation on the protected role '${name}' - ${why}`);
}

/** @throws limit-exceeded when the inline policies are longer together than they may be */
export function checkInlineSize(kind: HolderKind, name: string, policies: Readonly<Record<string, string>>): void {
  const { inlineCharactersMax } = LIMITS[kind];
  const characters = Object.values(policies).reduce((sum, text) => sum + charactersOf(text), 0);
  if (characters <= inlineCharactersMax) return;
  const what = `Maximum policy size of ${inlineCharactersMax} bytes exceeded for ${kind.toLowerCase()} ${name}`;
  throw iamError('limit-exceeded', what);
}

/** Managed policies of `found` with one more; attaching one twice changes nothing. @throws limit-exceeded */
export function withAttached(
  kind: HolderKind,
  { attachedPolicies = [] }: Holders[HolderKind],
  arn: string,
): readonly string[] {
  if (attachedPolicies.includes(arn)) return attachedPolicies;
  const { attachedMax } = LIMITS[kind];
  if (attachedPolicies.length >= attachedMax) throw quotaExceeded(`PoliciesPer${kind}`, attachedMax);
  return [...attachedPolicies, arn];
}

/** How long a document is, as quotas count: without white space. */
export function charactersOf(text: string): number {
  return text.replace(/\s/g, '').length;
}

/** Names that differ in case only are the same to whoever makes one. */
export function isTaken(names: readonly string[], name: string): boolean {
  const lower = name.toLowerCase();
  return names.some((other) => other.toLowerCase() === lower);
}

function registryOf<Kind extends HolderKind>(state: IamState, kind: Kind) {
  const registries = { User: state.users, Group: state.groups, Role: state.roles };
  return registries[kind] as unknown as Registry<Holders[Kind]>;
}
