/** ssm: Parameter Store: values by name, in hierarchies, with versions and labels. */
import { lazyOperations, lazyPermissions, opening, type Service } from '../index.ts';
import { SSM_ANSWERS } from './errors.ts';
import { OPERATION_NAMES } from './operations/names.ts';
import type { ParametersOptions } from './parameters.ts';

export { SSM_LIMITS } from './limits.ts';

export interface Ssm extends AsyncDisposable {
  readonly service: Service;
}

/** The service; nothing of it is read or loaded before the first call. */
export function ssm(options: ParametersOptions): Ssm {
  const parameters = opening(async () => {
    const { Parameters } = await import('./parameters.ts');
    return Parameters.open(options);
  });
  return {
    service: {
      name: 'ssm',
      errors: SSM_ANSWERS,
      operations: lazyOperations(OPERATION_NAMES, async () => {
        const { ssmOperations } = await import('./operations/index.ts');
        return ssmOperations(await parameters());
      }),
      permissions: lazyPermissions(OPERATION_NAMES, async () => {
        const { ssmPermissions } = await import('./permissions.ts');
        return ssmPermissions(await parameters());
      }),
    },
    [Symbol.asyncDispose]: async () => {
      const all = await parameters.begun();
      await all?.[Symbol.asyncDispose]();
    },
  };
}
