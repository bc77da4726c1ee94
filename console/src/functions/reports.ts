/** Invocations as a function's log has them. */
import { loggedError } from '../../../src/cli/functions/function-error.ts';
import { parseLogLine } from '../../../src/cli/functions/log-line.ts';
import { type Report, readReport } from '../../../src/cli/functions/report.ts';

/** What finds the lines that {@link invocationsOf} reads. A text `REPORT` has no status where the handler threw: that is in a line before it. */
export const REPORT_PATTERNS = {
  Text: '?"REPORT RequestId" ?"Invoke Error" ?"[ERROR]"',
  JSON: '"platform.report"',
} as const;

interface Line {
  readonly message: string;
  /** Epoch milliseconds. */
  readonly timestamp: number;
  readonly logStreamName: string;
}

export interface Invocation extends Report {
  /** Epoch milliseconds. */
  readonly at: number;
  /** As far as the log has it. */
  readonly failure: string | undefined;
}

/** @param lines  in their order; a stream is of one environment, so that an error there is of the `REPORT` that follows */
export function invocationsOf(lines: readonly Line[]): readonly Invocation[] {
  const failures = new Map<string, string>();
  return lines.flatMap(({ message, timestamp, logStreamName: stream }): Invocation[] => {
    const report = readReport(message);
    if (!report) {
      const failure = failureIn(message);
      if (failure !== undefined) failures.set(stream, failure);
      return [];
    }
    const failure = report.status === 'timeout' ? 'timeout' : (failures.get(stream) ?? report.status);
    failures.delete(stream);
    return [{ ...report, at: timestamp, failure }];
  });
}

/** Node's runtime logs an error as JSON, Python's as `[ERROR] ValueError: ...` before its traceback. */
function failureIn(message: string): string | undefined {
  const error = loggedError(parseLogLine(message).text)?.error;
  if (error) return `${error.errorType ?? 'Error'}: ${error.errorMessage ?? ''}`;
  return /^\[ERROR\] ([^\n\r]+)/.exec(message)?.[1];
}
