import { useState } from 'preact/hooks';
import { type Line, TimeChart } from '../charts/time-chart.tsx';
import { compact, duration } from '../format.ts';
import { useReading } from '../hooks.ts';
import { Choice, Empty, Failure } from '../parts.tsx';
import { columnsOf, type MetricAsked, type Points, totalOf } from './figures.ts';
import { readMetrics } from './functions-api.ts';

const REFRESH_MS = 5_000;
const HEIGHT = 180;

/** Times that are looked back on, each with a period that makes some dozens of points of it. */
const RANGES = {
  '1h': { name: '1 h', words: 'hour', ms: 3_600_000, periodSeconds: 60 },
  '6h': { name: '6 h', words: '6 hours', ms: 21_600_000, periodSeconds: 300 },
  '24h': { name: '24 h', words: '24 hours', ms: 86_400_000, periodSeconds: 900 },
  '7d': { name: '7 d', words: '7 days', ms: 604_800_000, periodSeconds: 7200 },
} as const;
type Range = keyof typeof RANGES;

const METRICS = {
  invocations: ['Invocations', 'Sum'],
  errors: ['Errors', 'Sum'],
  throttles: ['Throttles', 'Sum'],
  p50: ['Duration', 'p50'],
  p99: ['Duration', 'p99'],
  coldStarts: ['InitDuration', 'SampleCount'],
  concurrent: ['ConcurrentExecutions', 'Maximum'],
  iteratorAge: ['IteratorAge', 'Maximum'],
  events: ['AsyncEventsReceived', 'Sum'],
  dropped: ['AsyncEventsDropped', 'Sum'],
} as const satisfies Readonly<Record<string, readonly [metric: string, stat: string]>>;
type Metric = keyof typeof METRICS;

/** A chart's lines; what is counted is zero where there is nothing, what is measured has a gap there. */
interface ChartKind {
  readonly title: string;
  readonly isCounted: boolean;
  /** Not shown where there is nothing of it: only some functions have it. */
  readonly isRare?: boolean;
  readonly lines: readonly (Line & { readonly metric: Metric })[];
}

const CHARTS: readonly ChartKind[] = [
  {
    ...{ title: 'Invocations', isCounted: true },
    lines: [
      { metric: 'invocations', label: 'invocations', colour: '--accent' },
      { metric: 'errors', label: 'errors', colour: '--bad' },
      { metric: 'throttles', label: 'throttles', colour: '--warn', dash: [5, 4] },
    ],
  },
  {
    ...{ title: 'Duration, ms', isCounted: false },
    lines: [
      { metric: 'p50', label: 'p50', colour: '--accent' },
      { metric: 'p99', label: 'p99', colour: '--warn', dash: [5, 4] },
    ],
  },
  {
    ...{ title: 'Cold starts', isCounted: true },
    lines: [{ metric: 'coldStarts', label: 'cold starts', colour: '--accent' }],
  },
  {
    ...{ title: 'Concurrent invocations', isCounted: true },
    lines: [{ metric: 'concurrent', label: 'at once', colour: '--accent' }],
  },
  {
    ...{ title: 'Age of the last record, ms', isCounted: false, isRare: true },
    lines: [{ metric: 'iteratorAge', label: 'age', colour: '--accent' }],
  },
  {
    ...{ title: 'Asynchronous events', isCounted: true, isRare: true },
    lines: [
      { metric: 'events', label: 'received', colour: '--accent' },
      { metric: 'dropped', label: 'dropped', colour: '--bad' },
    ],
  },
];

interface Shown {
  readonly points: ReadonlyMap<Metric, Points>;
  readonly from: number;
  readonly to: number;
  readonly periodSeconds: number;
}

export function Metrics(props: { readonly name: string; readonly theme: string; readonly onTest: () => void }) {
  const { name, theme } = props;
  const [range, setRange] = useState<Range>('1h');
  const [shown, setShown] = useState<Shown>();
  const error = useReading(
    async (signal) => {
      const { ms, periodSeconds } = RANGES[range];
      const to = Date.now();
      const span = { from: to - ms, to, periodSeconds };
      const points = await readMetrics(askedOf(name), span, signal);
      if (!signal.aborted) setShown({ points, ...span });
    },
    REFRESH_MS,
    [name, range],
  );
  const isQuiet = shown && [...shown.points.values()].every(({ values }) => values.length === 0);
  return (
    <>
      <div class="function-range">
        <Choice
          label="Time range"
          name="function-range"
          value={range}
          options={(Object.keys(RANGES) as Range[]).map((key) => [key, RANGES[key].name] as const)}
          onChange={setRange}
        />
      </div>
      {error !== undefined && <Failure what="Metrics cannot be read." error={error} />}
      {isQuiet && (
        <Empty title={`Not invoked within the last ${RANGES[range].words}.`}>
          <p>
            <button type="button" class="plain" onClick={props.onTest}>
              Invoke it once
            </button>{' '}
            or run <code>millrace invoke {name}</code>.
          </p>
        </Empty>
      )}
      {shown && !isQuiet && (
        <div class="metric-charts">
          {CHARTS.filter(
            ({ isRare, lines }) => !isRare || lines.some(({ metric }) => totalOf(shown.points.get(metric)!) > 0),
          ).map((kind) => (
            <MetricChart key={kind.title} kind={kind} shown={shown} theme={theme} />
          ))}
        </div>
      )}
    </>
  );
}

function askedOf(functionName: string): ReadonlyMap<Metric, MetricAsked> {
  const names = Object.keys(METRICS) as Metric[];
  return new Map(names.map((name) => [name, { functionName, metric: METRICS[name][0], stat: METRICS[name][1] }]));
}

function MetricChart(props: { readonly kind: ChartKind; readonly shown: Shown; readonly theme: string }) {
  const { kind, shown, theme } = props;
  const none = kind.isCounted ? 0 : null;
  const columns = columnsOf(
    kind.lines.map(({ metric }) => ({ points: shown.points.get(metric)!, none })),
    shown,
  );
  const words = kind.isCounted ? compact : duration;
  const spoken = kind.lines.map(({ label }, at) => {
    const known = columns.values[at]!.filter((value) => value !== null);
    return known.length === 0 ? `${label} unknown` : `${label} up to ${words(Math.max(...known))}`;
  });
  return (
    <section aria-label={kind.title}>
      <h3>{kind.title}</h3>
      <TimeChart
        columns={columns}
        lines={kind.lines}
        spoken={`${kind.title}: ${spoken.join(', ')}`}
        height={HEIGHT}
        range={() => [shown.from / 1000, shown.to / 1000]}
        words={words}
        theme={theme}
      />
    </section>
  );
}
