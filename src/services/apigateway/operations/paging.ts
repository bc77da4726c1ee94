import { badRequest } from '../errors.ts';
import { REST_API_LIMITS } from '../limits.ts';

/** What list operations say of the page they want. */
export interface PageInput {
  readonly limit?: number;
  readonly position?: string;
}

/**
 * One page of items in the order of their names. A position says behind which name it begins.
 * @throws bad-request
 */
export function pageOf<T>(
  items: readonly T[],
  nameOf: (item: T) => string,
  { limit = REST_API_LIMITS.pageDefault, position }: PageInput,
): { readonly items: readonly T[]; readonly position?: string } {
  if (limit < 1) throw badRequest(`Invalid limit: ${limit}`);
  const sorted = items.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  const after = position === undefined ? '' : Buffer.from(position, 'base64url').toString();
  const rest = after === '' ? sorted : sorted.filter((item) => nameOf(item) > after);
  const page = rest.slice(0, Math.min(limit, REST_API_LIMITS.pageMax));
  if (rest.length === page.length) return { items: page };
  return { items: page, position: Buffer.from(nameOf(page.at(-1)!)).toString('base64url') };
}
