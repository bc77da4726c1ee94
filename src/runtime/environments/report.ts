import { createHash } from 'node:crypto';
import type { Clock } from '../../base/index.ts';
import type { TraceContext } from '../../telemetry/index.ts';
import { RUNTIME_LIMITS } from '../limits.ts';
import type { FunctionLogSink, FunctionSpec, Metering } from '../runtime.ts';
import type { Launch } from '../starts/launch.ts';

/** How an invocation or init ended badly, as the `REPORT` and `INIT_REPORT` lines say it. */
export interface Ending {
  readonly status: 'timeout' | 'error';
  readonly errorType?: string;
}

/** Lines of one log stream: an environment has one. Keeps the tail of the current invocation for `LogType=Tail`. */
export class EnvironmentLog {
  readonly #sink: FunctionLogSink;
  readonly #clock: Clock;
  readonly #group: string;
  readonly #region: string;
  readonly stream: string;
  #tail: string[] = [];
  #tailLength = 0;

  constructor(sink: FunctionLogSink, clock: Clock, { arn, logGroup }: FunctionSpec, stream: string) {
    this.#sink = sink;
    this.#clock = clock;
    this.#group = logGroup;
    this.#region = arn.split(':')[3]!;
    this.stream = stream;
  }

  write(line: string): void {
    this.#sink.write(this.#group, this.stream, this.#clock.now(), line, this.#region);
    this.#tail.push(line);
    this.#tailLength += line.length + 1;
    while (this.#tail.length > 1 && this.#tailLength - this.#tail[0]!.length - 1 >= RUNTIME_LIMITS.logTailBytes) {
      this.#tailLength -= this.#tail.shift()!.length + 1;
    }
  }

  /** The last 4 KB written since the last call. */
  takeTail(): string {
    const text = `${this.#tail.join('\n')}\n`;
    this.#tail = [];
    this.#tailLength = 0;
    if (text.length * 3 <= RUNTIME_LIMITS.logTailBytes) return text;
    const bytes = Buffer.from(text);
    return bytes.subarray(Math.max(0, bytes.length - RUNTIME_LIMITS.logTailBytes)).toString('utf8');
  }
}

/** Name of a new environment's log stream: `2026/11/21/[$LATEST]` and 32 hex digits. */
export function logStreamName(nowMs: number, version: string, suffix: string): string {
  const day = new Date(nowMs).toISOString().slice(0, 10).replaceAll('-', '/');
  return `${day}/[${version}]${suffix}`;
}

export function initStartLine(spec: FunctionSpec, launch: Launch): string {
  const { version, arn } = runtimeVersionOf(spec, launch);
  return `INIT_START Runtime Version: ${version}\tRuntime Version ARN: ${arn}`;
}

/** Which build of which runtime it is, as Lambda names them. */
export function runtimeVersionOf(
  { arn, runtime }: FunctionSpec,
  { version }: Launch,
): { version: string; arn: string } {
  const region = arn.split(':')[3];
  const family = /^[a-z]+/.exec(runtime)![0];
  const build = buildOf(`${runtime}${version}`);
  return { version: `${family}:${version}`, arn: `arn:aws:lambda:${region}::runtime:${build}` };
}

/** Digests of runtimes with their versions: each start names its own. */
const builds = new Map<string, string>();

function buildOf(runtime: string): string {
  let build = builds.get(runtime);
  if (build === undefined) {
    build = createHash('sha256').update(runtime).digest('hex');
    builds.set(runtime, build);
  }
  return build;
}

export function restoreStartLine(spec: FunctionSpec, launch: Launch): string {
  return initStartLine(spec, launch).replace('INIT_START', 'RESTORE_START');
}

export function restoreReportLine(restoreMs: number): string {
  return `RESTORE_REPORT Restore Duration: ${restoreMs.toFixed(2)} ms`;
}

/** @param phase  `invoke` when init was repeated within the invocation */
export function initReportLine(
  initMs: number,
  phase: 'init' | 'restore' | 'invoke',
  { status, errorType }: Ending,
): string {
  const type = errorType ? `\tError Type: ${errorType}` : '';
  return `INIT_REPORT Init Duration: ${initMs.toFixed(2)} ms\tPhase: ${phase}\tStatus: ${status}${type}`;
}

/** What is billed: init as a part of the time, a restore in whole milliseconds beside it, as AWS's own lines add up. */
export function billedMs({
  durationMs,
  initMs = 0,
  restoreMs = 0,
}: Omit<Metering, 'billedMs' | 'memoryUsedMb' | 'start'>) {
  return Math.max(1, Math.ceil(durationMs + initMs)) + Math.ceil(restoreMs);
}

export function reportLine(
  requestId: string,
  memoryMb: number,
  { durationMs, billedMs, memoryUsedMb, initMs, restoreMs }: Metering,
  trace: TraceContext,
  ending?: Ending,
): string {
  let line =
    `REPORT RequestId: ${requestId}\tDuration: ${durationMs.toFixed(2)} ms\tBilled Duration: ${billedMs} ms\t` +
    `Memory Size: ${memoryMb} MB\tMax Memory Used: ${memoryUsedMb} MB\t`;
  if (initMs !== undefined) line += `Init Duration: ${initMs.toFixed(2)} ms\t`;
  if (restoreMs !== undefined) {
    line += `Restore Duration: ${restoreMs.toFixed(2)} ms\tBilled Restore Duration: ${Math.ceil(restoreMs)} ms\t`;
  }
  if (trace.sampled) {
    const { traceId, spanId } = trace;
    line += `\nXRAY TraceId: 1-${traceId.slice(0, 8)}-${traceId.slice(8)}\tSegmentId: ${spanId}\tSampled: true\t`;
  }
  if (!ending) return line;
  if (trace.sampled) line += '\n';
  return `${line}Status: ${ending.status}${ending.errorType ? `\tError Type: ${ending.errorType}` : ''}`;
}
