import { DomainError } from '../../base/index.ts';
import type { WireAnswer } from '../index.ts';

/** How Parameter Store's API answers each of its domain's errors. */
export const SSM_ANSWERS = {
  validation: { type: 'ValidationException', status: 400 },
  'access-denied': { type: 'AccessDeniedException', status: 400 },
  'parameter-not-found': { type: 'ParameterNotFound', status: 400 },
  'version-not-found': { type: 'ParameterVersionNotFound', status: 400 },
  'already-exists': { type: 'ParameterAlreadyExists', status: 400 },
  'too-many-parameters': { type: 'ParameterLimitExceeded', status: 400 },
  'too-many-versions': { type: 'ParameterMaxVersionLimitExceeded', status: 400 },
  'too-many-labels': { type: 'ParameterVersionLabelLimitExceeded', status: 400 },
  'too-many-levels': { type: 'HierarchyLevelLimitExceededException', status: 400 },
  'type-mismatch': { type: 'HierarchyTypeMismatchException', status: 400 },
  'invalid-pattern': { type: 'InvalidAllowedPatternException', status: 400 },
  'pattern-mismatch': { type: 'ParameterPatternMismatchException', status: 400 },
  'invalid-key': { type: 'InvalidKeyId', status: 400 },
  'too-many-policies': { type: 'PoliciesLimitExceededException', status: 400 },
  'invalid-policy-type': { type: 'InvalidPolicyTypeException', status: 400 },
  'invalid-policy-attribute': { type: 'InvalidPolicyAttributeException', status: 400 },
  'incompatible-policy': { type: 'IncompatiblePolicyException', status: 400 },
  'invalid-filter-key': { type: 'InvalidFilterKey', status: 400 },
  'invalid-filter-option': { type: 'InvalidFilterOption', status: 400 },
  'invalid-filter-value': { type: 'InvalidFilterValue', status: 400 },
  'invalid-token': { type: 'InvalidNextToken', status: 400 },
  'invalid-resource': { type: 'InvalidResourceId', status: 400 },
  'invalid-resource-type': { type: 'InvalidResourceType', status: 400 },
  'too-many-tags': { type: 'TooManyTagsError', status: 400 },
} as const satisfies Record<string, WireAnswer>;

export type SsmErrorCode = keyof typeof SSM_ANSWERS;

export class SsmError extends DomainError<SsmErrorCode> {}

export const invalid = (message: string): SsmError => new SsmError('validation', message);

export const parameterNotFound = (name: string): SsmError =>
  new SsmError('parameter-not-found', `Parameter ${name} not found.`);
