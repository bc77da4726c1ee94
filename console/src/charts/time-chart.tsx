import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { axisTime } from '../format.ts';
import { useWidth } from '../hooks.ts';
import { type Columns, loneOf } from './gaps.ts';

/** How one column is drawn. */
export interface Line {
  readonly label: string;
  /** Name of a colour of the page: `--accent`. */
  readonly colour: string;
  readonly width?: number;
  readonly dash?: number[];
}

export interface TimeChartProps {
  readonly columns: Columns;
  readonly lines: readonly Line[];
  /** What is shown, in words. */
  readonly spoken: string;
  readonly height: number;
  /** First and last second that are shown. */
  readonly range: () => readonly [from: number, to: number];
  /** A value in words. */
  readonly words: (value: number) => string;
  /** Changes with the colours, so that the chart is drawn anew. */
  readonly theme: string;
  /** Draws upon the lines. */
  readonly onDraw?: (plot: uPlot) => void;
}

/** Lines over time, broken where a value is missing; a value between two that are missing is a dot. */
export function TimeChart(props: TimeChartProps) {
  const { ref, width } = useWidth<HTMLDivElement>();
  const plot = useRef<uPlot | null>(null);
  const shown = useRef(props);
  shown.current = props;
  const { columns, lines, height } = props;
  useEffect(() => {
    if (!ref.current || width === 0) return;
    plot.current = new uPlot(optionsOf(width, shown), dataOf(shown.current.columns), ref.current);
    return () => plot.current?.destroy();
  }, [width > 0, props.theme, lines.map(({ label }) => label).join()]);
  useEffect(() => {
    if (width > 0) plot.current?.setSize({ width, height });
  }, [width]);
  useEffect(() => plot.current?.setData(dataOf(columns)), [columns]);
  return <div class="chart" ref={ref} style={{ minHeight: `${height}px` }} role="img" aria-label={props.spoken} />;
}

const dataOf = ({ times, values }: Columns) => [times, ...values] as uPlot.AlignedData;

/** A colour of the page by its name. */
export const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function optionsOf(width: number, shown: { readonly current: TimeChartProps }): uPlot.Options {
  const { lines, height } = shown.current;
  const [ink, grid] = [colour('--ink-3'), colour('--line')];
  const axis = {
    stroke: ink,
    font: '11px system-ui, sans-serif',
    grid: { stroke: grid, width: 1 },
    ticks: { show: false },
  };
  // Without a cursor the legend shows the newest value.
  const value = (plot: uPlot, raw: number | null, series: number, index: number | null) => {
    const shownValue = index === null ? plot.data[series]?.at(-1) : raw;
    return shownValue === null || shownValue === undefined ? '–' : shown.current.words(shownValue);
  };
  const time = (_plot: uPlot, raw: number | null) => (raw === null ? 'now' : axisTime(raw * 1000, 1));
  const marks = (_plot: uPlot, splits: number[], _axis: number, _space: number, step: number) =>
    splits.map((at) => axisTime(at * 1000, step));
  const lone = (plot: uPlot, series: number) => loneOf([...plot.data[series]!]);
  return {
    width,
    height,
    padding: [14, 8, 0, 0],
    cursor: { y: false, points: { size: 6 } },
    legend: { live: true },
    scales: { x: { range: () => [...shown.current.range()] } },
    axes: [
      { ...axis, values: marks, space: 72, size: 30 },
      { ...axis, size: 46 },
    ],
    series: [
      { label: 'time', value: time },
      ...lines.map(({ label, colour: name, width: lineWidth = 1.75, dash }) => ({
        ...{ label, stroke: colour(name), width: lineWidth, value, ...(dash && { dash }) },
        points: { show: false, size: 4, fill: colour(name), filter: lone },
      })),
    ],
    hooks: { draw: [(plot) => shown.current.onDraw?.(plot)] },
  };
}
