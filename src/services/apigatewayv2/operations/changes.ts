/** `after` laid over `before`, without what is `undefined`. */
export function laid<T extends object>(before: T, after: Readonly<Record<string, unknown>>): T {
  const given = Object.entries(after).filter(([, value]) => value !== undefined);
  return { ...before, ...Object.fromEntries(given) };
}

/** The members of `input` that are named, as far as they are given. */
export function taken(
  input: Readonly<Record<string, unknown>>,
  names: readonly string[],
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(names.filter((name) => input[name] !== undefined).map((name) => [name, input[name]]));
}

/** A record without one of its members. */
export function without<T>(parts: Readonly<Record<string, T>>, name: string): Readonly<Record<string, T>> {
  const { [name]: _gone, ...others } = parts;
  return others;
}

/** Members that name several things, of which an update may name some: what it gives empty goes. */
export function merged(
  before: Readonly<Record<string, unknown>>,
  input: Readonly<Record<string, unknown>>,
  names: readonly string[],
): Readonly<Record<string, unknown>> {
  const given = names.filter((name) => input[name] !== undefined);
  return Object.fromEntries(
    given.map((name) => {
      const all = { ...(before[name] as object | undefined), ...(input[name] as object) };
      return [name, Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''))];
    }),
  );
}
