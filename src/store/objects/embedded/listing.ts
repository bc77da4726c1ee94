import { decodeKey, keyRange, stringPrefixRange } from '../../../codec/index.ts';
import type { RecordEntry } from '../../records/index.ts';
import type {
  ListOptions,
  ListUploadsOptions,
  ListVersionsOptions,
  ObjectInfo,
  ObjectPage,
  ObjectVersion,
  VersionCursor,
  VersionPage,
} from '../objects.ts';
import {
  headKeys,
  infoOf,
  jsonOf,
  listRange,
  orderOf,
  SPACES,
  type StoredVersion,
  uploadingKey,
  versionKey,
  versionOf,
} from './catalog.ts';
import type { CatalogRecords } from './catalog-records.ts';
import { RowCursor } from './row-cursor.ts';
import { NULL_VERSION, orderOfId } from './version-ids.ts';

/** A page of a bucket. A common prefix costs one seek however many keys it stands for. */
export async function listObjects(records: CatalogRecords, bucket: string, options: ListOptions): Promise<ObjectPage> {
  const { prefix = '', delimiter, after, limit } = options;
  const rows = new RowCursor(records, SPACES.objects, listRange(bucket, prefix, after), limit + 1);
  const objects: ObjectInfo[] = [];
  const prefixes: string[] = [];
  let last = '';
  for (;;) {
    const found = rows.peek();
    const row = found instanceof Promise ? await found : found;
    if (!row) return { objects, prefixes };
    const stored = jsonOf<StoredVersion>(row);
    const key = keyOf(row);
    const common = stored.marker ? undefined : commonPrefix(key, prefix, delimiter);
    if (!stored.marker && (common === undefined || common !== after)) {
      if (objects.length + prefixes.length === limit) return { objects, prefixes, next: last };
      if (common === undefined) objects.push(infoOf(key, stored, true));
      else prefixes.push(common);
      last = common ?? key;
    }
    if (common === undefined) rows.advance();
    else rows.seek(stringPrefixRange([bucket], common).to);
  }
}

/** A page of all versions. */
export async function listVersions(
  records: CatalogRecords,
  bucket: string,
  options: ListVersionsOptions,
): Promise<VersionPage> {
  const { prefix = '', delimiter, after, limit } = options;
  const heads = new RowCursor(records, SPACES.objects, listRange(bucket, prefix, after?.key), limit + 1);
  const earlierRange = await rangeOfEarlier(records, bucket, prefix, after);
  const earlier = new RowCursor(records, SPACES.versions, earlierRange, limit + 1);
  const versions: ObjectVersion[] = [];
  const prefixes: string[] = [];
  let next: VersionCursor | undefined;
  for (;;) {
    const [head, row] = [await heads.peek(), await earlier.peek()];
    const isHead = head !== undefined && (row === undefined || Buffer.compare(head.key, row.key) <= 0);
    const taken = isHead ? head : row;
    if (!taken) return { versions, prefixes };
    const key = keyOf(taken);
    const common = commonPrefix(key, prefix, delimiter);
    if (common === undefined || common !== after?.key) {
      if (versions.length + prefixes.length === limit) return { versions, prefixes, ...(next && { next }) };
      if (common === undefined) {
        const stored = jsonOf<StoredVersion>(taken);
        versions.push(versionOf(key, stored, isHead));
        next = { key, versionId: stored.id ?? NULL_VERSION };
      } else {
        prefixes.push(common);
        next = { key: common };
      }
    }
    if (common === undefined) (isHead ? heads : earlier).advance();
    else {
      const { to } = stringPrefixRange([bucket], common);
      heads.seek(to);
      earlier.seek(to);
    }
  }
}

/** An upload as its key names it. */
export interface UploadName {
  readonly key: string;
  readonly uploadId: string;
}

/** A page of the uploads of a bucket, by key and then by their beginning. */
export async function listUploads(
  records: CatalogRecords,
  bucket: string,
  options: ListUploadsOptions,
): Promise<{
  readonly names: readonly UploadName[];
  readonly prefixes: readonly string[];
  readonly next?: NextUpload;
}> {
  const { prefix = '', delimiter, after, limit } = options;
  const rows = new RowCursor(records, SPACES.uploading, rangeOfUploads(bucket, prefix, after), limit + 1);
  const names: UploadName[] = [];
  const prefixes: string[] = [];
  let next: NextUpload | undefined;
  for (;;) {
    const row = await rows.peek();
    if (!row) return { names, prefixes };
    const [, key, uploadId] = decodeKey(row.key) as [string, string, string];
    const common = commonPrefix(key, prefix, delimiter);
    if (common === undefined || common !== after?.key) {
      if (names.length + prefixes.length === limit) return { names, prefixes, ...(next && { next }) };
      if (common === undefined) names.push({ key, uploadId });
      else prefixes.push(common);
      next = common === undefined ? { key, uploadId } : { key: common };
    }
    if (common === undefined) rows.advance();
    else rows.seek(stringPrefixRange([bucket], common).to);
  }
}

type NextUpload = NonNullable<ListUploadsOptions['after']>;

/** Without an upload, from behind all of the key on. */
function rangeOfUploads(bucket: string, prefix: string, after: NextUpload | undefined) {
  const range = stringPrefixRange([bucket], prefix);
  if (!after) return range;
  const from =
    after.uploadId === undefined
      ? keyRange([bucket, after.key]).to
      : Buffer.concat([uploadingKey(bucket, after.key, after.uploadId), Buffer.of(0)]);
  return Buffer.compare(from, range.from) > 0 ? { from, to: range.to } : range;
}

/** Earlier versions from behind the cursor on, those of its own key among them when it names a version. */
async function rangeOfEarlier(
  records: CatalogRecords,
  bucket: string,
  prefix: string,
  after: VersionCursor | undefined,
): Promise<{ readonly from: Uint8Array; readonly to: Uint8Array }> {
  const range = stringPrefixRange([bucket], prefix);
  if (!after) return range;
  const order = after.versionId === undefined ? undefined : await orderOfVersion(records, bucket, after);
  // Orders are positive, so that zero comes behind all of them.
  const from = Buffer.concat([versionKey(bucket, after.key, order ?? 0), Buffer.of(0)]);
  return Buffer.compare(from, range.from) > 0 ? { from, to: range.to } : range;
}

async function orderOfVersion(
  records: CatalogRecords,
  bucket: string,
  { key, versionId }: VersionCursor,
): Promise<number | undefined> {
  if (versionId !== NULL_VERSION) return orderOfId(versionId!);
  const [headKey] = headKeys(bucket, key);
  const row = await records.get(headKey.space, headKey.key);
  const head = row && jsonOf<StoredVersion>(row);
  return head && head.id === undefined ? orderOf(head) : head?.nullOrder;
}

function keyOf(row: RecordEntry): string {
  return decodeKey(row.key)[1] as string;
}

function commonPrefix(key: string, prefix: string, delimiter: string | undefined): string | undefined {
  if (!delimiter) return undefined;
  const end = key.indexOf(delimiter, prefix.length);
  return end < 0 ? undefined : key.slice(0, end + delimiter.length);
}
