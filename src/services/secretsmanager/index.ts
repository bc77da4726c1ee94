/** secretsmanager: secrets with versions, staging labels and rotation by functions. */
import type { Clock, Random } from '../../base/index.ts';
import type { Records } from '../../store/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import { lazyOperations, lazyPermissions, opening, type Service } from '../index.ts';
import { SECRETS_ANSWERS } from './errors.ts';
import { OPERATION_NAMES } from './operations/names.ts';
import type { RotationOptions } from './operations/rotation.ts';
import { hasSecrets } from './presence.ts';
import type { InvokeRotation } from './rotations.ts';

export { SECRETS_LIMITS } from './limits.ts';
export type { InvokeRotation } from './rotations.ts';

export interface SecretsManagerDependencies {
  /** Seals values. */
  readonly records: Records;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly invoke: InvokeRotation;
  readonly checkFunction: RotationOptions['checkFunction'];
}

export interface SecretsManager extends AsyncDisposable {
  readonly service: Service;
  /** Takes up rotations and deletions. Call it once functions can be called. */
  resume(): Promise<void>;
  /** Begins no rotation any more, and waits for the functions that run. */
  rest(): Promise<void>;
}

/** The service; nothing of it is read or loaded before the first call, unless there are secrets. */
export function secretsManager(dependencies: SecretsManagerDependencies): SecretsManager {
  const { records, invoke, clock, logger } = dependencies;
  let isResumed = false;
  const whole = opening(async () => {
    const [{ Secrets }, { Rotations }] = await Promise.all([import('./secrets.ts'), import('./rotations.ts')]);
    const secrets = await Secrets.open(dependencies);
    const rotations = new Rotations({ secrets, invoke, clock, logger });
    if (isResumed) rotations.start();
    return { secrets, rotations };
  });
  const rest = async () => {
    const all = await whole.begun();
    await all?.rotations[Symbol.asyncDispose]();
  };
  return {
    service: {
      name: 'secretsmanager',
      errors: SECRETS_ANSWERS,
      operations: lazyOperations(OPERATION_NAMES, async () => {
        const { secretsManagerOperations } = await import('./operations/index.ts');
        return secretsManagerOperations((await whole()).secrets, dependencies);
      }),
      permissions: lazyPermissions(OPERATION_NAMES, async () => {
        const { secretsPermissions } = await import('./permissions.ts');
        return secretsPermissions((await whole()).secrets);
      }),
    },
    resume: async () => {
      isResumed = true;
      const open = await whole.begun();
      if (open) return open.rotations.start();
      // Most nodes have none: their code stays where it is.
      if (await hasSecrets(records)) await whole();
    },
    rest,
    [Symbol.asyncDispose]: rest,
  };
}
