import { DomainError } from '../../base/index.ts';
import type { WireAnswer } from '../index.ts';

/** How the Secrets Manager API answers each of its domain's errors. */
export const SECRETS_ANSWERS = {
  'not-found': { type: 'ResourceNotFoundException', status: 400 },
  'already-exists': { type: 'ResourceExistsException', status: 400 },
  'invalid-parameter': { type: 'InvalidParameterException', status: 400 },
  'invalid-request': { type: 'InvalidRequestException', status: 400 },
  'limit-exceeded': { type: 'LimitExceededException', status: 400 },
  'invalid-token': { type: 'InvalidNextTokenException', status: 400 },
  'malformed-policy': { type: 'MalformedPolicyDocumentException', status: 400 },
  'access-denied': { type: 'AccessDeniedException', status: 400 },
  'public-policy': { type: 'PublicPolicyException', status: 400 },
} as const satisfies Record<string, WireAnswer>;

export type SecretsErrorCode = keyof typeof SECRETS_ANSWERS;

export class SecretsError extends DomainError<SecretsErrorCode> {}

export const invalidParameter = (message: string): SecretsError => new SecretsError('invalid-parameter', message);
export const invalidRequest = (message: string): SecretsError => new SecretsError('invalid-request', message);
export const secretNotFound = (): SecretsError =>
  new SecretsError('not-found', "Secrets Manager can't find the specified secret.");
export const valueNotFound = (what: string): SecretsError =>
  new SecretsError('not-found', `Secrets Manager can't find the specified secret value for ${what}`);
