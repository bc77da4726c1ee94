/** Where a line over time ends, and where it goes on. */

/** Columns as uPlot takes them: times in seconds, and values beside them; `null` where there is none. */
export interface Columns {
  readonly times: readonly number[];
  readonly values: readonly (readonly (number | null)[])[];
}

/** A pause is a gap from this many usual ones on: readings come late and get lost one by one without anything being amiss. */
const USUAL_STEPS_MAX = 3;
/** Usual is a pause that this share of all keep to: a device may send in bursts. */
const USUAL_SHARE = 0.8;

/**
 * The same with a point without values wherever nothing came for much longer than usual, so that no line goes across.
 *
 * @param columns  whose times rise; rows without a value in the first column are left out: they tell nothing of it
 */
export function withGaps({ times, values }: Columns): Columns {
  const rows = times.flatMap((_, at) => ((values[0]?.[at] ?? null) === null ? [] : [at]));
  const pauses = rows.slice(1).map((row, at) => times[row]! - times[rows[at]!]!);
  const usual = pauses.toSorted((a, b) => a - b)[Math.round(USUAL_SHARE * (pauses.length - 1))] ?? 0;
  const places = rows.flatMap((row, at) => {
    const isGap = at > 0 && pauses[at - 1]! > USUAL_STEPS_MAX * usual;
    return isGap ? [undefined, row] : [row];
  });
  return {
    times: places.map((row, at) =>
      row === undefined ? (times[places[at - 1]!]! + times[places[at + 1]!]!) / 2 : times[row]!,
    ),
    values: values.map((column) => places.map((row) => (row === undefined ? null : (column[row] ?? null)))),
  };
}

/** Places of values that stand alone: no line goes through them. */
export function loneOf(values: readonly (number | null | undefined)[]): number[] {
  const isThere = (at: number) => (values[at] ?? null) !== null;
  return values.flatMap((_, at) => (isThere(at) && !isThere(at - 1) && !isThere(at + 1) ? [at] : []));
}

/** Runs of values without a gap, each with the place of its first. */
export function runsOf(
  values: readonly (number | null)[],
): readonly { readonly at: number; readonly values: readonly number[] }[] {
  const runs: { at: number; values: number[] }[] = [];
  values.forEach((value, at) => {
    if (value === null) return;
    if (at > 0 && values[at - 1] !== null) runs.at(-1)!.values.push(value);
    else runs.push({ at, values: [value] });
  });
  return runs;
}
