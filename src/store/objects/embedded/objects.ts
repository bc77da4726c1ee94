/**
 * The embedded objects engine: content in files (`blobs.ts`) or, when it is small, beside its name; names and metadata in the records store
 * (`catalog.ts`). A put streams into a new file, syncs it, then commits the record that names it: that commit is the moment it becomes visible.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, DomainError, type Random } from '../../../base/index.ts';
import { type Logger, silentLogger } from '../../../telemetry/index.ts';
import type { Records } from '../../records/index.ts';
import {
  type Body,
  type BucketInfo,
  type ChangeOptions,
  type CompletedUpload,
  type CompleteOptions,
  type CopySource,
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
  type PartCopyOptions,
  type PartInfo,
  type PartOptions,
  type PendingChange,
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
import { Blobs } from './blobs.ts';
import { Buckets } from './buckets.ts';
import {
  earlierKeys,
  headKeys,
  indexUploads,
  infoOf,
  orderOf,
  putJson,
  type StoredVersion,
  sweptGeneration,
} from './catalog.ts';
import { type CatalogRecords, catalogRecords } from './catalog-records.ts';
import { CatalogWriter } from './changes.ts';
import { checkKey, checkLimit, checkMetadata, clampRange } from './checks.ts';
import { checkCustomerKey } from './ciphers.ts';
import { copyContent } from './copying.ts';
import { ChangeFeed, toldOf } from './feed.ts';
import { formatOf, raiseFormat } from './format.ts';
import { GarbageCollector } from './garbage.ts';
import { checkRetentionChange, notFound } from './history.ts';
import { type Found, KeyReader } from './key-reader.ts';
import { listObjects, listVersions } from './listing.ts';
import { Publisher } from './publisher.ts';
import { Remover } from './remover.ts';
import { Uploads } from './uploads.ts';

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
  const { directory, clock, random, logger = silentLogger } = options;
  await mkdir(directory, { recursive: true });
  const format = await formatOf(directory);
  const records = catalogRecords(options.records);
  if (format > 0 && format < 3) await indexUploads(records);
  await raiseFormat(directory, format);
  const buckets = await Buckets.open(options.records, records, clock);
  const swept = await sweptGeneration(records);
  const blobs = await Blobs.open(join(directory, 'blobs'), swept, random);
  const garbage = new GarbageCollector(records, blobs, logger);
  garbage.sweep(swept);
  const feed = await ChangeFeed.open(records, clock);
  const catalog = new CatalogWriter(records, garbage, feed);
  const uploads = new Uploads(records, blobs, catalog, clock, random);
  const keys = new KeyReader(records);
  const publisher = new Publisher({ buckets, blobs, catalog, keys, clock, random });
  const remover = new Remover({ buckets, catalog, keys, publisher, clock });
  return new EmbeddedObjects({
    records,
    buckets,
    blobs,
    catalog,
    keys,
    uploads,
    publisher,
    remover,
    garbage,
    feed,
    clock,
  });
}

interface Parts {
  readonly records: CatalogRecords;
  readonly buckets: Buckets;
  readonly blobs: Blobs;
  readonly catalog: CatalogWriter;
  readonly keys: KeyReader;
  readonly uploads: Uploads;
  readonly publisher: Publisher;
  readonly remover: Remover;
  readonly garbage: GarbageCollector;
  readonly feed: ChangeFeed;
  readonly clock: Clock;
}

/** Checks what callers ask for, and hands it to who does it; reads and small changes it does itself. */
class EmbeddedObjects implements Objects {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  createBucket(bucket: string): Promise<void> {
    return this.#parts.buckets.create(bucket);
  }

  deleteBucket(bucket: string): Promise<void> {
    const { buckets, uploads } = this.#parts;
    return buckets.delete(bucket, () => uploads.abortAll(bucket));
  }

  async buckets(): Promise<readonly BucketInfo[]> {
    return this.#parts.buckets.all();
  }

  async bucket(bucket: string): Promise<BucketInfo> {
    return this.#parts.buckets.check(bucket);
  }

  setVersioning(bucket: string, versioning: Versioning): Promise<void> {
    return this.#parts.buckets.setVersioning(bucket, versioning);
  }

  async put(bucket: string, key: string, body: Body, options: PutOptions = {}): Promise<ObjectInfo> {
    const { buckets, blobs, publisher } = this.#parts;
    buckets.check(bucket);
    checkKey(key);
    checkMetadata(options.metadata);
    const content = await blobs.write(body, { ...options, inlineBytesMax: OBJECTS_LIMITS.inlineBytesMax });
    return publisher.publish(bucket, key, content, options);
  }

  async copy(
    source: CopySource,
    bucket: string,
    key: string,
    decide: (source: ObjectInfo) => PutOptions,
  ): Promise<{ readonly source: ObjectInfo; readonly info: ObjectInfo }> {
    const { buckets, blobs, publisher } = this.#parts;
    buckets.check(bucket);
    checkKey(key);
    return this.#pinned(source, async ({ row }, from) => {
      const options = decide(from);
      checkMetadata(options.metadata);
      const copied = { row, customerKey: source.customerKey };
      const content = await copyContent(blobs, copied, { ...options, inlineBytesMax: OBJECTS_LIMITS.inlineBytesMax });
      return { source: from, info: await publisher.publish(bucket, key, content, options) };
    });
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
    return { info, ...part, body: this.#parts.blobs.read(stored.blobs, range, options.customerKey) };
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
    const { buckets, remover } = this.#parts;
    buckets.check(bucket);
    checkKey(key);
    return remover.remove(bucket, key, options);
  }

  async list(bucket: string, options: ListOptions): Promise<ObjectPage> {
    const { buckets, records } = this.#parts;
    buckets.check(bucket);
    checkLimit(options.limit, OBJECTS_LIMITS.listMax);
    return listObjects(records, bucket, options);
  }

  async listVersions(bucket: string, options: ListVersionsOptions): Promise<VersionPage> {
    const { buckets, records } = this.#parts;
    buckets.check(bucket);
    checkLimit(options.limit, OBJECTS_LIMITS.listMax);
    return listVersions(records, bucket, options);
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
      checkRetentionChange(before, retention, this.#parts.clock.now(), options.bypassGovernance ?? false);
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
    const { buckets, uploads } = this.#parts;
    const check = () => void buckets.check(bucket);
    check();
    checkKey(key);
    checkMetadata(options.metadata);
    return uploads.create(bucket, key, options, check);
  }

  putPart(uploadId: string, part: number, body: Body, options: PartOptions = {}): Promise<PartInfo> {
    const { uploads, blobs } = this.#parts;
    return uploads.putPart(uploadId, part, options, (write) => blobs.write(body, write));
  }

  copyPart(
    source: CopySource,
    uploadId: string,
    part: number,
    decide: (source: ObjectInfo) => PartCopyOptions,
  ): Promise<{ readonly source: ObjectInfo; readonly part: PartInfo }> {
    const { uploads, blobs } = this.#parts;
    return this.#pinned(source, async ({ row }, from) => {
      const { range: asked, ...options } = decide(from);
      const range = asked && clampRange(from.sizeBytes, asked);
      const copied = { row, range, customerKey: source.customerKey };
      const made = await uploads.putPart(uploadId, part, options, (write) => copyContent(blobs, copied, write));
      return { source: from, part: made };
    });
  }

  completeUpload(uploadId: string, parts: readonly WantedPart[], options: CompleteOptions = {}): Promise<ObjectInfo> {
    const { publisher, uploads } = this.#parts;
    return publisher.complete(uploads, uploadId, parts, options);
  }

  completedUpload(uploadId: string, etags: readonly string[]): Promise<CompletedUpload | undefined> {
    return this.#parts.uploads.completed(uploadId, etags);
  }

  abortUpload(uploadId: string): Promise<void> {
    return this.#parts.uploads.abort(uploadId);
  }

  upload(uploadId: string): Promise<UploadInfo> {
    return this.#parts.uploads.get(uploadId);
  }

  parts(uploadId: string): Promise<readonly PartInfo[]> {
    return this.#parts.uploads.parts(uploadId);
  }

  async uploads(bucket: string, options: ListUploadsOptions): Promise<UploadPage> {
    const { buckets, uploads } = this.#parts;
    buckets.check(bucket);
    checkLimit(options.limit, OBJECTS_LIMITS.uploadsMax);
    return uploads.ofBucket(bucket, options);
  }

  watch(note: (change: PendingChange) => string | undefined): void {
    this.#parts.feed.watch(note);
  }

  changes(after: number, limit: number): Promise<readonly ObjectChange[]> {
    return this.#parts.feed.changes(after, limit);
  }

  forgetChanges(through: number): Promise<void> {
    return this.#parts.feed.forget(through);
  }

  onChange(listener: () => void): void {
    this.#parts.feed.onChange(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { garbage, blobs } = this.#parts;
    await garbage[Symbol.asyncDispose]();
    await blobs[Symbol.asyncDispose]();
  }

  /** Lets a source be copied, whose files stay meanwhile. */
  async #pinned<T>(source: CopySource, copy: (found: Found, info: ObjectInfo) => Promise<T>): Promise<T> {
    const found = await this.#findObject(source.bucket, source.key, source);
    const { stored } = found.row;
    const unpin = this.#parts.blobs.pin(stored.blobs);
    try {
      return await copy(found, infoOf(source.key, stored, found.isLatest));
    } finally {
      unpin();
    }
  }

  /** Writes a version's row anew, its content left. */
  async #amend(
    bucket: string,
    key: string,
    { versionId, cause }: VersionChoice & ChangeOptions,
    change: (stored: StoredVersion) => StoredVersion,
    type?: ObjectChangeType,
  ): Promise<ObjectInfo> {
    const { buckets, catalog } = this.#parts;
    return catalog.apply(async () => {
      const { state, row, isLatest } = await this.#find(bucket, key, versionId);
      const stored = change(row.stored);
      const [at] = isLatest ? headKeys(bucket, key) : earlierKeys(bucket, key, orderOf(row.stored));
      buckets.check(bucket);
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
    const { buckets, keys } = this.#parts;
    buckets.check(bucket);
    checkKey(key);
    const found = await keys.find(bucket, key, versionId);
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
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.byteLength > 0) yield bytes;
}
