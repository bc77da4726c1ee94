import { DomainError, hasCode, messageOf } from '../../../base/index.ts';
import type { SeriesErrorCode } from '../series.ts';

export function exists(database: string): DomainError<SeriesErrorCode> {
  return new DomainError('database-exists', `database ${database} exists already`);
}

/** For `catch`: the same, thrown. */
export function rethrow(error: unknown): never {
  throw storageError(error);
}

/** An error of the log or the records store as this port names it. */
export function storageError(error: unknown): DomainError<SeriesErrorCode> {
  const message = messageOf(error);
  const options = { cause: error };
  if (hasCode(error, 'partition-not-found')) return new DomainError('database-not-found', message, options);
  if (hasCode(error, 'records-busy')) return new DomainError('series-busy', message, { ...options, remedy: 'retry' });
  if (hasCode(error, 'log-full') || hasCode(error, 'records-full')) {
    return new DomainError('series-full', message, { ...options, remedy: 'retry' });
  }
  return new DomainError('series-failed', message, options);
}
