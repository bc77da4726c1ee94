import type { Operation } from '../index.ts';
import { OPERATION_NAMES } from './operations/names.ts';
import type { IamState } from './state.ts';

/** The operations, whose code is loaded with the first call of one: most nodes are never asked for an identity. */
export function lazyOperations(state: IamState): Record<string, Operation> {
  let loading: Promise<Record<string, Operation>> | undefined;
  const load = () => {
    loading ??= import('./operations/index.ts').then(({ iamOperations }) => iamOperations(state));
    return loading;
  };
  return Object.fromEntries(
    OPERATION_NAMES.map((name): [string, Operation] => [
      name,
      async (input, context) => (await load())[name]!(input, context),
    ]),
  );
}
