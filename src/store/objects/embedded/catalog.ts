/**
 * What the embedded objects engine keeps in the records store.
 *
 *     objects.buckets   name                      -> when it was made
 *     objects.objects   (bucket, key)             -> info and blobs
 *     objects.uploads   (upload id)               -> bucket, key, metadata
 *     objects.parts     (upload id, part number)  -> info and blob
 *     objects.blobs     ('live', blob id)         -> named by an object or a part
 *                       ('garbage', blob id)      -> no longer named; the file is to be removed
 *     objects.state     'swept'                   -> last generation whose files were compared with the above
 *
 * One transaction moves an object from blob to blob, so a crash leaves either; files that nothing names are found by `garbage`
 * or by the sweep of the generation that crashed.
 */
import { decodeKey, encodeKey, keyRange, stringPrefixRange } from '../../../codec/index.ts';
import { RECORDS_LIMITS, type RecordEntry, type Write } from '../../records/index.ts';
import type { ObjectInfo, PartInfo, UploadInfo } from '../objects.ts';
import type { Blob } from './blobs.ts';
import type { CatalogRecords } from './catalog-records.ts';

export const SPACES = {
  buckets: 'objects.buckets',
  objects: 'objects.objects',
  uploads: 'objects.uploads',
  parts: 'objects.parts',
  blobs: 'objects.blobs',
  state: 'objects.state',
} as const;

/** An object as it is stored; its key is that of the record. */
export interface StoredObject extends Omit<ObjectInfo, 'key'> {
  readonly blobs: readonly Blob[];
}

export interface StoredPart extends Omit<PartInfo, 'part'> {
  readonly blob: Blob;
}

export type NumberedPart = StoredPart & { readonly part: number };

export type StoredUpload = Omit<UploadInfo, 'uploadId'>;

export const objectKey = (bucket: string, key: string) => encodeKey([bucket, key]);
export const uploadKey = (uploadId: string) => encodeKey([uploadId]);
export const partKey = (uploadId: string, part: number) => encodeKey([uploadId, part]);

export function putJson(space: string, key: Uint8Array, value: unknown): Write {
  return { kind: 'put', space, key, value: Buffer.from(JSON.stringify(value)) };
}

export function remove(space: string, key: Uint8Array): Write {
  return { kind: 'delete', space, key };
}

export function jsonOf<T>({ value }: RecordEntry): T {
  return JSON.parse(Buffer.from(value).toString()) as T;
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

export async function isLive(records: CatalogRecords, id: string): Promise<boolean> {
  return (await records.get(SPACES.blobs, encodeKey(['live', id]))) !== undefined;
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

export async function allUploads(records: CatalogRecords): Promise<UploadInfo[]> {
  const entries = await all(records, SPACES.uploads, {});
  return entries.map((entry) => ({ uploadId: decodeKey(entry.key)[0] as string, ...jsonOf<StoredUpload>(entry) }));
}

/** Whether any object stands in the bucket. */
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

export function toObject(entry: RecordEntry): StoredObject & { readonly key: string } {
  return { key: decodeKey(entry.key)[1] as string, ...jsonOf<StoredObject>(entry) };
}

export function infoOf(key: string, { sizeBytes, etag, lastModified, metadata }: StoredObject): ObjectInfo {
  return { key, sizeBytes, etag, lastModified, metadata };
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
