import { runsOf } from './gaps.ts';

const SIZE = { width: 64, height: 22 };

/** A line without words over `places` places, the newest at its end. @param values  `null` where there is none */
export function Sparkline(props: { readonly values: readonly (number | null)[]; readonly places: number }) {
  const { values, places } = props;
  const runs = runsOf(values);
  if (values.length < 2 || runs.length === 0) return null;
  const top = Math.max(...runs.flatMap((run) => run.values), 1e-9);
  const x = (at: number) => (SIZE.width - ((values.length - 1 - at) * SIZE.width) / (places - 1)).toFixed(1);
  const y = (value: number) => (SIZE.height - 1 - (value / top) * (SIZE.height - 3)).toFixed(1);
  const paths = runs.map((run) => {
    const line = run.values.map((value, index) => `${x(run.at + index)} ${y(value)}`).join('L');
    const last = x(run.at + run.values.length - 1);
    // A line from a point to itself is a dot.
    return {
      line: `M${line}L${last} ${y(run.values.at(-1)!)}`,
      area: `M${x(run.at)} ${SIZE.height}L${line}L${last} ${SIZE.height}Z`,
    };
  });
  return (
    <svg class="spark" viewBox={`0 0 ${SIZE.width} ${SIZE.height}`} preserveAspectRatio="none" aria-hidden="true">
      <path class="spark-area" d={paths.map(({ area }) => area).join('')} />
      <path class="spark-line" d={paths.map(({ line }) => line).join('')} />
    </svg>
  );
}
