import type { CastType, Expression, Operator, Query, Selection } from './ast.ts';
import { FOREIGN_FUNCTIONS, FUNCTIONS } from './functions.ts';
import { sqlError } from './lexer.ts';
import { NOT_JSON, type RuleMessage } from './message.ts';
import { equals, isArray, isObject, memberOf, toBoolean, toNumber, toText, type Value } from './values.ts';

/** A compiled expression; `scope` is what names are looked up in: the payload, or a nested query's element. */
export type Evaluate = (message: RuleMessage, scope: Value) => Value;

/** What names are looked up in at the top: the payload's JSON. */
export type Needs = { json: boolean };

/** Compiles an expression to closures; sets `needs.json` when it looks into the payload. @throws IotError sql-invalid */
export function compileExpression(expression: Expression, needs: Needs, sqlVersion: string): Evaluate {
  const compile = (inner: Expression): Evaluate => compileExpression(inner, needs, sqlVersion);
  switch (expression.kind) {
    case 'literal': {
      const { value } = expression;
      return () => value;
    }
    case 'name': {
      const { name } = expression;
      needs.json = true;
      return (_, scope) => memberOf(scope, name);
    }
    case 'star':
      needs.json = true;
      return (_, scope) => scope;
    case 'member': {
      const object = compile(expression.object);
      const { name } = expression;
      return (message, scope) => memberOf(object(message, scope), name);
    }
    case 'index':
      return compileIndex(compile(expression.object), compile(expression.index));
    case 'call':
      return compileCall(expression, compile, sqlVersion);
    case 'cast':
      return compileCast(compile(expression.value), expression.type);
    case 'not': {
      const value = compile(expression.value);
      return (message, scope) => {
        const truth = toBoolean(value(message, scope));
        return truth === undefined ? undefined : !truth;
      };
    }
    case 'negate': {
      const value = compile(expression.value);
      return (message, scope) => {
        const number = toNumber(value(message, scope));
        return number === undefined ? undefined : -number;
      };
    }
    case 'binary':
      return compileBinary(expression.operator, compile(expression.left), compile(expression.right));
    case 'in':
      return compileIn(compile(expression.value), compile(expression.list), expression.negated);
    case 'exists': {
      const query = compileQuery(expression.query, needs, sqlVersion);
      return (message, scope) => {
        const rows = query(message, scope);
        return isArray(rows) ? rows.length > 0 : rows !== undefined;
      };
    }
    case 'case':
      return compileCase(expression, compile);
    case 'object': {
      const members = expression.members.map(([name, value]) => [name, compile(value)] as const);
      return (message, scope) => {
        const result: MutableObject = {};
        for (const [name, value] of members) define(result, name, value(message, scope));
        return result;
      };
    }
    case 'array': {
      const items = expression.items.map(compile);
      // An Undefined element has no place in JSON; it becomes null, as JSON.stringify would make it.
      return (message, scope) => items.map((item) => item(message, scope) ?? null);
    }
    case 'query':
      return compileQuery(expression.query, needs, sqlVersion);
  }
}

function compileIndex(object: Evaluate, index: Evaluate): Evaluate {
  return (message, scope) => {
    const collection = object(message, scope);
    const key = index(message, scope);
    if (isArray(collection)) return typeof key === 'number' ? collection[Math.floor(key)] : undefined;
    return typeof key === 'string' ? memberOf(collection, key) : undefined;
  };
}

type Call = Extract<Expression, { kind: 'call' }>;

function compileCall(call: Call, compile: (inner: Expression) => Evaluate, sqlVersion: string): Evaluate {
  const { name } = call;
  if (name === 'sql_version') return () => sqlVersion;
  if (FOREIGN_FUNCTIONS.has(name)) throw sqlError(`the function ${name} is not supported`);
  const known = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
  if (!known) throw sqlError(`unknown function ${name}`);
  // encode(*, 'base64') takes the payload's bytes, JSON or not.
  if (name === 'encode' && call.arguments[0]?.kind === 'star') return (message) => message.payload.toString('base64');
  const values = call.arguments.map(compile);
  const { run, argumentsMin, argumentsMax } = known;
  // A wrong number of arguments is Undefined, not an error (data types, Undefined).
  if (values.length < argumentsMin || values.length > argumentsMax) return () => undefined;
  if (values.length === 0) return (message) => run([], message);
  if (values.length === 1) {
    const only = values[0]!;
    return (message, scope) => run([only(message, scope)], message);
  }
  return (message, scope) =>
    run(
      values.map((value) => value(message, scope)),
      message,
    );
}

function compileCast(value: Evaluate, type: CastType): Evaluate {
  return (message, scope) => cast(value(message, scope), type);
}

function cast(value: Value, type: CastType): Value {
  if (type === 'string') return toText(value);
  if (type === 'boolean') return typeof value === 'number' ? value !== 0 : toBoolean(value);
  const number = typeof value === 'boolean' ? Number(value) : toNumber(value);
  return number === undefined || type === 'decimal' ? number : Math.floor(number);
}

function compileBinary(operator: Operator, left: Evaluate, right: Evaluate): Evaluate {
  switch (operator) {
    case 'AND':
      return logical(left, right, (a, b) => a && b);
    case 'OR':
      return logical(left, right, (a, b) => a || b);
    case '=':
      return (message, scope) => equals(left(message, scope), right(message, scope));
    case '<>':
      return (message, scope) => {
        const equal = equals(left(message, scope), right(message, scope));
        return equal === undefined ? undefined : !equal;
      };
    case '<':
      return arithmetic(left, right, (a, b) => a < b);
    case '<=':
      return arithmetic(left, right, (a, b) => a <= b);
    case '>':
      return arithmetic(left, right, (a, b) => a > b);
    case '>=':
      return arithmetic(left, right, (a, b) => a >= b);
    case '+':
      return plus(left, right);
    case '-':
      return arithmetic(left, right, (a, b) => a - b);
    case '*':
      return arithmetic(left, right, (a, b) => a * b);
    case '/':
      return arithmetic(left, right, divide);
    case '%':
      return arithmetic(left, right, (a, b) => (b === 0 ? undefined : a % b));
  }
}

/** Both sides are evaluated and must be booleans: `missing OR true` is Undefined, as the operator's table says. */
function logical(left: Evaluate, right: Evaluate, join: (a: boolean, b: boolean) => boolean): Evaluate {
  return (message, scope) => {
    const a = toBoolean(left(message, scope));
    const b = toBoolean(right(message, scope));
    return a === undefined || b === undefined ? undefined : join(a, b);
  };
}

function arithmetic(left: Evaluate, right: Evaluate, join: (a: number, b: number) => Value): Evaluate {
  return (message, scope) => {
    const a = toNumber(left(message, scope));
    const b = toNumber(right(message, scope));
    return a === undefined || b === undefined ? undefined : join(a, b);
  };
}

/** Int by Int gives Int; a whole number counts as Int, as in SQL version 2016-03-23. */
function divide(a: number, b: number): Value {
  if (b === 0) return undefined;
  return Number.isInteger(a) && Number.isInteger(b) ? Math.trunc(a / b) : a / b;
}

function plus(left: Evaluate, right: Evaluate): Evaluate {
  return (message, scope) => {
    const a = left(message, scope);
    const b = right(message, scope);
    if (typeof a === 'number' && typeof b === 'number') return a + b;
    if (typeof a !== 'string' && typeof b !== 'string') return undefined;
    const [before, after] = [toText(a), toText(b)];
    return before === undefined || after === undefined ? undefined : before + after;
  };
}

function compileIn(value: Evaluate, list: Evaluate, negated: boolean): Evaluate {
  return (message, scope) => {
    const wanted = value(message, scope);
    const items = list(message, scope);
    if (wanted === undefined || !isArray(items)) return undefined;
    return items.some((item) => equals(item, wanted) === true) !== negated;
  };
}

type Case = Extract<Expression, { kind: 'case' }>;

function compileCase({ subject, whens, otherwise }: Case, compile: (inner: Expression) => Evaluate): Evaluate {
  const of = subject && compile(subject);
  const branches = whens.map(({ condition, result }) => ({ condition: compile(condition), result: compile(result) }));
  const rest = otherwise ? compile(otherwise) : () => undefined;
  return (message, scope) => {
    const value = of?.(message, scope);
    if (of && value === undefined) return undefined;
    for (const { condition, result } of branches) {
      const found = condition(message, scope);
      if (of ? equals(value, found) : toBoolean(found)) return result(message, scope);
    }
    return rest(message, scope);
  };
}

function compileQuery(query: Query, needs: Needs, sqlVersion: string): Evaluate {
  const from = compileExpression(query.from, needs, sqlVersion);
  const where = query.where && compileExpression(query.where, needs, sqlVersion);
  const select = compileSelection(query, needs, sqlVersion);
  const row = (message: RuleMessage, element: Value): Value =>
    where && toBoolean(where(message, element)) !== true ? undefined : select(message, element);
  return (message, scope) => {
    const source = from(message, scope);
    if (!isArray(source)) return source === undefined ? undefined : row(message, source);
    return source.map((element) => row(message, element)).filter((result) => result !== undefined);
  };
}

/** Compiles what SELECT lists into one value; `SELECT *` alone gives the scope itself. */
export function compileSelection(selection: Selection, needs: Needs, sqlVersion: string): Evaluate {
  const { items, value } = selection;
  const [first] = items;
  if (items.length === 1 && first!.kind === 'all') {
    needs.json = true;
    return (_, scope) => scope;
  }
  if (value) return compileExpression((first as { value: Expression }).value, needs, sqlVersion);
  const writers = items.map((item): Write => {
    if (item.kind === 'all') {
      needs.json = true;
      return (result, _, scope) => (isObject(scope) ? { ...result, ...scope } : result);
    }
    const of = compileExpression(item.value, needs, sqlVersion);
    const { alias } = item;
    const [name] = alias;
    if (alias.length === 1 && name !== PROTO) {
      return (result, message, scope) => {
        const item = of(message, scope);
        if (item !== undefined) result[name!] = item;
        return result;
      };
    }
    return (result, message, scope) => assign(result, alias, of(message, scope));
  });
  return (message, scope) => {
    let result: MutableObject = {};
    for (const write of writers) result = write(result, message, scope);
    return result;
  };
}

/** Adds one item to a result; gives the result to go on with. */
type Write = (result: MutableObject, message: RuleMessage, scope: Value) => MutableObject;

type MutableObject = { [name: string]: Value };

const PROTO = '__proto__';

/** Sets a member of the object itself, whatever its name: assigning to `__proto__` would change its prototype. */
function define(object: MutableObject, name: string, value: Value): void {
  if (name === PROTO)
    Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true });
  else object[name] = value;
}

/** Sets the value at a path, making the objects on the way; Undefined sets nothing. */
function assign(target: MutableObject, path: readonly string[], value: Value): MutableObject {
  if (value === undefined) return target;
  let object = target;
  for (const name of path.slice(0, -1)) {
    const inner = memberOf(object, name);
    const copy: MutableObject = isObject(inner) ? { ...inner } : {};
    define(object, name, copy);
    object = copy;
  }
  define(object, path.at(-1)!, value);
  return target;
}

/** The payload as the scope of names; throws {@link PayloadNotJson} where the statement looks into it and it is none. */
export function scopeOf(message: RuleMessage): Value {
  const json = message.json();
  if (json === NOT_JSON) throw new PayloadNotJson();
  return json;
}

/** The rule looks into a payload that is no JSON: the rule does not run. */
export class PayloadNotJson extends Error {
  override readonly name = 'PayloadNotJson';
}
