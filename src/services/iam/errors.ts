import { DomainError } from '../../base/index.ts';
import type { WireAnswer } from '../index.ts';

/** - `no-such-entity`, `entity-exists`: as they say; - `delete-conflict`: something still hangs on it;
 *  - `malformed-policy`: not a policy document; - `limit-exceeded`: the account's numbers; - `invalid-input`: a marker of no list. */
export type IamErrorCode =
  | 'no-such-entity'
  | 'entity-exists'
  | 'delete-conflict'
  | 'malformed-policy'
  | 'limit-exceeded'
  | 'invalid-input';

export const IAM_ANSWERS = {
  'no-such-entity': { type: 'NoSuchEntityException', status: 404 },
  'entity-exists': { type: 'EntityAlreadyExistsException', status: 409 },
  'delete-conflict': { type: 'DeleteConflictException', status: 409 },
  'malformed-policy': { type: 'MalformedPolicyDocumentException', status: 400 },
  'limit-exceeded': { type: 'LimitExceededException', status: 409 },
  'invalid-input': { type: 'InvalidInputException', status: 400 },
} satisfies Record<IamErrorCode, WireAnswer>;

export function iamError(code: IamErrorCode, message: string): DomainError<IamErrorCode> {
  return new DomainError(code, message);
}
