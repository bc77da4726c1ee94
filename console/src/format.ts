/** Numbers and times as people read them: three significant digits, units beside them. */

export function compact(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e9) return `${significant(value / 1e9)}G`;
  if (size >= 1e6) return `${significant(value / 1e6)}M`;
  if (size >= 1e4) return `${significant(value / 1e3)}k`;
  if (size >= 100) return Math.round(value).toLocaleString('en-US');
  return significant(value);
}

function significant(value: number): string {
  if (value === 0) return '0';
  return Number(value.toPrecision(3)).toLocaleString('en-US', { maximumFractionDigits: 2 });
}

export function rate(perSecond: number): string {
  return `${compact(perSecond)}/s`;
}

export function duration(ms: number): string {
  if (ms === 0) return '0 ms';
  if (ms < 0.1) return `${significant(ms * 1000)} µs`;
  if (ms < 1000) return `${significant(ms)} ms`;
  if (ms < 60_000) return `${significant(ms / 1000)} s`;
  if (ms < 3600_000) return `${Math.floor(ms / 60_000)} min ${Math.floor((ms / 1000) % 60)} s`;
  if (ms < 86_400_000) return `${Math.floor(ms / 3600_000)} h ${Math.floor((ms / 60_000) % 60)} min`;
  return `${Math.floor(ms / 86_400_000)} d ${Math.floor((ms / 3600_000) % 24)} h`;
}

/** An age as people say it, in one unit: `40 s`, `3 min`, `2 d`. */
export function age(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${Math.floor(ms / 1000)} s`;
  if (ms < 3600_000) return `${Math.floor(ms / 60_000)} min`;
  if (ms < 86_400_000) return `${Math.floor(ms / 3600_000)} h`;
  return `${Math.floor(ms / 86_400_000)} d`;
}

export function bytes(count: number): string {
  if (count < 1024) return `${count} B`;
  return count < 1024 * 1024 ? `${significant(count / 1024)} KiB` : `${significant(count / 1024 / 1024)} MiB`;
}

/** The short name in an ARN, a URL or an address. */
export function nameOf(id: string): string {
  if (id.startsWith('mailto:')) return id.slice('mailto:'.length);
  if (/^https?:/.test(id)) return URL.parse(id)?.host ?? id;
  return id.startsWith('arn:')
    ? id
        .split(':')
        .slice(5)
        .join(':')
        .split(/[:/]/)
        .filter((part) => part !== '$LATEST')
        .at(-1)!
    : id;
}

/** Local date and time, `2026-11-28 14:03:07`. */
export function dateTime(epochMs: number): string {
  const at = new Date(epochMs);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${timeOfDay(epochMs)}`;
}

const two = (value: number) => String(value).padStart(2, '0');

/** Local time of an axis whose marks stand `stepSeconds` apart: seconds only where they differ. */
export function axisTime(epochMs: number, stepSeconds: number): string {
  return stepSeconds < 60 ? timeOfDay(epochMs) : timeOfDay(epochMs).slice(0, 5);
}

/** Local time of day, `14:03:07`. */
export function timeOfDay(epochMs: number): string {
  const at = new Date(epochMs);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

export function preciseTime(epochMs: number): string {
  return `${timeOfDay(epochMs)}.${String(new Date(epochMs).getMilliseconds()).padStart(3, '0')}`;
}
