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
  const after = token === undefined ? undefined : nameIn(token);
  const rest = after === undefined ? sorted : sorted.filter((item) => nameOf(item) > after);
  const items = rest.slice(0, limit);
  return { items, next: rest.length > items.length ? tokenFor(nameOf(items.at(-1)!)) : undefined };
}

const tokenFor = (name: string) => Buffer.from(`1:${name}`).toString('base64url');

function nameIn(token: string): string {
  const text = Buffer.from(token, 'base64url').toString();
  if (!text.startsWith('1:')) throw new IotError('request-invalid', 'The nextToken is not valid.');
  return text.slice(2);
}
