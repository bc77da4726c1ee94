import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { axisTime } from '../format.ts';
import { useWidth } from '../hooks.ts';
import type { Alert, Readings } from './readings.ts';

const HEIGHT = 272;
/** Shortest time that the chart spans. */
const SPAN_SECONDS_MIN = 20;

interface ChartProps {
  readonly readings: Readings;
  readonly alerts: readonly Alert[];
  readonly label: string;
  readonly rangeMs: number;
  /** Changes with the colours, so that the chart is drawn anew. */
  readonly theme: string;
}

/** A device's readings over time, its usual level beside them, alerts as marks. */
export function Chart(props: ChartProps) {
  const { ref, width } = useWidth<HTMLDivElement>();
  const plot = useRef<uPlot | null>(null);
  const shown = useRef(props);
  shown.current = props;
  const hasBaseline = props.readings.baseline !== undefined;
  useEffect(() => {
    if (!ref.current || width === 0) return;
    plot.current = new uPlot(
      optionsOf(width, props.label, hasBaseline, shown),
      dataOf(shown.current.readings),
      ref.current,
    );
    return () => plot.current?.destroy();
  }, [width > 0, props.theme, props.label, hasBaseline]);
  useEffect(() => {
    if (width > 0) plot.current?.setSize({ width, height: HEIGHT });
  }, [width]);
  useEffect(() => plot.current?.setData(dataOf(props.readings)), [props.readings, props.alerts]);
  return <div class="chart" ref={ref} style={{ minHeight: `${HEIGHT}px` }} role="img" aria-label={spoken(props)} />;
}

function dataOf({ times, values, baseline }: Readings): uPlot.AlignedData {
  return baseline ? [times, values, baseline] : [times, values];
}

function spoken({ readings, alerts, label }: ChartProps): string {
  const last = readings.values.at(-1);
  const value = last === undefined || last === null ? 'no readings' : `${last.toFixed(2)} at last`;
  return `${label} over time: ${value}, ${alerts.length} alerts`;
}

const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function optionsOf(width: number, label: string, hasBaseline: boolean, shown: { current: ChartProps }): uPlot.Options {
  const [ink, grid, accent] = [colour('--ink-3'), colour('--line'), colour('--accent')];
  const font = '11px system-ui, sans-serif';
  const axis = { stroke: ink, font, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
  // Without a cursor the legend shows the newest value.
  const value = (plot: uPlot, raw: number | null, series: number, index: number | null) => {
    const shownValue = index === null ? plot.data[series]?.at(-1) : raw;
    return shownValue === null || shownValue === undefined ? '–' : shownValue.toFixed(2);
  };
  const time = (_plot: uPlot, raw: number | null) => (raw === null ? 'now' : axisTime(raw * 1000, 1));
  const marks = (_plot: uPlot, splits: number[], _axis: number, _space: number, step: number) =>
    splits.map((at) => axisTime(at * 1000, step));
  return {
    width,
    height: HEIGHT,
    padding: [14, 8, 0, 0],
    cursor: { y: false, points: { size: 6 } },
    legend: { live: true },
    scales: {
      x: {
        range: () => {
          const now = Date.now() / 1000;
          const { rangeMs, readings } = shown.current;
          // A device that is younger than the range fills the chart with what there is.
          const first = Math.min(readings.times[0] ?? 0, now - SPAN_SECONDS_MIN);
          return [Math.max(now - rangeMs / 1000, first), now];
        },
      },
    },
    axes: [
      { ...axis, values: marks, space: 72, size: 30 },
      { ...axis, size: 46 },
    ],
    series: [
      { label: 'time', value: time },
      { label, stroke: accent, width: 1.75, value, points: { show: false }, spanGaps: false },
      ...(hasBaseline
        ? [{ label: 'usual level', stroke: ink, width: 1.25, dash: [5, 4], value, points: { show: false } }]
        : []),
    ],
    hooks: { draw: [(plot) => drawAlerts(plot, shown.current.alerts, colour('--bad'))] },
  };
}

/** A line through the chart for each alert, with a mark on top. */
function drawAlerts(plot: uPlot, alerts: readonly Alert[], stroke: string): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = stroke;
  ctx.fillStyle = stroke;
  ctx.lineWidth = ratio;
  for (const { time } of alerts) {
    const x = Math.round(plot.valToPos(time / 1000, 'x', true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.globalAlpha = 0.55;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.globalAlpha = 1;
    ctx.beginPath();
    ctx.moveTo(x - 5 * ratio, bbox.top - 9 * ratio);
    ctx.lineTo(x + 5 * ratio, bbox.top - 9 * ratio);
    ctx.lineTo(x, bbox.top - ratio);
    ctx.fill();
  }
  ctx.restore();
}
