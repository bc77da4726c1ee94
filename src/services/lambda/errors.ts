import { DomainError } from '../../base/index.ts';
import type { WireAnswer } from '../index.ts';

/** How the Lambda API answers each of its domain's errors. */
export const LAMBDA_ANSWERS = {
  'function-not-found': { type: 'ResourceNotFoundException', status: 404 },
  'resource-not-found': { type: 'ResourceNotFoundException', status: 404 },
  'resource-in-use': { type: 'ResourceInUseException', status: 400 },
  'resource-conflict': { type: 'ResourceConflictException', status: 409 },
  'invalid-parameter': { type: 'InvalidParameterValueException', status: 400 },
  'revision-mismatch': { type: 'PreconditionFailedException', status: 412 },
  'policy-too-long': { type: 'PolicyLengthExceededException', status: 400 },
  'code-too-large': { type: 'CodeStorageExceededException', status: 400 },
  // The model has RequestTooLargeException; what AWS answers with is this.
  'request-too-large': { type: 'RequestEntityTooLargeException', status: 413 },
  'request-content-invalid': { type: 'InvalidRequestContentException', status: 400 },
  'zip-invalid': { type: 'InvalidParameterValueException', status: 400 },
  'storage-failed': { type: 'ServiceException', status: 500 },
  throttled: { type: 'TooManyRequestsException', status: 429 },
  // Of the outbox: too many events wait.
  'delivery-full': { type: 'TooManyRequestsException', status: 429 },
  'invocation-failed': { type: 'ServiceException', status: 500 },
  'runtime-unknown': { type: 'InvalidRuntimeException', status: 502 },
  'runtime-unavailable': { type: 'InvalidRuntimeException', status: 502 },
  'snapshot-pending': { type: 'SnapStartNotReadyException', status: 409 },
  'snapshot-failed': { type: 'SnapStartException', status: 400 },
  'provisioned-not-found': { type: 'ProvisionedConcurrencyConfigNotFoundException', status: 404 },
  'recursive-invocation': { type: 'RecursiveInvocationException', status: 400 },
  'runtime-closed': { type: 'ServiceException', status: 500 },
} as const satisfies Record<string, WireAnswer>;

export type LambdaErrorCode = keyof typeof LAMBDA_ANSWERS;

export class LambdaError extends DomainError<LambdaErrorCode> {}

export const functionNotFound = (arn: string) => new LambdaError('function-not-found', `Function not found: ${arn}`);

export const invalidParameter = (message: string) => new LambdaError('invalid-parameter', message);

export const revisionMismatch = (what: 'GetFunction' | 'GetAlias' | 'GetPolicy' | 'GetLayerVersionPolicy') =>
  new LambdaError(
    'revision-mismatch',
    `The Revision Id provided does not match the latest Revision Id. Call the ${what} API to retrieve the latest Revision Id`,
  );
