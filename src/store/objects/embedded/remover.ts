import { type Clock, hasCode } from '../../../base/index.ts';
import type { ChangeCause, DeleteOptions, Deletion, ObjectChangeType } from '../objects.ts';
import type { Buckets } from './buckets.ts';
import { type StoredVersion, versionOf } from './catalog.ts';
import type { CatalogWriter, Change } from './changes.ts';
import { toldOf } from './feed.ts';
import {
  checkUnlocked,
  currentObject,
  type KeyState,
  notFound,
  removeEarlier,
  removeHead,
  type Step,
  unmet,
} from './history.ts';
import type { Found, KeyReader } from './key-reader.ts';
import type { Publisher } from './publisher.ts';

export interface RemoverDependencies {
  readonly buckets: Buckets;
  readonly catalog: CatalogWriter;
  readonly keys: KeyReader;
  /** Places delete markers. */
  readonly publisher: Publisher;
  readonly clock: Clock;
}

/** Takes versions away, or puts delete markers on top of them. */
export class Remover {
  readonly #dependencies: RemoverDependencies;

  constructor(dependencies: RemoverDependencies) {
    this.#dependencies = dependencies;
  }

  remove(bucket: string, key: string, options: DeleteOptions): Promise<Deletion> {
    const { versionId } = options;
    return this.#dependencies.catalog.apply(() =>
      versionId === undefined
        ? this.#removeNewest(bucket, key, options)
        : this.#removeVersion(bucket, key, versionId, options),
    );
  }

  async #removeNewest(bucket: string, key: string, options: DeleteOptions): Promise<Change<Deletion>> {
    const { buckets, keys, clock } = this.#dependencies;
    const state = await keys.state(bucket, key);
    checkDeleteCondition(state, options);
    const { versioning } = buckets.check(bucket);
    const { head } = state;
    if (versioning !== undefined) return this.#placeMarker(state, options);
    if (!head) return { conditions: [], writes: [], freed: [], result: {} };
    checkUnlocked(head.stored, clock.now(), options.bypassGovernance ?? false);
    const step = removeHead({ ...state, head }, undefined);
    return { ...step, told: toldOf(state, removedBy(options.cause), head.stored, options.cause), result: {} };
  }

  async #placeMarker(state: KeyState, { cause }: DeleteOptions): Promise<Change<Deletion>> {
    const { publisher, clock } = this.#dependencies;
    const fresh = { sizeBytes: 0, etag: '', lastModified: clock.now(), metadata: {}, blobs: [], marker: true } as const;
    const type =
      cause?.origin === 'lifecycle' ? 'LifecycleExpiration:DeleteMarkerCreated' : 'ObjectRemoved:DeleteMarkerCreated';
    const change = await publisher.place(state, { fresh, type, cause });
    return { ...change, result: { deleteMarker: true, versionId: change.result.id ?? 'null' } };
  }

  async #removeVersion(
    bucket: string,
    key: string,
    versionId: string,
    options: DeleteOptions,
  ): Promise<Change<Deletion>> {
    const { buckets, keys, clock } = this.#dependencies;
    const found = await keys.find(bucket, key, versionId).catch(ifNone);
    const nothing = { conditions: [], writes: [], freed: [], result: { versionId } };
    if (!found) return nothing;
    const { state, row } = found;
    if (options.ifMatch !== undefined && !matches(row.stored, options.ifMatch)) throw unmet('If-Match');
    if (options.onlyIf?.(versionOf(key, row.stored, found.isLatest)) === false) throw unmet('onlyIf');
    checkUnlocked(row.stored, clock.now(), options.bypassGovernance ?? false);
    const step = await this.#removal(found);
    buckets.check(bucket);
    const told = toldOf(state, removedBy(options.cause), row.stored, options.cause);
    const result = { versionId, ...(row.stored.marker && { deleteMarker: true as const }) };
    return { ...step, told, result };
  }

  async #removal({ state, row, isLatest }: Found): Promise<Step> {
    const { bucket, key } = state;
    const withHead = { ...state, head: state.head! };
    if (!isLatest) return removeEarlier(withHead, row);
    return removeHead(withHead, await this.#dependencies.keys.second(bucket, key));
  }
}

function removedBy(cause: ChangeCause | undefined): ObjectChangeType {
  return cause?.origin === 'lifecycle' ? 'LifecycleExpiration:Delete' : 'ObjectRemoved:Delete';
}

function checkDeleteCondition(state: KeyState, { ifMatch, onlyIf }: DeleteOptions): void {
  const current = currentObject(state);
  if (onlyIf && !(current && onlyIf(versionOf(state.key, current, true)))) throw unmet('onlyIf');
  if (ifMatch === undefined) return;
  if (!current) throw notFound(state);
  if (!matches(current, ifMatch)) throw unmet('If-Match');
}

function matches({ etag }: StoredVersion, ifMatch: string): boolean {
  return ifMatch === '*' || ifMatch === etag;
}

function ifNone(error: unknown): undefined {
  if (!hasCode(error, 'version-not-found')) throw error;
}
