import { iamError } from '../errors.ts';

/** Tags as IAM's API has them. */
export function toTags(tags: Readonly<Record<string, string>>): { readonly Key: string; readonly Value: string }[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

export function fromTags(
  tags: readonly { readonly Key: string; readonly Value: string }[] = [],
): Record<string, string> {
  return Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value]));
}

/** Policy documents travel percent-encoded, in answers only. */
export function encodeDocument(text: string): string {
  return encodeURIComponent(text);
}

const PAGE_ITEMS = 100;

/** One page of a list; the marker is the place in it where the next one begins. */
export function page<T>(
  items: readonly T[],
  { Marker, MaxItems = PAGE_ITEMS }: { readonly Marker?: string; readonly MaxItems?: number },
): { readonly items: readonly T[]; readonly rest: { readonly IsTruncated: boolean; readonly Marker?: string } } {
  const start = Marker === undefined ? 0 : Number(Marker);
  if (!Number.isInteger(start) || start < 0) throw iamError('invalid-input', 'Invalid Marker.');
  const end = start + MaxItems;
  const more = end < items.length;
  return {
    items: items.slice(start, end),
    rest: more ? { IsTruncated: true, Marker: String(end) } : { IsTruncated: false },
  };
}
