import { invalid } from '../errors.ts';

/** One page of a list, and the token of the next. Tokens are opaque to clients: where to go on. */
export function page<T>(
  items: readonly T[],
  token: string | undefined,
  size: number,
): { readonly items: readonly T[]; readonly next?: string } {
  const start = token === undefined ? 0 : readToken(token);
  const end = start + size;
  return { items: items.slice(start, end), ...(end < items.length && { next: writeToken(end) }) };
}

export function writeToken(position: number): string {
  return Buffer.from(`millrace:${position}`).toString('base64url');
}

/** @throws validation for a token that is not ours */
export function readToken(token: string): number {
  const match = /^millrace:(\d{1,12})$/.exec(Buffer.from(token, 'base64url').toString());
  if (!match) throw invalid('Invalid NextToken');
  return Number(match[1]);
}
