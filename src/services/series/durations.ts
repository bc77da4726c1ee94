import { fault } from './errors.ts';

const UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ['w', 7 * 86_400_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
];

/** `7d`, `1h30m`, `500ms`: milliseconds, 1 or more. @throws DomainError `parameter-invalid` */
export function parseDuration(text: string): number {
  if (!/^(?:\d+(?:ms|[wdhms]))+$/.test(text)) throw invalid(text);
  let ms = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|[wdhms])/g)) {
    ms += Number(count) * UNITS.find(([name]) => name === unit)![1];
  }
  if (ms < 1 || !Number.isSafeInteger(ms)) throw invalid(text);
  return ms;
}

/** The shortest text that `parseDuration` reads back; weeks are written as days. */
export function formatDuration(ms: number): string {
  let rest = ms;
  let text = '';
  for (const [unit, size] of UNITS.slice(1)) {
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text;
}

function invalid(text: string) {
  return fault('parameter-invalid', `${text} is no duration: write 7d, 1h30m or 500ms`);
}
