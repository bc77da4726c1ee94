/* Item collections: all items of one partition key, in a table with local indexes and in these. */
import type { ItemCollectionMetrics } from '@aws-sdk/client-dynamodb';
import type { Records } from '../../../store/index.ts';
import type { Attributes } from '../model/attribute-value.ts';
import { afterPrefix, partitionPrefix } from '../model/key.ts';
import { pick } from '../model/projection.ts';
import type { Table } from '../model/table.ts';
import { ITEM_LIMITS } from './limits.ts';

/**
 * `ItemCollectionMetrics` of the collection that an item is in; `undefined` when nobody asks, or the table has no local index.
 *
 * Only so much is read that a collection of less than a gigabyte can be told from what may be larger.
 * @param key  the item, or its key
 */
export async function collectionOf(
  records: Records,
  table: Table,
  key: Attributes,
  wish: string | undefined,
): Promise<ItemCollectionMetrics | undefined> {
  const locals = [...table.indexes.values()].filter(({ kind }) => kind === 'local');
  if (wish !== 'SIZE' || locals.length === 0) return undefined;
  const { hash } = table.key;
  const prefix = partitionPrefix(table.key, key[hash.name]!);
  const small = await Promise.all([table, ...locals].map(({ space }) => isSmall(records, space, prefix)));
  return {
    ItemCollectionKey: pick(key, [hash.name]) as ItemCollectionMetrics['ItemCollectionKey'],
    SizeEstimateRangeGB: small.every(Boolean) ? [0, 1] : [0, ITEM_LIMITS.collectionGigabytesMax],
  };
}

/** Whether all rows of a partition are found within one bounded read. */
async function isSmall(records: Records, space: string, prefix: Uint8Array): Promise<boolean> {
  const { collectionReadBytes: bytesMax, rowsPerReadMax: limit } = ITEM_LIMITS;
  const to = afterPrefix(prefix);
  const rows = await records.range(space, { from: prefix, ...(to && { to }), limit, bytesMax });
  const bytes = rows.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
  return rows.length < limit && bytes < bytesMax;
}
