import { DomainError } from '../../base/index.ts';
import type { WireAnswer } from '../index.ts';

/** - `no-such-entity`, `entity-exists`: as they say; - `delete-conflict`: something still hangs on it;
 *  - `malformed-policy`: not a policy document; - `limit-exceeded`: the account's numbers;
 *  - `invalid-input`: what no constraint of the model catches; - `validation`: the same, where AWS has no name for it;
 *  - `unmodifiable-entity`: a service's own role; - `not-attachable`: a policy for such roles only;
 *  - `access-denied`: AWS's own policies are not changed; - `report-not-present`: to be made first. */
export type IamErrorCode =
  | 'no-such-entity'
  | 'entity-exists'
  | 'delete-conflict'
  | 'malformed-policy'
  | 'limit-exceeded'
  | 'invalid-input'
  | 'validation'
  | 'unmodifiable-entity'
  | 'not-attachable'
  | 'access-denied'
  | 'report-not-present';

export const IAM_ANSWERS = {
  'no-such-entity': { type: 'NoSuchEntityException', status: 404 },
  'entity-exists': { type: 'EntityAlreadyExistsException', status: 409 },
  'delete-conflict': { type: 'DeleteConflictException', status: 409 },
  'malformed-policy': { type: 'MalformedPolicyDocumentException', status: 400 },
  'limit-exceeded': { type: 'LimitExceededException', status: 409 },
  'invalid-input': { type: 'InvalidInputException', status: 400 },
  validation: { type: 'ValidationError', status: 400 },
  'unmodifiable-entity': { type: 'UnmodifiableEntityException', status: 400 },
  'not-attachable': { type: 'PolicyNotAttachableException', status: 400 },
  'access-denied': { type: 'AccessDenied', status: 403 },
  'report-not-present': { type: 'CredentialReportNotPresentException', status: 410 },
} satisfies Record<IamErrorCode, WireAnswer>;

export function iamError(code: IamErrorCode, message: string): DomainError<IamErrorCode> {
  return new DomainError(code, message);
}

/** More than the account may have of something. @param what  AWS's name of the quota, `UsersPerAccount` */
export function quotaExceeded(what: string, max: number): DomainError<IamErrorCode> {
  return iamError('limit-exceeded', `Cannot exceed quota for ${what}: ${max}`);
}
