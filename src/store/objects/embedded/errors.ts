import { DomainError, hasCode, messageOf } from '../../../base/index.ts';
import type { ObjectsErrorCode } from '../objects.ts';

/** An error of the file system or the records store as this port names it. */
export function storageError(error: unknown): DomainError<ObjectsErrorCode> {
  if (error instanceof DomainError && !error.code.startsWith('records-')) return error as DomainError<ObjectsErrorCode>;
  const full = ['ENOSPC', 'EDQUOT', 'EFBIG', 'records-full', 'records-busy'].some((code) => hasCode(error, code));
  return full
    ? new DomainError('objects-full', 'the disk of the objects store is full', { cause: error, remedy: 'retry' })
    : new DomainError('objects-failed', `the objects store failed: ${messageOf(error)}`, { cause: error });
}

/** Whether a commit that ended so may be in the file all the same: a sync that failed takes back nothing. */
export function mayStand(error: unknown): boolean {
  return hasCode(error, 'objects-failed');
}
