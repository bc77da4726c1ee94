import { iamError } from '../errors.ts';
import { IAM_LIMITS } from '../limits.ts';

interface Asked {
  readonly Marker?: string;
  readonly MaxItems?: number;
}

interface Page<T> {
  readonly items: readonly T[];
  readonly rest: { readonly IsTruncated: boolean; readonly Marker?: string };
}

/**
 * One page of a list. The marker names the last item that was given, so that what is made or deleted between two calls neither
 * hides an item nor gives one twice.
 *
 * @param keyOf  what `items` are told apart and sorted by
 * @throws validation for a marker of no list
 */
export function page<T>(items: readonly T[], keyOf: (item: T) => string, { Marker, MaxItems }: Asked): Page<T> {
  const sorted = items.map((item) => ({ item, key: keyOf(item) })).sort((a, b) => (a.key < b.key ? -1 : 1));
  const after = Marker === undefined ? undefined : keyOfMarker(Marker);
  const left = after === undefined ? sorted : sorted.filter(({ key }) => key > after);
  const given = left.slice(0, MaxItems ?? IAM_LIMITS.pageItems);
  const truncated = given.length < left.length;
  return {
    items: given.map(({ item }) => item),
    rest: truncated ? { IsTruncated: true, Marker: toMarker(given.at(-1)!.key) } : { IsTruncated: false },
  };
}

function toMarker(key: string): string {
  return Buffer.from(JSON.stringify({ after: key })).toString('base64');
}

function keyOfMarker(marker: string): string {
  try {
    const { after } = JSON.parse(Buffer.from(marker, 'base64').toString());
    if (typeof after === 'string') return after;
  } catch {}
  throw iamError('validation', 'Invalid Marker.');
}
