import { DomainError } from '../../base/index.ts';
import type { WireAnswer } from '../index.ts';

/** How the SQS API answers each of its domain's errors. */
export const SQS_ANSWERS = {
  'queue-not-found': { type: 'QueueDoesNotExist', status: 400 },
  'queue-exists': { type: 'QueueNameExists', status: 400 },
  'attribute-unknown': { type: 'InvalidAttributeName', status: 400 },
  'attribute-invalid': { type: 'InvalidAttributeValue', status: 400 },
  'parameter-invalid': { type: 'InvalidParameterValue', status: 400 },
  'parameter-missing': { type: 'MissingParameter', status: 400 },
  'contents-invalid': { type: 'InvalidMessageContents', status: 400 },
  /** Only by the doors that are not AWS's: browsing, reading and redriving single messages. */
  'message-not-found': { type: 'InvalidParameterValue', status: 404 },
  'message-without-source': { type: 'InvalidParameterValue', status: 409 },
  'receipt-invalid': { type: 'ReceiptHandleIsInvalid', status: 400 },
  'not-in-flight': { type: 'MessageNotInflight', status: 400 },
  'over-limit': { type: 'OverLimit', status: 403 },
  'purge-in-progress': { type: 'PurgeQueueInProgress', status: 403 },
  'batch-empty': { type: 'EmptyBatchRequest', status: 400 },
  'batch-too-many': { type: 'TooManyEntriesInBatchRequest', status: 400 },
  'batch-too-long': { type: 'BatchRequestTooLong', status: 400 },
  'batch-ids-not-distinct': { type: 'BatchEntryIdsNotDistinct', status: 400 },
  'batch-id-invalid': { type: 'InvalidBatchEntryId', status: 400 },
  'resource-not-found': { type: 'ResourceNotFoundException', status: 404 },
  unsupported: { type: 'UnsupportedOperation', status: 400 },
} as const satisfies Record<string, WireAnswer>;

export type SqsErrorCode = keyof typeof SQS_ANSWERS;

export class SqsError extends DomainError<SqsErrorCode> {}

export const queueNotFound = () => new SqsError('queue-not-found', 'The specified queue does not exist.');

export const messageNotFound = () => new SqsError('message-not-found', 'The message is not in the queue any more.');

export const parameterInvalid = (value: unknown, name: string, reason: string) =>
  new SqsError('parameter-invalid', `Value ${String(value)} for parameter ${name} is invalid. Reason: ${reason}`);

export const parameterMissing = (name: string) =>
  new SqsError('parameter-missing', `The request must contain the parameter ${name}.`);
