/** secretsmanager: secrets with versions, staging labels and rotation by functions. */
import type { Clock, Random } from '../../base/index.ts';
import type { Records } from '../../store/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import { lazyOperations, lazyPermissions, type Service } from '../index.ts';
import { SECRETS_ANSWERS } from './errors.ts';
import { OPERATION_NAMES } from './operations/names.ts';
import type { RotationOptions } from './operations/rotation.ts';
import { hasSecrets } from './presence.ts';
import type { InvokeRotation, Rotations } from './rotations.ts';
import type { Secrets } from './secrets.ts';

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
  let opened: Promise<{ secrets: Secrets; rotations: Rotations }> | undefined;
  let isResumed = false;
  const open = async () => {
    const [{ Secrets: All }, { Rotations: Them }] = await Promise.all([
      import('./secrets.ts'),
      import('./rotations.ts'),
    ]);
    const secrets = await All.open(dependencies);
    const rotations = new Them({ secrets, invoke, clock, logger });
    if (isResumed) rotations.start();
    return { secrets, rotations };
  };
  const whole = () => {
    opened ??= open().catch((error: unknown) => {
      // A full disk, maybe: the next call tries again.
      opened = undefined;
      throw error;
    });
    return opened;
  };
  const rest = async () => {
    const all = await opened?.catch(() => undefined);
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
      const wasOpen = opened !== undefined;
      // Most nodes have none: their code stays where it is.
      if (!wasOpen && !(await hasSecrets(records))) return;
      const { rotations } = await whole();
      if (wasOpen) rotations.start();
    },
    rest,
    [Symbol.asyncDispose]: rest,
  };
}
