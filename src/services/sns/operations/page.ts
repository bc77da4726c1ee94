import { invalid } from '../errors.ts';
import { SNS_LIMITS } from '../model.ts';

/** One page of a list sorted by `nameOf`: at most 100 items; the token names the last of the page before. */
export function page<T>(
  all: readonly T[],
  nameOf: (item: T) => string,
  token: string | undefined,
): { readonly items: readonly T[]; readonly NextToken?: string } {
  const after = token === undefined ? '' : Buffer.from(token, 'base64url').toString();
  if (token !== undefined && !after.startsWith('arn:')) throw invalid('NextToken');
  const rest = all.filter((item) => nameOf(item) > after);
  const items = rest.slice(0, SNS_LIMITS.pageMax);
  if (rest.length === items.length) return { items };
  return { items, NextToken: Buffer.from(nameOf(items.at(-1)!)).toString('base64url') };
}
