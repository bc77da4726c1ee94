import type { DomainError } from '../../base/index.ts';

/** What is known of a stored object. */
export interface ObjectInfo {
  readonly key: string;
  readonly sizeBytes: number;
  /** Lower-case hex MD5 of the content; for a multipart object MD5 of the parts' MD5s, `-` and their count, as S3 has it. */
  readonly etag: string;
  /** Epoch milliseconds. */
  readonly lastModified: number;
  /** Caller's own values, stored whole: at most 64 KiB as JSON. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Inclusive byte range; `end` beyond the object means its end. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface ObjectPage {
  readonly objects: readonly ObjectInfo[];
  /** Common prefixes when a delimiter was given. */
  readonly prefixes: readonly string[];
  /** Pass as `after` for the next page; absent on the last. */
  readonly next?: string;
}

/** - `bucket-not-found`, `bucket-exists`, `bucket-not-empty`, `object-not-found`, `upload-not-found`: as they say.
 *  - `precondition-failed`: `ifNoneMatch` found an object, or `ifMatch` another etag.
 *  - `content-mismatch`: the body ended early, or its MD5 is not the announced one; nothing was stored.
 *  - `part-invalid`: a part named by complete is missing, out of order, or has another etag.
 *  - `range-invalid`: the range starts beyond the object.
 *  - `key-invalid`: the key is empty, longer than 1,024 bytes of UTF-8, or not well-formed.
 *  - `objects-full`: the disk is full; reads go on (S3). Retry later.
 *  - `objects-failed`: the disk or the records store failed.
 *  - `format-too-new`: a later release wrote the folder (S4). */
export type ObjectsErrorCode =
  | 'bucket-not-found'
  | 'bucket-exists'
  | 'bucket-not-empty'
  | 'object-not-found'
  | 'upload-not-found'
  | 'precondition-failed'
  | 'content-mismatch'
  | 'part-invalid'
  | 'range-invalid'
  | 'key-invalid'
  | 'objects-full'
  | 'objects-failed'
  | 'format-too-new';

export type ObjectsError = DomainError<ObjectsErrorCode>;

/** Numbers of the objects port (S5). */
export const OBJECTS_LIMITS = {
  keyBytesMax: 1024,
  /** Caller's values of one object, bytes as JSON. */
  metadataBytesMax: 64 * 1024,
  partsMax: 10_000,
  /** Objects and prefixes of one page. */
  listMax: 1000,
} as const;

/** A part of an upload that is not completed. */
export interface PartInfo {
  readonly part: number;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly lastModified: number;
}

/** An upload that is neither completed nor aborted. */
export interface UploadInfo {
  readonly uploadId: string;
  readonly bucket: string;
  readonly key: string;
  readonly createdAt: number;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface PutOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly contentLength?: number;
  /** Hex MD5 that the body must have. */
  readonly md5?: string;
  readonly ifNoneMatch?: '*';
  readonly ifMatch?: string;
}

/**
 * The objects port: blobs in buckets (DESIGN §4). Bodies are streamed, never held. A put becomes visible whole and durable, or
 * not at all: temporary file, sync, rename, sync of the folder.
 */
export interface Objects extends AsyncDisposable {
  createBucket(bucket: string): Promise<void>;
  /** @throws bucket-not-empty */
  deleteBucket(bucket: string): Promise<void>;
  /** Sorted by name. */
  buckets(): Promise<readonly { readonly name: string; readonly createdAt: number }[]>;

  put(bucket: string, key: string, body: AsyncIterable<Uint8Array>, options?: PutOptions): Promise<ObjectInfo>;
  /** Consume or destroy `body`. @throws object-not-found, range-invalid */
  get(
    bucket: string,
    key: string,
    range?: ByteRange,
  ): Promise<{ readonly info: ObjectInfo; readonly body: AsyncIterable<Uint8Array> }>;
  head(bucket: string, key: string): Promise<ObjectInfo>;
  /** Deleting what is not there is no error. */
  delete(bucket: string, key: string): Promise<void>;
  /**
   * Keys in UTF-8 byte order, 1 to 1,000 objects and prefixes together. `after` is a key, or a common prefix of an earlier page,
   * which is then not given again.
   */
  list(
    bucket: string,
    options: {
      readonly prefix?: string;
      readonly delimiter?: string;
      readonly after?: string;
      readonly limit: number;
    },
  ): Promise<ObjectPage>;

  createUpload(bucket: string, key: string, metadata?: Readonly<Record<string, string>>): Promise<string>;
  /** Part numbers 1 to 10,000; a part sent again replaces the first. @returns its etag */
  putPart(uploadId: string, part: number, body: AsyncIterable<Uint8Array>, options?: PutOptions): Promise<string>;
  completeUpload(
    uploadId: string,
    parts: readonly { readonly part: number; readonly etag: string }[],
    options?: PutOptions,
  ): Promise<ObjectInfo>;
  /** @throws upload-not-found */
  abortUpload(uploadId: string): Promise<void>;
  /** @throws upload-not-found */
  upload(uploadId: string): Promise<UploadInfo>;
  /** Parts so far, by number. @throws upload-not-found */
  parts(uploadId: string): Promise<readonly PartInfo[]>;
  /** Uploads of a bucket, by key, then by their beginning. */
  uploads(bucket: string): Promise<readonly UploadInfo[]>;
}
