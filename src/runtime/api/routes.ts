import type { IncomingMessage, ServerResponse } from 'node:http';
import { METHOD_NOT_ALLOWED, NOT_FOUND, send } from './answers.ts';
import type { TelemetryApi } from './telemetry-subscription.ts';

/** Where the supervisor of a sandbox reports: no part of Lambda's APIs. */
export const SUPERVISOR_PATH = '/millrace/supervisor';

/** What the APIs of one environment can be asked for. */
export interface Resources {
  next(response: ServerResponse): void;
  respond(requestId: string, request: IncomingMessage, response: ServerResponse): void;
  fail(requestId: string, request: IncomingMessage, response: ServerResponse): void;
  initError(request: IncomingMessage, response: ServerResponse): void;
  restoreNext(response: ServerResponse): void;
  restoreError(request: IncomingMessage, response: ServerResponse): void;
  register(request: IncomingMessage, response: ServerResponse): void;
  nextEvent(request: IncomingMessage, response: ServerResponse): void;
  extensionError(call: 'init-error' | 'exit-error', request: IncomingMessage, response: ServerResponse): void;
  subscribe(api: TelemetryApi, request: IncomingMessage, response: ServerResponse): void;
  supervise(request: IncomingMessage, response: ServerResponse): void;
}

type Serve = (resources: Resources, request: IncomingMessage, response: ServerResponse) => void;

interface Route {
  readonly method: string;
  readonly serve: Serve;
}

const NEXT = '/2018-06-01/runtime/invocation/next';
const INVOCATION = '/2018-06-01/runtime/invocation/';

const ROUTES: ReadonlyMap<string, Route> = new Map<string, Route>([
  ['/2018-06-01/ping', { method: 'GET', serve: (_, __, response) => pong(response) }],
  ['/2018-06-01/runtime/init/error', post((api, request, response) => api.initError(request, response))],
  ['/2018-06-01/runtime/restore/next', get((api, _, response) => api.restoreNext(response))],
  ['/2018-06-01/runtime/restore/error', post((api, request, response) => api.restoreError(request, response))],
  ['/2020-01-01/extension/register', post((api, request, response) => api.register(request, response))],
  ['/2020-01-01/extension/event/next', get((api, request, response) => api.nextEvent(request, response))],
  [
    '/2020-01-01/extension/init/error',
    post((api, request, response) => api.extensionError('init-error', request, response)),
  ],
  [
    '/2020-01-01/extension/exit/error',
    post((api, request, response) => api.extensionError('exit-error', request, response)),
  ],
  ['/2020-08-15/logs', put((api, request, response) => api.subscribe('logs', request, response))],
  ['/2022-07-01/telemetry', put((api, request, response) => api.subscribe('telemetry', request, response))],
  [SUPERVISOR_PATH, post((api, request, response) => api.supervise(request, response))],
]);

/** Hands a request to what serves it, or answers that nothing does. */
export function route(resources: Resources, request: IncomingMessage, response: ServerResponse): void {
  const { url = '', method } = request;
  if (url === NEXT && method === 'GET') return resources.next(response);
  const path = pathOf(url);
  const found = path.startsWith(INVOCATION) ? invocationRoute(path) : ROUTES.get(path);
  if (found && found.method === method) return found.serve(resources, request, response);
  request.resume();
  send(response, found ? METHOD_NOT_ALLOWED : NOT_FOUND, found ? ['Allow', found.method] : []);
}

function invocationRoute(path: string): Route | undefined {
  const rest = path.slice(INVOCATION.length);
  if (rest === 'next') return get((api, _, response) => api.next(response));
  const [requestId, what, ...more] = rest.split('/');
  if (more.length > 0 || !requestId) return undefined;
  const id = decode(requestId);
  if (what === 'response') return post((api, request, response) => api.respond(id, request, response));
  if (what === 'error') return post((api, request, response) => api.fail(id, request, response));
  return undefined;
}

function pathOf(url: string): string {
  const query = url.indexOf('?');
  const path = query < 0 ? url : url.slice(0, query);
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function get(serve: Serve): Route {
  return { method: 'GET', serve };
}

function post(serve: Serve): Route {
  return { method: 'POST', serve };
}

function put(serve: Serve): Route {
  return { method: 'PUT', serve };
}

function pong(response: ServerResponse): void {
  send(response, { status: 200, body: 'pong' });
}
