import { IotError } from '../errors.ts';

/** What a template refers to. */
export interface Names {
  readonly parameters: Readonly<Record<string, string>>;
  readonly mappings: Readonly<Record<string, unknown>>;
}

type Json = unknown;
type JsonObject = Readonly<Record<string, Json>>;

/** How deep expressions nest (S5). */
const DEPTH_MAX = 32;

/**
 * Works out what a template says for one device: `Ref`, `Fn::Join`, `Fn::Select`, `Fn::FindInMap`, `Fn::Split` and `Fn::Sub`, anywhere
 * in it.
 *
 * @throws IotError request-invalid  names a parameter that is not there, or an expression of another form
 * @see AWS IoT developer guide, "Provisioning templates"
 */
export function resolve(value: Json, names: Names, depth = 0): Json {
  if (depth > DEPTH_MAX) throw invalid(`expressions nest deeper than ${DEPTH_MAX}`);
  if (Array.isArray(value)) return value.map((one) => resolve(one, names, depth + 1));
  if (!isObject(value)) return value;
  const [key, ...more] = Object.keys(value);
  const evaluate = key === undefined || more.length > 0 ? undefined : FUNCTIONS.get(key);
  if (evaluate) return evaluate(value[key!], names, (inner) => resolve(inner, names, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, resolve(member, names, depth + 1)]));
}

type Evaluate = (argument: Json, names: Names, inner: (value: Json) => Json) => Json;

const FUNCTIONS: ReadonlyMap<string, Evaluate> = new Map<string, Evaluate>([
  ['Ref', (name, names) => parameter(textOf('Ref', name), names)],
  [
    'Fn::Join',
    (argument, _names, inner) => {
      const [delimiter, parts] = argumentsOf('Fn::Join', argument, 2).map(inner);
      return listOf('Fn::Join', parts)
        .map((part) => textOf('Fn::Join', part))
        .join(textOf('Fn::Join', delimiter));
    },
  ],
  [
    'Fn::Split',
    (argument, _names, inner) => {
      const [delimiter, text] = argumentsOf('Fn::Split', argument, 2).map(inner);
      return textOf('Fn::Split', text).split(textOf('Fn::Split', delimiter));
    },
  ],
  [
    'Fn::Select',
    (argument, _names, inner) => {
      const [index, list] = argumentsOf('Fn::Select', argument, 2).map(inner);
      const found = listOf('Fn::Select', list)[Number(index)];
      if (found === undefined) throw invalid(`Fn::Select: there is no element ${String(index)}`);
      return found;
    },
  ],
  [
    'Fn::FindInMap',
    (argument, names, inner) => {
      const path = argumentsOf('Fn::FindInMap', argument, 3).map((one) => textOf('Fn::FindInMap', inner(one)));
      let found: Json = names.mappings;
      for (const key of path) found = isObject(found) && Object.hasOwn(found, key) ? found[key] : undefined;
      if (found === undefined) throw invalid(`Fn::FindInMap: there is no ${path.join('.')}`);
      return found;
    },
  ],
  [
    'Fn::Sub',
    (argument, names, inner) => {
      const [text, own = {}] = Array.isArray(argument) ? argumentsOf('Fn::Sub', argument, 2) : [argument];
      const variables = isObject(own) ? (inner(own) as JsonObject) : {};
      return textOf('Fn::Sub', text).replaceAll(/\$\{(!?)([^}]*)\}/g, (_whole, literal: string, name: string) => {
        if (literal === '!') return `\${${name}}`;
        return Object.hasOwn(variables, name) ? textOf('Fn::Sub', variables[name]) : parameter(name, names);
      });
    },
  ],
]);

function parameter(name: string, { parameters }: Names): string {
  if (Object.hasOwn(parameters, name)) return parameters[name]!;
  throw invalid(`the parameter ${name} has no value`);
}

function argumentsOf(form: string, argument: Json, count: number): readonly Json[] {
  if (Array.isArray(argument) && argument.length === count) return argument;
  throw invalid(`${form} takes a list of ${count}`);
}

function listOf(form: string, value: Json): readonly Json[] {
  if (Array.isArray(value)) return value;
  throw invalid(`${form} takes a list`);
}

function textOf(form: string, value: Json): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw invalid(`${form} takes text`);
}

export function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function invalid(what: string, cause?: unknown): IotError {
  return new IotError('request-invalid', `The provisioning template cannot be used: ${what}.`, { cause });
}
