import type { TraceContext } from '../../telemetry/index.ts';
import { formatXRay } from '../../telemetry/index.ts';
import type { Ending } from '../environments/report.ts';
import type { FunctionSpec, Metering } from '../runtime.ts';
import type { Telemetry } from './telemetry.ts';

export type Status = 'success' | 'error' | 'failure' | 'timeout';

/** Times of an invocation, by the monotonic clock and the wall clock. */
export interface InvocationTimes {
  readonly startedAt: number;
  readonly firstByteAt: number | undefined;
  readonly answeredAt: number;
  /** Epoch milliseconds. */
  readonly startedOn: number;
  readonly producedBytes: number;
}

/** Before this version of the Logs API there was no word of init and of the runtime's own end. */
const LOGS_SINCE = '2021-03-18';
/** Members that are absent rather than undefined. */
const maybe = (name: string, value: unknown) => (value === undefined ? {} : { [name]: value });

/** Words what happens to an environment as the Telemetry API and the Logs API have it. */
export class PlatformEvents {
  readonly #telemetry: Telemetry;
  readonly #spec: FunctionSpec;
  readonly #phase: 'init' | 'invoke';
  readonly #initializationType: string;

  constructor(telemetry: Telemetry, spec: FunctionSpec, phase: 'init' | 'invoke', initializationType: string) {
    this.#telemetry = telemetry;
    this.#spec = spec;
    this.#phase = phase;
    this.#initializationType = initializationType;
  }

  /** @param runtimeVersion  as INIT_START has it; @param instanceId of the environment: its log stream's */
  initStart(runtimeVersion: string, runtimeVersionArn: string, instanceId: string): void {
    const { name: functionName, version: functionVersion, memoryMb } = this.#spec;
    const initializationType = this.#initializationType;
    const record = {
      initializationType,
      phase: this.#phase,
      runtimeVersion,
      runtimeVersionArn,
      functionName,
      functionVersion,
      instanceId,
      instanceMaxMemory: memoryMb * 1024 * 1024,
    };
    const logs = { initializationType };
    this.#telemetry.platform({ type: 'platform.initStart', record, logs, logsSince: LOGS_SINCE });
  }

  initRuntimeDone(status: Status, errorType?: string): void {
    const initializationType = this.#initializationType;
    const record = { initializationType, phase: this.#phase, status, ...maybe('errorType', errorType) };
    const logs = { initializationType, status };
    this.#telemetry.platform({ type: 'platform.initRuntimeDone', record, logs, logsSince: LOGS_SINCE });
  }

  initReport(durationMs: number, status: Status, errorType?: string): void {
    const initializationType = this.#initializationType;
    const metrics = { durationMs: rounded(durationMs) };
    const record = { initializationType, phase: this.#phase, status, metrics, ...maybe('errorType', errorType) };
    const logs = { initializationType, metrics };
    this.#telemetry.platform({ type: 'platform.initReport', record, logs, logsSince: LOGS_SINCE });
  }

  restoreStart(): void {
    const { name: functionName, version: functionVersion } = this.#spec;
    this.#telemetry.platform({ type: 'platform.restoreStart', record: { functionName, functionVersion } });
  }

  restoreDone(durationMs: number, status: Status, errorType?: string): void {
    const record = { status, ...maybe('errorType', errorType) };
    this.#telemetry.platform({ type: 'platform.restoreRuntimeDone', record });
    const metrics = { durationMs: rounded(durationMs) };
    this.#telemetry.platform({ type: 'platform.restoreReport', record: { ...record, metrics } });
  }

  extensionReady(name: string, events: readonly string[]): void {
    const record = { name, state: 'Ready', events };
    this.#telemetry.platform({ type: 'platform.extension', record, logs: record });
  }

  start(requestId: string, trace: TraceContext): void {
    const { version } = this.#spec;
    const record = { requestId, version, tracing: tracing(trace) };
    this.#telemetry.platform({ type: 'platform.start', record, logs: { requestId, version } });
  }

  runtimeDone(
    requestId: string,
    trace: TraceContext,
    times: InvocationTimes,
    status: Status,
    errorType?: string,
  ): void {
    const record = {
      requestId,
      status,
      ...maybe('errorType', errorType),
      metrics: { durationMs: rounded(times.answeredAt - times.startedAt), producedBytes: times.producedBytes },
      spans: spansOf(times),
      tracing: tracing(trace),
    };
    const logs = { requestId, status };
    this.#telemetry.platform({ type: 'platform.runtimeDone', record, logs, logsSince: LOGS_SINCE });
  }

  report(
    requestId: string,
    trace: TraceContext,
    metering: Metering,
    succeeded: boolean,
    ending: Ending | undefined,
  ): void {
    const { durationMs, billedMs, memoryUsedMb, initMs, restoreMs } = metering;
    const metrics = {
      durationMs: rounded(durationMs),
      billedDurationMs: billedMs,
      memorySizeMB: this.#spec.memoryMb,
      maxMemoryUsedMB: memoryUsedMb,
      ...(initMs === undefined ? {} : { initDurationMs: rounded(initMs) }),
      ...(restoreMs === undefined ? {} : { restoreDurationMs: rounded(restoreMs) }),
    };
    const status = ending ? (ending.status === 'timeout' ? 'timeout' : 'failure') : succeeded ? 'success' : 'error';
    const record = { requestId, status, metrics, ...maybe('errorType', ending?.errorType), tracing: tracing(trace) };
    this.#telemetry.platform({ type: 'platform.end', logs: { requestId } });
    this.#telemetry.platform({ type: 'platform.report', record, logs: { requestId, metrics } });
  }

  /** An environment that failed, for the older API. */
  fault(message: string): void {
    this.#telemetry.platform({ type: 'platform.fault', logs: message });
  }
}

function tracing(trace: TraceContext) {
  return { spanId: trace.spanId, type: 'X-Amzn-Trace-Id', value: formatXRay(trace) };
}

/** How long the caller waited for the first byte, and for the rest of them. */
function spansOf({ startedAt, startedOn, firstByteAt, answeredAt }: InvocationTimes) {
  if (firstByteAt === undefined) return [];
  const span = (name: string, from: number, to: number) => ({
    name,
    start: new Date(startedOn + (from - startedAt)).toISOString(),
    durationMs: rounded(to - from),
  });
  return [span('responseLatency', startedAt, firstByteAt), span('responseDuration', firstByteAt, answeredAt)];
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
