import type { Clock, Random } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import type { Secrets } from '../secrets.ts';
import { policyOperations } from './policies.ts';
import { type RotationOptions, rotationOperations } from './rotation.ts';
import { secretOperations } from './secrets.ts';
import { valueOperations } from './values.ts';

export function secretsManagerOperations(
  secrets: Secrets,
  options: RotationOptions & { readonly clock: Clock; readonly random: Random },
): Readonly<Record<string, Operation>> {
  return {
    ...secretOperations(secrets, options),
    ...valueOperations(secrets, options),
    ...policyOperations(secrets),
    ...rotationOperations(secrets, options),
  };
}
