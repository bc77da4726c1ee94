import { createHash } from 'node:crypto';
import { ACCOUNT_ID, uuid } from '../../../base/index.ts';
import type { RuleMessage } from './message.ts';
import { formatTime } from './time-format.ts';
import { isArray, isObject, memberOf, toInt, toNumber, toText, type Value } from './values.ts';

type Implementation = (values: readonly Value[], message: RuleMessage) => Value;

interface SqlFunction {
  readonly argumentsMin: number;
  readonly argumentsMax: number;
  readonly run: Implementation;
}

const take = (argumentsMin: number, argumentsMax: number, run: Implementation): SqlFunction => ({
  argumentsMin,
  argumentsMax,
  run,
});

/** A function of numbers: strings convert, anything else and imaginary results give Undefined. */
function numeric(count: number, compute: (...values: number[]) => number): SqlFunction {
  return take(count, count, (values) => {
    const numbers = values.map(toNumber);
    if (numbers.some((value) => value === undefined)) return undefined;
    const result = compute(...(numbers as number[]));
    return Number.isFinite(result) ? result : undefined;
  });
}

/** A function of strings: other types convert, Null and Undefined give Undefined. */
function textual(count: number, compute: (...values: string[]) => Value): SqlFunction {
  return take(count, count, (values) => {
    const texts = values.map(toText);
    return texts.some((value) => value === undefined) ? undefined : compute(...(texts as string[]));
  });
}

const bitwise = (count: number, compute: (...values: bigint[]) => bigint) =>
  numeric(count, (...values) => Number(compute(...values.map((value) => BigInt(Math.floor(value))))));

const hash = (algorithm: string) => textual(1, (text) => createHash(algorithm).update(text).digest('hex'));

const truncate = (value: number, places: number) => {
  const factor = 10 ** Math.min(34, Math.max(0, Math.floor(places)));
  return Math.trunc(value * factor) / factor;
};

/** Half away from zero, as the examples of the reference have it. */
const round = (value: number) => Math.sign(value) * Math.round(Math.abs(value));

const PADDING_MAX = 1000;
const padding = (value: Value) => {
  const count = toInt(value);
  return count === undefined ? undefined : ' '.repeat(Math.min(PADDING_MAX, Math.max(0, count)));
};

const patterns = new Map<string, RegExp | undefined>();
/** Patterns are nearly always literals in rules; the bound is against rules that take them from payloads. */
const PATTERNS_MAX = 1_000;

function patternOf(source: string): RegExp | undefined {
  if (!patterns.has(source)) {
    if (patterns.size >= PATTERNS_MAX) patterns.clear();
    let pattern: RegExp | undefined;
    try {
      pattern = new RegExp(source, 'g');
    } catch {
      // An invalid pattern is Undefined, not an error.
    }
    patterns.set(source, pattern);
  }
  return patterns.get(source);
}

function concat(values: readonly Value[]): Value {
  if (values.length < 2) return values[0];
  if (values.some(isArray)) return values.flatMap((value) => (isArray(value) ? [...value] : [value]));
  if (!values.some((value) => typeof value === 'string')) return undefined;
  const texts = values.map(toText);
  return texts.includes(undefined) ? undefined : texts.join('');
}

function substring([value, from, to]: readonly Value[]): Value {
  const text = toText(value);
  const start = toInt(from);
  const end = to === undefined ? text?.length : toInt(to);
  if (text === undefined || start === undefined || end === undefined) return undefined;
  return start >= end ? '' : text.substring(start, end);
}

function get([collection, key]: readonly Value[]): Value {
  if (isObject(collection)) return typeof key === 'string' ? memberOf(collection, key) : undefined;
  const index = toInt(key);
  if (index === undefined) return undefined;
  return isArray(collection) || typeof collection === 'string' ? collection[index] : undefined;
}

/** Null where the text is no base64; JSON in it becomes addressable. */
function decode([value, scheme]: readonly Value[]): Value {
  if (scheme !== 'base64') return undefined;
  const text = toText(value);
  if (text === undefined || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null;
  const decoded = Buffer.from(text, 'base64').toString();
  try {
    return JSON.parse(decoded) as Value;
  } catch {
    return decoded;
  }
}

function encode([value, scheme]: readonly Value[]): Value {
  const text = toText(value);
  return scheme === 'base64' && text !== undefined ? Buffer.from(text).toString('base64') : undefined;
}

function transform([mode, attributes, items]: readonly Value[]): Value {
  if (mode !== 'enrichArray' || !isObject(attributes) || !isArray(items)) return undefined;
  return items.map((item) => (isObject(item) ? { ...item, ...attributes } : item));
}

const topic: Implementation = ([level], message) => {
  if (level === undefined) return message.topic;
  const number = toInt(level);
  return number === undefined ? undefined : message.levels[number - 1];
};

/** All functions by their name in lower case; those that call other services are not among them. */
export const FUNCTIONS: Readonly<Record<string, SqlFunction>> = {
  abs: numeric(1, Math.abs),
  accountid: take(0, 0, () => ACCOUNT_ID),
  acos: numeric(1, Math.acos),
  asin: numeric(1, Math.asin),
  atan: numeric(1, Math.atan),
  atan2: numeric(2, Math.atan2),
  bitand: bitwise(2, (a, b) => a! & b!),
  bitor: bitwise(2, (a, b) => a! | b!),
  bitxor: bitwise(2, (a, b) => a! ^ b!),
  bitnot: bitwise(1, (a) => ~a!),
  ceil: numeric(1, Math.ceil),
  chr: take(1, 1, ([value]) => {
    const code = toInt(value);
    return code !== undefined && code >= 0 && code < 128 ? String.fromCharCode(code) : undefined;
  }),
  clientid: take(0, 0, (_, message) => message.clientId ?? 'n/a'),
  concat: take(0, 255, concat),
  cos: numeric(1, Math.cos),
  cosh: numeric(1, Math.cosh),
  decode: take(2, 2, decode),
  encode: take(2, 2, encode),
  endswith: textual(2, (text, end) => text!.endsWith(end!)),
  exp: numeric(1, Math.exp),
  floor: numeric(1, Math.floor),
  get: take(2, 2, get),
  indexof: textual(2, (text, part) => text!.indexOf(part!)),
  isnull: take(1, 1, ([value]) => value === null),
  isundefined: take(1, 1, ([value]) => value === undefined),
  length: textual(1, (text) => text!.length),
  ln: numeric(1, Math.log),
  log: numeric(1, Math.log10),
  lower: textual(1, (text) => text!.toLowerCase()),
  lpad: take(2, 2, ([value, count]) => {
    const [text, spaces] = [toText(value), padding(count)];
    return text === undefined || spaces === undefined ? undefined : spaces + text;
  }),
  ltrim: textual(1, (text) => text!.trimStart()),
  md5: hash('md5'),
  mod: numeric(2, (a, b) => a! % b!),
  nanvl: take(2, 2, ([value, otherwise]) =>
    value === undefined || value === null || Number.isNaN(value) ? otherwise : value,
  ),
  newuuid: take(0, 0, (_, message) => uuid(message.random)),
  numbytes: textual(1, (text) => Buffer.byteLength(text!)),
  parse_time: take(2, 3, ([pattern, at, zone]) => {
    const time = toNumber(at);
    if (typeof pattern !== 'string' || time === undefined) return undefined;
    return formatTime(pattern, time, toText(zone) ?? 'UTC');
  }),
  power: numeric(2, (a, b) => a! ** b!),
  principal: take(0, 0, (_, message) => message.principal),
  rand: take(0, 0, (_, message) => message.random.next()),
  regexp_matches: textual(2, (text, pattern) => {
    const found = patternOf(pattern!);
    return found && text!.search(found) >= 0;
  }),
  regexp_replace: textual(3, (text, pattern, by) => {
    const found = patternOf(pattern!);
    return found && text!.replace(found, by!);
  }),
  regexp_substr: textual(2, (text, pattern) => {
    const found = patternOf(pattern!);
    return found && (text!.match(found)?.[0] ?? undefined);
  }),
  remainder: numeric(2, (a, b) => a! % b!),
  replace: textual(3, (text, part, by) => text!.replaceAll(part!, () => by!)),
  round: numeric(1, round),
  rpad: take(2, 2, ([value, count]) => {
    const [text, spaces] = [toText(value), padding(count)];
    return text === undefined || spaces === undefined ? undefined : text + spaces;
  }),
  rtrim: textual(1, (text) => text!.trimEnd()),
  sha1: hash('sha1'),
  sha224: hash('sha224'),
  sha256: hash('sha256'),
  sha384: hash('sha384'),
  sha512: hash('sha512'),
  sign: numeric(1, Math.sign),
  sin: numeric(1, Math.sin),
  sinh: numeric(1, Math.sinh),
  sqrt: numeric(1, Math.sqrt),
  startswith: textual(2, (text, start) => text!.startsWith(start!)),
  substring: take(2, 3, substring),
  tan: numeric(1, Math.tan),
  tanh: numeric(1, Math.tanh),
  timestamp: take(0, 0, (_, message) => message.receivedAt),
  topic: take(0, 1, topic),
  traceid: take(0, 0, (_, message) => message.traceId),
  transform: take(3, 3, transform),
  trim: textual(1, (text) => text!.trim()),
  trunc: numeric(2, truncate),
  upper: textual(1, (text) => text!.toUpperCase()),
};

/** Functions of AWS that reach into other services: refused by name when a rule is made. */
export const FOREIGN_FUNCTIONS = new Set([
  'aws_lambda',
  'get_dynamodb',
  'get_mqtt_property',
  'get_or_default',
  'get_registry_data',
  'get_secret',
  'get_thing_shadow',
  'get_user_properties',
  'machinelearning_predict',
  'md2',
  'time_to_epoch',
]);
