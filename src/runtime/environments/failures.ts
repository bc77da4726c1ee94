import type { FunctionSpec } from '../runtime.ts';
import type { Failure } from './life-cycle.ts';

/** A failure as the caller, the log and the report see it. */
export interface FailureReport {
  readonly payload: Uint8Array;
  readonly errorType: string;
  readonly status: 'timeout' | 'error';
  /** The line that the platform writes into the function's log; none where the runtime has written one. */
  readonly line?: string;
}

/** Words a failure as AWS does. */
export function reportFailure(failure: Failure, spec: FunctionSpec, requestId: string, nowMs: number): FailureReport {
  switch (failure.kind) {
    case 'not-placed':
    case 'init-error':
      return { payload: failure.payload, errorType: errorTypeOf(failure.payload), status: 'error' };
    case 'timeout': {
      const message = `Task timed out after ${(spec.timeoutMs / 1000).toFixed(2)} seconds`;
      const line = `${new Date(nowMs).toISOString()} ${requestId} ${message}`;
      return { ...worded('Sandbox.Timedout', requestId, message), status: 'timeout', line };
    }
    case 'out-of-memory':
      return exited('Runtime.OutOfMemory', requestId, 'Runtime exited with error: signal: killed');
    case 'fault':
      return exited(failure.errorType, requestId, failure.message);
    case 'exit':
      return exited('Runtime.ExitError', requestId, exitMessage(failure));
    case 'broken':
      return exited('Runtime.ExitError', requestId, `Runtime exited with error: signal: killed (${failure.reason})`);
  }
}

function exitMessage({ code, signal }: Extract<Failure, { kind: 'exit' }>): string {
  if (signal) return `Runtime exited with error: signal: ${SIGNAL_WORDS[signal] ?? signal.toLowerCase()}`;
  if (code === null) return 'Runtime failed to start';
  return code === 0 ? 'Runtime exited without providing a reason' : `Runtime exited with error: exit status ${code}`;
}

/** Signals as Go prints them, which is what Lambda prints. */
const SIGNAL_WORDS: Readonly<Record<string, string>> = {
  SIGKILL: 'killed',
  SIGTERM: 'terminated',
  SIGSEGV: 'segmentation fault',
  SIGABRT: 'aborted',
  SIGINT: 'interrupt',
  SIGBUS: 'bus error',
  SIGILL: 'illegal instruction',
  SIGTRAP: 'trace/breakpoint trap',
  SIGFPE: 'floating point exception',
};

function exited(errorType: string, requestId: string, message: string): FailureReport {
  const line = `RequestId: ${requestId} Error: ${message}\n${errorType}`;
  return { ...worded(errorType, requestId, message), status: 'error', line };
}

function worded(errorType: string, requestId: string, message: string) {
  const payload = JSON.stringify({ errorType, errorMessage: `RequestId: ${requestId} Error: ${message}` });
  return { payload: Buffer.from(payload), errorType };
}

export function errorTypeOf(payload: Uint8Array): string {
  try {
    const { errorType } = JSON.parse(Buffer.from(payload).toString('utf8')) as { errorType?: unknown };
    return typeof errorType === 'string' ? errorType : 'Error';
  } catch {
    return 'Error';
  }
}
