/* What the kinds of APIs have in common: bodies, deadlines, answers on their way out, access logs. */
import type { Clock } from '../../../base/index.ts';
import type { CallResponse } from '../../../wire/index.ts';
import type { UrlResponse } from '../response.ts';
import { accessLine } from './access-log.ts';
import type { Arrival } from './arrival.ts';
import type { ApiCall } from './call.ts';
import type { ApiGround } from './ground.ts';

/** Waits for what runs, so long and no longer; it runs on. @throws what `late` gives */
export function inTime<T>(clock: Clock, running: Promise<T>, timeoutMs: number, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.timer(timeoutMs, () => reject(late()));
    running.then(
      (value) => {
        timer.cancel();
        resolve(value);
      },
      (error: unknown) => {
        timer.cancel();
        reject(error);
      },
    );
  });
}

/** Sends an answer, in one write where it fits. @param own  headers that name the request */
export function send(
  response: CallResponse,
  { method, request }: Arrival,
  { status, headers, body }: UrlResponse,
  own: Readonly<Record<string, string>>,
): void {
  if (response.destroyed) return;
  const all: Record<string, string | string[]> = {};
  for (const [name, value] of headers) all[name] = typeof value === 'string' ? value : [...value];
  for (const name in own) all[name] = own[name]!;
  // Neither has a body, whatever its function says.
  const bodiless = status === 204 || status === 304;
  if (!bodiless) all['content-length'] = String(body.length);
  if (!request.complete && request.httpVersionMajor === 1) all.connection = 'close';
  response.writeHead(status, all);
  response.end(bodiless || method === 'HEAD' ? undefined : body);
}

/** Where a stage logs, and how. */
export interface AccessLog {
  readonly region: string;
  /** ARN of a log group. */
  readonly destination: string | undefined;
  readonly format: string | undefined;
  readonly started: number;
}

/** Writes the line of one request into its stage's access log, where it has one. */
export function logAccess(
  { clock, writeAccess }: Pick<ApiGround, 'clock' | 'writeAccess'>,
  { region, destination, format, started }: AccessLog,
  call: ApiCall,
  { status, body }: UrlResponse,
): void {
  const group = destination === undefined ? undefined : /:log-group:([^:]+)/.exec(destination)?.[1];
  if (group === undefined || format === undefined) return;
  const responseLatency = String(Math.round(clock.monotonic() - started));
  const last = { status: String(status), responseLength: String(body.length), responseLatency };
  const stream = `${call.apiId}-${call.stage}`.replace(/[^A-Za-z0-9_.-]/g, '');
  writeAccess(region, group, stream, call.arrival.at, accessLine(format, call, last));
}
