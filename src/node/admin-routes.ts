import { type Clock, DEFAULT_REGION, type DomainError, messageOf, type Random, uuid } from '../base/index.ts';
import { SignatureFailure } from '../codec/aws/index.ts';
import type { AdminAnswer, AdminApi } from '../gateway/console/index.ts';
import type { Authority } from '../services/iam/index.ts';
import type { Caller, Credentials } from '../services/index.ts';
import type { Logger } from '../telemetry/index.ts';
import {
  AuthenticationFailure,
  Authenticator,
  authorityOf,
  type ExtraRoute,
  foreignTo,
  type HttpRequest,
  type HttpResponse,
} from '../wire/index.ts';
import { type FunctionCalls, seriesToken } from './function-calls.ts';
import { isFromHere } from './local-routes.ts';
import type { SeriesKeys } from './series-keys.ts';

export interface AdminGuard {
  readonly mode: 'dev' | 'secured';
  readonly credentials: Credentials;
  readonly seriesKeys: Pick<SeriesKeys, 'allow'>;
  readonly calls: Pick<FunctionCalls, 'isFunction'>;
  readonly authority: Pick<Authority, 'decide'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Why a request is turned away. */
interface Refusal {
  readonly status: 401 | 403 | 413 | 415;
  readonly code: string;
  readonly message: string;
}

/**
 * A route that shows what messages hold, or changes it. Let in are tools, and pages of the node itself; never a function's
 * sandbox (such routes are not `forFunctions`), never another site's page. A `secured` node takes it from this machine only,
 * and with credentials: a signature of Version 4, or `Authorization: Bearer ACCESS_KEY_ID:SECRET`; those of a function do not do. Whose
 * they are must be the account, or have the right to `millrace:Administer`.
 */
export function adminRoute(api: AdminApi, guard: AdminGuard): ExtraRoute {
  const { mode, credentials, clock, logger, random } = guard;
  const secured = mode === 'secured';
  const authenticator = new Authenticator({ credentials, secured, now: () => clock.now() });

  const take = async (request: HttpRequest): Promise<AdminAnswer | Refusal> => {
    if (secured && !isFromHere(request))
      return forbidden('This path is served to clients on the machine of the node only.');
    const refusal = pageRefusal(request);
    if (refusal) return refusal;
    const body = await readBody(request, api.bodyBytesMax);
    if ('status' in body) return body;
    const [path, query = ''] = splitUrl(request);
    const caller = secured ? prove(request, path, query, body, authenticator, guard) : undefined;
    if (caller && 'status' in caller) return caller;
    const verdict = caller && (await guard.authority.decide(caller, [ADMINISTER], factsOf(request)));
    if (verdict?.allowed === false) return forbidden(verdict.message);
    return api.handle({
      ...{ method: request.method ?? 'GET', path, query: new URLSearchParams(query), body },
      caller: caller?.arn ?? 'anyone',
    });
  };

  return {
    prefix: api.prefix,
    handle: async (request, response) => {
      const requestId = uuid(random);
      let answer: AdminAnswer;
      try {
        const taken = await take(request);
        answer = 'code' in taken ? { status: taken.status, body: { code: taken.code, message: taken.message } } : taken;
      } catch (error) {
        logger.error('admin-request-failed', { requestId, path: api.prefix, reason: messageOf(error), error });
        answer = { status: 500, body: { code: 'internal', message: 'The node has failed at this; see its log.' } };
      }
      request.resume();
      send(response, request.method === 'HEAD', answer, requestId);
    },
  };
}

/** The one right that we had to invent: what no service of AWS has. */
const ADMINISTER = { action: 'millrace:Administer', resources: ['*'] };

function factsOf({ socket, headers }: HttpRequest) {
  return { region: DEFAULT_REGION, sourceIp: socket.remoteAddress, userAgent: headers['user-agent'] };
}

/**
 * Pages of other sites reach loopback too. A browser says of every request where it comes from; what changes something must
 * besides be JSON, which no page of another site may send without being asked first.
 */
function pageRefusal(request: HttpRequest): Refusal | undefined {
  const { headers, method = 'GET' } = request;
  const foreign = foreignTo(request);
  if (foreign !== undefined) return forbidden(foreign);
  const isRead = method === 'GET' || method === 'HEAD';
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && !(isRead && site === 'none')) {
    return forbidden('Requests of pages that are not the console are refused.');
  }
  const { origin } = headers;
  if (origin !== undefined && origin.replace(/^[a-z]+:\/\//i, '') !== authorityOf(request)) {
    return forbidden(`Requests of web pages from ${origin} are refused.`);
  }
  const isJson = /^application\/json(;|$)/i.test(headers['content-type'] ?? '');
  if (method === 'POST' && !isJson) {
    return { status: 415, code: 'not-json', message: 'Send the body as content-type: application/json.' };
  }
  return undefined;
}

function prove(
  request: HttpRequest,
  path: string,
  query: string,
  body: Uint8Array,
  authenticator: Authenticator,
  { seriesKeys, calls, credentials }: AdminGuard,
): Caller | Refusal {
  const { headers, method = 'GET' } = request;
  const token = seriesToken(headers.authorization);
  if (token !== undefined) {
    // Only a key with its secret has a colon; the token of a function's session has none.
    const isKey = token.includes(':') && seriesKeys.allow(headers.authorization);
    const key = isKey ? credentials.secretFor(token.split(':', 1)[0]!) : undefined;
    if (key) return key.caller;
    return unproven('This key or its secret is not known.');
  }
  try {
    const parts = { method, path, query, headers, body };
    const { caller } = authenticator.authenticate(authenticator.claim(parts), parts, body);
    if (!calls.isFunction(caller.accessKeyId)) return caller;
    return forbidden('Functions are not let in here.');
  } catch (error) {
    if (error instanceof SignatureFailure || error instanceof AuthenticationFailure) return unproven(error.message);
    throw error;
  }
}

function unproven(reason: string): Refusal {
  const how = 'Sign the request (Signature Version 4), or send "Authorization: Bearer ACCESS_KEY_ID:SECRET".';
  return { status: 401, code: 'unauthenticated', message: `${reason} ${how}` };
}

function forbidden(message: string): Refusal {
  return { status: 403, code: 'forbidden', message };
}

function splitUrl({ url = '/' }: HttpRequest): [path: string, query?: string] {
  const mark = url.indexOf('?');
  return mark < 0 ? [url] : [url.slice(0, mark), url.slice(mark + 1)];
}

async function readBody(request: HttpRequest, bytesMax: number): Promise<Buffer | Refusal> {
  const tooLarge: Refusal = { status: 413, code: 'too-large', message: `A body has at most ${bytesMax} bytes.` };
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) return tooLarge;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bytesMax) return tooLarge;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

function send(response: HttpResponse, isHead: boolean, { status, body, allow }: AdminAnswer, requestId: string): void {
  const bytes = Buffer.from(JSON.stringify(body));
  const { code } = body as Partial<DomainError>;
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': bytes.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'same-origin',
    'x-amzn-requestid': requestId,
    ...(code !== undefined && { 'x-amzn-errortype': code }),
    ...(allow !== undefined && { allow }),
    // A browser that is asked for Basic or Digest would show a box of its own; to this scheme it leaves the answer to the page.
    ...(status === 401 && { 'www-authenticate': 'Bearer' }),
    // What is left of a body that is too large is not worth reading.
    ...(status === 413 && { connection: 'close' }),
  });
  response.end(isHead ? undefined : bytes);
}
