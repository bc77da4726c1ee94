import { DomainError } from '../../base/index.ts';
import type { AdminApi } from '../../gateway/console/index.ts';
import { AUDIT_LIMITS } from './limits.ts';
import { readTrail } from './reading.ts';

const PREFIX = '/_millrace/audit';
const FIELDS = ['since', 'until', 'principal', 'event', 'source', 'resource', 'denied', 'limit'];

/**
 * Who did what, for operators.
 *
 *     GET /_millrace/audit?since=ISO&until=ISO&principal=TEXT&event=NAME&source=HOST&resource=TEXT&denied=true&limit=100
 *
 * @param directory  of the audit log; `undefined` where none is kept
 */
export function auditApi(directory: string | undefined): AdminApi {
  return {
    prefix: PREFIX,
    bodyBytesMax: 0,
    handle: async ({ method, path, query }) => {
      if (path !== PREFIX) return { status: 404, body: { message: `There is no ${path}.` } };
      if (method !== 'GET' && method !== 'HEAD') {
        return { status: 405, body: { message: 'The audit log is read by GET.' }, allow: 'GET, HEAD' };
      }
      if (directory === undefined) {
        return { status: 404, body: { code: 'no-audit', message: 'This node keeps no audit log: see audit.events.' } };
      }
      try {
        return { status: 200, body: { records: await readTrail(directory, wanted(query)) } };
      } catch (error) {
        if (!(error instanceof DomainError)) throw error;
        return { status: 400, body: { code: error.code, message: error.message } };
      }
    },
  };
}

function wanted(query: URLSearchParams) {
  for (const name of query.keys()) {
    if (!FIELDS.includes(name)) throw invalid(`"${name}" is no member of the query: ${FIELDS.join(', ')} are`);
  }
  const text = (name: string) => query.get(name) ?? undefined;
  const limit = Number(text('limit') ?? 100);
  if (!Number.isInteger(limit) || limit < 1 || limit > AUDIT_LIMITS.pageMax) {
    throw invalid(`"limit" must be a whole number from 1 to ${AUDIT_LIMITS.pageMax}`);
  }
  return {
    ...{ since: time('since', text('since')), until: time('until', text('until')), limit },
    ...{ principal: text('principal'), eventName: text('event'), eventSource: text('source') },
    ...{ resource: text('resource'), denied: text('denied') === 'true' },
  };
}

function time(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const at = Date.parse(text);
  if (Number.isNaN(at)) throw invalid(`"${name}" must be a time such as 2026-11-29T09:00:00Z`);
  return at;
}

function invalid(message: string): DomainError<'request-invalid'> {
  return new DomainError('request-invalid', message);
}
