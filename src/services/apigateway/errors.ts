import { DomainError } from '../../base/index.ts';
import type { WireAnswer } from '../index.ts';

/** - `not-found`: an API, a key, a plan or a part of one; - `bad-request`: what cannot be set so; - `conflict`: it is there already, or
 *  in use; - `limit-exceeded`: a quota. */
export type RestApiErrorCode = 'not-found' | 'bad-request' | 'conflict' | 'limit-exceeded';

export class RestApiError extends DomainError<RestApiErrorCode> {}

export const REST_API_ANSWERS = {
  'not-found': { type: 'NotFoundException', status: 404 },
  'bad-request': { type: 'BadRequestException', status: 400 },
  conflict: { type: 'ConflictException', status: 409 },
  'limit-exceeded': { type: 'LimitExceededException', status: 429 },
} satisfies Record<RestApiErrorCode, WireAnswer>;

export const notFound = (what: string): RestApiError =>
  new RestApiError('not-found', `Invalid ${what} identifier specified`);

export const badRequest = (message: string): RestApiError => new RestApiError('bad-request', message);

export const conflict = (message: string): RestApiError => new RestApiError('conflict', message);

export const limitExceeded = (what: string, max: number): RestApiError =>
  new RestApiError('limit-exceeded', `Maximum number of ${what} exceeded, limit ${max}`);
