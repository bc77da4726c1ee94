import type { Clock } from '../base/index.ts';

/** - `error`: an operator must act; - `warn`: something is degraded but handled; - `info`: life cycle; - `debug`: per request. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export type LogFields = Readonly<Record<string, unknown>>;

/** Structured log of the platform itself: one event, one line, one level; fields rather than sentences; never a secret. */
export interface Logger {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** A logger whose lines all carry `fields`. */
  child(fields: LogFields): Logger;
}

const RANK: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Logs JSON lines through `write` (stderr by default); `Error` values become message and stack. */
export function createLogger(options: {
  readonly clock: Clock;
  readonly level?: LogLevel;
  readonly write?: (line: string) => void;
  readonly fields?: LogFields;
}): Logger {
  const { clock, level = 'info', write = (line) => process.stderr.write(line), fields = {} } = options;
  const emit = (lineLevel: LogLevel) => (event: string, more?: LogFields) => {
    if (RANK[lineLevel] < RANK[level]) return;
    const line = { time: new Date(clock.now()).toISOString(), level: lineLevel, event, ...fields, ...more };
    write(`${JSON.stringify(line, plainError)}\n`);
  };
  return {
    debug: emit('debug'),
    info: emit('info'),
    warn: emit('warn'),
    error: emit('error'),
    child: (more) => createLogger({ clock, level, write, fields: { ...fields, ...more } }),
  };
}

/** Swallows everything: for tests and tools that report by other means. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};

function plainError(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (!(value instanceof Error)) return value;
  return { name: value.name, code: (value as { code?: unknown }).code, message: value.message, stack: value.stack };
}
