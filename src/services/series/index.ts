/** services/series: time series in by InfluxDB line protocol, out by SQL. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../base/index.ts';
import type { Point, Series } from '../../store/index.ts';
import type { Logger, Metrics } from '../../telemetry/index.ts';
import { configure } from './configuration.ts';
import { answerOf, fault } from './errors.ts';
import { type Call, json, type Reply, send } from './http.ts';
import { Maintenance } from './maintenance.ts';
import { answerQuery } from './queries.ts';
import { Writes } from './writes.ts';

/** What a request wants to do; `database` is absent when it concerns all. */
export interface SeriesAccess {
  readonly kind: 'read' | 'write' | 'configure';
  readonly database?: string;
}

export interface SeriesServiceDependencies {
  /** Stays open until the service is closed, and is the caller's to close. */
  readonly series: Series;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Whether the request's token or credentials allow it; absent allows all, as `dev` does. */
  readonly authorize?: (request: IncomingMessage, access: SeriesAccess) => boolean | Promise<boolean>;
}

/** A path of the HTTP API, in the form that the wire's `extraRoutes` takes. */
export interface SeriesRoute {
  readonly prefix: string;
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

/** Time series: the HTTP API, and the way in for the platform's own points. */
export interface SeriesService extends AsyncDisposable {
  readonly routes: readonly SeriesRoute[];
  /** Writes points to a database, which is made when it is not there. @throws DomainError of the series port */
  write(database: string, points: readonly Point[]): Promise<void>;
}

interface Path {
  readonly prefix: string;
  readonly methods: readonly string[];
  readonly kind: SeriesAccess['kind'];
  /** Parameter that names the database. */
  readonly database: 'bucket' | 'db';
  answer(call: Call): Promise<Reply>;
}

/** Opens the service, and begins to apply retention and rollups once a minute. */
export async function openSeriesService(dependencies: SeriesServiceDependencies): Promise<SeriesService> {
  const { series, clock, logger, metrics } = dependencies;
  const writes = new Writes(series, clock, {
    written: metrics.counter('millrace_series_points_written_total', 'Points taken into time series'),
    rejected: metrics.counter('millrace_series_lines_rejected_total', 'Lines of line protocol not taken'),
  });
  const queries = metrics.histogram('millrace_series_query_seconds', 'Duration of SQL queries over time series');
  const timedQuery = async (call: Call): Promise<Reply> => {
    const start = clock.monotonic();
    try {
      return await answerQuery(series, call);
    } finally {
      queries.observe((clock.monotonic() - start) / 1000);
    }
  };
  const paths: Path[] = [
    write('/api/v2/write', 'bucket', (call) => writes.handle(call, 'bucket')),
    write('/api/v3/write_lp', 'db', (call) => writes.handle(call, 'db')),
    write('/write', 'db', (call) => writes.handle(call, 'db')),
    {
      prefix: '/api/v3/query_sql',
      methods: ['GET', 'POST'],
      kind: 'read',
      database: 'db',
      answer: timedQuery,
    },
    {
      prefix: '/api/v3/configure/database',
      methods: ['GET', 'POST', 'PUT', 'DELETE'],
      kind: 'configure',
      database: 'db',
      answer: (call) => configure(series, call),
    },
  ];
  const maintenance = new Maintenance(series, clock, logger);
  return {
    routes: paths.map((path) => ({
      prefix: path.prefix,
      handle: (request, response) => handle(dependencies, path, request, response),
    })),
    write: (database, points) => writes.write(database, points),
    [Symbol.asyncDispose]: () => maintenance[Symbol.asyncDispose](),
  };
}

function write(prefix: string, database: 'bucket' | 'db', answer: Path['answer']): Path {
  return { prefix, methods: ['POST'], kind: 'write', database, answer };
}

async function handle(
  dependencies: SeriesServiceDependencies,
  path: Path,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  try {
    send(response, await answer(dependencies, path, request, gone.signal));
  } catch (error) {
    if (gone.signal.aborted) return;
    const { status, body } = answerOf(error);
    if (status === 500) dependencies.logger.error('series-request-failed', { path: path.prefix, error });
    send(response, json(status, body));
    // What is left of a body that was refused is not worth reading.
    if (!request.complete) request.resume();
  }
}

async function answer(
  { authorize }: SeriesServiceDependencies,
  path: Path,
  request: IncomingMessage,
  signal: AbortSignal,
): Promise<Reply> {
  const url = new URL(request.url ?? '/', 'http://node');
  if (url.pathname !== path.prefix) throw fault('not-found', `nothing is at ${url.pathname}`);
  const method = request.method ?? 'GET';
  if (!path.methods.includes(method))
    throw fault('method-not-allowed', `${path.prefix} takes ${path.methods.join(', ')}`);
  const database = url.searchParams.get(path.database);
  const access: SeriesAccess = { kind: path.kind, ...(database !== null && { database }) };
  if (authorize && !(await authorize(request, access))) throw fault('unauthorized', 'unauthorized access');
  return path.answer({ request, method, parameters: url.searchParams, signal });
}
