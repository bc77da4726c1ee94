import type { Operation } from '../../index.ts';
import type { Role } from '../entities.ts';
import { iamError } from '../errors.ts';
import type { Identities } from '../iam.ts';
import { IAM_LIMITS } from '../limits.ts';
import { checkPolicyDocument } from '../policy-document.ts';
import { encodeDocument, page } from './common.ts';

/** Inline policies of roles, and managed ones attached to them. */
export function rolePolicyOperations(identities: Identities): Record<string, Operation> {
  return { ...inlineOperations(identities), ...attachedOperations(identities) };
}

function inlineOperations(identities: Identities): Record<string, Operation> {
  return {
    PutRolePolicy: ({ RoleName, PolicyName, PolicyDocument }) => {
      checkPolicyDocument(PolicyDocument);
      return identities.changeRole(RoleName, (role) => {
        const inlinePolicies = { ...role.inlinePolicies, [PolicyName]: PolicyDocument };
        checkSize(RoleName, inlinePolicies);
        return { inlinePolicies };
      });
    },
    GetRolePolicy: ({ RoleName, PolicyName }) => {
      const document = inline(identities.role(RoleName), PolicyName);
      return { RoleName, PolicyName, PolicyDocument: encodeDocument(document) };
    },
    DeleteRolePolicy: ({ RoleName, PolicyName }) =>
      identities.changeRole(RoleName, (role) => {
        inline(role, PolicyName);
        const { [PolicyName]: _, ...inlinePolicies } = role.inlinePolicies;
        return { inlinePolicies };
      }),
    ListRolePolicies: (input) => {
      const { items, rest } = page(Object.keys(identities.role(input.RoleName).inlinePolicies).sort(), input);
      return { PolicyNames: items, ...rest };
    },
  };
}

function attachedOperations(identities: Identities): Record<string, Operation> {
  return {
    AttachRolePolicy: ({ RoleName, PolicyArn }) => identities.changeRole(RoleName, (role) => attach(role, PolicyArn)),
    DetachRolePolicy: ({ RoleName, PolicyArn }) =>
      identities.changeRole(RoleName, ({ attachedPolicies }) => {
        if (!attachedPolicies.includes(PolicyArn))
          throw iamError('no-such-entity', `Policy ${PolicyArn} was not found.`);
        return { attachedPolicies: attachedPolicies.filter((arn) => arn !== PolicyArn) };
      }),
    ListAttachedRolePolicies: (input) => {
      const { items, rest } = page(identities.role(input.RoleName).attachedPolicies, input);
      return { AttachedPolicies: items.map((arn) => ({ PolicyArn: arn, PolicyName: nameOf(arn) })), ...rest };
    },
  };
}

function attach({ attachedPolicies }: Role, arn: string): { readonly attachedPolicies: readonly string[] } {
  if (attachedPolicies.includes(arn)) return { attachedPolicies };
  const { attachedPoliciesPerRoleMax } = IAM_LIMITS;
  if (attachedPolicies.length >= attachedPoliciesPerRoleMax) {
    throw iamError('limit-exceeded', `Cannot exceed quota for PoliciesPerRole: ${attachedPoliciesPerRoleMax}`);
  }
  return { attachedPolicies: [...attachedPolicies, arn] };
}

function inline({ inlinePolicies }: Role, policy: string): string {
  if (Object.hasOwn(inlinePolicies, policy)) return inlinePolicies[policy]!;
  throw iamError('no-such-entity', `The role policy with name ${policy} cannot be found.`);
}

function checkSize(role: string, policies: Readonly<Record<string, string>>): void {
  const { inlinePolicyCharactersMax } = IAM_LIMITS;
  const characters = Object.values(policies).reduce((sum, text) => sum + text.replace(/\s/g, '').length, 0);
  if (characters <= inlinePolicyCharactersMax) return;
  throw iamError(
    'limit-exceeded',
    `Maximum policy size of ${inlinePolicyCharactersMax} bytes exceeded for role ${role}`,
  );
}

function nameOf(arn: string): string {
  return arn.slice(arn.lastIndexOf('/') + 1);
}
