/**
 * The embedded metric format: metrics that a program writes into its log, as JSON.
 *
 * @see CloudWatch user guide, "Specification: Embedded metric format"
 */

/** Numbers of the format, as CloudWatch has them (S5). */
export const EMF_LIMITS = {
  /** Definitions of one directive. */
  metricsMax: 100,
  /** Names of one set. The specification's schema of 2019 has 9; CloudWatch takes 30 since 2022. */
  dimensionsMax: 30,
  /** Values of one metric. */
  valuesMax: 100,
  /** Characters of a namespace, a metric's name and a dimension's name. */
  nameLengthMax: 255,
  dimensionValueLengthMax: 1024,
  /** Metrics times sets of dimensions, over all directives of one document: CloudWatch leaves that to the size of an event. */
  linesMax: 3_000,
} as const;

/** Values of one metric in one set of dimensions. */
export interface EmbeddedMetric {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly unit: string;
  readonly values: readonly number[];
  /** Epoch milliseconds. */
  readonly time: number;
}

/**
 * - `none`: the event is none of this format. - `unparsable`: it looks like one, and is no JSON.
 * - `invalid`: it breaks the specification; nothing of it is taken.
 */
export type EmfReading =
  | { readonly kind: 'none' }
  | { readonly kind: 'unparsable'; readonly reason: string }
  | { readonly kind: 'invalid'; readonly reason: string }
  | { readonly kind: 'metrics'; readonly metrics: readonly EmbeddedMetric[] };

const NONE: EmfReading = { kind: 'none' };
const MARK = '"_aws"';
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** What Lambda puts before a line of `console`: time, request id, level. */
const PREFIX = /^[^\t{]*\t[^\t{]*\t[A-Z]+\t(?=\{)/;

const UNITS = new Set(
  ['Seconds', 'Microseconds', 'Milliseconds', 'Percent', 'Count', 'Count/Second', 'None'].concat(
    ['', 'Kilo', 'Mega', 'Giga', 'Tera'].flatMap((scale) => {
      const bytes = scale === '' ? ['Bytes', 'Bits'] : [`${scale}bytes`, `${scale}bits`];
      return bytes.flatMap((unit) => [unit, `${unit}/Second`]);
    }),
  ),
);

/**
 * Reads one log event. Cheap for what is none of the format: it looks at the first and the last character of a line, and of those that
 * may be JSON for the member `_aws`.
 */
export function readEmf(message: string): EmfReading {
  if (message.charCodeAt(message.length - 1) !== CLOSE) return NONE;
  let text = message;
  if (message.charCodeAt(0) !== OPEN) {
    const prefix = PREFIX.exec(message);
    if (!prefix) return NONE;
    text = message.slice(prefix[0].length);
  }
  if (!text.includes(MARK)) return NONE;
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch (error) {
    return { kind: 'unparsable', reason: (error as Error).message };
  }
  return isObject(root) && Object.hasOwn(root, '_aws') ? readRoot(root) : NONE;
}

type Json = Readonly<Record<string, unknown>>;

/** Ends the reading of a document. */
class Invalid extends Error {}

function readRoot(root: Json): EmfReading {
  try {
    return { kind: 'metrics', metrics: [...metricsOf(root)] };
  } catch (error) {
    if (error instanceof Invalid) return { kind: 'invalid', reason: error.message };
    throw error;
  }
}

function* metricsOf(root: Json): Generator<EmbeddedMetric> {
  const meta = root._aws;
  check(isObject(meta), '_aws is no object');
  const { Timestamp: time, CloudWatchMetrics: directives } = meta;
  check(Number.isInteger(time), '_aws.Timestamp is no whole number');
  check(Array.isArray(directives), '_aws.CloudWatchMetrics is no array');
  let lines = 0;
  for (const directive of directives) {
    check(isObject(directive), 'a directive is no object');
    const { Namespace: namespace, Dimensions: sets, Metrics: definitions } = directive;
    checkName(namespace, 'Namespace');
    check(Array.isArray(sets) && sets.length > 0, 'Dimensions is no array, or empty');
    check(Array.isArray(definitions), 'Metrics is no array');
    check(definitions.length <= EMF_LIMITS.metricsMax, `more than ${EMF_LIMITS.metricsMax} metrics in a directive`);
    lines += sets.length * definitions.length;
    check(lines <= EMF_LIMITS.linesMax, `more than ${EMF_LIMITS.linesMax} metrics by dimensions`);
    const dimensionSets = sets.map((set) => dimensionsOf(root, set));
    for (const definition of definitions) {
      const metric = definitionOf(root, definition);
      for (const dimensions of dimensionSets) yield { namespace, ...metric, dimensions, time: time as number };
    }
  }
}

function dimensionsOf(root: Json, names: unknown): Readonly<Record<string, string>> {
  check(Array.isArray(names), 'a set of dimensions is no array');
  check(names.length <= EMF_LIMITS.dimensionsMax, `more than ${EMF_LIMITS.dimensionsMax} dimensions in a set`);
  return Object.fromEntries(
    names.map((name): [string, string] => {
      checkName(name, 'a dimension');
      const value = targetOf(root, name);
      const fits = typeof value === 'string' && value !== '' && value.length <= EMF_LIMITS.dimensionValueLengthMax;
      check(fits, `the dimension ${name} has no text of 1 to ${EMF_LIMITS.dimensionValueLengthMax} characters`);
      return [name, value as string];
    }),
  );
}

function definitionOf(root: Json, definition: unknown): Pick<EmbeddedMetric, 'name' | 'unit' | 'values'> {
  check(isObject(definition), 'a metric definition is no object');
  const { Name: name, Unit: unit = 'None', StorageResolution: resolution = 60 } = definition;
  checkName(name, 'the name of a metric');
  check(UNITS.has(unit as string), `the unit of ${name} is none of CloudWatch`);
  check(resolution === 1 || resolution === 60, `the storage resolution of ${name} is neither 1 nor 60`);
  const target = targetOf(root, name);
  const values: readonly unknown[] = Array.isArray(target) ? target : [target];
  check(values.length <= EMF_LIMITS.valuesMax, `more than ${EMF_LIMITS.valuesMax} values of ${name}`);
  check(values.every(Number.isFinite), `${name} has a value that is no number`);
  return { name, unit: unit as string, values: values as readonly number[] };
}

/** Names mean members of the root, and never a path into it. */
function targetOf(root: Json, name: string): unknown {
  check(Object.hasOwn(root, name), `there is no member ${name}`);
  return root[name];
}

function checkName(name: unknown, what: string): asserts name is string {
  const fits = typeof name === 'string' && name.length > 0 && name.length <= EMF_LIMITS.nameLengthMax;
  check(fits && !/[\n\r\u2028\u2029]/.test(name), `${what} is no text of 1 to ${EMF_LIMITS.nameLengthMax} characters`);
}

function check(holds: boolean, reason: string): asserts holds {
  if (!holds) throw new Invalid(reason);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
