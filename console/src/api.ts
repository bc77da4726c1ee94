/** The node's public HTTP APIs, and nothing else. Every failure carries the request id that the node's log has too. */
import type { FlowSnapshot } from '../../src/gateway/console/flow.ts';

export type { FlowEdge, FlowNode, FlowSnapshot, FlowStatus } from '../../src/gateway/console/flow.ts';

export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly requestId: string | undefined;

  constructor(message: string, status: number, code: string, requestId?: string) {
    super(message);
    this.status = status;
    this.code = code;
    this.requestId = requestId;
  }
}

function post(path: string, headers: Record<string, string>, body: unknown, signal: AbortSignal): Promise<unknown> {
  return ask(path, { method: 'POST', headers, body: JSON.stringify(body), signal });
}

/** `ACCESS_KEY_ID:SECRET` for a node that asks who calls; kept by this page alone, and only while it is open. */
let key: { readonly id: string; readonly secret: string } | undefined;

export function signIn(id: string, secret: string): void {
  key = { id, secret };
}

export function signedInAs(): typeof key {
  return key;
}

/** The node wants to know who asks, or does not take the key that it was given. */
export function wantsSignIn(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  return error.status === 401 || /MissingAuthenticationToken|UnrecognizedClient|InvalidSignature/.test(error.code);
}

type NodeRequest = RequestInit & { readonly signal: AbortSignal; readonly headers?: Record<string, string> };

/** Asks the node; @throws ApiError */
export async function ask(path: string, request: NodeRequest): Promise<unknown> {
  return (await askFor(path, request, parse)).value;
}

/** Asks the node for what `read` makes of an answer's text. @throws ApiError */
export async function askFor<T>(
  path: string,
  request: NodeRequest,
  read: (text: string) => T,
): Promise<{ readonly value: T; readonly response: Response }> {
  let response: Response;
  try {
    // A call that is signed says so itself.
    const bearer = key !== undefined && { authorization: `Bearer ${key.id}:${key.secret}` };
    const headers = { ...bearer, ...request.headers };
    response = await fetch(path, { ...request, headers });
  } catch (error) {
    if (request.signal.aborted) throw error;
    throw new ApiError('The node does not answer.', 0, 'unreachable');
  }
  const text = await response.text();
  const value = read(text);
  if (response.ok) return { value, response };
  const { message, Message, error, __type, code, Code } = (value ?? {}) as Record<string, string | undefined>;
  throw new ApiError(
    message ?? Message ?? error ?? (text.slice(0, 300) || response.statusText),
    response.status,
    // REST APIs in JSON name the error in a header, maybe with where its meaning is written.
    __type ?? code ?? Code ?? response.headers.get('x-amzn-errortype')?.split(':')[0] ?? String(response.status),
    response.headers.get('x-amzn-requestid') ?? response.headers.get('x-request-id') ?? undefined,
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export type Row = Readonly<Record<string, unknown>>;

/** Names of the databases that there are (`GET /api/v3/configure/database`). */
export async function listDatabases(signal: AbortSignal): Promise<readonly string[]> {
  const rows = (await ask('/api/v3/configure/database?format=json', { signal })) as readonly Row[];
  return rows.map((row) => String(row['iox::database']));
}

/** One SQL statement over the series API (`POST /api/v3/query_sql`). */
export async function querySql(database: string, sql: string, signal: AbortSignal): Promise<readonly Row[]> {
  const body = { db: database, q: sql, format: 'json' };
  return (await post('/api/v3/query_sql', { 'content-type': 'application/json' }, body, signal)) as readonly Row[];
}

/** Milliseconds of a time as the series API writes it: ISO text without a zone is UTC; integers are nanoseconds. */
export function timeOf(value: unknown): number {
  if (typeof value === 'number') return value > 1e15 ? value / 1e6 : value;
  const text = String(value);
  if (/^\d+$/.test(text)) return Number(text) / 1e6;
  return Date.parse(/[zZ]|[+-]\d\d:?\d\d$/.test(text) ? text : `${text.replace(' ', 'T')}Z`);
}

/** SQL text literal. */
export const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;
/** SQL name. */
export const named = (name: string) => `"${name.replaceAll('"', '""')}"`;

/** A call of CloudWatch Logs: signed once a person has signed in; a node in `dev` mode takes it as it is. */
async function callLogs(operation: string, input: unknown, signal: AbortSignal): Promise<unknown> {
  if (signedInAs()) {
    // What signs is loaded only where somebody asks for it.
    const { callAws } = await import('./aws.ts');
    const contentType = 'application/x-amz-json-1.1';
    return callAws({ name: 'logs', target: 'Logs_20140328', contentType }, operation, input, signal);
  }
  const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `Logs_20140328.${operation}` };
  return post('/', headers, input, signal);
}

export interface LogLine {
  readonly eventId: string;
  readonly timestamp: number;
  readonly message: string;
  readonly logStreamName: string;
}

export async function logGroups(signal: AbortSignal): Promise<readonly string[]> {
  const answer = (await callLogs('DescribeLogGroups', { limit: 50 }, signal)) as {
    logGroups?: readonly { logGroupName: string }[];
  };
  return (answer.logGroups ?? []).map(({ logGroupName }) => logGroupName);
}

/** Pages that are read to reach the end of what a filter finds; the newest lines are on the last one. */
const PAGES_MAX = 10;

export async function filterLogEvents(
  input: { readonly logGroupName: string; readonly startTime: number; readonly filterPattern?: string },
  signal: AbortSignal,
): Promise<readonly LogLine[]> {
  const lines: LogLine[] = [];
  let nextToken: string | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const answer = (await callLogs('FilterLogEvents', { ...input, limit: 1000, nextToken }, signal)) as {
      events?: readonly LogLine[];
      nextToken?: string;
    };
    lines.push(...(answer.events ?? []));
    nextToken = answer.nextToken;
    if (nextToken === undefined) break;
  }
  return lines;
}

export type FeedState = 'connecting' | 'live' | 'lost';

/** Follows the flow; the browser reconnects by itself. @returns the way to stop */
export function followFlow(
  onSnapshot: (snapshot: FlowSnapshot) => void,
  onState: (state: FeedState) => void,
): () => void {
  const source = new EventSource('/_millrace/api/flow/events');
  source.addEventListener('flow', (event) => {
    onState('live');
    onSnapshot(JSON.parse((event as MessageEvent<string>).data) as FlowSnapshot);
  });
  source.addEventListener('error', () => onState('lost'));
  return () => source.close();
}

/** Holds an event source mapping back, lets it go on, or sets a stream's back to a time. */
export async function commandPoller(
  id: string,
  verb: 'pause' | 'resume' | 'replay',
  input: object,
  signal: AbortSignal,
): Promise<void> {
  await post(`/_millrace/mappings/${id}/${verb}`, { 'content-type': 'application/json' }, input, signal);
}
