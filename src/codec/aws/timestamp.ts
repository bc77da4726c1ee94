import { ReadFailure } from './failure.ts';
import type { TimestampFormat } from './shape.ts';

/** Reads a timestamp in any of AWS's three notations: numbers are epoch seconds, text is told apart by its look. */
export function readTimestamp(value: unknown): Date {
  const date = typeof value === 'number' ? new Date(Math.round(value * 1000)) : fromText(value);
  if (Number.isNaN(date.getTime())) throw new ReadFailure('serialization', `${String(value)} is not a timestamp`);
  return date;
}

function fromText(value: unknown): Date {
  if (typeof value !== 'string') return new Date(Number.NaN);
  if (/^-?\d+(\.\d+)?([eE][-+]?\d+)?$/.test(value)) return new Date(Math.round(Number(value) * 1000));
  const iso = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[-+]\d{2}:?\d{2})?)?$/.exec(value);
  if (iso) return new Date(iso[1] && !iso[4] ? `${value}Z` : value);
  return /^[A-Z][a-z]{2},? \d/.test(value) ? new Date(value) : new Date(Number.NaN);
}

/** Writes a timestamp as text: `epoch-seconds` with milliseconds as decimals, where there are any. */
export function writeTimestamp(date: Date, format: TimestampFormat): string {
  if (format === 'epoch-seconds') return String(date.getTime() / 1000);
  if (format === 'http-date') return date.toUTCString();
  const text = date.toISOString();
  return text.endsWith('.000Z') ? `${text.slice(0, -5)}Z` : text;
}
