import { hasCode, messageOf } from '../base/index.ts';
import type { EventSourceMappings, MappingView } from '../services/lambda/index.ts';
import type { ExtraRoute, HttpRequest, HttpResponse } from '../wire/index.ts';

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
export function mappingRoutes(mappings: EventSourceMappings): ExtraRoute {
  return {
    prefix: PREFIX,
    handle: async (request, response) => {
      const path = (request.url ?? '').split('?', 1)[0]!.slice(PREFIX.length);
      const [, uuid = '', name = ''] = path.split('/');
      if (path === '') return list(mappings, request, response);
      const verb = Object.hasOwn(VERBS, name) ? VERBS[name] : undefined;
      if (!verb || path.split('/').length !== 3) return answer(response, 404, { message: `There is no ${path}.` });
      if (request.method !== 'POST') return answer(response, 405, { message: `${name} is a POST.` }, { allow: 'POST' });
      try {
        answer(response, 200, viewShape(await verb(mappings, decodeURIComponent(uuid), await bodyOf(request))));
      } catch (error) {
        answer(response, statusOf(error), { message: messageOf(error) });
      }
    },
  };
}

function list(mappings: EventSourceMappings, { method }: HttpRequest, response: HttpResponse): void {
  if (method !== 'GET') return answer(response, 405, { message: 'The list is a GET.' }, { allow: 'GET' });
  answer(response, 200, { mappings: mappings.mappings().map(viewShape) });
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

async function bodyOf(request: HttpRequest): Promise<string> {
  let body = Buffer.alloc(0);
  for await (const chunk of request) {
    body = Buffer.concat([body, chunk as Uint8Array]);
    if (body.length > BODY_BYTES_MAX) throw new BadRequest(`The body is larger than ${BODY_BYTES_MAX} bytes.`);
  }
  return body.toString();
}

function statusOf(error: unknown): number {
  if (error instanceof BadRequest || hasCode(error, 'invalid-parameter')) return 400;
  if (hasCode(error, 'resource-not-found')) return 404;
  return hasCode(error, 'resource-in-use') ? 409 : 500;
}

function answer(response: HttpResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  const type = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  response.writeHead(status, { ...type, ...headers }).end(JSON.stringify(body));
}
