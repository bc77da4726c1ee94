import type { Clock, Random } from '../../../base/index.ts';
import type { ChangeCause, CompleteOptions, ObjectChangeType, ObjectInfo, PutOptions, WantedPart } from '../objects.ts';
import type { Blobs, Content } from './blobs.ts';
import type { Buckets } from './buckets.ts';
import { infoOf, liveBlob, type StoredVersion } from './catalog.ts';
import type { CatalogWriter, Change } from './changes.ts';
import { keyCheckOf } from './ciphers.ts';
import { mayStand } from './errors.ts';
import { toldOf } from './feed.ts';
import { checkConditions, checkUnlocked, type Fresh, type KeyState, place, replacesEarlierNull } from './history.ts';
import type { KeyReader } from './key-reader.ts';
import type { Uploads } from './uploads.ts';
import { makeVersionId } from './version-ids.ts';

export interface PublisherDependencies {
  readonly buckets: Buckets;
  readonly blobs: Blobs;
  readonly catalog: CatalogWriter;
  readonly keys: KeyReader;
  readonly clock: Clock;
  readonly random: Random;
}

/** A version that is to become the newest. */
export interface Placement {
  readonly fresh: Fresh;
  readonly bytes?: Uint8Array | undefined;
  readonly type: ObjectChangeType;
  readonly cause?: ChangeCause | undefined;
}

/** Makes content that is stored the newest version of its key. */
export class Publisher {
  readonly #dependencies: PublisherDependencies;

  constructor(dependencies: PublisherDependencies) {
    this.#dependencies = dependencies;
  }

  /** The file of the content is removed on an error that leaves it without a name. */
  async publish(bucket: string, key: string, content: Content, options: PutOptions): Promise<ObjectInfo> {
    const { blobs, catalog, keys } = this.#dependencies;
    const blob = 'blob' in content ? content.blob : undefined;
    const fresh = this.#freshOf(content, options);
    const bytes = 'bytes' in content ? content.bytes : undefined;
    const placement = { fresh, bytes, type: createdBy(options.cause), cause: options.cause };
    try {
      const stored = await catalog.apply(async () => {
        const state = await keys.state(bucket, key);
        checkConditions(state, options);
        const change = await this.place(state, placement);
        return blob ? { ...change, writes: [...change.writes, liveBlob(blob)] } : change;
      });
      return infoOf(key, stored, true);
    } catch (error) {
      // What it may name is left to the sweep of the next opening, which knows.
      if (blob && !mayStand(error)) await blobs.remove(blob.id);
      throw error;
    }
  }

  /** The same of an upload's parts. */
  async complete(
    uploads: Uploads,
    uploadId: string,
    parts: readonly WantedPart[],
    options: CompleteOptions,
  ): Promise<ObjectInfo> {
    const { catalog, keys } = this.#dependencies;
    const { bucket, key } = await uploads.get(uploadId);
    return catalog.apply(async () => {
      const completion = await uploads.complete(uploadId, parts, options);
      const state = await keys.state(bucket, key);
      checkConditions(state, options);
      const { fresh } = completion;
      const placement = { fresh, type: 'ObjectCreated:CompleteMultipartUpload', cause: options.cause } as const;
      const change = await this.place(state, placement);
      const info = infoOf(key, change.result, true);
      return {
        ...change,
        conditions: [...change.conditions, ...completion.conditions],
        writes: [...change.writes, ...completion.writes, ...uploads.remember(uploadId, bucket, info)],
        freed: [...change.freed, ...completion.freed],
        result: info,
      };
    });
  }

  /** What becomes of the catalog. The commit is to be called in the turn in which it resolves. */
  async place(state: KeyState, { fresh, bytes, type, cause }: Placement): Promise<Change<StoredVersion>> {
    const { buckets, keys, clock, random } = this.#dependencies;
    const { bucket, key } = state;
    const at = clock.now();
    const before = replacesEarlierNull(state, buckets.versioningOf(bucket));
    const earlierNull = before === undefined ? undefined : await keys.earlier(bucket, key, before);
    // The commit is called in this turn: the removal of the bucket waits for it, or is seen here.
    const { versioning } = buckets.check(bucket);
    if (earlierNull) checkUnlocked(earlierNull.stored, at, false);
    const makeId = (order: number) => makeVersionId(order, random);
    const { stored, ...step } = place(state, versioning, { fresh, bytes, at }, makeId, earlierNull);
    return { ...step, told: toldOf(state, type, stored, cause), result: stored };
  }

  #freshOf(content: Content, options: PutOptions): Fresh {
    const { clock, random } = this.#dependencies;
    const { metadata = {}, tags, retention, legalHold, acl, customerKey, checksum } = options;
    return {
      sizeBytes: content.sizeBytes,
      etag: content.md5,
      lastModified: clock.now(),
      metadata,
      blobs: 'blob' in content ? [content.blob] : [],
      ...(tags && Object.keys(tags).length > 0 && { tags }),
      ...(retention && { retention }),
      ...(legalHold && { legalHold }),
      ...(acl !== undefined && { acl }),
      ...(customerKey && { keyCheck: keyCheckOf(customerKey, random.bytes(16)) }),
      ...(content.checksum !== undefined && {
        checksum: { algorithm: checksum!.algorithm, type: 'FULL_OBJECT' as const, value: content.checksum },
      }),
    };
  }
}

function createdBy(cause: ChangeCause | undefined): ObjectChangeType {
  if (cause?.origin === 'post') return 'ObjectCreated:Post';
  return cause?.origin === 'copy' ? 'ObjectCreated:Copy' : 'ObjectCreated:Put';
}
