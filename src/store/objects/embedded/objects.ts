/**
 * The embedded objects engine: content in files (`blobs.ts`) or, when it is small, beside its name; names and metadata in the records store
 * (`catalog.ts`). A put streams into a new file, syncs it, then commits the record that names it: that commit is the moment it becomes visible.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { assert, type Clock, DomainError, hasCode, type Random } from '../../../base/index.ts';
import { type Logger, silentLogger } from '../../../telemetry/index.ts';
import { type Records, Registry } from '../../records/index.ts';
import {
  type Body,
  type BucketInfo,
  type ByteRange,
  type ChangeCause,
  type ChangeOptions,
  type CompleteOptions,
  type DeleteOptions,
  type Deletion,
  type ListOptions,
  type ListUploadsOptions,
  type ListVersionsOptions,
  OBJECTS_LIMITS,
  type ObjectChange,
  type ObjectChangeType,
  type ObjectInfo,
  type ObjectPage,
  type Objects,
  type OpenedObject,
  type PartInfo,
  type PartOptions,
  type PutOptions,
  type ReadOptions,
  type Retention,
  type Tags,
  type UploadInfo,
  type UploadOptions,
  type UploadPage,
  type VersionChoice,
  type Versioning,
  type VersionPage,
  type WantedPart,
} from '../objects.ts';
import { Blobs, type Content } from './blobs.ts';
import {
  earlierKeys,
  hasObjects,
  headKeys,
  infoOf,
  liveBlob,
  orderOf,
  putJson,
  SPACES,
  type StoredVersion,
  sweptGeneration,
  versionOf,
} from './catalog.ts';
import { type CatalogRecords, catalogRecords } from './catalog-records.ts';
import { CatalogWriter, type Change } from './changes.ts';
import { checkCustomerKey, keyCheckOf } from './ciphers.ts';
import { mayStand, storageError } from './errors.ts';
import { type ChangeDraft, ChangeFeed } from './feed.ts';
import { checkFormat } from './format.ts';
import { GarbageCollector } from './garbage.ts';
import {
  checkConditions,
  checkRetentionChange,
  checkUnlocked,
  currentObject,
  type Fresh,
  type KeyState,
  notFound,
  place,
  type Row,
  removeEarlier,
  removeHead,
  replacesEarlierNull,
  type Step,
  unmet,
} from './history.ts';
import { type Found, KeyReader } from './key-reader.ts';
import { listObjects, listVersions, pageOfUploads } from './listing.ts';
import { Uploads } from './uploads.ts';
import { makeVersionId } from './version-ids.ts';

export interface EmbeddedObjectsOptions {
  /** Folder of the store, made when it is not there. The records store must be the same one at every opening. */
  readonly directory: string;
  /** Stays open until the objects store is closed. */
  readonly records: Records;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger?: Logger;
}

/** Opens the store of `directory`. @throws DomainError `format-too-new` (S4), `objects-failed`, `objects-full` */
export async function openEmbeddedObjects(options: EmbeddedObjectsOptions): Promise<Objects> {
  const { directory, records, clock, random, logger = silentLogger } = options;
  await mkdir(directory, { recursive: true });
  await checkFormat(directory);
  const buckets = await Registry.open<BucketInfo>(records, SPACES.buckets);
  const catalogStore = catalogRecords(records);
  const swept = await sweptGeneration(catalogStore);
  const blobs = await Blobs.open(join(directory, 'blobs'), swept, random);
  const garbage = new GarbageCollector(catalogStore, blobs, logger);
  garbage.sweep(swept);
  const feed = await ChangeFeed.open(catalogStore, clock);
  const catalog = new CatalogWriter(catalogStore, garbage, feed);
  const uploads = new Uploads(catalogStore, blobs, catalog, clock, random);
  return new EmbeddedObjects({ records: catalogStore, buckets, blobs, catalog, uploads, garbage, feed, clock, random });
}

interface Parts {
  readonly records: CatalogRecords;
  readonly buckets: Registry<BucketInfo>;
  readonly blobs: Blobs;
  readonly catalog: CatalogWriter;
  readonly uploads: Uploads;
  readonly garbage: GarbageCollector;
  readonly feed: ChangeFeed;
  readonly clock: Clock;
  readonly random: Random;
}

/** A version that is to become the newest. */
interface Placement {
  readonly fresh: Fresh;
  readonly bytes?: Uint8Array | undefined;
  readonly type: ObjectChangeType;
  readonly cause?: ChangeCause | undefined;
}

class EmbeddedObjects implements Objects {
  readonly #records: CatalogRecords;
  readonly #buckets: Registry<BucketInfo>;
  readonly #blobs: Blobs;
  readonly #catalog: CatalogWriter;
  readonly #uploads: Uploads;
  readonly #garbage: GarbageCollector;
  readonly #feed: ChangeFeed;
  readonly #keys: KeyReader;
  readonly #clock: Clock;
  readonly #random: Random;
  /** Buckets whose removal is under way: nothing is committed to them any more. */
  readonly #closingBuckets = new Set<string>();

  constructor({ records, buckets, blobs, catalog, uploads, garbage, feed, clock, random }: Parts) {
    this.#records = records;
    this.#buckets = buckets;
    this.#blobs = blobs;
    this.#catalog = catalog;
    this.#uploads = uploads;
    this.#garbage = garbage;
    this.#feed = feed;
    this.#keys = new KeyReader(records);
    this.#clock = clock;
    this.#random = random;
  }

  async createBucket(bucket: string): Promise<void> {
    await this.#buckets.create(bucket, { name: bucket, createdAt: this.#clock.now() }).catch((error) => {
      if (!hasCode(error, 'already-exists')) throw storageError(error);
      throw new DomainError('bucket-exists', `bucket ${bucket} exists already`);
    });
  }

  async deleteBucket(bucket: string): Promise<void> {
    this.#checkBucket(bucket);
    this.#closingBuckets.add(bucket);
    try {
      // Commits called before the mark must have resolved before the bucket is looked into; this one comes after them all.
      await this.#records.commit({ writes: [] });
      if (await hasObjects(this.#records, bucket)) {
        throw new DomainError('bucket-not-empty', `bucket ${bucket} is not empty`);
      }
      for (const { uploadId } of await this.#uploads.ofBucket(bucket)) await this.#uploads.abort(uploadId);
      await this.#buckets.delete(bucket);
    } finally {
      this.#closingBuckets.delete(bucket);
    }
  }

  async buckets(): Promise<readonly BucketInfo[]> {
    return this.#buckets.list();
  }

  async bucket(bucket: string): Promise<BucketInfo> {
    return this.#checkBucket(bucket);
  }

  async setVersioning(bucket: string, versioning: Versioning): Promise<void> {
    const info = this.#checkBucket(bucket);
    await this.#buckets.put(bucket, { ...info, versioning }).catch((error) => {
      throw storageError(error);
    });
  }

  async put(bucket: string, key: string, body: Body, options: PutOptions = {}): Promise<ObjectInfo> {
    this.#checkBucket(bucket);
    checkKey(key);
    checkMetadata(options.metadata);
    const content = await this.#blobs.write(body, { ...options, inlineBytesMax: OBJECTS_LIMITS.inlineBytesMax });
    return this.#publish(bucket, key, content, options);
  }

  async copy(
    source: {
      readonly bucket: string;
      readonly key: string;
      readonly versionId?: string;
      readonly customerKey?: Uint8Array;
    },
    bucket: string,
    key: string,
    decide: (source: ObjectInfo) => PutOptions,
  ): Promise<{ readonly source: ObjectInfo; readonly info: ObjectInfo }> {
    this.#checkBucket(bucket);
    checkKey(key);
    const found = await this.#findObject(source.bucket, source.key, source);
    const { stored } = found.row;
    const from = infoOf(source.key, stored, found.isLatest);
    const unpin = this.#blobs.pin(stored.blobs);
    try {
      const options = decide(from);
      checkMetadata(options.metadata);
      const content = await this.#copied(found.row, source.customerKey, options);
      return { source: from, info: await this.#publish(bucket, key, content, options) };
    } finally {
      unpin();
    }
  }

  async get(bucket: string, key: string, options: ReadOptions = {}): Promise<OpenedObject> {
    const { row, isLatest } = await this.#findObject(bucket, key, options);
    const { stored, bytes } = row;
    const info = infoOf(key, stored, isLatest);
    const asked = typeof options.range === 'function' ? options.range(info) : options.range;
    const range = clampRange(info.sizeBytes, asked);
    const part = asked && { range };
    if (stored.small) {
      const content = asked ? bytes!.subarray(range.start, range.end + 1) : bytes!;
      return { info, ...part, body: once(content), bytes: content };
    }
    return { info, ...part, body: this.#blobs.read(stored.blobs, range, options.customerKey) };
  }

  async head(
    bucket: string,
    key: string,
    { versionId, customerKey }: VersionChoice & { readonly customerKey?: Uint8Array } = {},
  ): Promise<ObjectInfo> {
    const { row, isLatest } = await this.#find(bucket, key, versionId);
    if (customerKey) checkCustomerKey(row.stored.keyCheck, customerKey);
    return infoOf(key, row.stored, isLatest);
  }

  async delete(bucket: string, key: string, options: DeleteOptions = {}): Promise<Deletion> {
    this.#checkBucket(bucket);
    checkKey(key);
    const { versionId } = options;
    return this.#catalog.apply(() =>
      versionId === undefined
        ? this.#deleteNewest(bucket, key, options)
        : this.#deleteVersion(bucket, key, versionId, options),
    );
  }

  async list(bucket: string, options: ListOptions): Promise<ObjectPage> {
    this.#checkBucket(bucket);
    checkLimit(options.limit, OBJECTS_LIMITS.listMax);
    return listObjects(this.#records, bucket, options);
  }

  async listVersions(bucket: string, options: ListVersionsOptions): Promise<VersionPage> {
    this.#checkBucket(bucket);
    checkLimit(options.limit, OBJECTS_LIMITS.listMax);
    return listVersions(this.#records, bucket, options);
  }

  setTags(bucket: string, key: string, tags: Tags, options: VersionChoice & ChangeOptions = {}): Promise<ObjectInfo> {
    const type = Object.keys(tags).length === 0 ? 'ObjectTagging:Delete' : 'ObjectTagging:Put';
    return this.#amend(bucket, key, options, (stored) => ({ ...stored, tags }), type);
  }

  setRetention(
    bucket: string,
    key: string,
    retention: Retention | undefined,
    options: VersionChoice & { readonly bypassGovernance?: boolean } = {},
  ): Promise<ObjectInfo> {
    return this.#amend(bucket, key, options, ({ retention: before, ...stored }) => {
      checkRetentionChange(before, retention, this.#clock.now(), options.bypassGovernance ?? false);
      return retention ? { ...stored, retention } : stored;
    });
  }

  setLegalHold(bucket: string, key: string, hold: boolean, options: VersionChoice = {}): Promise<ObjectInfo> {
    return this.#amend(bucket, key, options, ({ legalHold: _, ...stored }) =>
      hold ? { ...stored, legalHold: true as const } : stored,
    );
  }

  setAcl(bucket: string, key: string, acl: string, options: VersionChoice & ChangeOptions = {}): Promise<ObjectInfo> {
    return this.#amend(bucket, key, options, (stored) => ({ ...stored, acl }), 'ObjectAcl:Put');
  }

  async createUpload(bucket: string, key: string, options: UploadOptions = {}): Promise<string> {
    const check = () => void this.#checkBucket(bucket);
    check();
    checkKey(key);
    checkMetadata(options.metadata);
    return this.#uploads.create(bucket, key, options, check);
  }

  putPart(uploadId: string, part: number, body: Body, options: PartOptions = {}): Promise<PartInfo> {
    return this.#uploads.putPart(uploadId, part, body, options);
  }

  async completeUpload(
    uploadId: string,
    parts: readonly WantedPart[],
    options: CompleteOptions = {},
  ): Promise<ObjectInfo> {
    const { bucket, key } = await this.#uploads.get(uploadId);
    return this.#catalog.apply(async () => {
      const completion = await this.#uploads.complete(uploadId, parts, options);
      const state = await this.#keys.state(bucket, key);
      checkConditions(state, options);
      const { fresh } = completion;
      const placement = { fresh, type: 'ObjectCreated:CompleteMultipartUpload', cause: options.cause } as const;
      const change = await this.#place(state, placement);
      return {
        ...change,
        conditions: [...change.conditions, ...completion.conditions],
        writes: [...change.writes, ...completion.writes],
        freed: [...change.freed, ...completion.freed],
        result: infoOf(key, change.result, true),
      };
    });
  }

  abortUpload(uploadId: string): Promise<void> {
    return this.#uploads.abort(uploadId);
  }

  upload(uploadId: string): Promise<UploadInfo> {
    return this.#uploads.get(uploadId);
  }

  parts(uploadId: string): Promise<readonly PartInfo[]> {
    return this.#uploads.parts(uploadId);
  }

  async uploads(bucket: string, options: ListUploadsOptions): Promise<UploadPage> {
    this.#checkBucket(bucket);
    checkLimit(options.limit, OBJECTS_LIMITS.uploadsMax);
    return pageOfUploads(await this.#uploads.ofBucket(bucket), options);
  }

  watch(watches: (bucket: string) => boolean): void {
    this.#feed.watch(watches);
  }

  changes(after: number, limit: number): Promise<readonly ObjectChange[]> {
    return this.#feed.changes(after, limit);
  }

  forgetChanges(through: number): Promise<void> {
    return this.#feed.forget(through);
  }

  onChange(listener: () => void): void {
    this.#feed.onChange(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#garbage[Symbol.asyncDispose]();
    await this.#blobs[Symbol.asyncDispose]();
  }

  /** Makes content that is stored the newest version of its key; its file is removed on an error that leaves it without a name. */
  async #publish(bucket: string, key: string, content: Content, options: PutOptions): Promise<ObjectInfo> {
    const blob = 'blob' in content ? content.blob : undefined;
    const fresh = this.#freshOf(content, options);
    const bytes = 'bytes' in content ? content.bytes : undefined;
    const placement = { fresh, bytes, type: createdBy(options.cause), cause: options.cause };
    try {
      const stored = await this.#catalog.apply(async () => {
        const state = await this.#keys.state(bucket, key);
        checkConditions(state, options);
        const change = await this.#place(state, placement);
        return blob ? { ...change, writes: [...change.writes, liveBlob(blob)] } : change;
      });
      return infoOf(key, stored, true);
    } catch (error) {
      // What it may name is left to the sweep of the next opening, which knows.
      if (blob && !mayStand(error)) await this.#blobs.remove(blob.id);
      throw error;
    }
  }

  #freshOf(content: Content, options: PutOptions): Fresh {
    const { metadata = {}, tags, retention, legalHold, acl, customerKey, checksum } = options;
    return {
      sizeBytes: content.sizeBytes,
      etag: content.md5,
      lastModified: this.#clock.now(),
      metadata,
      blobs: 'blob' in content ? [content.blob] : [],
      ...(tags && Object.keys(tags).length > 0 && { tags }),
      ...(retention && { retention }),
      ...(legalHold && { legalHold }),
      ...(acl !== undefined && { acl }),
      ...(customerKey && { keyCheck: keyCheckOf(customerKey, this.#random.bytes(16)) }),
      ...(content.checksum !== undefined && {
        checksum: { algorithm: checksum!.algorithm, type: 'FULL_OBJECT' as const, value: content.checksum },
      }),
    };
  }

  async #place(state: KeyState, { fresh, bytes, type, cause }: Placement): Promise<Change<StoredVersion>> {
    const { bucket, key } = state;
    const at = this.#clock.now();
    const before = replacesEarlierNull(state, this.#buckets.get(bucket)?.versioning);
    const earlierNull = before === undefined ? undefined : await this.#keys.earlier(bucket, key, before);
    // The commit is called in this turn: the removal of the bucket waits for it, or is seen here.
    const { versioning } = this.#checkBucket(bucket);
    if (earlierNull) checkUnlocked(earlierNull.stored, at, false);
    const makeId = (order: number) => makeVersionId(order, this.#random);
    const { stored, ...step } = place(state, versioning, { fresh, bytes, at }, makeId, earlierNull);
    return { ...step, told: toldOf(state, type, stored, cause), result: stored };
  }

  /** Content for a copy: linked where nothing of it changes, else read and written. */
  async #copied({ stored, bytes }: Row, customerKey: Uint8Array | undefined, options: PutOptions): Promise<Content> {
    const { inlineBytesMax } = OBJECTS_LIMITS;
    if (stored.small) return this.#blobs.write(bytes!, { ...options, inlineBytesMax });
    const [blob, ...more] = stored.blobs;
    const isSingle = blob !== undefined && more.length === 0 && blob.part === undefined && !stored.etag.includes('-');
    const isPlain = blob?.iv === undefined && !options.customerKey;
    const { checksum } = options;
    const sameSum = !checksum || checksum.algorithm === stored.checksum?.algorithm;
    if (!isSingle || !isPlain || !sameSum) {
      const all = { start: 0, end: stored.sizeBytes - 1 };
      return this.#blobs.write(this.#blobs.read(stored.blobs, all, customerKey), { ...options, inlineBytesMax });
    }
    const { sizeBytes, etag } = stored;
    const linked = { sizeBytes, md5: etag, blob: await this.#blobs.link({ id: blob.id, sizeBytes }) };
    return checksum ? { ...linked, checksum: stored.checksum!.value } : linked;
  }

  async #deleteNewest(bucket: string, key: string, options: DeleteOptions): Promise<Change<Deletion>> {
    const state = await this.#keys.state(bucket, key);
    checkDeleteCondition(state, options);
    const { versioning } = this.#checkBucket(bucket);
    const { head } = state;
    if (versioning !== undefined) return this.#placeMarker(state, options);
    if (!head) return { conditions: [], writes: [], freed: [], result: {} };
    checkUnlocked(head.stored, this.#clock.now(), options.bypassGovernance ?? false);
    const step = removeHead({ ...state, head }, undefined);
    return { ...step, told: toldOf(state, removedBy(options.cause), head.stored, options.cause), result: {} };
  }

  async #placeMarker(state: KeyState, { cause }: DeleteOptions): Promise<Change<Deletion>> {
    const lastModified = this.#clock.now();
    const fresh = { sizeBytes: 0, etag: '', lastModified, metadata: {}, blobs: [], marker: true } as const;
    const type =
      cause?.origin === 'lifecycle' ? 'LifecycleExpiration:DeleteMarkerCreated' : 'ObjectRemoved:DeleteMarkerCreated';
    const change = await this.#place(state, { fresh, type, cause });
    return { ...change, result: { deleteMarker: true, versionId: change.result.id ?? 'null' } };
  }

  async #deleteVersion(
    bucket: string,
    key: string,
    versionId: string,
    options: DeleteOptions,
  ): Promise<Change<Deletion>> {
    const found = await this.#keys.find(bucket, key, versionId).catch(ifNone);
    const nothing = { conditions: [], writes: [], freed: [], result: { versionId } };
    if (!found) return nothing;
    const { state, row } = found;
    if (options.ifMatch !== undefined && !matches(row.stored, options.ifMatch)) throw unmet('If-Match');
    if (options.onlyIf?.(versionOf(key, row.stored, found.isLatest)) === false) throw unmet('onlyIf');
    checkUnlocked(row.stored, this.#clock.now(), options.bypassGovernance ?? false);
    const step = await this.#removal(found);
    this.#checkBucket(bucket);
    const told = toldOf(state, removedBy(options.cause), row.stored, options.cause);
    const result = { versionId, ...(row.stored.marker && { deleteMarker: true as const }) };
    return { ...step, told, result };
  }

  async #removal({ state, row, isLatest }: Found): Promise<Step> {
    const { bucket, key } = state;
    const withHead = { ...state, head: state.head! };
    return isLatest ? removeHead(withHead, await this.#keys.second(bucket, key)) : removeEarlier(withHead, row);
  }

  /** Writes a version's row anew, its content left. */
  async #amend(
    bucket: string,
    key: string,
    { versionId, cause }: VersionChoice & ChangeOptions,
    change: (stored: StoredVersion) => StoredVersion,
    type?: ObjectChangeType,
  ): Promise<ObjectInfo> {
    return this.#catalog.apply(async () => {
      const { state, row, isLatest } = await this.#find(bucket, key, versionId);
      const stored = change(row.stored);
      const [at] = isLatest ? headKeys(bucket, key) : earlierKeys(bucket, key, orderOf(row.stored));
      this.#checkBucket(bucket);
      return {
        conditions: [{ ...at, is: row.version }],
        writes: [putJson(at.space, at.key, stored)],
        freed: [],
        told: type && toldOf(state, type, stored, cause),
        result: infoOf(key, stored, isLatest),
      };
    });
  }

  /** A version that is an object. */
  async #find(bucket: string, key: string, versionId: string | undefined): Promise<Found> {
    this.#checkBucket(bucket);
    checkKey(key);
    const found = await this.#keys.find(bucket, key, versionId);
    if (!found.row.stored.marker) return found;
    if (versionId === undefined) throw notFound(found.state);
    throw new DomainError('version-is-marker', `version ${versionId} of ${key} is a delete marker`, {
      fields: { versionId, lastModified: found.row.stored.lastModified },
    });
  }

  /** The same, for who has its key. */
  async #findObject(bucket: string, key: string, options: ReadOptions): Promise<Found> {
    const found = await this.#find(bucket, key, options.versionId);
    checkCustomerKey(found.row.stored.keyCheck, options.customerKey);
    return found;
  }

  #checkBucket(bucket: string): BucketInfo {
    const found = this.#buckets.get(bucket);
    if (found && !this.#closingBuckets.has(bucket)) return found;
    throw new DomainError('bucket-not-found', `no bucket ${bucket}`);
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.byteLength > 0) yield bytes;
}

function createdBy(cause: ChangeCause | undefined): ObjectChangeType {
  if (cause?.origin === 'post') return 'ObjectCreated:Post';
  return cause?.origin === 'copy' ? 'ObjectCreated:Copy' : 'ObjectCreated:Put';
}

function removedBy(cause: ChangeCause | undefined): ObjectChangeType {
  return cause?.origin === 'lifecycle' ? 'LifecycleExpiration:Delete' : 'ObjectRemoved:Delete';
}

function toldOf(
  { bucket, key }: KeyState,
  type: ObjectChangeType,
  stored: StoredVersion,
  cause: ChangeCause | undefined,
): ChangeDraft {
  const isRemoval = type.startsWith('ObjectRemoved') || type.startsWith('LifecycleExpiration');
  return {
    type,
    bucket,
    key,
    ...(stored.id !== undefined && { versionId: stored.id }),
    ...(!isRemoval && { sizeBytes: stored.sizeBytes, etag: stored.etag }),
    ...(cause && { cause }),
  };
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

function checkLimit(limit: number, max: number): void {
  assert(limit >= 1 && limit <= max, `limit is 1 to ${max}, not ${limit}`);
}

function checkKey(key: string): void {
  const sizeBytes = Buffer.byteLength(key);
  if (sizeBytes >= 1 && sizeBytes <= OBJECTS_LIMITS.keyBytesMax && key.isWellFormed()) return;
  throw new DomainError('key-invalid', `keys are 1 to ${OBJECTS_LIMITS.keyBytesMax} bytes of UTF-8`, {
    fields: { sizeBytes },
  });
}

function checkMetadata(metadata: Readonly<Record<string, string>> = {}): void {
  const sizeBytes = Buffer.byteLength(JSON.stringify(metadata));
  assert(sizeBytes <= OBJECTS_LIMITS.metadataBytesMax, `metadata of ${sizeBytes} bytes`);
}

/** Without a range the whole; `end` at most the last byte. @throws range-invalid */
function clampRange(sizeBytes: number, range: ByteRange = { start: 0, end: sizeBytes - 1 }): ByteRange {
  if (range.start > 0 && range.start >= sizeBytes) {
    throw new DomainError('range-invalid', `byte ${range.start} is beyond ${sizeBytes} bytes`, {
      fields: { sizeBytes },
    });
  }
  return { start: range.start, end: Math.min(range.end, sizeBytes - 1) };
}
