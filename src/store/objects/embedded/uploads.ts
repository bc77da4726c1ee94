import { createHash } from 'node:crypto';
import { type Clock, DomainError, type Random } from '../../../base/index.ts';
import type { Condition, Write } from '../../records/index.ts';
import { OBJECTS_LIMITS, type PartInfo, type PutOptions, type UploadInfo } from '../objects.ts';
import type { Blob, Blobs } from './blobs.ts';
import {
  allUploads,
  jsonOf,
  liveBlob,
  type NumberedPart,
  partKey,
  partsOf,
  putJson,
  remove,
  SPACES,
  type StoredObject,
  type StoredPart,
  type StoredUpload,
  uploadKey,
} from './catalog.ts';
import type { CatalogRecords } from './catalog-records.ts';
import type { CatalogWriter } from './changes.ts';

/** A part as the caller of complete names it. */
export interface WantedPart {
  readonly part: number;
  readonly etag: string;
}

/** What completing an upload takes: the object it makes, and how the catalog changes beside it. */
export interface Completion {
  readonly object: StoredObject;
  readonly conditions: readonly Condition[];
  readonly writes: readonly Write[];
  readonly freed: readonly Blob[];
}

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
  async create(
    bucket: string,
    key: string,
    metadata: Readonly<Record<string, string>>,
    checkBucket: () => void,
  ): Promise<string> {
    const upload: StoredUpload = { bucket, key, metadata, createdAt: this.#clock.now() };
    const uploadId = this.#random.bytes(16).toString('hex');
    await this.#catalog.apply(async () => {
      checkBucket();
      return { conditions: [], writes: [putJson(SPACES.uploads, uploadKey(uploadId), upload)], freed: [] };
    });
    return uploadId;
  }

  async get(uploadId: string): Promise<UploadInfo> {
    return (await this.#read(uploadId)).upload;
  }

  async ofBucket(bucket: string): Promise<UploadInfo[]> {
    const uploads = (await allUploads(this.#records)).filter((upload) => upload.bucket === bucket);
    return uploads.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.createdAt - b.createdAt));
  }

  async parts(uploadId: string): Promise<readonly PartInfo[]> {
    await this.#read(uploadId);
    const stored = await partsOf(this.#records, uploadId);
    return stored.map(({ part, sizeBytes, etag, lastModified }) => ({ part, sizeBytes, etag, lastModified }));
  }

  async putPart(uploadId: string, part: number, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<string> {
    if (!Number.isInteger(part) || part < 1 || part > OBJECTS_LIMITS.partsMax) {
      throw new DomainError('part-invalid', `part numbers are 1 to ${OBJECTS_LIMITS.partsMax}, not ${part}`);
    }
    await this.#read(uploadId);
    const { blob, md5 } = await this.#blobs.write(body, options);
    const stored: StoredPart = { sizeBytes: blob.sizeBytes, etag: md5, lastModified: this.#clock.now(), blob };
    try {
      await this.#catalog.apply(() => this.#storePart(uploadId, part, stored));
    } catch (error) {
      await this.#blobs.remove(blob.id);
      throw error;
    }
    return md5;
  }

  /** @throws upload-not-found, part-invalid */
  async complete(uploadId: string, wanted: readonly WantedPart[]): Promise<Completion> {
    const { upload, condition } = await this.#read(uploadId);
    const stored = await partsOf(this.#records, uploadId);
    const chosen = chooseParts(stored, wanted);
    const object = {
      sizeBytes: chosen.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      etag: multipartEtag(chosen),
      lastModified: this.#clock.now(),
      metadata: upload.metadata,
      blobs: chosen.map(({ blob }) => blob),
    };
    const freed = stored.filter((part) => !chosen.includes(part)).map(({ blob }) => blob);
    return { object, conditions: [condition], writes: endOfUpload(uploadId, stored), freed };
  }

  async abort(uploadId: string): Promise<void> {
    await this.#catalog.apply(async () => {
      const { condition } = await this.#read(uploadId);
      const stored = await partsOf(this.#records, uploadId);
      return {
        conditions: [condition],
        writes: endOfUpload(uploadId, stored),
        freed: stored.map(({ blob }) => blob),
      };
    });
  }

  async #storePart(uploadId: string, part: number, stored: StoredPart) {
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
    };
  }

  async #read(uploadId: string): Promise<{ readonly upload: UploadInfo; readonly condition: Condition }> {
    const key = uploadKey(uploadId);
    const entry = await this.#records.get(SPACES.uploads, key);
    if (!entry) throw new DomainError('upload-not-found', `no upload ${uploadId}`);
    const condition = { space: SPACES.uploads, key, is: entry.version };
    return { upload: { uploadId, ...jsonOf<StoredUpload>(entry) }, condition };
  }
}

/** The parts to make the object of, which must be there under their etags, in ascending order. */
function chooseParts(stored: readonly NumberedPart[], wanted: readonly WantedPart[]): readonly NumberedPart[] {
  const byNumber = new Map(stored.map((one) => [one.part, one]));
  if (wanted.length === 0) throw new DomainError('part-invalid', 'an object is made of one part or more');
  return wanted.map(({ part, etag }, index) => {
    const found = byNumber.get(part);
    if (found?.etag !== etag) {
      throw new DomainError('part-invalid', `part ${part} with etag ${etag} was not uploaded`, {
        fields: { reason: 'missing', part },
      });
    }
    if (index > 0 && wanted[index - 1]!.part >= part) {
      throw new DomainError('part-invalid', 'parts are not in ascending order', { fields: { reason: 'order' } });
    }
    return found;
  });
}

function endOfUpload(uploadId: string, parts: readonly NumberedPart[]): Write[] {
  return [
    remove(SPACES.uploads, uploadKey(uploadId)),
    ...parts.map(({ part }) => remove(SPACES.parts, partKey(uploadId, part))),
  ];
}

function multipartEtag(parts: readonly NumberedPart[]): string {
  const hash = createHash('md5');
  for (const { etag } of parts) hash.update(Buffer.from(etag, 'hex'));
  return `${hash.digest('hex')}-${parts.length}`;
}
