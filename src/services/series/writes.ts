import type { Clock, DomainError } from '../../base/index.ts';
import { hasCode } from '../../base/index.ts';
import {
  type LineBatch,
  type LineError,
  type LinePoint,
  type Precision,
  readLineProtocol,
} from '../../codec/lineprotocol/index.ts';
import type { Rejection, Series } from '../../store/index.ts';
import type { Counter } from '../../telemetry/index.ts';
import { fault } from './errors.ts';
import { type Call, type Reply, readText, required } from './http.ts';

/** Points handed to the store at once. */
const POINTS_PER_WRITE = 50_000;
/** Lines named in an answer. */
const ERRORS_SHOWN = 100;
const NANOS_PER_MS = 1_000_000n;

/** Spellings of InfluxDB 1, 2 and 3. */
const PRECISIONS: Readonly<Record<string, Precision>> = {
  n: 'ns',
  ns: 'ns',
  nanosecond: 'ns',
  u: 'us',
  us: 'us',
  µ: 'us',
  microsecond: 'us',
  ms: 'ms',
  millisecond: 'ms',
  s: 's',
  second: 's',
};

export interface WriteCounters {
  readonly written: Counter;
  readonly rejected: Counter;
}

/** Takes line protocol into a database, which is made when it is not there. */
export class Writes {
  readonly #series: Series;
  readonly #clock: Clock;
  readonly #counters: WriteCounters;

  constructor(series: Series, clock: Clock, counters: WriteCounters) {
    this.#series = series;
    this.#clock = clock;
    this.#counters = counters;
  }

  /**
   * A write of any version's path: `parameter` names the database.
   * @throws DomainError `line-protocol-invalid`: some lines were not taken, and all others were
   */
  async handle({ request, parameters }: Call, parameter: 'bucket' | 'db'): Promise<Reply> {
    const database = required(parameters, parameter);
    const precision = precisionOf(parameters.get('precision'));
    const text = await readText(request);
    const now = BigInt(this.#clock.now()) * NANOS_PER_MS;
    const batch = readLineProtocol(text, { precision, now });
    const errors = [...batch.errors, ...(await this.#write(database, batch, text))];
    this.#counters.rejected.add(errors.length);
    if (errors.length > 0) throw partial(errors.sort((a, b) => a.line - b.line));
    return { status: 204 };
  }

  /** Writes points to a database, which is made when it is not there. @throws DomainError of the store */
  async write(database: string, points: readonly LinePoint[]): Promise<void> {
    await this.#series.write(database, points).catch(async (error) => {
      if (!hasCode(error, 'database-not-found')) throw error;
      await this.#series.createDatabase(database).catch((other) => {
        // Two first writes at once: the other one has made it.
        if (!hasCode(other, 'database-exists')) throw other;
      });
      await this.#series.write(database, points);
    });
    this.#counters.written.add(points.length);
  }

  /** Writes what fits; returns the lines that do not. */
  async #write(database: string, { points, lines }: LineBatch, text: string): Promise<LineError[]> {
    const errors: LineError[] = [];
    for (let start = 0; start < points.length; start += POINTS_PER_WRITE) {
      const part = points.slice(start, start + POINTS_PER_WRITE);
      for (const { index, reason } of await this.#writeFitting(database, part)) {
        const line = lines[start + index]!;
        errors.push({ line, message: reason, text: errors.length < ERRORS_SHOWN ? lineOf(text, line) : '' });
      }
    }
    return errors;
  }

  async #writeFitting(database: string, points: readonly LinePoint[]): Promise<readonly Rejection[]> {
    try {
      await this.write(database, points);
      return [];
    } catch (error) {
      if (!hasCode(error, 'points-rejected')) throw error;
      const rejected = (error as DomainError).fields!.rejected as readonly Rejection[];
      const without = new Set(rejected.map(({ index }) => index));
      const fitting = points.filter((_, index) => !without.has(index));
      if (fitting.length > 0) await this.write(database, fitting);
      return rejected;
    }
  }
}

function precisionOf(text: string | null): Precision {
  if (text === null || text === '') return 'ns';
  const precision = PRECISIONS[text];
  if (!precision) throw fault('parameter-invalid', `precision ${text} is not taken: ns, us, ms and s are`);
  return precision;
}

/** InfluxDB's answer to a write of which a part was taken. */
function partial(errors: readonly LineError[]) {
  const [first] = errors;
  const message = `partial write of line protocol occurred: line ${first!.line}: ${first!.message} dropped=${errors.length}`;
  const data = errors.slice(0, ERRORS_SHOWN).map(({ line, message: reason, text }) => ({
    original_line: text,
    line_number: line,
    error_message: reason,
  }));
  const error = 'partial write of line protocol occurred';
  return fault('line-protocol-invalid', message, { answer: { error, line: first!.line, data } });
}

function lineOf(text: string, line: number): string {
  let start = 0;
  for (let i = 1; i < line; i++) start = text.indexOf('\n', start) + 1;
  const end = text.indexOf('\n', start);
  return text.slice(start, Math.min(end < 0 ? text.length : end, start + 200));
}
