import { DomainError } from '../../base/index.ts';
import type { WireAnswer } from '../index.ts';

/** - `access-denied`: no such role, or not to be assumed; - `validation`: longer than allowed;
 *  - `too-many-sessions`: as many temporary keys as are kept; - `malformed-policy`, `packed-policy-too-large`: of a session;
 *  - `invalid-token`, `expired-token`: of an identity provider; - `provider-unreachable`: its keys cannot be had now. */
export type StsErrorCode =
  | 'access-denied'
  | 'validation'
  | 'too-many-sessions'
  | 'malformed-policy'
  | 'packed-policy-too-large'
  | 'invalid-token'
  | 'expired-token'
  | 'provider-unreachable';

export const STS_ANSWERS = {
  'access-denied': { type: 'AccessDenied', status: 403 },
  validation: { type: 'ValidationError', status: 400 },
  'too-many-sessions': { type: 'Throttling', status: 400 },
  'malformed-policy': { type: 'MalformedPolicyDocument', status: 400 },
  'packed-policy-too-large': { type: 'PackedPolicyTooLarge', status: 400 },
  'invalid-token': { type: 'InvalidIdentityToken', status: 400 },
  'expired-token': { type: 'ExpiredTokenException', status: 400 },
  'provider-unreachable': { type: 'IDPCommunicationError', status: 400 },
} satisfies Record<StsErrorCode, WireAnswer>;

export function stsError(code: StsErrorCode, message: string, cause?: unknown): DomainError<StsErrorCode> {
  return new DomainError(code, message, cause === undefined ? {} : { cause });
}
