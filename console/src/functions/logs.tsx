import { useState } from 'preact/hooks';
import { dateTime, duration, preciseTime } from '../format.ts';
import { useReading } from '../hooks.ts';
import { newLines } from '../logs/lines.tsx';
import { FilteredLines, LogTools, useLogFilter } from '../logs/log-filter.tsx';
import { Failure, WideTable } from '../parts.tsx';
import type { FunctionConfiguration } from './functions-api.ts';
import { type Invocation, invocationsOf, REPORT_PATTERNS } from './reports.ts';

const REFRESH_MS = 3_000;
/** Invocations that are listed; each has up to two lines. */
const REPORTS_MAX = 10;

/** The last invocations as their `REPORT` lines have them, and the lines themselves. */
export function Logs(props: { readonly configuration: FunctionConfiguration }) {
  const { FunctionName, LoggingConfig = {} } = props.configuration;
  const { LogGroup: group = `/aws/lambda/${FunctionName}`, LogFormat } = LoggingConfig;
  const filter = useLogFilter();
  return (
    <>
      <Reports
        group={group}
        pattern={REPORT_PATTERNS[LogFormat === 'JSON' ? 'JSON' : 'Text']}
        onPick={(requestId) => filter.setPattern(`"${requestId}"`)}
      />
      <div class="query-line log-tools">
        <h3>
          Lines of <code>{group}</code>
        </h3>
        <LogTools filter={filter} />
      </div>
      <FilteredLines group={group} filter={filter} />
    </>
  );
}

function Reports(props: {
  readonly group: string;
  readonly pattern: string;
  readonly onPick: (requestId: string) => void;
}) {
  const { group, pattern } = props;
  const [reports, setReports] = useState<readonly Invocation[]>();
  const error = useReading(
    async (signal) => {
      const query = { logGroupName: group, filterPattern: pattern };
      const lines = await newLines(query, undefined, signal, 2 * REPORTS_MAX);
      setReports(invocationsOf(lines).slice(-REPORTS_MAX).reverse());
    },
    REFRESH_MS,
    [group, pattern],
  );
  if (error !== undefined) return <Failure what="Its last invocations cannot be read." error={error} />;
  if (!reports || reports.length === 0) return null;
  return (
    <section class="reports">
      <h3>Last invocations</h3>
      <WideTable
        label="Last invocations"
        headings={['Time', 'Request', 'Start', 'Duration', 'Billed', 'Memory', 'Failed with']}
      >
        {reports.map((report) => (
          <tr key={`${report.requestId} ${report.at}`}>
            <td title={dateTime(report.at)}>{preciseTime(report.at)}</td>
            <td>
              <button
                type="button"
                class="link"
                title={`Show the lines of ${report.requestId}`}
                onClick={() => props.onPick(report.requestId)}
              >
                {report.requestId.slice(0, 8)}
              </button>
            </td>
            <td>{startWords(report)}</td>
            <td class="number">{duration(report.durationMs)}</td>
            <td class="number">{report.billedMs} ms</td>
            <td class="number">
              {report.usedMb} of {report.memoryMb} MB
            </td>
            <td class={report.failure === undefined ? '' : 'bad wraps'}>{report.failure ?? '–'}</td>
          </tr>
        ))}
      </WideTable>
    </section>
  );
}

function startWords({ initMs, restoreMs }: Invocation): string {
  if (restoreMs !== undefined) return `restored in ${duration(restoreMs)}`;
  return initMs === undefined ? 'warm' : `cold, init ${duration(initMs)}`;
}
