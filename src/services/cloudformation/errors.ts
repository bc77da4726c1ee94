import { DomainError } from '../../base/index.ts';
import type { WireAnswer } from '../index.ts';

/** - `validation`: the template or the request is wrong, or the stack's state does not allow it.
 *  - `stack-exists`: a stack of this name lives. - `change-set-exists`: the stack has a change set of this name.
 *  - `change-set-not-found`, `change-set-state`: it is not there; its status does not allow the operation.
 *  - `capabilities-missing`: the template makes IAM resources or uses a macro, and the caller has not agreed to it.
 *  - `limit-exceeded`: more stacks or change sets than a node holds. - `type-not-found`: a type of resource that is not built. */
export type CloudFormationErrorCode =
  | 'validation'
  | 'stack-exists'
  | 'change-set-exists'
  | 'change-set-not-found'
  | 'change-set-state'
  | 'capabilities-missing'
  | 'limit-exceeded'
  | 'type-not-found';

export class CloudFormationError extends DomainError<CloudFormationErrorCode> {}

/** The answer most clients match by its text. */
export function invalid(message: string): CloudFormationError {
  return new CloudFormationError('validation', message);
}

export const CLOUDFORMATION_ANSWERS = {
  validation: { status: 400, type: 'ValidationError' },
  'stack-exists': { status: 400, type: 'AlreadyExistsException' },
  'change-set-exists': { status: 400, type: 'AlreadyExistsException' },
  'change-set-not-found': { status: 404, type: 'ChangeSetNotFound' },
  'change-set-state': { status: 400, type: 'InvalidChangeSetStatus' },
  'capabilities-missing': { status: 400, type: 'InsufficientCapabilitiesException' },
  'limit-exceeded': { status: 400, type: 'LimitExceededException' },
  'type-not-found': { status: 404, type: 'TypeNotFoundException' },
} satisfies Record<CloudFormationErrorCode, WireAnswer>;
