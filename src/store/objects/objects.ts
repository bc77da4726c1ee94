import type { DomainError } from '../../base/index.ts';

/** Checksums beside MD5, under S3's names. */
export type ChecksumAlgorithm = 'CRC32' | 'CRC32C' | 'CRC64NVME' | 'SHA1' | 'SHA256';

/** Of the whole content, or of the checksums of an upload's parts. */
export type ChecksumType = 'FULL_OBJECT' | 'COMPOSITE';

export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly type: ChecksumType;
  /** Base64, big endian; a composite one ends with `-` and the count of parts. */
  readonly value: string;
}

/** Until when nobody deletes a version. */
export interface Retention {
  /** `COMPLIANCE` is never shortened or lifted; `GOVERNANCE` is by who may bypass it. */
  readonly mode: 'GOVERNANCE' | 'COMPLIANCE';
  /** Epoch milliseconds. */
  readonly until: number;
}

/** Tags by their keys. */
export type Tags = Readonly<Record<string, string>>;

/** A part of an object that was uploaded in parts. */
export interface ObjectPart {
  readonly part: number;
  readonly sizeBytes: number;
  /** Base64, of the object's algorithm. */
  readonly checksum?: string;
}

/** What is known of a version of an object. */
export interface ObjectInfo {
  readonly key: string;
  readonly sizeBytes: number;
  /**
   * Lower-case hex MD5 of the content; for a multipart object MD5 of the parts' MD5s, `-` and their count, as S3 has it. Of content
   * that a customer's key encrypts it is random instead.
   */
  readonly etag: string;
  /** Epoch milliseconds. */
  readonly lastModified: number;
  /** Caller's own values, stored whole: at most 64 KiB as JSON. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Absent for the null version: what a bucket keeps under a key while versioning is not on. */
  readonly versionId?: string;
  /** The newest of its key. */
  readonly isLatest: boolean;
  readonly tags: Tags;
  readonly checksum?: Checksum;
  /** Of one that was uploaded in parts. */
  readonly parts?: readonly ObjectPart[];
  readonly retention?: Retention;
  readonly legalHold?: boolean;
  /** Text that its service keeps with it. */
  readonly acl?: string;
  /** Its content is encrypted with a key that the reader must bring. */
  readonly customerKey?: true;
}

/** A place in the history of a key where it was deleted. */
export interface DeleteMarker {
  readonly key: string;
  readonly deleteMarker: true;
  readonly lastModified: number;
  readonly versionId?: string;
  readonly isLatest: boolean;
}

export type ObjectVersion = ObjectInfo | DeleteMarker;

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

/** Where a listing of versions goes on: behind all versions of `key`, or behind that one. */
export interface VersionCursor {
  readonly key: string;
  /** `'null'` for the null version. */
  readonly versionId?: string;
}

export interface VersionPage {
  /** By key, then newest first. */
  readonly versions: readonly ObjectVersion[];
  readonly prefixes: readonly string[];
  readonly next?: VersionCursor;
}

/** Whether a bucket keeps what is replaced and deleted; one that never did is told apart from one that stopped. */
export type Versioning = 'Enabled' | 'Suspended';

export interface BucketInfo {
  readonly name: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly versioning?: Versioning;
}

/** - `bucket-not-found`, `bucket-exists`, `bucket-not-empty`, `upload-not-found`: as they say.
 *  - `object-not-found`: the key has no object; `fields.deleteMarker` and `fields.versionId` when a delete marker is its newest version.
 *  - `version-not-found`: the key has no such version.
 *  - `version-is-marker`: the version that was asked for is a delete marker, which has no content.
 *  - `object-locked`: retention or a legal hold keeps the version.
 *  - `precondition-failed`: a condition did not hold of what stands there.
 *  - `content-mismatch`: the body ended early, or has another MD5 or checksum than was announced; nothing was stored.
 *     `fields.reason` is `length`, `md5` or `checksum` (then with `fields.algorithm`). What the body itself throws is passed on.
 *  - `customer-key-missing`, `customer-key-needless`, `customer-key-wrong`: a reader brings no key, one that is not needed, or another.
 *  - `part-invalid`: a part named by complete is missing, out of order, or has another etag or checksum.
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
  | 'version-not-found'
  | 'version-is-marker'
  | 'object-locked'
  | 'upload-not-found'
  | 'precondition-failed'
  | 'content-mismatch'
  | 'customer-key-missing'
  | 'customer-key-needless'
  | 'customer-key-wrong'
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
  /** Uploads of one page. */
  uploadsMax: 1000,
  /** Content up to here stands in the catalog, without a file of its own. */
  inlineBytesMax: 16 * 1024,
  /** For how long it is remembered what a completed upload became. */
  completedUploadsKeptMs: 3_600_000,
} as const;

/** A part of an upload that is not completed. */
export interface PartInfo {
  readonly part: number;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly lastModified: number;
  /** Base64, of the upload's algorithm. */
  readonly checksum?: string;
}

/** What an upload was begun with, for the object that it becomes. */
export interface UploadOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly tags?: Tags;
  readonly retention?: Retention;
  readonly legalHold?: boolean;
  readonly acl?: string;
  /** Of 32 bytes: parts are encrypted with it, and must come with it. */
  readonly customerKey?: Uint8Array;
  readonly checksum?: UploadChecksum;
}

/** What an upload in parts is summed up by. */
export interface UploadChecksum extends Pick<Checksum, 'algorithm' | 'type'> {
  /** Its caller has named none: parts may come with others, and this one is computed beside them. */
  readonly unasked?: true;
}

/** An upload that is neither completed nor aborted. */
export interface UploadInfo {
  readonly uploadId: string;
  readonly bucket: string;
  readonly key: string;
  readonly createdAt: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly checksum?: UploadChecksum;
  readonly customerKey?: true;
}

/** What an upload became. */
export interface CompletedUpload {
  readonly bucket: string;
  readonly key: string;
  /** As it was then, without metadata and parts. */
  readonly info: ObjectInfo;
}

export interface UploadPage {
  /** By key, then by their beginning. */
  readonly uploads: readonly UploadInfo[];
  readonly prefixes: readonly string[];
  readonly next?: { readonly key: string; readonly uploadId?: string };
}

/** What a change of an object came from; kept in its {@link ObjectChange} as it is. */
export interface ChangeCause {
  /** `lifecycle` makes removals expirations; `post` and `copy` name how an object was made. */
  readonly origin?: 'post' | 'copy' | 'lifecycle';
  readonly requestId?: string;
  readonly principalId?: string;
  readonly sourceIp?: string;
}

/** Names of S3's events, without their `s3:`. */
export type ObjectChangeType =
  | 'ObjectCreated:Put'
  | 'ObjectCreated:Post'
  | 'ObjectCreated:Copy'
  | 'ObjectCreated:CompleteMultipartUpload'
  | 'ObjectRemoved:Delete'
  | 'ObjectRemoved:DeleteMarkerCreated'
  | 'LifecycleExpiration:Delete'
  | 'LifecycleExpiration:DeleteMarkerCreated'
  | 'ObjectTagging:Put'
  | 'ObjectTagging:Delete'
  | 'ObjectAcl:Put';

/** A change of an object that was watched for; in the same commit as the change itself. */
export interface ObjectChange {
  /** Place in the feed: grows in the order of commits. */
  readonly sequence: number;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly type: ObjectChangeType;
  readonly bucket: string;
  readonly key: string;
  readonly versionId?: string;
  readonly sizeBytes?: number;
  readonly etag?: string;
  /** `sequence` as S3 writes it, 16 upper-case hex digits: of two changes of a key the later one has the greater. */
  readonly sequencer: string;
  readonly cause?: ChangeCause;
  /** What {@link Objects.watch} wrote of it when it happened; absent of what an earlier release has kept. */
  readonly note?: string;
}

/** A change as it happens, before it has its place in the feed. */
export type PendingChange = Omit<ObjectChange, 'sequence' | 'sequencer' | 'at' | 'note'>;

/** What must hold of the newest version of a key, or nothing is changed. */
export interface WriteConditions {
  /** There is no object. */
  readonly ifNoneMatch?: '*';
  /** There is an object of this etag; `*`: any. Of a put, none at all is `object-not-found`. */
  readonly ifMatch?: string;
}

/** What a body must turn out to be. */
export interface BodyChecks {
  readonly contentLength?: number;
  /** Hex MD5 that the body must have. */
  readonly md5?: string;
  /** Computes it; where a value is given, or known once the body has ended, it must be that. */
  readonly checksum?: {
    readonly algorithm: ChecksumAlgorithm;
    readonly value?: string | (() => string | undefined);
  };
}

export interface PutOptions extends WriteConditions, BodyChecks {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly tags?: Tags;
  readonly retention?: Retention;
  readonly legalHold?: boolean;
  readonly acl?: string;
  /** 32 bytes: content is encrypted with it (AES-256), and nobody reads it without. The key is not kept. */
  readonly customerKey?: Uint8Array;
  readonly cause?: ChangeCause;
}

export interface PartOptions extends BodyChecks {
  readonly customerKey?: Uint8Array;
}

/** An object to copy from. */
export interface CopySource extends VersionChoice {
  readonly bucket: string;
  readonly key: string;
  readonly customerKey?: Uint8Array;
}

export interface PartCopyOptions {
  /** Bytes of the source; absent: all. */
  readonly range?: ByteRange;
  /** Of the upload. */
  readonly customerKey?: Uint8Array;
}

/** A part as who completes an upload names it. */
export interface WantedPart {
  readonly part: number;
  readonly etag: string;
  readonly checksum?: string;
}

export interface CompleteOptions extends WriteConditions {
  /** Checksum that the object must have. */
  readonly checksum?: string;
  readonly sizeBytes?: number;
  readonly customerKey?: Uint8Array;
  readonly cause?: ChangeCause;
}

/** Which version; absent: the newest. `'null'` is the null version. */
export interface VersionChoice {
  readonly versionId?: string;
}

export interface ReadOptions extends VersionChoice {
  /**
   * The range to read, decided with what is known of the very version that will be read; `undefined`: all of it. May throw: then
   * nothing is read.
   */
  readonly range?: ByteRange | ((info: ObjectInfo) => ByteRange | undefined);
  readonly customerKey?: Uint8Array;
}

export interface OpenedObject {
  readonly info: ObjectInfo;
  /** What is read, when it is not all. */
  readonly range?: ByteRange;
  /** Consume or destroy it. */
  readonly body: AsyncIterable<Uint8Array>;
  /** The same, where it was at hand. */
  readonly bytes?: Uint8Array;
}

export interface DeleteOptions extends VersionChoice {
  readonly ifMatch?: string;
  /** Decides with what is known of the very version that would go, or get a marker before it: false is `precondition-failed`. */
  readonly onlyIf?: (version: ObjectVersion) => boolean;
  /** May lift retention in governance mode. */
  readonly bypassGovernance?: boolean;
  readonly cause?: ChangeCause;
}

export interface Deletion {
  /** Of the version that was removed, or of the marker that was made; absent: the null version, or nothing. */
  readonly versionId?: string;
  /** A marker was made, or one was removed. */
  readonly deleteMarker?: true;
}

export interface ListOptions {
  readonly prefix?: string;
  readonly delimiter?: string;
  readonly after?: string;
  readonly limit: number;
}

export interface ListVersionsOptions {
  readonly prefix?: string;
  readonly delimiter?: string;
  readonly after?: VersionCursor;
  readonly limit: number;
}

export interface ListUploadsOptions {
  readonly prefix?: string;
  readonly delimiter?: string;
  readonly after?: { readonly key: string; readonly uploadId?: string };
  /** 1 to 1,000. */
  readonly limit: number;
}

/** A body whose pieces have memory that is wanted back: it is told of each as soon as it is needed no longer. */
export interface LentBody extends AsyncIterable<Uint8Array> {
  release(piece: Uint8Array): void;
}

export type Body = AsyncIterable<Uint8Array> | LentBody | Uint8Array;

/**
 * The objects port: blobs in buckets (DESIGN §4). Bodies are streamed, never held. A put becomes visible whole and durable, or
 * not at all.
 *
 * Versions. In a bucket whose versioning is `Enabled` every put and every delete without a version adds a version of a new id to its
 * key, and takes nothing away. In all others what is put is the null version of its key, in place of the null version before it; a delete removes
 * it, or, where versioning is `Suspended`, puts a delete marker in its place. Deleting a named version removes it for good; when it was the newest, the
 * one before it is the newest again.
 */
export interface Objects extends AsyncDisposable {
  createBucket(bucket: string): Promise<void>;
  /** @throws bucket-not-empty: also by versions and delete markers; uploads under way are aborted */
  deleteBucket(bucket: string): Promise<void>;
  /** Sorted by name. */
  buckets(): Promise<readonly BucketInfo[]>;
  /** @throws bucket-not-found */
  bucket(bucket: string): Promise<BucketInfo>;
  /** Of changes that begin after it resolves. @throws bucket-not-found */
  setVersioning(bucket: string, versioning: Versioning): Promise<void>;

  put(bucket: string, key: string, body: Body, options?: PutOptions): Promise<ObjectInfo>;
  /**
   * A copy of a version's content as it is, without reading it where that can be.
   * @param decide  what the copy is made with, from the source as it is; may throw
   */
  copy(
    source: CopySource,
    bucket: string,
    key: string,
    decide: (source: ObjectInfo) => PutOptions,
  ): Promise<{ readonly source: ObjectInfo; readonly info: ObjectInfo }>;
  /** @throws object-not-found, version-not-found, version-is-marker, range-invalid, customer-key-... */
  get(bucket: string, key: string, options?: ReadOptions): Promise<OpenedObject>;
  /** As `get`, but keys of customers are only compared when one is given. */
  head(
    bucket: string,
    key: string,
    options?: VersionChoice & { readonly customerKey?: Uint8Array },
  ): Promise<ObjectInfo>;
  /** Deleting what is not there is no error. @throws object-locked, precondition-failed */
  delete(bucket: string, key: string, options?: DeleteOptions): Promise<Deletion>;
  /**
   * Keys in UTF-8 byte order, 1 to 1,000 objects and prefixes together. `after` is a key, or a common prefix of an earlier page,
   * which is then not given again.
   */
  list(bucket: string, options: ListOptions): Promise<ObjectPage>;
  /** All versions and delete markers, likewise. */
  listVersions(bucket: string, options: ListVersionsOptions): Promise<VersionPage>;

  /** Replaces the tags of a version. */
  setTags(bucket: string, key: string, tags: Tags, options?: VersionChoice & ChangeOptions): Promise<ObjectInfo>;
  /** @throws object-locked: it would be shortened or lifted, and may not be */
  setRetention(
    bucket: string,
    key: string,
    retention: Retention | undefined,
    options?: VersionChoice & { readonly bypassGovernance?: boolean },
  ): Promise<ObjectInfo>;
  setLegalHold(bucket: string, key: string, hold: boolean, options?: VersionChoice): Promise<ObjectInfo>;
  setAcl(bucket: string, key: string, acl: string, options?: VersionChoice & ChangeOptions): Promise<ObjectInfo>;

  createUpload(bucket: string, key: string, options?: UploadOptions): Promise<string>;
  /** Part numbers 1 to 10,000; a part sent again replaces the first. */
  putPart(uploadId: string, part: number, body: Body, options?: PartOptions): Promise<PartInfo>;
  /** A part of a version's content, without reading it where that can be. @param decide  as of {@link copy} */
  copyPart(
    source: CopySource,
    uploadId: string,
    part: number,
    decide: (source: ObjectInfo) => PartCopyOptions,
  ): Promise<{ readonly source: ObjectInfo; readonly part: PartInfo }>;
  completeUpload(uploadId: string, parts: readonly WantedPart[], options?: CompleteOptions): Promise<ObjectInfo>;
  /** What an upload became that was completed with parts of these etags, for an hour: a caller who has lost the answer asks again. */
  completedUpload(uploadId: string, etags: readonly string[]): Promise<CompletedUpload | undefined>;
  /** @throws upload-not-found */
  abortUpload(uploadId: string): Promise<void>;
  /** @throws upload-not-found */
  upload(uploadId: string): Promise<UploadInfo>;
  /** Parts so far, by number. @throws upload-not-found */
  parts(uploadId: string): Promise<readonly PartInfo[]>;
  /** Uploads of a bucket. */
  uploads(bucket: string, options: ListUploadsOptions): Promise<UploadPage>;

  /**
   * From now on changes of which this has a note to make are kept with it until they are forgotten, durable with the change itself.
   * Others cost nothing. It is asked at every change, and must be quick.
   */
  watch(note: (change: PendingChange) => string | undefined): void;
  /** Changes behind `after` (0: from the oldest kept), oldest first. @param limit  1 to 1,000 */
  changes(after: number, limit: number): Promise<readonly ObjectChange[]>;
  /** Lets go of the changes up to and including that one. */
  forgetChanges(through: number): Promise<void>;
  /** Calls back after each commit that left a change behind. One listener. */
  onChange(listener: () => void): void;
}

export interface ChangeOptions {
  readonly cause?: ChangeCause;
}
