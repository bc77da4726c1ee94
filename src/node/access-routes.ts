import { DomainError, hasCode, messageOf } from '../base/index.ts';
import type { AdminAnswer, AdminApi, AdminRequest } from '../gateway/console/index.ts';
import { type AccessQuestion, DEVICE_ACTIONS, type DeviceAction, type Iot, userArn } from '../services/iot/index.ts';

const PREFIX = '/_millrace/access';

/** Bytes of a request's body: a topic, or a password. */
const BODY_BYTES_MAX = 8_192;
const REFUSALS_MAX = 500;

/**
 * Why devices may or may not do something, and users with passwords; docs/device-policies.md has the contract.
 *
 *     GET  /_millrace/access/refusals              what clients were refused lately: client, limit
 *     POST /_millrace/access/explain               {"client" or "principal", "action": "Publish", "name": "a/b"}
 *     GET  /_millrace/access/users                 names and ARNs
 *     POST /_millrace/access/users/NAME/password   {"password": "..."}: makes the user, or changes the password
 *     POST /_millrace/access/users/NAME/delete     {}
 */
export function accessApi(iot: Pick<Iot, 'review' | 'users'>): AdminApi {
  return { prefix: PREFIX, bodyBytesMax: BODY_BYTES_MAX, handle: (request) => handle(iot, request) };
}

const STATUS: Readonly<Record<string, number>> = {
  'request-invalid': 400,
  'resource-not-found': 404,
  'limit-exceeded': 409,
};

async function handle(iot: Pick<Iot, 'review' | 'users'>, request: AdminRequest): Promise<AdminAnswer> {
  try {
    return await route(iot, request);
  } catch (error) {
    const status = Object.entries(STATUS).find(([code]) => hasCode(error, code))?.[1];
    if (status === undefined) throw error;
    return failure(status, messageOf(error));
  }
}

async function route({ review, users }: Pick<Iot, 'review' | 'users'>, request: AdminRequest): Promise<AdminAnswer> {
  const { method, path, query, body } = request;
  const [what, name, verb, ...rest] = path
    .slice(PREFIX.length + 1)
    .split('/')
    .map(decoded);
  const isRead = method === 'GET' || method === 'HEAD';
  if (rest.length > 0) return failure(404, `There is no ${path}.`);
  if (what === 'refusals' && name === undefined) {
    if (!isRead) return failure(405, 'Refusals are a GET.', 'GET, HEAD');
    const limit = Math.min(REFUSALS_MAX, Math.max(1, Number(query.get('limit') ?? 50) || 50));
    return { status: 200, body: { refusals: review.refusals(query.get('client') ?? undefined, limit) } };
  }
  if (what === 'users' && name === undefined) {
    if (!isRead) return failure(405, 'The list is a GET.', 'GET, HEAD');
    return { status: 200, body: { users: users.list().map(userView) } };
  }
  if (method !== 'POST') return failure(405, `${path} is a POST.`, 'POST');
  if (what === 'explain' && name === undefined) return { status: 200, body: await review.explain(readQuestion(body)) };
  if (what !== 'users' || name === undefined) return failure(404, `There is no ${path}.`);
  if (verb === 'password') {
    return { status: 200, body: userView(await users.setPassword(name, text('password', readJson(body).password))) };
  }
  if (verb !== 'delete') return failure(404, `There is no ${path}.`);
  await users.delete(name);
  return { status: 200, body: {} };
}

function userView({
  name,
  region,
  createdAt,
  changedAt,
}: {
  name: string;
  region: string;
  createdAt: number;
  changedAt: number;
}) {
  return { name, arn: userArn({ name, region }), createdAt, changedAt };
}

function readQuestion(body: Uint8Array): AccessQuestion {
  const { client, principal, action, name } = readJson(body);
  if (client === undefined && principal === undefined) throw invalid('Name a "client" or a "principal".');
  return {
    ...(client !== undefined && { clientId: text('client', client) }),
    ...(principal !== undefined && { principal: text('principal', principal) }),
    action: readAction(action),
    name: text('name', name),
  };
}

function readAction(value: unknown): DeviceAction {
  const wanted = typeof value === 'string' ? value.replace(/^iot:/i, '').toLowerCase() : undefined;
  const action = DEVICE_ACTIONS.find((one) => one.toLowerCase() === wanted);
  if (action) return action;
  throw invalid(`"action" must be one of ${DEVICE_ACTIONS.join(', ')}.`);
}

function readJson(body: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString());
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Answered like any other body that is no object.
  }
  throw invalid('The body must be a JSON object.');
}

function text(name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw invalid(`"${name}" must be a text.`);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw invalid(`${part} is not well encoded.`);
  }
}

function invalid(message: string): DomainError<'request-invalid'> {
  return new DomainError('request-invalid', message);
}

function failure(status: number, message: string, allow?: string): AdminAnswer {
  return { status, body: { message }, ...(allow !== undefined && { allow }) };
}
