/** Times that a chart shows, in milliseconds; the newest is at its end. */
export const RANGES = { '1m': 60_000, '5m': 300_000, '30m': 1_800_000, '6h': 21_600_000 } as const;
export type Range = keyof typeof RANGES;

/** The same with their names, to choose from. */
export const RANGE_NAMES = [
  ['1m', '1 min'],
  ['5m', '5 min'],
  ['30m', '30 min'],
  ['6h', '6 h'],
] as const satisfies readonly (readonly [Range, string])[];
