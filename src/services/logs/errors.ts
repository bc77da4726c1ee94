import { DomainError } from '../../base/index.ts';
import type { WireAnswer } from '../index.ts';

/** How the CloudWatch Logs API answers each of its domain's errors. */
export const LOGS_ANSWERS = {
  'resource-not-found': { type: 'ResourceNotFoundException', status: 400 },
  'resource-exists': { type: 'ResourceAlreadyExistsException', status: 400 },
  'group-protected': { type: 'ValidationException', status: 400 },
  'invalid-parameter': { type: 'InvalidParameterException', status: 400 },
  'limit-exceeded': { type: 'LimitExceededException', status: 400 },
  'logs-unavailable': { type: 'ServiceUnavailableException', status: 500 },
} as const satisfies Record<string, WireAnswer>;

export type LogsErrorCode = keyof typeof LOGS_ANSWERS;

export class LogsError extends DomainError<LogsErrorCode> {}

export const invalidParameter = (message: string) => new LogsError('invalid-parameter', message);
export const groupNotFound = () => new LogsError('resource-not-found', 'The specified log group does not exist.');
export const streamNotFound = () => new LogsError('resource-not-found', 'The specified log stream does not exist.');
