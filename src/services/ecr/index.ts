/**
 * services/ecr: repositories without images. Functions from images are not built, so nothing can be pushed; what deployment tools make
 * ahead (CDK's bootstrap) or clean up (osls) is there all the same.
 */
import type { Clock } from '../../base/index.ts';
import type { Records } from '../../store/index.ts';
import { lazyOperations, lazyPermissions, type Service } from '../index.ts';
import { ECR_ANSWERS } from './errors.ts';
import { OPERATION_NAMES } from './operations/names.ts';
import type { Repositories } from './repositories.ts';

export { ECR_LIMITS } from './limits.ts';

/** The service; nothing of it is read or loaded before the first call. */
export function ecr(options: { readonly records: Records; readonly clock: Clock }): Service {
  let opened: Promise<Repositories> | undefined;
  const open = () => {
    opened ??= import('./repositories.ts').then(({ Repositories }) => Repositories.open(options));
    return opened;
  };
  return {
    name: 'ecr',
    errors: ECR_ANSWERS,
    operations: lazyOperations(OPERATION_NAMES, async () => {
      const { ecrOperations } = await import('./operations/index.ts');
      return ecrOperations(await open());
    }),
    permissions: lazyPermissions(OPERATION_NAMES, async () => {
      const { ecrPermissions } = await import('./permissions.ts');
      return ecrPermissions(await open());
    }),
  };
}
