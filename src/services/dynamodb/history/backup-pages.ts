/**
 * The pages of a backup: rows of a space of its own, by number.
 *
 * | bytes | |
 * |---|---|
 * | 1 | version of the format: 1 |
 * | 8, 8 | items and bytes (as AWS counts them) up to and with this page, doubles, big endian |
 * | 4, n | length of the row key at which the next page begins, and the key |
 * | rest | gzip of the items: length (4) and bytes of the row key, length (4) and bytes of the item as stored |
 */
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { DomainError } from '../../../base/index.ts';
import type { Records, Write } from '../../../store/index.ts';
import { sizeOfEncoded } from '../model/stored.ts';
import { after, type PastItem } from './past.ts';

const FORMAT = 1;
const HEADER_BYTES = 21;

/** Speed counts: it is about a third of the best ratio's cost. */
const compress = promisify<Uint8Array, object, Buffer>(gzip);
const decompress = promisify<Uint8Array, Buffer>(gunzip);

/** How far a backup is. */
export interface BackupProgress {
  readonly pages: number;
  readonly count: number;
  readonly bytes: number;
  /** Row key at which the next page begins. */
  readonly next: Uint8Array;
}

export const NOTHING_YET: BackupProgress = { pages: 0, count: 0, bytes: 0, next: Buffer.alloc(0) };

export const backupSpace = (id: string) => `dynamodb/backup/${id}`;

function pageKey(page: number): Buffer {
  const key = Buffer.allocUnsafe(4);
  key.writeUInt32BE(page);
  return key;
}

/** One more page. @param items  at least one, in the order of their rows */
export async function writePage(
  id: string,
  before: BackupProgress,
  items: readonly PastItem[],
): Promise<{ readonly write: Write; readonly progress: BackupProgress }> {
  const progress: BackupProgress = {
    pages: before.pages + 1,
    count: before.count + items.length,
    bytes: items.reduce((sum, { value }) => sum + sizeOfEncoded(value), before.bytes),
    next: after(items.at(-1)!.key),
  };
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  header[0] = FORMAT;
  header.writeDoubleBE(progress.count, 1);
  header.writeDoubleBE(progress.bytes, 9);
  header.writeUInt32BE(progress.next.length, 17);
  const body = await compress(Buffer.concat(items.flatMap(({ key, value }) => [framed(key), framed(value)])), {
    level: 1,
  });
  const value = Buffer.concat([header, progress.next, body]);
  return { write: { kind: 'put', space: backupSpace(id), key: pageKey(before.pages), value }, progress };
}

function framed(bytes: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(4 + bytes.length);
  frame.writeUInt32BE(bytes.length);
  frame.set(bytes, 4);
  return frame;
}

/** How far a backup came before the node stopped. */
export async function readProgress(records: Records, id: string): Promise<BackupProgress> {
  const [last] = await records.range(backupSpace(id), { reverse: true, limit: 1 });
  if (!last) return NOTHING_YET;
  const value = checked(last.value);
  return {
    pages: Buffer.from(last.key).readUInt32BE() + 1,
    count: value.readDoubleBE(1),
    bytes: value.readDoubleBE(9),
    next: value.subarray(HEADER_BYTES, HEADER_BYTES + value.readUInt32BE(17)),
  };
}

/** The items of a backup, page by page. */
export async function* readPages(records: Records, id: string): AsyncGenerator<readonly PastItem[]> {
  for (let page = 0; ; page++) {
    const found = await records.get(backupSpace(id), pageKey(page));
    if (!found) return;
    const value = checked(found.value);
    yield [...unframe(await decompress(value.subarray(HEADER_BYTES + value.readUInt32BE(17))))];
  }
}

function* unframe(bytes: Buffer): Generator<PastItem> {
  for (let at = 0; at < bytes.length; ) {
    const keyEnd = at + 4 + bytes.readUInt32BE(at);
    const valueEnd = keyEnd + 4 + bytes.readUInt32BE(keyEnd);
    yield { key: bytes.subarray(at + 4, keyEnd), value: bytes.subarray(keyEnd + 4, valueEnd) };
    at = valueEnd;
  }
}

function checked(value: Uint8Array): Buffer {
  if (value[0] !== FORMAT) {
    throw new DomainError('format-too-new', `a backup has format ${value[0]}; this release reads ${FORMAT}`);
  }
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
