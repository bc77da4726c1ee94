/**
 * One measured value, with what it is held against. Every file of `bench/` exports `run(): Promise<Figure[]>`, measures its
 * floor or peer in the same run (machines are noisy, absolute times drift), and says in its head what it does not measure.
 */
export interface Figure {
  /** What was measured, in a few words; unique over all files. */
  readonly name: string;
  readonly value: number;
  /** `records/s`, `ms`, `µs`, `MB` ... */
  readonly unit: string;
  /** Lowest and highest of the rounds of which the value is the median. */
  readonly spread?: readonly [number, number];
  /** The same work without us, in the same run and unit. */
  readonly floor?: { readonly name: string; readonly value: number };
  /** Value to floor: above 1 is faster than the floor for rates. */
  readonly ratio?: number;
  /** What the design asks for; `met` is decided by the file that measures. */
  readonly target?: { readonly value?: number; readonly ratio?: number; readonly met: boolean };
  /** Why it could not be measured: its value says nothing. */
  readonly skipped?: string;
}

/** A figure that this machine, or this version, does not have. */
export function skipped(name: string, why: string): Figure {
  return { name, value: 0, unit: '', skipped: why };
}

/** Median of the values; of an even count the lower of the two in the middle. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)]!;
}

/** Lowest and highest of the values. */
export function spreadOf(values: readonly number[]): readonly [number, number] {
  return [Math.min(...values), Math.max(...values)];
}

/** One line for people: name, value, floor, ratio, target. */
export function formatFigure({ name, value, unit, spread, floor, ratio, target, skipped: why }: Figure): string {
  if (why !== undefined) return `${name}: skipped, ${why}`;
  const range = spread ? ` (${compact(spread[0])} to ${compact(spread[1])})` : '';
  const parts = [`${name}: ${compact(value)} ${unit}${range}`];
  if (floor) parts.push(`${floor.name} ${compact(floor.value)} ${unit}`);
  if (ratio !== undefined) parts.push(`ratio ${ratio.toFixed(2)}`);
  if (target) {
    const wanted =
      target.ratio !== undefined ? `ratio ${Number(target.ratio.toFixed(2))}` : `${compact(target.value!)} ${unit}`;
    parts.push(`target ${wanted} ${target.met ? 'met' : 'MISSED'}`);
  }
  return parts.join(' · ');
}

function compact(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  if (value >= 1e4) return `${(value / 1e3).toFixed(0)} k`;
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
