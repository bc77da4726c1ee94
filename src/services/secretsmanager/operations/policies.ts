import type { Operation } from '../../index.ts';
import { checkPolicy, problemsOf } from '../policies.ts';
import { without } from '../rotations.ts';
import type { Secrets } from '../secrets.ts';
import { identityShape } from './shapes.ts';

/** Policies that are attached to secrets. */
export function policyOperations(secrets: Secrets): Record<string, Operation> {
  return {
    PutResourcePolicy: async ({ SecretId, ResourcePolicy: policy, BlockPublicPolicy = false }, { region }) => {
      checkPolicy(policy, BlockPublicPolicy);
      const found = secrets.usable(region, SecretId);
      return identityShape(await secrets.change(found, (before) => ({ secret: { ...before, policy } })));
    },

    GetResourcePolicy: ({ SecretId }, { region }) => {
      const secret = secrets.find(region, SecretId);
      return { ...identityShape(secret), ...(secret.policy !== undefined && { ResourcePolicy: secret.policy }) };
    },

    DeleteResourcePolicy: async ({ SecretId }, { region }) => {
      const found = secrets.usable(region, SecretId);
      return identityShape(await secrets.change(found, (before) => ({ secret: without(before, 'policy') })));
    },

    ValidateResourcePolicy: ({ SecretId, ResourcePolicy: policy }, { region }) => {
      if (SecretId !== undefined) secrets.find(region, SecretId);
      const { malformed, isPublic } = problemsOf(policy);
      const ValidationErrors = [
        ...(malformed === undefined ? [] : [{ CheckName: 'SyntaxCheck', ErrorMessage: malformed }]),
        ...(isPublic
          ? [{ CheckName: 'ResourcePolicyPublicAccess', ErrorMessage: 'The policy lets anybody reach the secret.' }]
          : []),
      ];
      return { PolicyValidationPassed: ValidationErrors.length === 0, ValidationErrors };
    },
  };
}
