import { ACCOUNT_ID, formatArn, hasCode, parseArn } from '../../base/index.ts';
import { type AwsManagedPolicy, awsManagedPolicies, awsManagedPolicy, isAwsManaged } from './aws-managed.ts';
import { type ManagedPolicy, type PolicyVersion, uniqueId } from './entities.ts';
import { iamError, quotaExceeded } from './errors.ts';
import { charactersOf, isTaken } from './holders.ts';
import { IAM_LIMITS } from './limits.ts';
import { checkManagedPolicy } from './policy-document.ts';
import { policyByArn } from './principals.ts';
import type { IamState } from './state.ts';
import { type Tag, withTags } from './tags.ts';

/** A managed policy, whoever keeps it. */
export type AnyPolicy = ManagedPolicy | AwsManagedPolicy;

/** A managed policy. @throws no-such-entity, invalid-input for what is no ARN */
export function managedPolicy(state: IamState, arn: string): AnyPolicy {
  checkArn(arn);
  const policy = awsManagedPolicy(arn) ?? policyByArn(state, arn);
  if (!policy) throw iamError('no-such-entity', `Policy ${arn} was not found.`);
  return policy;
}

/** Policies that may be listed: `Local` are the account's own. */
export function managedPolicies(state: IamState, scope: 'All' | 'AWS' | 'Local'): readonly AnyPolicy[] {
  return [...(scope === 'AWS' ? [] : state.policies.list()), ...(scope === 'Local' ? [] : awsManagedPolicies())];
}

/**
 * Checks that a policy may be attached, or bound with. One of AWS's own whose document is not known passes: it is kept by its
 * ARN, grants nothing, and the log says so.
 *
 * @param holder  to whom, for the log
 * @throws no-such-entity, not-attachable, invalid-input
 */
export function checkAttachable(state: IamState, arn: string, holder: string): void {
  checkArn(arn);
  if (arn.startsWith('arn:aws:iam::aws:policy/aws-service-role/')) {
    throw iamError('not-attachable', 'Cannot attach a Service Role Policy to a Customer Role.');
  }
  if (policyByArn(state, arn) || awsManagedPolicy(arn)) return;
  if (!isAwsManaged(arn) || isElsewhere(arn)) {
    throw iamError('no-such-entity', `Policy ${arn} does not exist or is not attachable.`);
  }
  const notice = 'the document of this AWS managed policy is not known here: it is kept by its ARN and grants nothing';
  state.logger.warn('managed-policy-unknown', { policy: arn, holder, notice });
}

/** Checks that a policy may bound a user or a role. @throws as {@link checkAttachable}, in the words for boundaries */
export function checkBoundary(state: IamState, arn: string, holder: string): void {
  try {
    checkAttachable(state, arn, holder);
  } catch (error) {
    if (!hasCode(error, 'no-such-entity')) throw error;
    throw iamError('no-such-entity', `Scope ARN: ${arn} does not exist or is not attachable.`);
  }
}

/** True for a known policy that is named without its path: AWS refuses that, and templates get it wrong often. */
function isElsewhere(arn: string): boolean {
  const name = arn.slice(arn.lastIndexOf('/') + 1);
  return awsManagedPolicies().some((policy) => policy.name === name);
}

/** @throws entity-exists, limit-exceeded, malformed-policy, invalid-input */
export function createPolicy(
  state: IamState,
  input: {
    readonly PolicyName: string;
    readonly Path?: string;
    readonly PolicyDocument: string;
    readonly Description?: string;
    readonly Tags?: readonly Tag[];
  },
): Promise<ManagedPolicy> {
  const { PolicyName: name, Path: path = '/', PolicyDocument: document, Description: description } = input;
  checkDocument(document);
  const tags = withTags({}, input.Tags);
  return state.change(() => {
    if (isTaken(state.policies.names(), name)) {
      throw iamError('entity-exists', `A policy called ${name} already exists. Duplicate names are not allowed.`);
    }
    if (state.policies.size >= IAM_LIMITS.policiesMax)
      throw quotaExceeded('PoliciesPerAccount', IAM_LIMITS.policiesMax);
    const now = state.clock.now();
    const policy: ManagedPolicy = {
      name,
      id: uniqueId('ANPA', state.random),
      arn: formatArn('iam', '', ACCOUNT_ID, `policy${path}${name}`),
      path,
      createdAt: now,
      updatedAt: now,
      ...(description !== undefined && { description }),
      tags,
      defaultVersion: 'v1',
      lastVersion: 1,
      versions: { v1: { document, createdAt: now } },
    };
    return { changes: [state.policies.change(name, policy)], result: policy };
  });
}

/** Changes a policy of the account. @throws no-such-entity, access-denied for AWS's own, and what `decide` throws */
export function changePolicy<T>(
  state: IamState,
  arn: string,
  decide: (policy: ManagedPolicy) => { readonly changed: Partial<ManagedPolicy>; readonly result: T },
): Promise<T> {
  return state.change(() => {
    const policy = ownPolicy(state, arn);
    const { changed, result } = decide(policy);
    return { changes: [state.policies.change(policy.name, { ...policy, ...changed })], result };
  });
}

/** @throws delete-conflict, no-such-entity, access-denied */
export function deletePolicy(state: IamState, arn: string): Promise<void> {
  return state.change(() => {
    const policy = ownPolicy(state, arn);
    const { attached, bounding } = state.useOf(arn);
    if (attached + bounding > 0) throw iamError('delete-conflict', 'Cannot delete a policy attached to entities.');
    if (Object.keys(policy.versions).length > 1) {
      const what = "Before you delete a policy, you must delete the policy's versions.";
      const why = `This policy has more than one version. ${what} The default version is deleted with the policy.`;
      throw iamError('delete-conflict', why);
    }
    return { changes: [state.policies.change(policy.name, undefined)], result: undefined };
  });
}

/** The id of a policy's new version. @throws limit-exceeded, malformed-policy */
export function createVersion(state: IamState, arn: string, document: string, asDefault: boolean): Promise<string> {
  checkDocument(document);
  return changePolicy(state, arn, (policy) => {
    if (Object.keys(policy.versions).length >= IAM_LIMITS.versionsPerPolicyMax) {
      const what = 'Before you create a new version, you must delete an existing version.';
      const why = `A managed policy can have up to ${IAM_LIMITS.versionsPerPolicyMax} versions. ${what}`;
      throw iamError('limit-exceeded', why);
    }
    const now = state.clock.now();
    const lastVersion = policy.lastVersion + 1;
    const id = `v${lastVersion}`;
    const versions = { ...policy.versions, [id]: { document, createdAt: now } };
    const changed = { versions, lastVersion, updatedAt: now, ...(asDefault && { defaultVersion: id }) };
    return { changed, result: id };
  });
}

/** @throws no-such-entity, delete-conflict for the default version */
export function deleteVersion(state: IamState, arn: string, id: string): Promise<void> {
  return changePolicy(state, arn, (policy) => {
    version(policy, id);
    if (id === policy.defaultVersion) {
      throw iamError('delete-conflict', 'Cannot delete the default version of a policy.');
    }
    const { [id]: _, ...versions } = policy.versions;
    return { changed: { versions }, result: undefined };
  });
}

/** @throws no-such-entity */
export function setDefaultVersion(state: IamState, arn: string, id: string): Promise<void> {
  return changePolicy(state, arn, (policy) => {
    version(policy, id);
    return { changed: { defaultVersion: id, updatedAt: state.clock.now() }, result: undefined };
  });
}

/** Versions of a policy, newest first. Of AWS's own only the latest one is known. */
export function versionsOf(
  policy: AnyPolicy,
): readonly (PolicyVersion & { readonly id: string; readonly isDefault: boolean })[] {
  if (!('versions' in policy)) {
    return [{ id: policy.version, isDefault: true, document: policy.document, createdAt: policy.updatedAt }];
  }
  return Object.entries(policy.versions)
    .map(([id, one]) => ({ id, isDefault: id === policy.defaultVersion, ...one }))
    .sort((a, b) => Number(b.id.slice(1)) - Number(a.id.slice(1)));
}

/** One version of a policy. @throws no-such-entity */
export function version(policy: AnyPolicy, id: string): ReturnType<typeof versionsOf>[number] {
  const found = versionsOf(policy).find((one) => one.id === id);
  if (!found) {
    throw iamError('no-such-entity', `Policy ${policy.arn} version ${id} does not exist or is not attachable.`);
  }
  return found;
}

function ownPolicy(state: IamState, arn: string): ManagedPolicy {
  const policy = managedPolicy(state, arn);
  if ('versions' in policy) return policy;
  throw iamError('access-denied', 'Policy is outside your own account.');
}

function checkDocument(document: string): void {
  checkManagedPolicy(document);
  const { managedPolicyCharactersMax } = IAM_LIMITS;
  if (charactersOf(document) > managedPolicyCharactersMax)
    throw quotaExceeded('PolicySize', managedPolicyCharactersMax);
}

function checkArn(arn: string): void {
  const { service, resource } = parseArn(arn) ?? {};
  if (service === 'iam' && resource?.startsWith('policy/')) return;
  throw iamError('invalid-input', `ARN ${arn} is not valid.`);
}
