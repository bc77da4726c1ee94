import { hasCode, messageOf } from '../base/index.ts';
import type { AdminAnswer, AdminApi, AdminRequest } from '../gateway/console/index.ts';
import type { EventSourceMappings, MappingView } from '../services/lambda/index.ts';

const PREFIX = '/_millrace/mappings';

/** Who holds a mapping that was paused here. */
const OPERATOR = 'operator';

/** Bytes of a request's body: a point in time. */
const BODY_BYTES_MAX = 1024;

type Verb = (mappings: EventSourceMappings, uuid: string, body: string) => Promise<MappingView>;

const VERBS: Readonly<Record<string, Verb>> = {
  pause: (mappings, uuid) => mappings.pause(uuid, OPERATOR),
  resume: (mappings, uuid) => mappings.resume(uuid, OPERATOR),
  replay: (mappings, uuid, body) => mappings.replay(uuid, timeOf(body)),
};

/**
 * Event source mappings for operators, beside what the Lambda API says of them.
 *
 *     GET  /_millrace/mappings               all mappings and how their pollers are doing
 *     POST /_millrace/mappings/UUID/pause    finish what runs and read no more, across restarts
 *     POST /_millrace/mappings/UUID/resume
 *     POST /_millrace/mappings/UUID/replay   {"from": "2026-01-31T12:00:00Z"}: read a stream again from then on
 */
export function mappingApi(mappings: EventSourceMappings): AdminApi {
  return { prefix: PREFIX, bodyBytesMax: BODY_BYTES_MAX, handle: (request) => handle(mappings, request) };
}

async function handle(mappings: EventSourceMappings, { method, path, body }: AdminRequest): Promise<AdminAnswer> {
  const parts = path.slice(PREFIX.length).split('/');
  const [, uuid = '', name = ''] = parts;
  if (parts.length === 1) {
    if (method !== 'GET' && method !== 'HEAD') return failure(405, 'The list is a GET.', 'GET, HEAD');
    return { status: 200, body: { mappings: mappings.mappings().map(viewShape) } };
  }
  const verb = Object.hasOwn(VERBS, name) ? VERBS[name] : undefined;
  if (!verb || parts.length !== 3) return failure(404, `There is no ${path}.`);
  if (method !== 'POST') return failure(405, `${name} is a POST.`, 'POST');
  try {
    const view = await verb(mappings, uuid, Buffer.from(body).toString());
    return { status: 200, body: viewShape(view) };
  } catch (error) {
    const status = statusOf(error);
    if (status === undefined) throw error;
    return failure(status, messageOf(error));
  }
}

/** A mapping with the state of its poller. */
function viewShape({ mapping, status, poller }: MappingView) {
  const { uuid, region, functionArn, functionName, sourceArn, enabled } = mapping;
  return { uuid, region, functionArn, functionName, sourceArn, enabled, status, ...poller };
}

class BadRequest extends Error {}

/** @throws BadRequest */
function timeOf(body: string): number {
  let from: unknown;
  try {
    from = (JSON.parse(body) as { from?: unknown } | null)?.from;
  } catch {
    throw new BadRequest('The body must be JSON: {"from": "2026-01-31T12:00:00Z"}.');
  }
  const at = typeof from === 'string' && /^\d{4}-/.test(from) ? Date.parse(from) : Number.NaN;
  if (Number.isNaN(at)) throw new BadRequest('"from" must be a time such as "2026-01-31T12:00:00Z".');
  return at;
}

function statusOf(error: unknown): number | undefined {
  if (error instanceof BadRequest || hasCode(error, 'invalid-parameter')) return 400;
  if (hasCode(error, 'resource-not-found')) return 404;
  return hasCode(error, 'resource-in-use') ? 409 : undefined;
}

function failure(status: number, message: string, allow?: string): AdminAnswer {
  return { status, body: { message }, ...(allow !== undefined && { allow }) };
}
