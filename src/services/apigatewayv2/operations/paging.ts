import { badRequest } from '../errors.ts';
import { HTTP_API_LIMITS } from '../limits.ts';

/** What list operations say of the page they want. */
export interface PageInput {
  readonly MaxResults?: string;
  readonly NextToken?: string;
}

/**
 * One page of items in the order of their names. A token says behind which name it begins.
 * @throws bad-request
 */
export function pageOf<T>(
  items: readonly T[],
  nameOf: (item: T) => string,
  { MaxResults, NextToken }: PageInput,
): { readonly items: readonly T[]; readonly NextToken?: string } {
  const max = MaxResults === undefined ? HTTP_API_LIMITS.pageMax : Number(MaxResults);
  if (!Number.isInteger(max) || max < 1) throw badRequest(`Invalid maxResults: ${MaxResults}`);
  const sorted = items.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  const after = NextToken === undefined ? '' : Buffer.from(NextToken, 'base64url').toString();
  const rest = after === '' ? sorted : sorted.filter((item) => nameOf(item) > after);
  const page = rest.slice(0, Math.min(max, HTTP_API_LIMITS.pageMax));
  if (rest.length === page.length) return { items: page };
  return { items: page, NextToken: Buffer.from(nameOf(page.at(-1)!)).toString('base64url') };
}
