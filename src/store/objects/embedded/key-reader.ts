import { DomainError } from '../../../base/index.ts';
import { keyRange } from '../../../codec/index.ts';
import type { RecordEntry } from '../../records/index.ts';
import type { ObjectsErrorCode } from '../objects.ts';
import { earlierKeys, headKeys, jsonOf, SPACES, type StoredVersion } from './catalog.ts';
import type { CatalogRecords } from './catalog-records.ts';
import { type KeyState, notFound, type Row } from './history.ts';
import { NULL_VERSION, orderOfId } from './version-ids.ts';

/** A version that was asked for, and the key that it is of. */
export interface Found {
  readonly state: KeyState;
  readonly row: Row;
  readonly isLatest: boolean;
}

/** Reads keys and their versions, content that is small with them. */
export class KeyReader {
  readonly #records: CatalogRecords;

  constructor(records: CatalogRecords) {
    this.#records = records;
  }

  async state(bucket: string, key: string): Promise<KeyState> {
    const [head, small] = await this.#records.getAll(headKeys(bucket, key));
    return stateOf(bucket, key, head, small);
  }

  /** The version at an order behind the newest. */
  async earlier(bucket: string, key: string, order: number): Promise<Row | undefined> {
    const [row, small] = await this.#records.getAll(earlierKeys(bucket, key, order));
    return row && rowOf(row, small);
  }

  /** The version before the newest. */
  async second(bucket: string, key: string): Promise<Row | undefined> {
    for (;;) {
      const [row] = await this.#records.range(SPACES.versions, { ...keyRange([bucket, key]), limit: 1 });
      if (!row) return undefined;
      if (!jsonOf<StoredVersion>(row).small) return rowOf(row, undefined);
      const small = await this.#records.get(SPACES.small, row.key);
      if (small) return rowOf(row, small);
      // Between the two reads another commit removed it; the one before it is then the second.
    }
  }

  /** The version of that id, or the newest; a delete marker too. @throws object-not-found, version-not-found */
  async find(bucket: string, key: string, versionId: string | undefined): Promise<Found> {
    if (versionId === undefined || versionId === NULL_VERSION) return this.#findByState(bucket, key, versionId);
    const order = orderOfId(versionId);
    if (order === undefined) throw noVersion(key, versionId);
    const keys = [...headKeys(bucket, key), ...earlierKeys(bucket, key, order)];
    const [head, small, row, rowSmall] = await this.#records.getAll(keys);
    const state = stateOf(bucket, key, head, small);
    if (state.head?.stored.id === versionId) return { state, row: state.head, isLatest: true };
    const earlier = row && rowOf(row, rowSmall);
    if (earlier?.stored.id !== versionId) throw noVersion(key, versionId);
    return { state, row: earlier, isLatest: false };
  }

  async #findByState(bucket: string, key: string, versionId: string | undefined): Promise<Found> {
    const state = await this.state(bucket, key);
    const { head } = state;
    if (head && (versionId === undefined || head.stored.id === undefined)) return { state, row: head, isLatest: true };
    if (versionId === undefined) throw notFound(state);
    const order = head?.stored.nullOrder;
    const row = order === undefined ? undefined : await this.earlier(bucket, key, order);
    if (!row) throw noVersion(key, versionId);
    return { state, row, isLatest: false };
  }
}

function stateOf(bucket: string, key: string, head: RecordEntry | undefined, small: RecordEntry | undefined): KeyState {
  return head ? { bucket, key, head: rowOf(head, small) } : { bucket, key };
}

function rowOf(entry: RecordEntry, small: RecordEntry | undefined): Row {
  const row = { stored: jsonOf<StoredVersion>(entry), version: entry.version };
  return small ? { ...row, bytes: small.value } : row;
}

function noVersion(key: string, versionId: string): DomainError<ObjectsErrorCode> {
  return new DomainError('version-not-found', `no version ${versionId} of ${key}`, { fields: { versionId } });
}
