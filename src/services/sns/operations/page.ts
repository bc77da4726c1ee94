import { invalid } from '../errors.ts';
import { SNS_LIMITS } from '../model.ts';

export interface Page<T> {
  readonly items: readonly T[];
  readonly NextToken?: string;
}

/** One page of resources sorted by ARN. @throws parameter-invalid: no token of ours */
export function page<T>(all: readonly T[], arnOf: (item: T) => string, token: string | undefined): Page<T> {
  return pageOf(all, arnOf, token, SNS_LIMITS.pageMax, /^arn:/);
}

/** One page of a list sorted by `nameOf`; the token names the last of the page before. */
export function pageOf<T>(
  all: readonly T[],
  nameOf: (item: T) => string,
  token: string | undefined,
  limit: number = SNS_LIMITS.pageMax,
  form: RegExp = /^\+?\d/,
): Page<T> {
  const after = token === undefined ? '' : Buffer.from(token, 'base64url').toString();
  if (token !== undefined && !form.test(after)) throw invalid('NextToken');
  const rest = all.filter((item) => nameOf(item) > after);
  const items = rest.slice(0, Math.min(limit, SNS_LIMITS.pageMax));
  if (rest.length === items.length) return { items };
  return { items, NextToken: Buffer.from(nameOf(items.at(-1)!)).toString('base64url') };
}
