const MARK = 'after:';

/**
 * One page of items that stand in the order of their names. Its token says behind which name the next one begins, so what comes
 * and goes between two pages is neither given twice nor skips its neighbours.
 *
 * @param invalid  the error for a token that is none of ours
 */
export function pageOf<T>(
  items: readonly T[],
  nameOf: (item: T) => string,
  asked: {
    readonly max: number;
    readonly token: string | undefined;
    readonly invalid: () => Error;
    /** They stand in the opposite order. */
    readonly descending?: boolean;
  },
): { readonly page: readonly T[]; readonly token?: string } {
  const after = asked.token === undefined ? undefined : nameIn(asked.token);
  if (after === undefined && asked.token !== undefined) throw asked.invalid();
  const start =
    after === undefined
      ? 0
      : items.findIndex((item) => (asked.descending ? nameOf(item) < after : nameOf(item) > after));
  const page = start < 0 ? [] : items.slice(start, start + asked.max);
  if (start < 0 || start + page.length >= items.length) return { page };
  return { page, token: Buffer.from(MARK + nameOf(page.at(-1)!)).toString('base64url') };
}

function nameIn(token: string): string | undefined {
  const text = Buffer.from(token, 'base64url').toString();
  return text.startsWith(MARK) ? text.slice(MARK.length) : undefined;
}
