/** ssm: Parameter Store: values by name, in hierarchies, with versions and labels. */
import { lazyOperations, lazyPermissions, type Service } from '../index.ts';
import { SSM_ANSWERS } from './errors.ts';
import { OPERATION_NAMES } from './operations/names.ts';
import type { Parameters, ParametersOptions } from './parameters.ts';

export { SSM_LIMITS } from './limits.ts';

export interface Ssm extends AsyncDisposable {
  readonly service: Service;
}

/** The service; nothing of it is read or loaded before the first call. */
export function ssm(options: ParametersOptions): Ssm {
  let opened: Promise<Parameters> | undefined;
  const open = async () => {
    const { Parameters: All } = await import('./parameters.ts');
    return All.open(options);
  };
  const parameters = () => {
    opened ??= open().catch((error: unknown) => {
      // A full disk, maybe: the next call tries again.
      opened = undefined;
      throw error;
    });
    return opened;
  };
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
      const all = await opened?.catch(() => undefined);
      await all?.[Symbol.asyncDispose]();
    },
  };
}
