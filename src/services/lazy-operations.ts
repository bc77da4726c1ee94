import type { Operation, PermissionsOf } from './operation.ts';

/**
 * Operations whose code is loaded with the first call of one: a node's start and its memory are for what it does.
 *
 * @param names  all there are
 * @param load  loads them; asked again where it failed
 */
export function lazyOperations(
  names: readonly string[],
  load: () => Promise<Readonly<Record<string, Operation>>>,
): Readonly<Record<string, Operation>> {
  let loaded: Readonly<Record<string, Operation>> | undefined;
  const waiting = (name: string): Operation => {
    return async (input, context) => {
      loaded ??= await load();
      return loaded[name]!(input, context);
    };
  };
  return Object.fromEntries(names.map((name) => [name, waiting(name)]));
}

/** What operations need the right to, loaded with the first call that must be decided. */
export function lazyPermissions(
  names: readonly string[],
  load: () => Promise<Readonly<Record<string, PermissionsOf>>>,
): Readonly<Record<string, PermissionsOf>> {
  let loaded: Readonly<Record<string, PermissionsOf>> | undefined;
  const waiting = (name: string): PermissionsOf => {
    return async (input, place) => {
      loaded ??= await load();
      return loaded[name]!(input, place);
    };
  };
  return Object.fromEntries(names.map((name) => [name, waiting(name)]));
}
