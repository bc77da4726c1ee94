import type { ByteRange } from '../objects.ts';
import type { Blobs, Content, WriteOptions } from './blobs.ts';
import type { StoredVersion } from './catalog.ts';
import type { Row } from './history.ts';

/** What is copied. Its files stay until the copy is done. */
export interface Copied {
  readonly row: Row;
  /** What it is encrypted with. */
  readonly customerKey?: Uint8Array | undefined;
  /** Absent: all of it. */
  readonly range?: ByteRange | undefined;
}

/** The content of a copy: another name of the file where nothing of it changes, else read and written. */
export async function copyContent(blobs: Blobs, copied: Copied, options: WriteOptions): Promise<Content> {
  const { row, customerKey, range = { start: 0, end: row.stored.sizeBytes - 1 } } = copied;
  if (row.stored.small) return blobs.write(row.bytes!.subarray(range.start, range.end + 1), options);
  const linked = await linkContent(blobs, row.stored, range, options);
  return linked ?? blobs.write(blobs.read(row.stored.blobs, range, customerKey), options);
}

async function linkContent(
  blobs: Blobs,
  stored: StoredVersion,
  range: ByteRange,
  { customerKey, checksum, keeps = checksum?.algorithm }: WriteOptions,
): Promise<Content | undefined> {
  const [blob, ...more] = stored.blobs;
  const isSingle = blob !== undefined && more.length === 0 && blob.part === undefined && !stored.etag.includes('-');
  const isPlain = blob?.iv === undefined && !customerKey;
  const isWhole = range.start === 0 && range.end === stored.sizeBytes - 1;
  const hasSum = keeps === undefined || keeps === stored.checksum?.algorithm;
  if (!isSingle || !isPlain || !isWhole || !hasSum) return undefined;
  const { sizeBytes, etag } = stored;
  const link = await blobs.link({ id: blob.id, sizeBytes });
  if (!link) return undefined;
  const content = { sizeBytes, md5: etag, blob: link };
  return keeps === undefined ? content : { ...content, checksum: stored.checksum!.value };
}
