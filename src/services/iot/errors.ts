import { DomainError } from '../../base/index.ts';
import type { WireAnswer } from '../index.ts';

export type IotErrorCode =
  | 'sql-invalid'
  | 'request-invalid'
  | 'rule-exists'
  | 'rule-not-found'
  | 'limit-exceeded'
  | 'conflict'
  | 'resource-not-found'
  | 'resource-exists'
  | 'version-conflict'
  | 'certificate-invalid'
  | 'certificate-state'
  | 'transfer-completed'
  | 'registration-code-invalid'
  | 'registration-failed'
  | 'malformed-policy'
  | 'versions-limit-exceeded'
  | 'delete-conflict'
  | 'invalid-response'
  | 'retained-not-found'
  | 'stream-not-found'
  | 'forbidden'
  | 'unavailable';

export class IotError extends DomainError<IotErrorCode> {}

/** Answers of the control plane (`iot`). A rule that is not there answers 401, as AWS does. */
export const IOT_ANSWERS = {
  'sql-invalid': { type: 'SqlParseException', status: 400 },
  'request-invalid': { type: 'InvalidRequestException', status: 400 },
  'rule-exists': { type: 'ResourceAlreadyExistsException', status: 409 },
  'rule-not-found': { type: 'UnauthorizedException', status: 401 },
  'limit-exceeded': { type: 'LimitExceededException', status: 410 },
  'resource-not-found': { type: 'ResourceNotFoundException', status: 404 },
  'resource-exists': { type: 'ResourceAlreadyExistsException', status: 409 },
  'version-conflict': { type: 'VersionConflictException', status: 409 },
  'certificate-invalid': { type: 'CertificateValidationException', status: 400 },
  'transfer-completed': { type: 'TransferAlreadyCompletedException', status: 410 },
  'registration-code-invalid': { type: 'RegistrationCodeValidationException', status: 400 },
  'registration-failed': { type: 'ResourceRegistrationFailureException', status: 400 },
  'certificate-state': { type: 'CertificateStateException', status: 406 },
  'malformed-policy': { type: 'MalformedPolicyException', status: 400 },
  'versions-limit-exceeded': { type: 'VersionsLimitExceededException', status: 409 },
  'invalid-response': { type: 'InvalidResponseException', status: 400 },
  'delete-conflict': { type: 'DeleteConflictException', status: 409 },
  conflict: { type: 'ConflictingResourceUpdateException', status: 409 },
  /** Told to error actions; no operation answers with it. */
  'stream-not-found': { type: 'InvalidRequestException', status: 400 },
  'retained-not-found': { type: 'ResourceNotFoundException', status: 404 },
  forbidden: { type: 'ForbiddenException', status: 403 },
  unavailable: { type: 'ServiceUnavailableException', status: 503 },
} satisfies Record<IotErrorCode, WireAnswer>;

/** Answers of the data plane (`iotdata`). */
export const IOT_DATA_ANSWERS = {
  ...IOT_ANSWERS,
  'limit-exceeded': { type: 'ThrottlingException', status: 429 },
} satisfies Record<IotErrorCode, WireAnswer>;
