/* Methods that values have in templates: those of Java's strings, lists and maps that templates use. */
import { TemplateError } from './syntax.ts';

export type Value = unknown;

type Method = (self: never, args: readonly Value[]) => Value;

const text = (value: Value): string => (value === undefined || value === null ? '' : show(value));

/** A value as it is printed. */
export function show(value: Value): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
  if (value instanceof Map) return `{${[...value].map(([key, one]) => `${show(key)}=${show(one)}`).join(', ')}}`;
  return String(value);
}

function pattern(value: Value, flags = ''): RegExp {
  try {
    return new RegExp(text(value), flags);
  } catch {
    throw new TemplateError(`${text(value)} is no pattern`);
  }
}

const STRING: Readonly<Record<string, (self: string, args: readonly Value[]) => Value>> = {
  charAt: (self, [index]) => self.charAt(Number(index)),
  concat: (self, [other]) => self + text(other),
  contains: (self, [part]) => self.includes(text(part)),
  endsWith: (self, [part]) => self.endsWith(text(part)),
  equals: (self, [other]) => self === other,
  equalsIgnoreCase: (self, [other]) => self.toLowerCase() === text(other).toLowerCase(),
  indexOf: (self, [part]) => self.indexOf(text(part)),
  isEmpty: (self) => self === '',
  lastIndexOf: (self, [part]) => self.lastIndexOf(text(part)),
  length: (self) => self.length,
  matches: (self, [expression]) => pattern(`^(?:${text(expression)})$`, 's').test(self),
  replace: (self, [part, other]) => self.replaceAll(text(part), () => text(other)),
  replaceAll: (self, [expression, other]) => self.replace(pattern(expression, 'g'), text(other)),
  replaceFirst: (self, [expression, other]) => self.replace(pattern(expression), text(other)),
  split: (self, [expression]) => self.split(pattern(expression)),
  startsWith: (self, [part]) => self.startsWith(text(part)),
  substring: (self, [from, to]) => self.substring(Number(from), to === undefined ? undefined : Number(to)),
  toLowerCase: (self) => self.toLowerCase(),
  toString: (self: string) => self,
  toUpperCase: (self) => self.toUpperCase(),
  trim: (self) => self.trim(),
};

const LIST: Readonly<Record<string, (self: Value[], args: readonly Value[]) => Value>> = {
  add: (self, [item]) => self.push(item) > 0,
  contains: (self, [item]) => self.includes(item),
  get: (self, [index]) => self[Number(index)],
  isEmpty: (self) => self.length === 0,
  size: (self) => self.length,
  toString: (self: Value[]) => show(self),
};

const MAP: Readonly<Record<string, (self: Map<string, Value>, args: readonly Value[]) => Value>> = {
  containsKey: (self, [key]) => self.has(text(key)),
  entrySet: (self) => [...self].map(([key, value]) => entryOf(key, value)),
  get: (self, [key]) => self.get(text(key)),
  isEmpty: (self) => self.size === 0,
  keySet: (self) => [...self.keys()],
  put: (self, [key, value]) => {
    const before = self.get(text(key));
    self.set(text(key), value);
    return before;
  },
  putAll: (self, [other]) => {
    if (other instanceof Map) for (const [key, value] of other) self.set(String(key), value);
    return '';
  },
  remove: (self, [key]) => {
    const before = self.get(text(key));
    self.delete(text(key));
    return before;
  },
  size: (self) => self.size,
  toString: (self: Map<string, Value>) => show(self),
  values: (self) => [...self.values()],
  getKey: (self) => self.get('key'),
  getValue: (self) => self.get('value'),
};

function entryOf(key: string, value: Value): Map<string, Value> {
  return new Map([
    ['key', key],
    ['value', value],
  ]);
}

/** Functions that templates call by name: `$util.escapeJavaScript(...)`. */
export class Functions {
  readonly #functions: Readonly<Record<string, (...args: readonly Value[]) => Value>>;

  constructor(functions: Readonly<Record<string, (...args: readonly Value[]) => Value>>) {
    this.#functions = functions;
  }

  call(name: string, args: readonly Value[]): Value {
    const own = Object.hasOwn(this.#functions, name) ? this.#functions[name] : undefined;
    if (!own) throw new TemplateError(`there is no function ${name}`);
    return own(...args);
  }

  /** A member without parentheses: `$input.body`. */
  member(name: string): Value {
    return Object.hasOwn(this.#functions, name) ? this.#functions[name]!() : undefined;
  }
}

/** Calls a method of a value; what a value does not have is `undefined`. @throws TemplateError */
export function callMethod(self: Value, name: string, args: readonly Value[]): Value {
  if (self instanceof Functions) return self.call(name, args);
  const table = typeof self === 'string' ? STRING : Array.isArray(self) ? LIST : self instanceof Map ? MAP : undefined;
  if (table === undefined) return name === 'toString' && self !== undefined ? show(self) : undefined;
  const method = Object.hasOwn(table, name) ? (table[name] as Method) : undefined;
  if (!method) throw new TemplateError(`there is no method ${name}`);
  return method(self as never, args);
}

/** JSON as templates see it: objects are maps. */
export function valueOfJson(json: unknown): Value {
  if (Array.isArray(json)) return json.map(valueOfJson);
  if (typeof json !== 'object' || json === null) return json;
  return new Map(Object.entries(json).map(([key, value]) => [key, valueOfJson(value)]));
}
