/**
 * The embedded objects engine: content in files (`blobs.ts`), names and metadata in the records store (`catalog.ts`).
 * A put streams into a new file, syncs it, then commits the record that names it: that commit is the moment it becomes visible.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assert, type Clock, DomainError, hasCode, type Random } from '../../../base/index.ts';
import { type Logger, silentLogger } from '../../../telemetry/index.ts';
import { type Records, Registry } from '../../records/index.ts';
import {
  type ByteRange,
  OBJECTS_LIMITS,
  type ObjectInfo,
  type ObjectPage,
  type Objects,
  type PartInfo,
  type PutOptions,
  type UploadInfo,
} from '../objects.ts';
import { Blobs, storageError, syncFolder } from './blobs.ts';
import {
  hasObjects,
  infoOf,
  jsonOf,
  liveBlob,
  objectKey,
  putJson,
  remove,
  SPACES,
  type StoredObject,
  sweptGeneration,
} from './catalog.ts';
import { type CatalogRecords, catalogRecords } from './catalog-records.ts';
import { CatalogWriter, type Change } from './changes.ts';
import { GarbageCollector } from './garbage.ts';
import { type ListOptions, listObjects } from './listing.ts';
import { Uploads, type WantedPart } from './uploads.ts';

export interface EmbeddedObjectsOptions {
  /** Folder of the store, made when it is not there. The records store must be the same one at every opening. */
  readonly directory: string;
  /** Stays open until the objects store is closed. */
  readonly records: Records;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger?: Logger;
}

const FORMAT = 1;
/** Opens the store of `directory`. @throws DomainError `format-too-new` (S4), `objects-failed`, `objects-full` */
export async function openEmbeddedObjects(options: EmbeddedObjectsOptions): Promise<Objects> {
  const { directory, records, clock, random, logger = silentLogger } = options;
  await mkdir(directory, { recursive: true });
  await checkFormat(directory);
  const buckets = await Registry.open<Bucket>(records, SPACES.buckets);
  const catalogStore = catalogRecords(records);
  const swept = await sweptGeneration(catalogStore);
  const blobs = await Blobs.open(join(directory, 'blobs'), swept, random);
  const garbage = new GarbageCollector(catalogStore, blobs, logger);
  garbage.sweep(swept);
  const catalog = new CatalogWriter(catalogStore, garbage);
  const uploads = new Uploads(catalogStore, blobs, catalog, clock, random);
  return new EmbeddedObjects({ records: catalogStore, buckets, blobs, catalog, uploads, garbage, clock });
}

interface Parts {
  readonly records: CatalogRecords;
  readonly buckets: Registry<Bucket>;
  readonly blobs: Blobs;
  readonly catalog: CatalogWriter;
  readonly uploads: Uploads;
  readonly garbage: GarbageCollector;
  readonly clock: Clock;
}

interface Bucket {
  readonly name: string;
  readonly createdAt: number;
}

class EmbeddedObjects implements Objects {
  readonly #records: CatalogRecords;
  readonly #buckets: Registry<Bucket>;
  readonly #blobs: Blobs;
  readonly #catalog: CatalogWriter;
  readonly #uploads: Uploads;
  readonly #garbage: GarbageCollector;
  readonly #clock: Clock;
  /** Buckets whose removal is under way: nothing is committed to them any more. */
  readonly #closingBuckets = new Set<string>();

  constructor({ records, buckets, blobs, catalog, uploads, garbage, clock }: Parts) {
    this.#records = records;
    this.#buckets = buckets;
    this.#blobs = blobs;
    this.#catalog = catalog;
    this.#uploads = uploads;
    this.#garbage = garbage;
    this.#clock = clock;
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
      await this.#catalog.apply(async () => ({ conditions: [], writes: [], freed: [] }));
      if (await hasObjects(this.#records, bucket)) {
        throw new DomainError('bucket-not-empty', `bucket ${bucket} is not empty`);
      }
      for (const { uploadId } of await this.#uploads.ofBucket(bucket)) await this.#uploads.abort(uploadId);
      await this.#buckets.delete(bucket);
    } finally {
      this.#closingBuckets.delete(bucket);
    }
  }

  async buckets(): Promise<readonly Bucket[]> {
    return this.#buckets.list();
  }

  async put(
    bucket: string,
    key: string,
    body: AsyncIterable<Uint8Array>,
    options: PutOptions = {},
  ): Promise<ObjectInfo> {
    this.#checkBucket(bucket);
    checkKey(key);
    const metadata = checkMetadata(options.metadata);
    const { blob, md5 } = await this.#blobs.write(body, options);
    const { sizeBytes } = blob;
    const object = { sizeBytes, etag: md5, lastModified: this.#clock.now(), metadata, blobs: [blob] };
    try {
      await this.#catalog.apply(async () => {
        const change = await this.#replacement(bucket, key, options);
        return { ...change, writes: [putJson(SPACES.objects, objectKey(bucket, key), object), liveBlob(blob)] };
      });
    } catch (error) {
      await this.#blobs.remove(blob.id);
      throw error;
    }
    return infoOf(key, object);
  }

  async get(bucket: string, key: string, range?: ByteRange) {
    const object = await this.#find(bucket, key);
    const wanted = clampRange(object.sizeBytes, range);
    return { info: infoOf(key, object), body: this.#blobs.read(object.blobs, wanted) };
  }

  async head(bucket: string, key: string): Promise<ObjectInfo> {
    return infoOf(key, await this.#find(bucket, key));
  }

  async delete(bucket: string, key: string): Promise<void> {
    this.#checkBucket(bucket);
    checkKey(key);
    await this.#catalog.apply(async () => {
      const change = await this.#replacement(bucket, key, {});
      return { ...change, writes: [remove(SPACES.objects, objectKey(bucket, key))] };
    });
  }

  async list(bucket: string, options: ListOptions): Promise<ObjectPage> {
    this.#checkBucket(bucket);
    assert(options.limit >= 1 && options.limit <= OBJECTS_LIMITS.listMax, `list limit ${options.limit}`);
    return listObjects(this.#records, bucket, options);
  }

  async createUpload(bucket: string, key: string, metadata?: Readonly<Record<string, string>>): Promise<string> {
    const check = () => this.#checkBucket(bucket);
    check();
    checkKey(key);
    return this.#uploads.create(bucket, key, checkMetadata(metadata), check);
  }

  putPart(uploadId: string, part: number, body: AsyncIterable<Uint8Array>, options: PutOptions = {}): Promise<string> {
    return this.#uploads.putPart(uploadId, part, body, options);
  }

  async completeUpload(uploadId: string, parts: readonly WantedPart[], options: PutOptions = {}): Promise<ObjectInfo> {
    const { bucket, key } = await this.#uploads.get(uploadId);
    let info: ObjectInfo | undefined;
    await this.#catalog.apply(async () => {
      const { object, conditions, writes, freed } = await this.#uploads.complete(uploadId, parts);
      const change = await this.#replacement(bucket, key, options);
      info = infoOf(key, object);
      return {
        conditions: [...change.conditions, ...conditions],
        writes: [putJson(SPACES.objects, objectKey(bucket, key), object), ...writes],
        freed: [...change.freed, ...freed],
      };
    });
    return info!;
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

  async uploads(bucket: string): Promise<readonly UploadInfo[]> {
    this.#checkBucket(bucket);
    return this.#uploads.ofBucket(bucket);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#garbage[Symbol.asyncDispose]();
  }

  async #find(bucket: string, key: string): Promise<StoredObject> {
    this.#checkBucket(bucket);
    checkKey(key);
    const entry = await this.#records.get(SPACES.objects, objectKey(bucket, key));
    if (!entry) throw new DomainError('object-not-found', `no object ${key} in bucket ${bucket}`);
    return jsonOf<StoredObject>(entry);
  }

  /** What replacing the object that stands there now depends on, and frees. */
  async #replacement(bucket: string, key: string, options: PutOptions): Promise<Omit<Change, 'writes'>> {
    const recordKey = objectKey(bucket, key);
    const entry = await this.#records.get(SPACES.objects, recordKey);
    const current = entry && jsonOf<StoredObject>(entry);
    checkPreconditions(current, options);
    // The commit is called in the turn in which this resolves: the removal of the bucket waits for it, or was seen here.
    this.#checkBucket(bucket);
    const condition = { space: SPACES.objects, key: recordKey, is: entry?.version ?? ('absent' as const) };
    return { conditions: [condition], freed: current?.blobs ?? [] };
  }

  #checkBucket(bucket: string): void {
    if (!this.#buckets.has(bucket) || this.#closingBuckets.has(bucket)) {
      throw new DomainError('bucket-not-found', `no bucket ${bucket}`);
    }
  }
}

function checkKey(key: string): void {
  const sizeBytes = Buffer.byteLength(key);
  if (sizeBytes >= 1 && sizeBytes <= OBJECTS_LIMITS.keyBytesMax && key.isWellFormed()) return;
  throw new DomainError('key-invalid', `keys are 1 to ${OBJECTS_LIMITS.keyBytesMax} bytes of UTF-8`, {
    fields: { sizeBytes },
  });
}

function checkMetadata(metadata: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const sizeBytes = Buffer.byteLength(JSON.stringify(metadata));
  assert(sizeBytes <= OBJECTS_LIMITS.metadataBytesMax, `metadata of ${sizeBytes} bytes`);
  return metadata;
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

function checkPreconditions(current: StoredObject | undefined, { ifNoneMatch, ifMatch }: PutOptions): void {
  const failed = (ifNoneMatch === '*' && current) || (ifMatch !== undefined && current?.etag !== ifMatch);
  if (failed) throw new DomainError('precondition-failed', 'the object is not as the condition asks');
}

/** The folder's version (S4). */
async function checkFormat(directory: string): Promise<void> {
  const file = join(directory, 'format.json');
  const text = await readFile(file, 'utf8').catch((error) => {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw storageError(error);
  });
  if (text === undefined) return writeFormat(directory, file);
  const { version } = JSON.parse(text) as { version: number };
  if (version > FORMAT) {
    const message = `${directory} has format ${version}; this release reads up to ${FORMAT}: use a newer one`;
    throw new DomainError('format-too-new', message);
  }
}

async function writeFormat(directory: string, file: string): Promise<void> {
  await writeFile(`${file}.new`, JSON.stringify({ version: FORMAT }), { flush: true });
  await rename(`${file}.new`, file);
  await syncFolder(directory);
}
