/** Formats of `parse_time`: the letters of Joda-Time's DateTimeFormat that dates and times are written with. */

const PARTS: Intl.DateTimeFormatOptions = {
  era: 'short',
  year: 'numeric',
  month: 'numeric',
  day: 'numeric',
  hour: 'numeric',
  minute: 'numeric',
  second: 'numeric',
  weekday: 'long',
  hourCycle: 'h23',
};

const zones = new Map<string, Intl.DateTimeFormat | undefined>();
/** Time zones come from rules, so there are few; the bound is against rules that take them from payloads. */
const ZONES_MAX = 500;

interface ZonedTime {
  readonly at: number;
  readonly zone: string;
  readonly era: string;
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly millisecond: number;
  readonly weekday: string;
  readonly offsetMinutes: number;
}

/**
 * Writes the time `at` (epoch milliseconds) by `pattern` in `zone` (an IANA name or `UTC`).
 *
 * @returns undefined for an unknown zone, a letter that is not supported, or a time out of range
 */
export function formatTime(pattern: string, at: number, zone: string): string | undefined {
  if (!Number.isFinite(at) || Math.abs(at) > 8.64e15) return undefined;
  const time = zonedTime(Math.trunc(at), zone);
  if (!time) return undefined;
  let text = '';
  for (const [token] of pattern.matchAll(/'(?:[^']|'')*'|([A-Za-z])\1*|[^A-Za-z']+|'/g)) {
    const part = render(token, time);
    if (part === undefined) return undefined;
    text += part;
  }
  return text;
}

function render(token: string, time: ZonedTime): string | undefined {
  if (token === "''") return "'";
  if (token.startsWith("'")) return token.slice(1, -1).replaceAll("''", "'");
  const letter = token[0]!;
  if (!/[A-Za-z]/.test(letter)) return token;
  return FIELDS[letter]?.(time, token.length);
}

const pad = (value: number, length: number) => String(value).padStart(length, '0');

const FIELDS: Readonly<Record<string, (time: ZonedTime, length: number) => string>> = {
  G: ({ era }) => era,
  y: ({ year }, length) => (length === 2 ? pad(year % 100, 2) : pad(year, length)),
  Y: ({ year }, length) => (length === 2 ? pad(year % 100, 2) : pad(year, length)),
  M: ({ month, at, zone }, length) => (length < 3 ? pad(month, length) : monthName(at, zone, length)),
  d: ({ day }, length) => pad(day, length),
  D: ({ year, month, day }, length) =>
    pad((Date.UTC(year, month - 1, day) - Date.UTC(year, 0, 1)) / 86_400_000 + 1, length),
  H: ({ hour }, length) => pad(hour, length),
  k: ({ hour }, length) => pad(hour || 24, length),
  K: ({ hour }, length) => pad(hour % 12, length),
  h: ({ hour }, length) => pad(hour % 12 || 12, length),
  m: ({ minute }, length) => pad(minute, length),
  s: ({ second }, length) => pad(second, length),
  S: ({ millisecond }, length) => pad(millisecond, 3).slice(0, length).padEnd(length, '0'),
  a: ({ hour }) => (hour < 12 ? 'AM' : 'PM'),
  E: ({ weekday }, length) => (length < 4 ? weekday.slice(0, 3) : weekday),
  z: ({ at, zone }, length) => zoneName(at, zone, length),
  Z: ({ offsetMinutes, zone }, length) => (length > 2 ? zone : offset(offsetMinutes, length === 2)),
};

function zonedTime(at: number, zone: string): ZonedTime | undefined {
  const format = formatterOf(zone);
  if (!format) return undefined;
  const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
  const number = (name: string) => Number(parts[name]);
  const millisecond = ((at % 1000) + 1000) % 1000;
  const [year, month, day] = [number('year'), number('month'), number('day')];
  const [hour, minute, second] = [number('hour'), number('minute'), number('second')];
  const era = /^B/.test(parts.era ?? '') ? 'BC' : 'AD';
  const local = Date.UTC(year, month - 1, day, hour, minute, second, millisecond);
  const offsetMinutes = Math.round((local - at) / 60_000);
  return { at, zone, era, year, month, day, hour, minute, second, millisecond, weekday: parts.weekday!, offsetMinutes };
}

function formatterOf(zone: string): Intl.DateTimeFormat | undefined {
  if (!zones.has(zone)) {
    if (zones.size >= ZONES_MAX) zones.clear();
    zones.set(zone, makeFormatter(zone));
  }
  return zones.get(zone);
}

function makeFormatter(zone: string): Intl.DateTimeFormat | undefined {
  try {
    return new Intl.DateTimeFormat('en-US', { ...PARTS, timeZone: zone });
  } catch {
    return undefined; // an unknown zone is Undefined, not an error
  }
}

function monthName(at: number, zone: string, length: number): string {
  return new Intl.DateTimeFormat('en-US', { month: length === 3 ? 'short' : 'long', timeZone: zone }).format(at);
}

function zoneName(at: number, zone: string, length: number): string {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: length < 4 ? 'short' : 'long' });
  return format.formatToParts(at).find(({ type }) => type === 'timeZoneName')!.value;
}

function offset(minutes: number, colon: boolean): string {
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `${minutes < 0 ? '-' : '+'}${pad(hours, 2)}${colon ? ':' : ''}${pad(rest, 2)}`;
}
