import { DomainError } from '../../base/index.ts';
import type { WireAnswer } from '../index.ts';

/** - `not-found`: an API or a part of one; - `bad-request`: what cannot be set so; - `conflict`: it is there already, or in use;
 *  - `limit-exceeded`: a quota. */
export type HttpApiErrorCode = 'not-found' | 'bad-request' | 'conflict' | 'limit-exceeded';

export class HttpApiError extends DomainError<HttpApiErrorCode> {}

export const HTTP_API_ANSWERS = {
  'not-found': { type: 'NotFoundException', status: 404 },
  'bad-request': { type: 'BadRequestException', status: 400 },
  conflict: { type: 'ConflictException', status: 409 },
  'limit-exceeded': { type: 'TooManyRequestsException', status: 429 },
} satisfies Record<HttpApiErrorCode, WireAnswer>;

export const notFound = (what: string): HttpApiError => {
  const fields = { ResourceType: what };
  return new HttpApiError('not-found', `Invalid ${what} identifier specified`, { fields });
};

export const badRequest = (message: string): HttpApiError => new HttpApiError('bad-request', message);

export const conflict = (message: string): HttpApiError => new HttpApiError('conflict', message);
