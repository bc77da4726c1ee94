import { IotError } from './errors.ts';

const PAGE_DEFAULT = 100;

/**
 * One page of a sorted list. A token names the last item given, so pages hold while items come and go.
 *
 * @param limit  1 to 10,000 as the API allows; 100 when absent
 * @throws IotError request-invalid  not a token of ours
 */
export function page<T>(
  sorted: readonly T[],
  nameOf: (item: T) => string,
  token: string | undefined,
  limit = PAGE_DEFAULT,
): { readonly items: readonly T[]; readonly next: string | undefined } {
  const behind = (after?: string) => (after === undefined ? sorted : sorted.filter((item) => nameOf(item) > after));
  return pageBehind(behind, nameOf, token, limit);
}

/**
 * The same of what is not sorted as a whole.
 *
 * @param behind  gives the first items behind a name, so many at least if there are any
 */
export function pageBehind<T>(
  behind: (after: string | undefined, limit: number) => readonly T[],
  nameOf: (item: T) => string,
  token: string | undefined,
  limit = PAGE_DEFAULT,
): { readonly items: readonly T[]; readonly next: string | undefined } {
  const rest = behind(token === undefined ? undefined : nameIn(token), limit + 1);
  const items = rest.slice(0, limit);
  return { items, next: rest.length > items.length ? tokenFor(nameOf(items.at(-1)!)) : undefined };
}

/**
 * The same for the older operations, whose pages go either way.
 *
 * @param order.ascendingOrder  true unless said; false gives the last one first
 * @throws IotError request-invalid  not a marker of ours
 */
export function markedPage<T>(
  sorted: readonly T[],
  nameOf: (item: T) => string,
  order: { readonly marker?: string; readonly pageSize?: number; readonly ascendingOrder?: boolean },
): { readonly items: readonly T[]; readonly nextMarker: string | undefined } {
  const { marker, pageSize = PAGE_DEFAULT, ascendingOrder = true } = order;
  const after = marker === undefined ? undefined : nameIn(marker, 'marker');
  const ordered = ascendingOrder ? sorted : [...sorted].reverse();
  const isBehind = (name: string) => after === undefined || (ascendingOrder ? name > after : name < after);
  const rest = ordered.filter((item) => isBehind(nameOf(item)));
  const items = rest.slice(0, pageSize);
  // Markers are checked against the plain alphabet of base64.
  const next = () => Buffer.from(`1:${nameOf(items.at(-1)!)}`).toString('base64');
  return { items, nextMarker: rest.length > items.length ? next() : undefined };
}

const tokenFor = (name: string) => Buffer.from(`1:${name}`).toString('base64url');

function nameIn(token: string, called = 'nextToken'): string {
  const text = Buffer.from(token, 'base64url').toString();
  if (!text.startsWith('1:')) throw new IotError('request-invalid', `The ${called} is not valid.`);
  return text.slice(2);
}
