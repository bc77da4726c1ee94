import type { Operation, PermissionsOf } from '../index.ts';
import { OPERATION_NAMES } from './operations/names.ts';
import type { IamState } from './state.ts';

type Named<T> = Readonly<Record<string, T>>;

/** The operations, whose code is loaded with the first call of one: most nodes are never asked for an identity. */
export function lazyOperations(state: IamState): Named<Operation> {
  const load = once(async () => (await import('./operations/index.ts')).iamOperations(state));
  return named((name) => async (input, context) => (await load())[name]!(input, context));
}

/** What they need the right to, loaded with the first call that must be decided. */
export function lazyPermissions(state: IamState): Named<PermissionsOf> {
  const load = once(async () => (await import('./permissions.ts')).iamPermissions(state));
  return named((name) => async (input, place) => (await load())[name]!(input, place));
}

function named<T>(make: (name: string) => T): Named<T> {
  return Object.fromEntries(OPERATION_NAMES.map((name): [string, T] => [name, make(name)]));
}

function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loading: Promise<T> | undefined;
  return () => {
    loading ??= load();
    return loading;
  };
}
