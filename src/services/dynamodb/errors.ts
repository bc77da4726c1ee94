import { DomainError } from '../../base/index.ts';
import type { WireAnswer } from '../index.ts';

/** How the DynamoDB APIs answer each of their domain's errors. */
export const DYNAMODB_ANSWERS = {
  'validation-failed': { type: 'ValidationException', status: 400 },
  'resource-not-found': { type: 'ResourceNotFoundException', status: 400 },
  'resource-in-use': { type: 'ResourceInUseException', status: 400 },
  'table-not-found': { type: 'TableNotFoundException', status: 400 },
  'table-in-use': { type: 'TableInUseException', status: 400 },
  'table-exists': { type: 'TableAlreadyExistsException', status: 400 },
  'limit-exceeded': { type: 'LimitExceededException', status: 400 },
  'condition-failed': { type: 'ConditionalCheckFailedException', status: 400 },
  'collection-too-large': { type: 'ItemCollectionSizeLimitExceededException', status: 400 },
  'throughput-exceeded': { type: 'ProvisionedThroughputExceededException', status: 400 },
  'transaction-canceled': { type: 'TransactionCanceledException', status: 400 },
  'transaction-conflict': { type: 'TransactionConflictException', status: 400 },
  'transaction-in-progress': { type: 'TransactionInProgressException', status: 400 },
  'token-mismatch': { type: 'IdempotentParameterMismatchException', status: 400 },
  'duplicate-item': { type: 'DuplicateItemException', status: 400 },
  'iterator-expired': { type: 'ExpiredIteratorException', status: 400 },
  'data-trimmed': { type: 'TrimmedDataAccessException', status: 400 },
  'policy-not-found': { type: 'PolicyNotFoundException', status: 400 },
  'global-table-not-found': { type: 'GlobalTableNotFoundException', status: 400 },
  'backup-not-found': { type: 'BackupNotFoundException', status: 400 },
  'backup-in-use': { type: 'BackupInUseException', status: 400 },
  'recovery-unavailable': { type: 'PointInTimeRecoveryUnavailableException', status: 400 },
  'restore-time-invalid': { type: 'InvalidRestoreTimeException', status: 400 },
  'export-not-found': { type: 'ExportNotFoundException', status: 400 },
  'export-conflict': { type: 'ExportConflictException', status: 400 },
  'export-time-invalid': { type: 'InvalidExportTimeException', status: 400 },
  'import-not-found': { type: 'ImportNotFoundException', status: 400 },
  'import-conflict': { type: 'ImportConflictException', status: 400 },
  'records-busy': { type: 'ThrottlingException', status: 400 },
  // Numbers are stored as they are written: some hundred thousand of 126 digits are an item of 400 KB, but no record.
  'record-too-large': { type: 'ValidationException', status: 400 },
  'records-full': { type: 'InternalServerError', status: 500 },
} as const satisfies Record<string, WireAnswer>;

export type DynamodbErrorCode = keyof typeof DYNAMODB_ANSWERS;

export class DynamodbError extends DomainError<DynamodbErrorCode> {}

/** What is wrong with a request as it stands, in both wordings that AWS has for it. */
export class RequestRefusal extends DynamodbError {
  /** How operations word it that read requests in AWS's newer way. */
  readonly newer: string;

  constructor(message: string, newer: string) {
    super('validation-failed', message);
    this.newer = newer;
  }
}

const NOT_FOUND = 'Requested resource not found';

/** A table that is not there, as the operations on items say it. */
export const tableNotFound = () => new DynamodbError('resource-not-found', NOT_FOUND);

/** @param message  word for word as AWS says it: clients match on it */
export const invalid = (message: string) => new DynamodbError('validation-failed', message);

export const streamNotFound = (arn: string) =>
  new DynamodbError('resource-not-found', `Requested resource not found: Stream: ${arn} not found`);

/** Runs what reads a request in AWS's newer way. @throws what it throws, in the newer wording */
export function newlyWorded<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof RequestRefusal ? invalid(error.newer) : error;
  }
}

/**
 * Runs what reads the request of PutItem, UpdateItem or DeleteItem before its table is looked at: AWS says of what is wrong
 * there, expressions included, that it is one validation error.
 * @throws what it throws, in the newer wording and that envelope
 */
export function enveloped<T>(read: () => T): T {
  try {
    return newlyWorded(read);
  } catch (error) {
    if (!(error instanceof DynamodbError) || error.code !== 'validation-failed') throw error;
    throw invalid(`1 validation error detected: ${error.message}`);
  }
}
