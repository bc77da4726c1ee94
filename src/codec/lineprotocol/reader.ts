/**
 * Reads InfluxDB line protocol.
 *
 *     measurement[,tag=value ...] field=value[,field=value ...] [timestamp]
 *
 * Escapes: `\,` `\=` `\ ` in names and tag values; `\"` `\\` in quoted texts. Any other backslash stands for itself.
 * Quoted texts may hold line feeds. Lines that begin with `#`, and empty ones, are passed over.
 *
 * @see https://docs.influxdata.com/influxdb3/core/reference/line-protocol/
 */
import { type LinePoint, NANOS_PER, type Precision } from './point.ts';

export interface LineProtocolOptions {
  /** Unit of the timestamps; default `ns`. */
  readonly precision?: Precision;
  /** Epoch nanoseconds for lines without a timestamp. */
  readonly now: bigint;
}

/** A line that was not understood. */
export interface LineError {
  /** Counted from 1. */
  readonly line: number;
  readonly message: string;
  /** The line's beginning, at most 200 characters. */
  readonly text: string;
}

export interface LineBatch {
  readonly points: LinePoint[];
  /** Line of each point, counted from 1. */
  readonly lines: number[];
  readonly errors: LineError[];
}

const LINE_FEED = 10;
const RETURN = 13;
const SPACE = 32;
const QUOTE = 34;
const HASH = 35;
const COMMA = 44;
const EQUALS = 61;
const BACKSLASH = 92;
const TEXT_SHOWN = 200;

const INT64_MIN = -(1n << 63n);
const INT64_MAX = (1n << 63n) - 1n;

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...['t', 'T', 'true', 'True', 'TRUE'].map((text): [string, boolean] => [text, true]),
  ...['f', 'F', 'false', 'False', 'FALSE'].map((text): [string, boolean] => [text, false]),
]);

/** Reads all lines; what is wrong with one does not concern the others. */
export function readLineProtocol(text: string, options: LineProtocolOptions): LineBatch {
  return new LineReader(text, options).read();
}

class Malformed extends Error {}

class LineReader {
  readonly #text: string;
  readonly #now: bigint;
  readonly #nanos: bigint;
  #at = 0;
  #line = 1;

  constructor(text: string, { precision = 'ns', now }: LineProtocolOptions) {
    this.#text = text;
    this.#now = now;
    this.#nanos = NANOS_PER[precision];
  }

  read(): LineBatch {
    const batch: LineBatch = { points: [], lines: [], errors: [] };
    while (this.#skipToLine()) {
      const [start, line] = [this.#at, this.#line];
      try {
        batch.points.push(this.#point());
        batch.lines.push(line);
      } catch (error) {
        if (!(error instanceof Malformed)) throw error;
        this.#at = start;
        this.#line = line;
        const end = this.#endOfLine();
        const shown = this.#text.slice(start, Math.min(end, start + TEXT_SHOWN));
        batch.errors.push({ line, message: error.message, text: shown });
        this.#at = end;
      }
    }
    return batch;
  }

  /** Moves to the next line with a point; false at the end. */
  #skipToLine(): boolean {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (Number.isNaN(code)) return false;
      if (code === HASH) this.#at = this.#endOfLine();
      else if (code === LINE_FEED) this.#line++;
      else if (code !== SPACE && code !== RETURN) return true;
      if (code !== HASH) this.#at++;
    }
  }

  #endOfLine(): number {
    const end = this.#text.indexOf('\n', this.#at);
    return end < 0 ? this.#text.length : end;
  }

  #point(): LinePoint {
    const measurement = this.#token(COMMA, SPACE);
    if (measurement === '') throw new Malformed('missing measurement');
    const tags: Record<string, string> = {};
    while (this.#code() === COMMA) this.#tag(tags);
    if (this.#code() !== SPACE) throw new Malformed('missing fields');
    this.#skipSpaces();
    const fields: LinePoint['fields'] = {};
    this.#field(fields);
    while (this.#code() === COMMA) {
      this.#at++;
      this.#field(fields);
    }
    return { measurement, tags, fields, time: this.#time() };
  }

  #tag(tags: Record<string, string>): void {
    this.#at++;
    const name = this.#token(EQUALS, COMMA, SPACE);
    if (name === '' || this.#code() !== EQUALS) throw new Malformed('missing tag value or name');
    this.#at++;
    const value = this.#token(COMMA, SPACE, EQUALS);
    if (value === '') throw new Malformed(`missing value of tag ${name}`);
    if (this.#code() === EQUALS) throw new Malformed(`unescaped = in the value of tag ${name}`);
    if (Object.hasOwn(tags, name)) throw new Malformed(`duplicate tag ${name}`);
    if (name === '__proto__') throw new Malformed(`${name} cannot be the name of a tag`);
    tags[name] = value;
  }

  #field(fields: LinePoint['fields']): void {
    const name = this.#token(EQUALS, COMMA, SPACE);
    if (name === '' || this.#code() !== EQUALS) throw new Malformed('missing field name or value');
    if (name === '__proto__') throw new Malformed(`${name} cannot be the name of a field`);
    this.#at++;
    fields[name] = this.#code() === QUOTE ? this.#quoted() : this.#bare(name);
  }

  /** A number, integer or boolean. */
  #bare(name: string): number | bigint | boolean {
    const text = this.#token(COMMA, SPACE);
    const last = text.charCodeAt(text.length - 1);
    const isDigit = last >= 48 && last <= 57;
    if (isDigit || last === 46) return float(text, name);
    if (last === 105 || last === 117) return integer(text, name);
    const boolean = BOOLEANS.get(text);
    if (boolean === undefined) throw new Malformed(`invalid value of field ${name}`);
    return boolean;
  }

  #quoted(): string {
    const start = ++this.#at;
    let escaped = false;
    for (;;) {
      const code = this.#code();
      if (Number.isNaN(code)) throw new Malformed('unbalanced quotes');
      if (code === QUOTE) break;
      if (code === LINE_FEED) this.#line++;
      if (code === BACKSLASH && isOneOf(this.#text.charCodeAt(this.#at + 1), QUOTE, BACKSLASH, -1)) {
        escaped = true;
        this.#at++;
      }
      this.#at++;
    }
    const text = this.#text.slice(start, this.#at++);
    const next = this.#code();
    const ends = next === COMMA || next === SPACE || next === LINE_FEED || next === RETURN || Number.isNaN(next);
    if (!ends) throw new Malformed('text after closing quotes');
    return escaped ? text.replace(/\\(["\\])/g, '$1') : text;
  }

  #time(): bigint {
    this.#skipSpaces();
    const start = this.#at;
    while (isTokenCode(this.#code())) this.#at++;
    const text = this.#text.slice(start, this.#at);
    this.#skipSpaces();
    if (this.#code() === RETURN) this.#at++;
    const end = this.#code();
    if (!Number.isNaN(end) && end !== LINE_FEED) throw new Malformed('text after the timestamp');
    if (text === '') return this.#now;
    if (!/^-?[0-9]{1,19}$/.test(text)) throw new Malformed(`invalid timestamp ${text}`);
    const time = BigInt(text) * this.#nanos;
    if (time < INT64_MIN || time > INT64_MAX) throw new Malformed(`timestamp ${text} is out of range`);
    return time;
  }

  /** Reads up to one of the stops, or the end of the line; leaves the position on it. */
  #token(stop1: number, stop2: number, stop3 = stop2): string {
    const start = this.#at;
    let escaped = false;
    for (;;) {
      const code = this.#code();
      if (code === stop1 || code === stop2 || code === stop3) break;
      if (code === LINE_FEED || Number.isNaN(code)) break;
      if (code === RETURN && this.#text.charCodeAt(this.#at + 1) === LINE_FEED) break;
      if (code === BACKSLASH && isOneOf(this.#text.charCodeAt(this.#at + 1), COMMA, SPACE, EQUALS)) {
        escaped = true;
        this.#at++;
      }
      this.#at++;
    }
    const token = this.#text.slice(start, this.#at);
    return escaped ? token.replace(/\\([, =])/g, '$1') : token;
  }

  #skipSpaces(): void {
    while (this.#code() === SPACE) this.#at++;
  }

  #code(): number {
    return this.#text.charCodeAt(this.#at);
  }
}

function isOneOf(code: number, a: number, b: number, c: number): boolean {
  return code === a || code === b || code === c;
}

function isTokenCode(code: number): boolean {
  return code !== SPACE && code !== LINE_FEED && code !== RETURN && !Number.isNaN(code);
}

function float(text: string, name: string): number {
  const value = Number(text);
  // Number takes hexadecimal and the like, which line protocol does not.
  if (!Number.isFinite(value) || !/^[-+]?[0-9]*\.?[0-9]*(?:[eE][-+]?[0-9]+)?$/.test(text)) {
    throw new Malformed(`invalid value of field ${name}`);
  }
  return value;
}

/** `5i`, and `5u` as far as it is one of 64 bits with a sign. */
function integer(text: string, name: string): bigint {
  const digits = text.slice(0, -1);
  if (!/^-?[0-9]{1,19}$/.test(digits) || (text.endsWith('u') && digits.startsWith('-'))) {
    throw new Malformed(`invalid value of field ${name}`);
  }
  const value = BigInt(digits);
  if (value < INT64_MIN || value > INT64_MAX) throw new Malformed(`value of field ${name} is out of range`);
  return value;
}
