/** How invocations end: their last lines, what they are billed, and the result that their callers get. */
import type { Timer } from '../../base/index.ts';
import type { Invocation, InvocationResult, Metering } from '../runtime.ts';
import { type FailureReport, reportFailure } from './failures.ts';
import type { Failure } from './life-cycle.ts';
import type { EnvironmentOptions } from './options.ts';
import type { Outcome } from './outcomes.ts';
import { billedMs, type Ending, initReportLine, reportLine } from './report.ts';
import type { StreamedResponse } from './streaming.ts';

/** An invocation that runs. */
export interface Running {
  readonly sequence: number;
  readonly invocation: Invocation;
  readonly startedAt: number;
  readonly initMs: number | undefined;
  readonly resolve: (result: InvocationResult) => void;
  /** Of its timeout. */
  timer: Timer | undefined;
  /** Its response, once the first piece of one that comes in pieces is there. */
  stream: StreamedResponse | undefined;
}

/** Nothing has run yet: init failed or took longer than it may. It is to be repeated, in a new process, within the invocation. */
export const INIT_FAILED = Symbol('init failed');

/** The first line of an invocation. */
export function writeStart({ log, spec }: EnvironmentOptions, { requestId }: Invocation): void {
  log.write(`START RequestId: ${requestId} Version: ${spec.version}`);
}

/**
 * Writes the last lines of an invocation and hands over its result.
 *
 * @param memoryKb  what the environment has held at most
 */
export function settle(
  options: EnvironmentOptions,
  memoryKb: number,
  { sequence, invocation, startedAt, initMs, resolve, timer }: Running,
  outcome: Outcome,
  ending?: Ending,
): void {
  timer?.cancel();
  const { clock, log, connection, ahead, snapshot } = options;
  const { memoryMb } = options.spec;
  const durationMs = clock.monotonic() - startedAt;
  const started = initMs === undefined ? {} : snapshot ? { restoreMs: initMs } : { initMs };
  const metering: Metering = {
    ...started,
    durationMs,
    ...(connection.extensionsMs === undefined ? {} : { extensionsMs: connection.extensionsMs }),
    billedMs: billedMs({ durationMs, ...started }),
    memoryUsedMb: Math.min(memoryMb, Math.ceil(memoryKb / 1024)),
    start: sequence > 0 ? 'warm' : ahead ? 'pre-warmed' : snapshot ? 'restored' : 'cold',
    ...(ahead === 'provisioned' ? { provisioned: true } : {}),
  };
  log.write(`END RequestId: ${invocation.requestId}`);
  log.write(reportLine(invocation.requestId, memoryMb, metering, invocation.trace, ending));
  connection.report(invocation, metering, outcome.kind === 'success', ending);
  resolve({ ...outcome, metering, logTail: log.takeTail() });
}

/** Ends an invocation that its environment could not carry through. */
export function settleFailed(options: EnvironmentOptions, memoryKb: number, running: Running, failure: Failure): void {
  const { clock, log, spec } = options;
  const report = reportFailure(failure, spec, running.invocation.requestId, clock.now());
  if (report.line) log.write(report.line);
  settleReported(options, memoryKb, running, report);
}

/**
 * The code could not be loaded: the invocation that asked for it fails as AWS has it fail.
 *
 * @param startedAt  when the environment was started, by the monotonic clock
 */
export function settleFailedInit(
  options: EnvironmentOptions,
  memoryKb: number,
  startedAt: number,
  invocation: Invocation,
  failure: Failure,
): InvocationResult | typeof INIT_FAILED {
  const { clock, log, repeatsInit, snapshot, spec } = options;
  const took = clock.monotonic() - startedAt;
  const report = reportFailure(failure, spec, invocation.requestId, clock.now());
  if (failure.kind !== 'not-placed' && failure.kind !== 'init-error') snapshot?.onFailed(failure);
  const phase = repeatsInit ? 'invoke' : snapshot ? 'restore' : 'init';
  log.write(initReportLine(took, phase, endingOf(report)));
  if (failure.kind !== 'not-placed' && !repeatsInit) return INIT_FAILED;
  if (!repeatsInit) writeStart(options, invocation);
  if (report.line) log.write(report.line);
  let result: InvocationResult | undefined;
  const resolve = (settled: InvocationResult) => {
    result = settled;
  };
  const times = repeatsInit ? { startedAt, initMs: undefined } : { startedAt: clock.monotonic(), initMs: took };
  const running = { sequence: 0, invocation, ...times, resolve, timer: undefined, stream: undefined };
  settleReported(options, memoryKb, running, report);
  return result!;
}

function settleReported(options: EnvironmentOptions, memoryKb: number, running: Running, report: FailureReport): void {
  const { payload, errorType } = report;
  settle(options, memoryKb, running, { kind: 'error', payload, errorType, handled: false }, endingOf(report));
}

function endingOf({ status, errorType }: FailureReport): Ending {
  return status === 'timeout' ? { status } : { status, errorType };
}
