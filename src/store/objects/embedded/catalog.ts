/**
 * What the embedded objects engine keeps in the records store.
 *
 *     objects.buckets   name                      -> when it was made, versioning
 *     objects.objects   (bucket, key)             -> the newest version of the key, a delete marker maybe
 *     objects.versions  (bucket, key, -order)     -> versions before it, newest first
 *     objects.small     (bucket, key)             -> content of the newest version, when it is small
 *                       (bucket, key, -order)     -> likewise of those before it
 *     objects.uploads   (upload id)               -> bucket, key, metadata ...
 *     objects.uploading (bucket, key, upload id)  -> nothing: uploads by their keys, in the order of their beginning
 *     objects.completed ('id', upload id)         -> what the upload became, for who asks again
 *                       ('at', time, upload id)   -> nothing: the same by age
 *     objects.parts     (upload id, part number)  -> info and blob
 *     objects.blobs     ('live', blob id)         -> named by a version or a part
 *                       ('garbage', blob id)      -> no longer named; the file is to be removed
 *     objects.changes   (sequence)                -> a change that somebody is to be told of
 *     objects.state     'swept'                   -> last generation whose files were compared with the above
 *
 * `order` counts the versions of a key: microseconds, made to grow. One transaction moves an object from blob to blob, so a crash leaves either; files
 * that nothing names are found by `garbage` or by the sweep of the generation that crashed.
 *
 * Format 1 knew neither versions nor small content: its rows are those of null versions, and are read as such. Format 2 had no uploads by
 * their keys: these are made when it is first opened.
 */
import { decodeKey, encodeKey, keyRange, stringPrefixRange } from '../../../codec/index.ts';
import { RECORDS_LIMITS, type RecordEntry, type RecordKey, type Write } from '../../records/index.ts';
import type {
  Checksum,
  ObjectInfo,
  ObjectPart,
  ObjectVersion,
  PartInfo,
  Retention,
  Tags,
  UploadInfo,
} from '../objects.ts';
import type { CatalogRecords } from './catalog-records.ts';

export const SPACES = {
  buckets: 'objects.buckets',
  objects: 'objects.objects',
  versions: 'objects.versions',
  small: 'objects.small',
  uploads: 'objects.uploads',
  uploading: 'objects.uploading',
  completed: 'objects.completed',
  parts: 'objects.parts',
  blobs: 'objects.blobs',
  changes: 'objects.changes',
  state: 'objects.state',
} as const;

/** A file, as records name it. */
export interface Blob {
  /** `GENERATION/ID`. */
  readonly id: string;
  readonly sizeBytes: number;
  /** Hex: it is encrypted, and this is where its counter begins. */
  readonly iv?: string;
}

/** A file of an object; those that were parts say which. */
export interface StoredBlob extends Blob {
  readonly part?: number;
  readonly checksum?: string;
}

/** A version as it is stored; its key is that of the record. */
export interface StoredVersion {
  readonly sizeBytes: number;
  readonly etag: string;
  readonly lastModified: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** None of a delete marker, and of small content. */
  readonly blobs: readonly StoredBlob[];
  /** Absent in rows of format 1. */
  readonly order?: number;
  /** Absent: the null version. */
  readonly id?: string;
  /** Of the newest version only: the null version stands at this order behind it. */
  readonly nullOrder?: number;
  readonly marker?: true;
  /** Its content is in `objects.small`. */
  readonly small?: true;
  readonly tags?: Tags;
  readonly checksum?: Checksum;
  readonly retention?: Retention;
  readonly legalHold?: true;
  readonly acl?: string;
  /** Tells a customer's key from others. */
  readonly keyCheck?: string;
}

export interface StoredPart extends Omit<PartInfo, 'part'> {
  readonly blob: Blob;
}

export type NumberedPart = StoredPart & { readonly part: number };

export interface StoredUpload extends Omit<UploadInfo, 'uploadId' | 'customerKey'> {
  readonly tags?: Tags;
  readonly retention?: Retention;
  readonly legalHold?: true;
  readonly acl?: string;
  readonly keyCheck?: string;
}

export const objectKey = (bucket: string, key: string) => encodeKey([bucket, key]);
export const versionKey = (bucket: string, key: string, order: number) => encodeKey([bucket, key, -order]);
export const uploadKey = (uploadId: string) => encodeKey([uploadId]);
export const uploadingKey = (bucket: string, key: string, uploadId: string) => encodeKey([bucket, key, uploadId]);
export const partKey = (uploadId: string, part: number) => encodeKey([uploadId, part]);

export function putJson(space: string, key: Uint8Array, value: unknown): Write {
  return { kind: 'put', space, key, value: Buffer.from(JSON.stringify(value)) };
}

export function putBytes(space: string, key: Uint8Array, value: Uint8Array): Write {
  return { kind: 'put', space, key, value };
}

export function remove(space: string, key: Uint8Array): Write {
  return { kind: 'delete', space, key };
}

export function jsonOf<T>({ value }: RecordEntry): T {
  return JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString()) as T;
}

/** Says that a new blob is named from this commit on. */
export function liveBlob({ id }: Blob): Write {
  return { kind: 'put', space: SPACES.blobs, key: encodeKey(['live', id]), value: Buffer.alloc(0) };
}

/** Says that from this commit on nothing names the blob. */
export function garbageBlob({ id }: Blob): readonly Write[] {
  return [
    remove(SPACES.blobs, encodeKey(['live', id])),
    { kind: 'put', space: SPACES.blobs, key: encodeKey(['garbage', id]), value: Buffer.alloc(0) },
  ];
}

export function collectedBlob(id: string): Write {
  return remove(SPACES.blobs, encodeKey(['garbage', id]));
}

/** Which of the blobs nothing names. @param ids  up to 10,000 */
export async function namelessOf(records: CatalogRecords, ids: readonly string[]): Promise<string[]> {
  const found = await records.getAll(ids.map((id) => ({ space: SPACES.blobs, key: encodeKey(['live', id]) })));
  return ids.filter((_, index) => found[index] === undefined);
}

/** Ids of the blobs that nothing names and whose files may still be there. */
export async function garbage(records: CatalogRecords): Promise<string[]> {
  const entries = await all(records, SPACES.blobs, keyRange(['garbage']));
  return entries.map(({ key }) => decodeKey(key)[1] as string);
}

export async function sweptGeneration(records: CatalogRecords): Promise<number> {
  const entry = await records.get(SPACES.state, Buffer.from('swept'));
  return entry ? jsonOf<number>(entry) : 0;
}

export async function setSweptGeneration(records: CatalogRecords, generation: number): Promise<void> {
  await records.commit({ writes: [putJson(SPACES.state, Buffer.from('swept'), generation)] });
}

export async function partsOf(records: CatalogRecords, uploadId: string): Promise<NumberedPart[]> {
  const entries = await all(records, SPACES.parts, keyRange([uploadId]));
  return entries.map((entry) => ({ part: decodeKey(entry.key)[1] as number, ...jsonOf<StoredPart>(entry) }));
}

export type NamedUpload = StoredUpload & { readonly uploadId: string };

/** Says that an upload is under way. */
export function uploading({ bucket, key, uploadId }: Pick<NamedUpload, 'bucket' | 'key' | 'uploadId'>): Write {
  return putBytes(SPACES.uploading, uploadingKey(bucket, key, uploadId), NOTHING);
}

const NOTHING = new Uint8Array(0);

/** Writes down by their keys the uploads of a folder of format 2. */
export async function indexUploads(records: CatalogRecords): Promise<void> {
  const entries = await all(records, SPACES.uploads, {});
  const uploads = entries.map((entry) => ({
    uploadId: decodeKey(entry.key)[0] as string,
    ...jsonOf<StoredUpload>(entry),
  }));
  const size = RECORDS_LIMITS.writesPerTransactionMax;
  for (let from = 0; from < uploads.length; from += size) {
    await records.commit({ writes: uploads.slice(from, from + size).map(uploading) });
  }
}

/** Whether any version of anything stands in the bucket. */
export async function hasObjects(records: CatalogRecords, bucket: string): Promise<boolean> {
  return (await records.range(SPACES.objects, { ...keyRange([bucket]), limit: 1 })).length > 0;
}

/** Key range of a bucket's objects that begin with `prefix` and come after `after`. */
export function listRange(bucket: string, prefix: string, after: string | undefined) {
  const range = stringPrefixRange([bucket], prefix);
  if (after === undefined) return range;
  const beyond = Buffer.concat([objectKey(bucket, after), Buffer.of(0)]);
  return Buffer.compare(beyond, range.from) > 0 ? { from: beyond, to: range.to } : range;
}

/** Where the newest version of a key stands, with its content. */
export function headKeys(bucket: string, key: string): readonly [RecordKey, RecordKey] {
  const recordKey = objectKey(bucket, key);
  return [
    { space: SPACES.objects, key: recordKey },
    { space: SPACES.small, key: recordKey },
  ];
}

/** Where an earlier version of a key stands, with its content. */
export function earlierKeys(bucket: string, key: string, order: number): readonly [RecordKey, RecordKey] {
  const recordKey = versionKey(bucket, key, order);
  return [
    { space: SPACES.versions, key: recordKey },
    { space: SPACES.small, key: recordKey },
  ];
}

export function orderOf({ order, lastModified }: StoredVersion): number {
  return order ?? lastModified * 1000;
}

/** A version as the port has it. */
export function infoOf(key: string, stored: StoredVersion, isLatest: boolean): ObjectInfo {
  const { sizeBytes, etag, lastModified, metadata, id, tags, checksum, retention, legalHold, acl } = stored;
  const parts = partsIn(stored);
  return {
    key,
    sizeBytes,
    etag,
    lastModified,
    metadata,
    isLatest,
    tags: tags ?? {},
    ...(id !== undefined && { versionId: id }),
    ...(checksum && { checksum }),
    ...(parts && { parts }),
    ...(retention && { retention }),
    ...(legalHold && { legalHold }),
    ...(acl !== undefined && { acl }),
    ...(stored.keyCheck !== undefined && { customerKey: true as const }),
  };
}

export function versionOf(key: string, stored: StoredVersion, isLatest: boolean): ObjectVersion {
  if (!stored.marker) return infoOf(key, stored, isLatest);
  const { lastModified, id } = stored;
  return { key, deleteMarker: true, lastModified, isLatest, ...(id !== undefined && { versionId: id }) };
}

/** Rows of format 1 say by their etag that they were uploaded in parts, which then were counted. */
function partsIn({ blobs, etag, checksum }: StoredVersion): readonly ObjectPart[] | undefined {
  if (blobs[0]?.part === undefined && !etag.includes('-')) return undefined;
  return blobs.map(({ part, sizeBytes, checksum: own }, index) => ({
    part: part ?? index + 1,
    sizeBytes,
    ...(own !== undefined && checksum && { checksum: own }),
  }));
}

async function all(records: CatalogRecords, space: string, range: { from?: Uint8Array; to?: Uint8Array }) {
  const found: RecordEntry[] = [];
  const limit = RECORDS_LIMITS.readRecordsMax;
  for (let from = range.from; ; ) {
    const page = await records.range(space, { ...range, ...(from && { from }), limit });
    found.push(...page);
    if (page.length < limit) return found;
    from = Buffer.concat([page.at(-1)!.key, Buffer.of(0)]);
  }
}
