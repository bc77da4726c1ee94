/** What the `REPORT` line of an invocation says. */
export interface Report {
  readonly requestId: string;
  readonly durationMs: number;
  readonly billedMs: number;
  readonly memoryMb: number;
  readonly usedMb: number;
  /** Present on a cold start. */
  readonly initMs?: number;
  /** Present on a start from a snapshot. */
  readonly restoreMs?: number;
  /** `timeout` or `error`; absent where the handler answered. */
  readonly status?: string;
}

/** Reads a `REPORT` line, as text or (with the log format JSON) as a `platform.report`; `undefined` for any other line. */
export function readReport(line: string): Report | undefined {
  return line.startsWith('REPORT ') ? readText(line) : readJson(line);
}

function readText(line: string): Report | undefined {
  const requestId = /RequestId: (\S+)/.exec(line)?.[1];
  const value = (name: string, unit: string) => {
    const text = new RegExp(`\\t${name}: ([\\d.]+) ${unit}`).exec(line)?.[1];
    return text === undefined ? undefined : Number(text);
  };
  const status = /[\t\n]Status: (\w+)/.exec(line)?.[1];
  return reportOf(requestId, status, {
    durationMs: value('Duration', 'ms'),
    billedDurationMs: value('Billed Duration', 'ms'),
    memorySizeMB: value('Memory Size', 'MB'),
    maxMemoryUsedMB: value('Max Memory Used', 'MB'),
    initDurationMs: value('Init Duration', 'ms'),
    restoreDurationMs: value('Restore Duration', 'ms'),
  });
}

function readJson(line: string): Report | undefined {
  if (!line.includes('"platform.report"')) return undefined;
  try {
    const { type, record } = JSON.parse(line);
    return type === 'platform.report' ? reportOf(record.requestId, record.status, record.metrics) : undefined;
  } catch {
    return undefined;
  }
}

/** Figures by the names that the JSON form has. */
type Figures = Readonly<Record<string, number | undefined>>;

function reportOf(requestId: string | undefined, status: string | undefined, figures: Figures): Report | undefined {
  const { durationMs, billedDurationMs, memorySizeMB, maxMemoryUsedMB, initDurationMs, restoreDurationMs } = figures;
  if (requestId === undefined || durationMs === undefined) return undefined;
  return {
    requestId,
    durationMs,
    billedMs: billedDurationMs ?? Math.ceil(durationMs),
    memoryMb: memorySizeMB ?? 0,
    usedMb: maxMemoryUsedMB ?? 0,
    ...(initDurationMs !== undefined && { initMs: initDurationMs }),
    ...(restoreDurationMs !== undefined && { restoreMs: restoreDurationMs }),
    ...(status !== undefined && status !== 'success' && { status }),
  };
}

/** `12.3 ms, billed 13 ms, 45 of 128 MB, cold start (init 8.1 ms)` */
export function describeReport(report: Report): string {
  const { durationMs, billedMs, usedMb, memoryMb, initMs, restoreMs, status } = report;
  const start =
    restoreMs !== undefined
      ? `restored in ${ms(restoreMs)}`
      : initMs !== undefined
        ? `cold start (init ${ms(initMs)})`
        : 'warm';
  return `${ms(durationMs)}, billed ${billedMs} ms, ${usedMb} of ${memoryMb} MB, ${start}${status ? `, ${status}` : ''}`;
}

/** Three digits say enough: `0.42 ms`, `12.3 ms`, `1204 ms`. */
function ms(value: number): string {
  return `${value.toFixed(value < 1 ? 2 : value < 100 ? 1 : 0)} ms`;
}
