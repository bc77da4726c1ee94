import type { Operation, OperationContext } from '../../index.ts';
import { markedPage } from '../pagination.ts';
import type { Policies } from '../policies/policies.ts';
import { type Policy, type PolicyVersion, policyArn } from '../policies/policy.ts';
import type { Tag, Tags } from '../tags.ts';

interface Named {
  readonly policyName: string;
}

interface Versioned extends Named {
  readonly policyVersionId: string;
}

export interface Marked {
  readonly marker?: string;
  readonly pageSize?: number;
  readonly ascendingOrder?: boolean;
}

/** CreatePolicy and its family, with versions. */
export function policyOperations(policies: Policies, tags: Tags) {
  return {
    CreatePolicy: async (
      { policyName, policyDocument, tags: given = [] }: Named & { policyDocument: string; tags?: readonly Tag[] },
      { region }: OperationContext,
    ) => {
      const policy = await policies.create(policyName, policyDocument, region);
      if (given.length > 0) await tags.add(policyArn(policy), given);
      return { policyName, policyArn: policyArn(policy), policyDocument, policyVersionId: policy.defaultVersionId };
    },
    GetPolicy: ({ policyName }: Named) => {
      const policy = policies.get(policyName);
      const { document } = policies.version(policyName, policy.defaultVersionId);
      return {
        ...listItem(policy),
        policyDocument: document,
        defaultVersionId: policy.defaultVersionId,
        creationDate: new Date(policy.createdAt),
        lastModifiedDate: new Date(policy.modifiedAt),
        generationId: generationOf(policy),
      };
    },
    ListPolicies: ({ ascendingOrder = false, ...page }: Marked) => {
      const { items, nextMarker } = markedPage(policies.list(), ({ name }) => name, { ...page, ascendingOrder });
      return { policies: items.map(listItem), ...(nextMarker !== undefined && { nextMarker }) };
    },
    DeletePolicy: async ({ policyName }: Named) => {
      const arn = policyArn(policies.get(policyName));
      await policies.delete(policyName);
      await tags.drop(arn);
      return {};
    },
    CreatePolicyVersion: async ({
      policyName,
      policyDocument,
      setAsDefault = false,
    }: Named & { policyDocument: string; setAsDefault?: boolean }) => {
      const version = await policies.addVersion(policyName, policyDocument, setAsDefault);
      const arn = policyArn(policies.get(policyName));
      return { policyArn: arn, policyDocument, policyVersionId: version.id, isDefaultVersion: setAsDefault };
    },
    GetPolicyVersion: ({ policyName, policyVersionId }: Versioned) => {
      const policy = policies.get(policyName);
      const { document, createdAt } = policies.version(policyName, policyVersionId);
      return {
        ...listItem(policy),
        policyDocument: document,
        policyVersionId,
        isDefaultVersion: policyVersionId === policy.defaultVersionId,
        creationDate: new Date(createdAt),
        lastModifiedDate: new Date(createdAt),
        generationId: generationOf(policy),
      };
    },
    ListPolicyVersions: ({ policyName }: Named) => {
      const policy = policies.get(policyName);
      return { policyVersions: policy.versions.map((version) => versionItem(policy, version)) };
    },
    SetDefaultPolicyVersion: async ({ policyName, policyVersionId }: Versioned) => {
      await policies.setDefaultVersion(policyName, policyVersionId);
      return {};
    },
    DeletePolicyVersion: async ({ policyName, policyVersionId }: Versioned) => {
      await policies.deleteVersion(policyName, policyVersionId);
      return {};
    },
  } satisfies Record<string, Operation>;
}

export function listItem(policy: Policy) {
  return { policyName: policy.name, policyArn: policyArn(policy) };
}

/** Changes with every change of the policy. */
function generationOf({ modifiedAt, nextVersion }: Policy): string {
  return `${modifiedAt.toString(16)}-${nextVersion}`;
}

function versionItem(policy: Policy, { id, createdAt }: PolicyVersion) {
  return { versionId: id, isDefaultVersion: id === policy.defaultVersionId, createDate: new Date(createdAt) };
}
