import { type Clock, DomainError, hasCode, type Random } from '../../../base/index.ts';
import { decodeKey, encodeKey } from '../../../codec/index.ts';
import type { Condition, Write } from '../../records/index.ts';
import {
  type CompletedUpload,
  type CompleteOptions,
  type ListUploadsOptions,
  OBJECTS_LIMITS,
  type ObjectInfo,
  type ObjectsErrorCode,
  type PartInfo,
  type PartOptions,
  type UploadInfo,
  type UploadOptions,
  type UploadPage,
  type WantedPart,
} from '../objects.ts';
import type { Blobs, Content, WriteOptions } from './blobs.ts';
import {
  type Blob,
  jsonOf,
  liveBlob,
  type NamedUpload,
  type NumberedPart,
  partKey,
  partsOf,
  putJson,
  remove,
  SPACES,
  type StoredPart,
  type StoredUpload,
  uploading,
  uploadingKey,
  uploadKey,
} from './catalog.ts';
import type { CatalogRecords } from './catalog-records.ts';
import type { CatalogWriter, Change } from './changes.ts';
import { checkCustomerKey, keyCheckOf } from './ciphers.ts';
import { etagOf, objectOfParts } from './completion.ts';
import { mayStand } from './errors.ts';
import type { Fresh } from './history.ts';
import { listUploads } from './listing.ts';

/** What completing an upload takes: the object it makes, and how the catalog changes beside it. */
export interface Completion {
  readonly fresh: Fresh;
  readonly conditions: readonly Condition[];
  readonly writes: readonly Write[];
  readonly freed: readonly Blob[];
}

/** Old entries of completed uploads that one completion removes. */
const FORGOTTEN_MAX = 16;

/**
 * Multipart uploads. Every part that is stored writes its upload's record anew, so that completing and aborting, which commit
 * on the version of that record, have seen all parts.
 */
export class Uploads {
  readonly #records: CatalogRecords;
  readonly #blobs: Blobs;
  readonly #catalog: CatalogWriter;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(records: CatalogRecords, blobs: Blobs, catalog: CatalogWriter, clock: Clock, random: Random) {
    this.#records = records;
    this.#blobs = blobs;
    this.#catalog = catalog;
    this.#clock = clock;
    this.#random = random;
  }

  /** @param checkBucket  throws when the bucket is not there (any more) */
  create(bucket: string, key: string, options: UploadOptions, checkBucket: () => void): Promise<string> {
    const { metadata = {}, legalHold, customerKey, ...rest } = options;
    const upload: StoredUpload = {
      ...rest,
      bucket,
      key,
      metadata,
      createdAt: this.#clock.now(),
      ...(legalHold && { legalHold }),
      ...(customerKey && { keyCheck: keyCheckOf(customerKey, this.#random.bytes(16)) }),
    };
    const uploadId = makeUploadId(upload.createdAt, this.#random);
    return this.#catalog.apply(async () => {
      checkBucket();
      const writes = [putJson(SPACES.uploads, uploadKey(uploadId), upload), uploading({ bucket, key, uploadId })];
      return { conditions: [], writes, freed: [], result: uploadId };
    });
  }

  async get(uploadId: string): Promise<UploadInfo> {
    return infoOf((await this.#read(uploadId)).upload);
  }

  async ofBucket(bucket: string, options: ListUploadsOptions): Promise<UploadPage> {
    const { names, ...page } = await listUploads(this.#records, bucket, options);
    const rows = names.map(({ uploadId }) => ({ space: SPACES.uploads, key: uploadKey(uploadId) }));
    const found = await this.#records.getAll(rows);
    // One that has ended between the two reads is left out.
    const uploads = names.flatMap(({ uploadId }, index) => {
      const row = found[index];
      return row ? [infoOf({ uploadId, ...jsonOf<StoredUpload>(row) })] : [];
    });
    return { uploads, ...page };
  }

  /** Aborts what is under way in a bucket to which nothing is committed any more. */
  async abortAll(bucket: string): Promise<void> {
    let after: ListUploadsOptions['after'];
    do {
      const limit = OBJECTS_LIMITS.uploadsMax;
      const { names, next } = await listUploads(this.#records, bucket, { limit, ...(after && { after }) });
      for (const { uploadId } of names) {
        await this.abort(uploadId).catch((error) => {
          // Others may be ending it as well.
          if (!hasCode(error, 'upload-not-found')) throw error;
        });
      }
      after = next;
    } while (after);
  }

  async parts(uploadId: string): Promise<readonly PartInfo[]> {
    await this.#read(uploadId);
    return (await partsOf(this.#records, uploadId)).map(({ part, ...stored }) => partInfo(part, stored));
  }

  /** @param write  stores the content as it is told to, in a file */
  async putPart(
    uploadId: string,
    part: number,
    options: PartOptions,
    write: (options: WriteOptions) => Promise<Content>,
  ): Promise<PartInfo> {
    if (!Number.isInteger(part) || part < 1 || part > OBJECTS_LIMITS.partsMax) {
      throw new DomainError('part-invalid', `part numbers are 1 to ${OBJECTS_LIMITS.partsMax}, not ${part}`);
    }
    const { upload } = await this.#read(uploadId);
    checkCustomerKey(upload.keyCheck, options.customerKey);
    const keeps = upload.checksum?.algorithm;
    const content = await write({ ...options, keeps, inlineBytesMax: -1 });
    const { blob } = content as typeof content & { readonly blob: Blob };
    const stored: StoredPart = {
      sizeBytes: blob.sizeBytes,
      etag: content.md5,
      lastModified: this.#clock.now(),
      blob,
      ...(keeps !== undefined && content.checksum !== undefined && { checksum: content.checksum }),
    };
    try {
      await this.#catalog.apply(() => this.#storePart(uploadId, part, stored));
    } catch (error) {
      if (!mayStand(error)) await this.#blobs.remove(blob.id);
      throw error;
    }
    return partInfo(part, stored);
  }

  /** @throws upload-not-found, part-invalid, content-mismatch */
  async complete(uploadId: string, wanted: readonly WantedPart[], options: CompleteOptions): Promise<Completion> {
    const { upload, condition } = await this.#read(uploadId);
    const stored = await partsOf(this.#records, uploadId);
    const chosen = chooseParts(stored, wanted);
    const fresh = objectOfParts(upload, chosen, options, this.#clock.now());
    const freed = stored.filter((part) => !chosen.includes(part)).map(({ blob }) => blob);
    const writes = [...endOfUpload(upload, stored), ...(await this.#forgetOld())];
    return { fresh, conditions: [condition], writes, freed };
  }

  /** Remembers, in the commit that completes it, what an upload became. */
  remember(uploadId: string, bucket: string, info: ObjectInfo): readonly Write[] {
    const at = this.#clock.now();
    const { metadata: _, parts: _parts, acl: _acl, ...rest } = info;
    const completed: Remembered = { at, bucket, key: info.key, info: { ...rest, metadata: {} } };
    return [
      putJson(SPACES.completed, encodeKey(['id', uploadId]), completed),
      putJson(SPACES.completed, encodeKey(['at', at, uploadId]), null),
    ];
  }

  async completed(uploadId: string, etags: readonly string[]): Promise<CompletedUpload | undefined> {
    const row = await this.#records.get(SPACES.completed, encodeKey(['id', uploadId]));
    if (!row) return undefined;
    const { at, ...completed } = jsonOf<Remembered>(row);
    const isOld = at + OBJECTS_LIMITS.completedUploadsKeptMs <= this.#clock.now();
    return isOld || etagOf(etags) !== completed.info.etag ? undefined : completed;
  }

  /** What was remembered for long enough: each completion adds one and takes away more, so that they never pile up. */
  async #forgetOld(): Promise<Write[]> {
    const to = encodeKey(['at', this.#clock.now() - OBJECTS_LIMITS.completedUploadsKeptMs]);
    const old = await this.#records.range(SPACES.completed, { from: encodeKey(['at']), to, limit: FORGOTTEN_MAX });
    return old.flatMap(({ key }) => {
      const [, , uploadId] = decodeKey(key) as [string, number, string];
      return [remove(SPACES.completed, key), remove(SPACES.completed, encodeKey(['id', uploadId]))];
    });
  }

  abort(uploadId: string): Promise<void> {
    return this.#catalog.apply(async () => {
      const { upload, condition } = await this.#read(uploadId);
      const stored = await partsOf(this.#records, uploadId);
      return {
        conditions: [condition],
        writes: endOfUpload(upload, stored),
        freed: stored.map(({ blob }) => blob),
        result: undefined,
      };
    });
  }

  async #storePart(uploadId: string, part: number, stored: StoredPart): Promise<Change<void>> {
    const key = partKey(uploadId, part);
    const { upload } = await this.#read(uploadId);
    const earlier = await this.#records.get(SPACES.parts, key);
    const { uploadId: _, ...storedUpload } = upload;
    return {
      conditions: [
        { space: SPACES.parts, key, is: earlier?.version ?? ('absent' as const) },
        { space: SPACES.uploads, key: uploadKey(uploadId), is: 'present' as const },
      ],
      writes: [
        putJson(SPACES.parts, key, stored),
        putJson(SPACES.uploads, uploadKey(uploadId), storedUpload),
        liveBlob(stored.blob),
      ],
      freed: earlier ? [jsonOf<StoredPart>(earlier).blob] : [],
      result: undefined,
    };
  }

  async #read(uploadId: string): Promise<{ readonly upload: NamedUpload; readonly condition: Condition }> {
    const key = uploadKey(uploadId);
    const entry = await this.#records.get(SPACES.uploads, key);
    if (!entry) throw new DomainError('upload-not-found', `no upload ${uploadId}`);
    const condition = { space: SPACES.uploads, key, is: entry.version };
    return { upload: { uploadId, ...jsonOf<StoredUpload>(entry) }, condition };
  }
}

interface Remembered extends CompletedUpload {
  readonly at: number;
}

/** Ids grow with time, in hex: uploads of a key are listed in the order of their beginning. */
function makeUploadId(at: number, random: Random): string {
  return at.toString(16).padStart(12, '0') + random.bytes(16).toString('hex');
}

function infoOf({ uploadId, bucket, key, createdAt, metadata, checksum, keyCheck }: NamedUpload): UploadInfo {
  const customerKey = keyCheck !== undefined && { customerKey: true as const };
  return { uploadId, bucket, key, createdAt, metadata, ...(checksum && { checksum }), ...customerKey };
}

function partInfo(part: number, { sizeBytes, etag, lastModified, checksum }: StoredPart): PartInfo {
  return { part, sizeBytes, etag, lastModified, ...(checksum !== undefined && { checksum }) };
}

/** The parts to make the object of, which must be there under their etags, in ascending order. */
function chooseParts(stored: readonly NumberedPart[], wanted: readonly WantedPart[]): readonly NumberedPart[] {
  const byNumber = new Map(stored.map((one) => [one.part, one]));
  if (wanted.length === 0) throw invalid('an object is made of one part or more');
  return wanted.map(({ part, etag, checksum }, index) => {
    const found = byNumber.get(part);
    if (found?.etag !== etag)
      throw invalid(`part ${part} with etag ${etag} was not uploaded`, { reason: 'missing', part });
    if (checksum !== undefined && checksum !== found.checksum) {
      throw invalid(`part ${part} has another checksum`, { reason: 'missing', part });
    }
    if (index > 0 && wanted[index - 1]!.part >= part)
      throw invalid('parts are not in ascending order', { reason: 'order' });
    return found;
  });
}

function invalid(message: string, fields: Readonly<Record<string, unknown>> = {}): DomainError<ObjectsErrorCode> {
  return new DomainError('part-invalid', message, { fields });
}

function endOfUpload({ bucket, key, uploadId }: NamedUpload, parts: readonly NumberedPart[]): Write[] {
  return [
    remove(SPACES.uploads, uploadKey(uploadId)),
    remove(SPACES.uploading, uploadingKey(bucket, key, uploadId)),
    ...parts.map(({ part }) => remove(SPACES.parts, partKey(uploadId, part))),
  ];
}
