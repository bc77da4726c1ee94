/**
 * `rate(5 minutes)`, and `cron(0 10 ? * MON-FRI *)`: minute, hour, day of month, month, day of week, year, in UTC.
 *
 * | field        | values          | beside `*` `,` `-` `/` |
 * |--------------|-----------------|------------------------|
 * | minute       | 0-59            |                        |
 * | hour         | 0-23            |                        |
 * | day of month | 1-31            | `?` `L` `W`            |
 * | month        | 1-12 or JAN-DEC |                        |
 * | day of week  | 1-7 or SUN-SAT  | `?` `L` `#`            |
 * | year         | 1970-2199       |                        |
 *
 * One of the two days is `?`.
 *
 * @see Amazon EventBridge user guide, "Cron expressions", "Rate expressions"
 */
import { DomainError } from '../../base/index.ts';

/** - `schedule-invalid`: it is no schedule expression. */
export type ScheduleErrorCode = 'schedule-invalid';

export type Schedule =
  | { readonly kind: 'rate'; readonly value: number; readonly unit: 'minute' | 'hour' | 'day' }
  | { readonly kind: 'cron'; readonly fields: Fields };

interface Fields {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  readonly years: ReadonlySet<number>;
  /** Whether a day fits, by the two fields for days. */
  readonly day: (year: number, month: number, day: number) => boolean;
}

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
const YEAR_MIN = 1970;
const YEAR_MAX = 2199;
export const MINUTE_MS = 60_000;
const UNIT_MS = { minute: MINUTE_MS, hour: 60 * MINUTE_MS, day: 24 * 60 * MINUTE_MS } as const;

/** Reads a schedule expression. @throws DomainError `schedule-invalid` */
export function parseSchedule(text: string): Schedule {
  const rate = /^rate\((\d+) (minute|hour|day)(s?)\)$/.exec(text.trim());
  if (rate) {
    const value = Number(rate[1]);
    // AWS wants the singular for one, and the plural for more.
    if (value < 1 || (value === 1) !== (rate[3] === '')) throw invalid(text);
    return { kind: 'rate', value, unit: rate[2] as 'minute' | 'hour' | 'day' };
  }
  const cron = /^cron\((.+)\)$/.exec(text.trim());
  const fields = cron?.[1]?.trim().split(/\s+/);
  if (fields?.length !== 6) throw invalid(text);
  const [minute, hour, dayOfMonth, month, dayOfWeek, year] = fields as [string, string, string, string, string, string];
  if ((dayOfMonth === '?') === (dayOfWeek === '?')) throw invalid(text);
  const read = (field: string, low: number, high: number, names: readonly string[] = [], first = 0) =>
    setOf(field, { low, high, names, first, whole: text });
  return {
    kind: 'cron',
    fields: {
      minutes: read(minute, 0, 59),
      hours: read(hour, 0, 23),
      months: read(month, 1, 12, MONTHS, 1),
      years: read(year, YEAR_MIN, YEAR_MAX),
      day: dayOfMonth === '?' ? weekDays(dayOfWeek, text) : monthDays(dayOfMonth, text),
    },
  };
}

/** The first time behind `after`, epoch milliseconds; `undefined` when there is none any more. A rate counts from `after`. */
export function nextTime(schedule: Schedule, after: number): number | undefined {
  if (schedule.kind === 'rate') return after + schedule.value * UNIT_MS[schedule.unit];
  const { minutes, hours, months, years, day } = schedule.fields;
  const start = new Date(Math.floor(after / MINUTE_MS) * MINUTE_MS + MINUTE_MS);
  const sortedHours = [...hours].sort(byNumber);
  const sortedMinutes = [...minutes].sort(byNumber);
  // Day by day: schedules name days, and years have few of them.
  for (let midnight = Date.UTC(start.getUTCFullYear(), start.getUTCMonth(), start.getUTCDate()); ; ) {
    const date = new Date(midnight);
    const [year, month, dayOfMonth] = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
    if (year > YEAR_MAX) return undefined;
    if (!years.has(year)) {
      midnight = Date.UTC(year + 1, 0, 1);
      continue;
    }
    if (!months.has(month)) {
      midnight = Date.UTC(year, month, 1);
      continue;
    }
    if (day(year, month, dayOfMonth)) {
      for (const hour of sortedHours) {
        for (const minute of sortedMinutes) {
          const time = midnight + (hour * 60 + minute) * MINUTE_MS;
          if (time >= start.getTime()) return time;
        }
      }
    }
    midnight += UNIT_MS.day;
  }
}

interface Range {
  readonly low: number;
  readonly high: number;
  readonly names: readonly string[];
  /** Number of the first name. */
  readonly first: number;
  readonly whole: string;
}

/** `*`, `5`, `1-5`, `1,3`, `0/15`, `MON-FRI` */
function setOf(field: string, range: Range): ReadonlySet<number> {
  const { low, high, whole } = range;
  const numbers = new Set<number>();
  for (const part of field.split(',')) {
    const match = /^([^/-]+)(?:-([^/-]+))?(?:\/(\d+))?$/.exec(part);
    if (!match) throw invalid(whole);
    const [, from, to, step] = match as unknown as [string, string, string | undefined, string | undefined];
    const isAll = from === '*';
    if (isAll && to !== undefined) throw invalid(whole);
    const begin = isAll ? low : numberOf(from, range);
    const end = to !== undefined ? numberOf(to, range) : isAll || step !== undefined ? high : begin;
    const by = step === undefined ? 1 : Number(step);
    if (by < 1) throw invalid(whole);
    if (begin <= end) for (let number = begin; number <= end; number += by) numbers.add(number);
    // `FRI-MON` goes round.
    else {
      const size = high - low + 1;
      for (let at = 0; at <= end + size - begin; at += by) numbers.add(low + ((begin - low + at) % size));
    }
  }
  return numbers;
}

function numberOf(text: string, { low, high, names, first, whole }: Range): number {
  const name = names.indexOf(text.toUpperCase());
  const number = name >= 0 ? name + first : /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= low && number <= high)) throw invalid(whole);
  return number;
}

/** `L`, `3W`, or days of the month. */
function monthDays(field: string, whole: string): Fields['day'] {
  if (field === 'L') return (year, month, day) => day === lastDay(year, month);
  const nearest = /^(\d{1,2})W$/.exec(field);
  if (nearest) {
    const wanted = numberOf(nearest[1]!, { low: 1, high: 31, names: [], first: 0, whole });
    return (year, month, day) => day === nearestWeekday(year, month, wanted);
  }
  const days = setOf(field, { low: 1, high: 31, names: [], first: 0, whole });
  return (_year, _month, day) => days.has(day);
}

/** `6L` the last Friday, `2#1` the first Monday, or days of the week. */
function weekDays(field: string, whole: string): Fields['day'] {
  const range = { low: 1, high: 7, names: DAYS, first: 1, whole };
  const last = /^([^L#]*)L$/.exec(field);
  if (last) {
    // Alone it is the last day of the week.
    if (last[1] === '') return (year, month, day) => weekday(year, month, day) === 7;
    const wanted = numberOf(last[1]!, range);
    return (year, month, day) => weekday(year, month, day) === wanted && day + 7 > lastDay(year, month);
  }
  const nth = /^([^#]+)#([1-5])$/.exec(field);
  if (nth) {
    const wanted = numberOf(nth[1]!, range);
    return (year, month, day) => weekday(year, month, day) === wanted && Math.ceil(day / 7) === Number(nth[2]);
  }
  const days = setOf(field, range);
  return (year, month, day) => days.has(weekday(year, month, day));
}

/** Monday to Friday that lies nearest to a day, in the same month. */
function nearestWeekday(year: number, month: number, wanted: number): number | undefined {
  const last = lastDay(year, month);
  if (wanted > last) return undefined;
  const day = weekday(year, month, wanted);
  if (day === 7) return wanted === 1 ? 3 : wanted - 1;
  if (day === 1) return wanted === last ? wanted - 2 : wanted + 1;
  return wanted;
}

/** 1 is Sunday. */
function weekday(year: number, month: number, day: number): number {
  return new Date(Date.UTC(year, month - 1, day)).getUTCDay() + 1;
}

function lastDay(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function byNumber(a: number, b: number): number {
  return a - b;
}

function invalid(text: string): DomainError<ScheduleErrorCode> {
  return new DomainError('schedule-invalid', `${text} is no valid schedule expression`);
}
