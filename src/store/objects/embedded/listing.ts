import { stringPrefixRange } from '../../../codec/index.ts';
import type { ObjectInfo, ObjectPage } from '../objects.ts';
import { infoOf, listRange, SPACES, toObject } from './catalog.ts';
import type { CatalogRecords } from './catalog-records.ts';

export interface ListOptions {
  readonly prefix?: string;
  readonly delimiter?: string;
  readonly after?: string;
  readonly limit: number;
}

/** CatalogRecords of one read while listing. */
const READ_RECORDS = 1000;

/** A page of a bucket. A common prefix costs one seek however many keys it stands for. */
export async function listObjects(records: CatalogRecords, bucket: string, options: ListOptions): Promise<ObjectPage> {
  const objects: ObjectInfo[] = [];
  const prefixes: string[] = [];
  let last = '';
  for await (const item of items(records, bucket, options)) {
    if (objects.length + prefixes.length === options.limit) return { objects, prefixes, next: last };
    if (typeof item === 'string') prefixes.push(item);
    else objects.push(item);
    last = typeof item === 'string' ? item : item.key;
  }
  return { objects, prefixes };
}

/** Objects and common prefixes (as strings) in order. */
async function* items(
  records: CatalogRecords,
  bucket: string,
  { prefix = '', delimiter, after, limit }: ListOptions,
): AsyncGenerator<ObjectInfo | string> {
  const { from, to } = listRange(bucket, prefix, after);
  let cursor: Buffer | undefined = from;
  while (cursor) {
    const pageSize = Math.min(READ_RECORDS, limit + 1);
    const page = await records.range(SPACES.objects, { from: cursor, to, limit: pageSize });
    cursor = page.length < pageSize ? undefined : Buffer.concat([page.at(-1)!.key, Buffer.of(0)]);
    let skipTo: Buffer | undefined;
    for (const entry of page) {
      if (skipTo && Buffer.compare(entry.key, skipTo) < 0) continue;
      const object = toObject(entry);
      const common = delimiter ? commonPrefix(object.key, prefix, delimiter) : undefined;
      if (common === undefined) {
        yield infoOf(object.key, object);
        continue;
      }
      skipTo = stringPrefixRange([bucket], common).to;
      if (common !== after) yield common;
    }
    if (cursor && skipTo && Buffer.compare(skipTo, cursor) > 0) cursor = skipTo;
  }
}

function commonPrefix(key: string, prefix: string, delimiter: string): string | undefined {
  const end = key.indexOf(delimiter, prefix.length);
  return end < 0 ? undefined : key.slice(0, end + delimiter.length);
}
