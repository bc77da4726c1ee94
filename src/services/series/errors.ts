import { DomainError, messageOf } from '../../base/index.ts';
import type { SeriesErrorCode } from '../../store/index.ts';

export type SeriesServiceErrorCode =
  | SeriesErrorCode
  | 'unauthorized'
  | 'method-not-allowed'
  | 'not-found'
  | 'parameter-invalid'
  | 'body-too-large'
  | 'body-unreadable'
  | 'line-protocol-invalid';

/** How the HTTP API answers: the status, and the code that InfluxDB's clients know. */
const ANSWERS = {
  'body-too-large': { status: 413, code: 'request too large' },
  'body-unreadable': { status: 400, code: 'invalid' },
  'database-exists': { status: 409, code: 'conflict' },
  'database-not-found': { status: 404, code: 'not found' },
  'format-too-new': { status: 500, code: 'internal error' },
  'line-protocol-invalid': { status: 400, code: 'invalid' },
  'method-not-allowed': { status: 405, code: 'method not allowed' },
  'name-invalid': { status: 400, code: 'invalid' },
  'not-found': { status: 404, code: 'not found' },
  'parameter-invalid': { status: 400, code: 'invalid' },
  'points-rejected': { status: 400, code: 'invalid' },
  'query-invalid': { status: 400, code: 'invalid' },
  'query-refused': { status: 403, code: 'forbidden' },
  'query-timeout': { status: 408, code: 'request timeout' },
  'series-busy': { status: 503, code: 'unavailable' },
  'series-failed': { status: 500, code: 'internal error' },
  'series-full': { status: 503, code: 'unavailable' },
  unauthorized: { status: 401, code: 'unauthorized' },
} satisfies Record<SeriesServiceErrorCode, { readonly status: number; readonly code: string }>;

export function fault(
  code: SeriesServiceErrorCode,
  message: string,
  fields?: Readonly<Record<string, unknown>>,
): DomainError<SeriesServiceErrorCode> {
  return new DomainError(code, message, fields ? { fields } : {});
}

/** The answer to an error: `code` and `message` as InfluxDB 2 has them, `error` (and what is in `fields.answer`) as 3 has it. */
export function answerOf(error: unknown): {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
} {
  if (!(error instanceof DomainError) || !(error.code in ANSWERS)) {
    return { status: 500, body: { code: 'internal error', message: 'Internal error', error: 'Internal error' } };
  }
  const { status, code } = ANSWERS[error.code as SeriesServiceErrorCode];
  const message = messageOf(error);
  return { status, body: { code, message, error: message, ...(error.fields?.answer as object | undefined) } };
}
