import type { Records } from '../../records/index.ts';
import { storageError } from './errors.ts';

/** What the catalog needs of the records store. */
export type CatalogRecords = Pick<Records, 'get' | 'getAll' | 'range' | 'commit'>;

/** The same, with errors of the store in the words of the objects port; a condition that failed stays one. */
export function catalogRecords(records: Records): CatalogRecords {
  return {
    get: (space, key) => records.get(space, key).catch(rethrow),
    getAll: (keys) => records.getAll(keys).catch(rethrow),
    range: (space, range) => records.range(space, range).catch(rethrow),
    commit: (transaction) => records.commit(transaction).catch(rethrow),
  };
}

function rethrow(error: unknown): never {
  throw storageError(error);
}
