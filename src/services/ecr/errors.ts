import { DomainError } from '../../base/index.ts';
import type { WireAnswer } from '../index.ts';

/** How the ECR API answers each of its domain's errors. */
export const ECR_ANSWERS = {
  'repository-not-found': { status: 400, type: 'RepositoryNotFoundException' },
  'repository-exists': { status: 400, type: 'RepositoryAlreadyExistsException' },
  'policy-not-found': { status: 400, type: 'RepositoryPolicyNotFoundException' },
  'lifecycle-policy-not-found': { status: 400, type: 'LifecyclePolicyNotFoundException' },
  'parameter-invalid': { status: 400, type: 'InvalidParameterException' },
  'limit-exceeded': { status: 400, type: 'LimitExceededException' },
} as const satisfies Record<string, WireAnswer>;

export type EcrErrorCode = keyof typeof ECR_ANSWERS;

export class EcrError extends DomainError<EcrErrorCode> {}
