/**
 * The versions of a key, and what becomes of them. Deciding only: what is read comes in, what is to be written goes out. Every step depends
 * on all rows that it has read being as they were.
 *
 * Invariants: a key that has any version has a row of its newest one; earlier ones have smaller orders; at most one version is the null version, and
 * when it is an earlier one, the newest one's `nullOrder` says where.
 */
import { DomainError } from '../../../base/index.ts';
import type { Condition, Write } from '../../records/index.ts';
import type { ObjectsErrorCode, Retention, Versioning, WriteConditions } from '../objects.ts';
import {
  earlierKeys,
  headKeys,
  orderOf,
  putBytes,
  putJson,
  remove,
  type StoredBlob,
  type StoredVersion,
} from './catalog.ts';

/** A row as it was read. */
export interface Row {
  readonly stored: StoredVersion;
  /** Of the commit that wrote it. */
  readonly version: number;
  /** Its small content. */
  readonly bytes?: Uint8Array;
}

/** A key as it was read. */
export interface KeyState {
  readonly bucket: string;
  readonly key: string;
  readonly head?: Row;
}

/** What a step takes and leaves. */
export interface Step {
  readonly conditions: readonly Condition[];
  readonly writes: readonly Write[];
  /** Nothing names these any more. */
  readonly freed: readonly StoredBlob[];
}

/** A version that is to be the newest: what places it gives it its order and id. */
export type Fresh = Omit<StoredVersion, 'order' | 'id' | 'nullOrder'>;

/** The version of a key that is an object and the newest. */
export function currentObject({ head }: KeyState): StoredVersion | undefined {
  return head && !head.stored.marker ? head.stored : undefined;
}

/** @throws precondition-failed, object-not-found */
export function checkConditions(state: KeyState, { ifNoneMatch, ifMatch }: WriteConditions): void {
  const current = currentObject(state);
  if (ifNoneMatch === '*' && current) throw unmet('If-None-Match');
  if (ifMatch === undefined) return;
  if (!current) throw notFound(state);
  if (ifMatch !== '*' && ifMatch !== current.etag) throw unmet('If-Match');
}

export function unmet(condition: string): DomainError<ObjectsErrorCode> {
  return new DomainError('precondition-failed', 'the object is not as the condition asks', {
    fields: { Condition: condition },
  });
}

export function notFound({ bucket, key, head }: KeyState): DomainError<ObjectsErrorCode> {
  const marker = head?.stored.marker && { deleteMarker: true, versionId: head.stored.id ?? 'null' };
  return new DomainError('object-not-found', `no object ${key} in bucket ${bucket}`, { fields: { ...marker } });
}

/** The order of what comes next under the key. */
export function nextOrder({ head }: KeyState, at: number): number {
  return Math.max(at * 1000, head ? orderOf(head.stored) + 1 : 0);
}

/** Whether the null version, an earlier one, has to be read: what is placed next takes its place. */
export function replacesEarlierNull({ head }: KeyState, versioning: Versioning | undefined): number | undefined {
  return versioning === 'Enabled' || head?.stored.id === undefined ? undefined : head.stored.nullOrder;
}

/**
 * Puts a version on top.
 *
 * @param makeId  the id of a version of that order, where versions have ids
 * @param earlierNull  the row that {@link replacesEarlierNull} asked for
 */
export function place(
  state: KeyState,
  versioning: Versioning | undefined,
  { fresh, bytes, at }: { readonly fresh: Fresh; readonly bytes?: Uint8Array | undefined; readonly at: number },
  makeId: (order: number) => string,
  earlierNull?: Row,
): Step & { readonly stored: StoredVersion } {
  const { bucket, key, head } = state;
  const order = nextOrder(state, at);
  const keeps = head !== undefined && (versioning === 'Enabled' || head.stored.id !== undefined);
  const [headKey, smallKey] = headKeys(bucket, key);
  const writes: Write[] = keeps ? [...moved(state, head)] : [];
  const freed = head && !keeps ? [...head.stored.blobs] : [];
  const conditions: Condition[] = [{ ...headKey, is: head?.version ?? 'absent' }];
  let nullOrder: number | undefined;
  if (keeps) nullOrder = head.stored.id === undefined ? orderOf(head.stored) : head.stored.nullOrder;
  if (earlierNull) {
    const gone = removedEarlier(state, earlierNull);
    writes.push(...gone.writes);
    conditions.push(...gone.conditions);
    freed.push(...gone.freed);
    nullOrder = undefined;
  }
  const stored: StoredVersion = {
    ...fresh,
    ...(bytes && { small: true as const }),
    order,
    ...(versioning === 'Enabled' && { id: makeId(order) }),
    ...(nullOrder !== undefined && { nullOrder }),
  };
  writes.push(putJson(headKey.space, headKey.key, stored));
  if (bytes) writes.push(putBytes(smallKey.space, smallKey.key, bytes));
  else if (head?.stored.small) writes.push(remove(smallKey.space, smallKey.key));
  return { conditions, writes, freed, stored };
}

/** Removes the newest version; `next` is the one before it, which is then the newest. */
export function removeHead(state: KeyState & { readonly head: Row }, next: Row | undefined): Step {
  const { bucket, key, head } = state;
  const [headKey, smallKey] = headKeys(bucket, key);
  const conditions: Condition[] = [{ ...headKey, is: head.version }];
  const freed = head.stored.blobs;
  const takesSmall = head.stored.small ? [remove(smallKey.space, smallKey.key)] : [];
  if (!next) return { conditions, writes: [remove(headKey.space, headKey.key), ...takesSmall], freed };
  const [nextKey, nextSmallKey] = earlierKeys(bucket, key, orderOf(next.stored));
  const nullOrder = next.stored.id === undefined ? undefined : head.stored.nullOrder;
  const writes = [
    ...takesSmall,
    putJson(headKey.space, headKey.key, { ...next.stored, ...(nullOrder !== undefined && { nullOrder }) }),
    remove(nextKey.space, nextKey.key),
  ];
  if (next.stored.small) {
    writes.push(putBytes(smallKey.space, smallKey.key, next.bytes!), remove(nextSmallKey.space, nextSmallKey.key));
  }
  return { conditions: [...conditions, { ...nextKey, is: next.version }], writes, freed };
}

/** Removes an earlier version. */
export function removeEarlier(state: KeyState & { readonly head: Row }, row: Row): Step {
  const { conditions, writes, freed } = removedEarlier(state, row);
  if (row.stored.id !== undefined) return { conditions, writes, freed };
  const [headKey] = headKeys(state.bucket, state.key);
  const { nullOrder: _, ...stored } = state.head.stored;
  return {
    conditions: [...conditions, { ...headKey, is: state.head.version }],
    writes: [...writes, putJson(headKey.space, headKey.key, stored)],
    freed,
  };
}

/** What keeps a version from being removed. @throws object-locked */
export function checkUnlocked(stored: StoredVersion, now: number, bypassGovernance: boolean): void {
  if (stored.legalHold) throw locked('a legal hold keeps the version');
  if (retains(stored.retention, now, bypassGovernance)) throw locked('its retention keeps the version');
}

/** @throws object-locked  when the change would let go of what is kept */
export function checkRetentionChange(
  before: Retention | undefined,
  after: Retention | undefined,
  now: number,
  bypassGovernance: boolean,
): void {
  if (!before || before.until <= now) return;
  const weaker = !after || after.until < before.until || (before.mode === 'COMPLIANCE' && after.mode === 'GOVERNANCE');
  const changesMode = after !== undefined && after.mode !== before.mode;
  if ((weaker || changesMode) && retains(before, now, bypassGovernance)) {
    if (before.mode === 'GOVERNANCE' && after?.mode === 'COMPLIANCE' && !weaker) return;
    throw locked('its retention may not be shortened');
  }
}

function retains(retention: Retention | undefined, now: number, bypassGovernance: boolean): boolean {
  if (!retention || retention.until <= now) return false;
  return retention.mode === 'COMPLIANCE' || !bypassGovernance;
}

function locked(message: string): DomainError<ObjectsErrorCode> {
  return new DomainError('object-locked', message);
}

/** The newest version becomes an earlier one. */
function moved({ bucket, key }: KeyState, { stored, bytes }: Row): readonly Write[] {
  const [rowKey, smallKey] = earlierKeys(bucket, key, orderOf(stored));
  const { nullOrder: _, ...kept } = stored;
  const row = putJson(rowKey.space, rowKey.key, { ...kept, order: orderOf(stored) });
  return stored.small ? [row, putBytes(smallKey.space, smallKey.key, bytes!)] : [row];
}

function removedEarlier({ bucket, key }: KeyState, { stored, version }: Row): Step {
  const [rowKey, smallKey] = earlierKeys(bucket, key, orderOf(stored));
  return {
    conditions: [{ ...rowKey, is: version }],
    writes: [remove(rowKey.space, rowKey.key), ...(stored.small ? [remove(smallKey.space, smallKey.key)] : [])],
    freed: stored.blobs,
  };
}
