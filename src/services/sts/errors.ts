import { DomainError } from '../../base/index.ts';
import type { WireAnswer } from '../index.ts';

/** - `access-denied`: no such role, or not to be assumed; - `validation`: longer than allowed;
 *  - `too-many-sessions`: as many temporary keys as are kept. */
export type StsErrorCode = 'access-denied' | 'validation' | 'too-many-sessions';

export const STS_ANSWERS = {
  'access-denied': { type: 'AccessDenied', status: 403 },
  validation: { type: 'ValidationError', status: 400 },
  'too-many-sessions': { type: 'Throttling', status: 400 },
} satisfies Record<StsErrorCode, WireAnswer>;

export function stsError(code: StsErrorCode, message: string): DomainError<StsErrorCode> {
  return new DomainError(code, message);
}
