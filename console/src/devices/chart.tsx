import { useMemo } from 'preact/hooks';
import type uPlot from 'uplot';
import { withGaps } from '../charts/gaps.ts';
import { colour, TimeChart } from '../charts/time-chart.tsx';
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
  const { readings, alerts, label, rangeMs } = props;
  const { times, values, baseline } = readings;
  const columns = useMemo(
    () => withGaps({ times, values: baseline ? [values, baseline] : [values] }),
    // Alerts are drawn with the lines.
    [readings, alerts],
  );
  const range = () => {
    const now = Date.now() / 1000;
    // A device that is younger than the range fills the chart with what there is.
    const first = Math.min(times[0] ?? 0, now - SPAN_SECONDS_MIN);
    return [Math.max(now - rangeMs / 1000, first), now] as const;
  };
  return (
    <TimeChart
      columns={columns}
      lines={[
        { label, colour: '--accent' },
        ...(baseline ? [{ label: 'usual level', colour: '--ink-3', width: 1.25, dash: [5, 4] }] : []),
      ]}
      spoken={spoken(props)}
      height={HEIGHT}
      range={range}
      words={(value) => value.toFixed(2)}
      theme={props.theme}
      onDraw={(plot) => drawAlerts(plot, alerts, colour('--bad'))}
    />
  );
}

function spoken({ readings, alerts, label }: ChartProps): string {
  const last = readings.values.findLast((value) => value !== null);
  const value = last === undefined || last === null ? 'no readings' : `${last.toFixed(2)} at last`;
  return `${label} over time: ${value}, ${alerts.length} alerts`;
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
