/**
 * CloudWatch Logs filter patterns, compiled to predicates on messages:
 *
 *   pattern  = '' | json | term*            all plain terms, none of the excluded ones, one of the optional ones
 *   term     = ['-' | '?'] ( word | '"' phrase '"' | '%' regular expression '%' )
 *   json     = '{' or '}'      or = and ('||' and)*      and = test ('&&' test)*
 *   test     = '(' or ')' | selector operator value | selector ('IS' ('NULL'|'TRUE'|'FALSE') | ['NOT'] 'EXISTS')
 *   selector = '$' ('.' name | '[' index ']' | '["' name '"]')*        operator = '=' | '!=' | '<' | '<=' | '>' | '>='
 *
 * @see CloudWatch Logs user guide, "Filter pattern syntax for metric filters, subscription filters, and Live Tail"
 */
import { invalidParameter } from './errors.ts';

export type Predicate = (message: string) => boolean;

/** Longest pattern, as AWS limits it. */
const PATTERN_MAX = 1024;

/** @throws invalid-parameter: the pattern is none, or of the space-delimited kind, which is not supported */
export function compilePattern(pattern: string): Predicate {
  if (pattern.length > PATTERN_MAX) throw invalidParameter(`Filter patterns hold at most ${PATTERN_MAX} characters`);
  const text = pattern.trim();
  if (text === '') return () => true;
  if (text.startsWith('{')) return new JsonPattern(text).compile();
  if (text.startsWith('[')) throw invalidParameter('Space-delimited filter patterns are not supported');
  return compileTerms(text);
}

/** Reads what a selector (`$.latency`) names in a message in JSON; `undefined` for a text that is no selector. */
export function compileSelector(text: string): ((message: string) => unknown) | undefined {
  if (!/^\$(?:\.[\w-]+|\[\d+\]|\["[^"]*"\]|\['[^']*'\])+$/.test(text)) return undefined;
  const path = pathOf(text);
  return (message) => lookUp(parseObject(message), path);
}

function compileTerms(text: string): Predicate {
  const all: Predicate[] = [];
  const any: Predicate[] = [];
  const none: Predicate[] = [];
  const term = /([-?]?)(?:"((?:[^"\\]|\\.)*)"|%((?:[^%\\]|\\.)+)%|([^\s"]+))\s*/y;
  while (term.lastIndex < text.length) {
    const at = term.lastIndex;
    const match = term.exec(text);
    if (!match) throw invalidParameter(`Invalid filter pattern at character ${at + 1}: ${text}`);
    const [, sign, phrase, expression, word] = match;
    const test = expression === undefined ? contains(unquote(phrase) ?? word!) : matches(expression);
    (sign === '-' ? none : sign === '?' ? any : all).push(test);
  }
  return (message) =>
    all.every((test) => test(message)) &&
    !none.some((test) => test(message)) &&
    // With required terms beside them the optional ones decide nothing.
    (any.length === 0 || all.length > 0 || any.some((test) => test(message)));
}

function contains(text: string): Predicate {
  return (message) => message.includes(text);
}

/** Lines longer than this are not given to a regular expression of the caller's: it may be a slow one. */
const MATCHED_LENGTH_MAX = 64 * 1024;

function matches(source: string): Predicate {
  let expression: RegExp;
  try {
    expression = new RegExp(source);
  } catch {
    throw invalidParameter(`Invalid regular expression in filter pattern: ${source}`);
  }
  return (message) =>
    expression.test(message.length > MATCHED_LENGTH_MAX ? message.slice(0, MATCHED_LENGTH_MAX) : message);
}

function unquote(phrase: string | undefined): string | undefined {
  return phrase?.replace(/\\(.)/g, '$1');
}

type Test = (root: unknown) => boolean;
type Token = { readonly kind: 'symbol' | 'string' | 'regex' | 'word' | 'selector'; readonly text: string };

const TOKEN =
  /\s*(?:(\$(?:\.[\w-]+|\.(?=\[)|\[\d+\]|\["[^"]*"\]|\['[^']*'\])*)|"((?:[^"\\]|\\.)*)"|%((?:[^%\\]|\\.)+)%|(&&|\|\||!=|<=|>=|[=<>(){}])|([^\s=<>!(){}&|"]+))/y;

/** Recursive descent over the grammar above. */
class JsonPattern {
  readonly #tokens: Token[] = [];
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    const scanner = new RegExp(TOKEN);
    const end = text.length;
    while (scanner.lastIndex < end) {
      const match = scanner.exec(text);
      if (!match) throw this.#invalid();
      this.#tokens.push(tokenOf(match));
    }
  }

  compile(): Predicate {
    this.#expect('{');
    const test = this.#or();
    this.#expect('}');
    if (this.#at < this.#tokens.length) throw this.#invalid();
    return (message) => {
      const root = parseObject(message);
      return root !== undefined && test(root);
    };
  }

  #or(): Test {
    const tests = [this.#and()];
    while (this.#take('||')) tests.push(this.#and());
    return tests.length === 1 ? tests[0]! : (root) => tests.some((test) => test(root));
  }

  #and(): Test {
    const tests = [this.#test()];
    while (this.#take('&&')) tests.push(this.#test());
    return tests.length === 1 ? tests[0]! : (root) => tests.every((test) => test(root));
  }

  #test(): Test {
    if (this.#take('(')) {
      const test = this.#or();
      this.#expect(')');
      return test;
    }
    const selector = this.#next();
    if (selector.kind !== 'selector') throw this.#invalid();
    const path = pathOf(selector.text);
    const operator = this.#next();
    const select = (root: unknown) => lookUp(root, path);
    switch (operator.text.toUpperCase()) {
      case 'IS':
        return this.#is(select);
      case 'NOT':
        this.#expect('EXISTS');
        return (root) => select(root) === undefined;
      case 'EXISTS':
        return (root) => select(root) !== undefined;
      default:
        return this.#compare(operator, select);
    }
  }

  #is(select: (root: unknown) => unknown): Test {
    const value = this.#next().text.toUpperCase();
    const wanted = { NULL: null, TRUE: true, FALSE: false }[value];
    if (wanted === undefined) throw this.#invalid();
    return (root) => select(root) === wanted;
  }

  #compare(operator: Token, select: (root: unknown) => unknown): Test {
    const value = this.#next();
    if (operator.kind !== 'symbol' || value.kind === 'symbol' || value.kind === 'selector') throw this.#invalid();
    if (operator.text === '=' || operator.text === '!=') {
      const equal = equalTo(value);
      // A member that is not there equals nothing and differs from nothing.
      return operator.text === '='
        ? (root) => equal(select(root))
        : (root) => select(root) !== undefined && !equal(select(root));
    }
    const limit = Number(value.text);
    const compare = ORDER[operator.text];
    if (!compare || Number.isNaN(limit)) throw this.#invalid();
    return (root) => {
      const found = select(root);
      return typeof found === 'number' && compare(found, limit);
    };
  }

  #next(): Token {
    const token = this.#tokens[this.#at++];
    if (!token) throw this.#invalid();
    return token;
  }

  #take(symbol: string): boolean {
    if (this.#tokens[this.#at]?.text !== symbol || this.#tokens[this.#at]!.kind !== 'symbol') return false;
    this.#at++;
    return true;
  }

  #expect(text: string): void {
    if (this.#next().text.toUpperCase() !== text) throw this.#invalid();
  }

  #invalid(): Error {
    return invalidParameter(`Invalid character(s) in term '${this.#text}'`);
  }
}

const ORDER: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

function tokenOf([, selector, string, regex, symbol, word]: RegExpExecArray): Token {
  if (selector !== undefined) return { kind: 'selector', text: selector };
  if (string !== undefined) return { kind: 'string', text: unquote(string)! };
  if (regex !== undefined) return { kind: 'regex', text: regex };
  return symbol === undefined ? { kind: 'word', text: word! } : { kind: 'symbol', text: symbol };
}

/** Equality as the pattern writes it: quoted and bare text with `*`, numbers by value. */
function equalTo({ kind, text }: Token): (found: unknown) => boolean {
  if (kind === 'regex') {
    const test = matches(text);
    return (found) => isScalar(found) && test(String(found));
  }
  const number = kind === 'word' && text !== '' ? Number(text) : Number.NaN;
  if (!Number.isNaN(number)) return (found) => found === number;
  if (!text.includes('*')) return (found) => isScalar(found) && String(found) === text;
  const pieces = text.split('*').map((piece) => piece.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'));
  const wild = new RegExp(`^${pieces.join('.*')}$`, 's');
  return (found) => isScalar(found) && wild.test(String(found));
}

/** Whether a member of an event is a text, a number, or true or false. */
export function isScalar(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function pathOf(selector: string): readonly string[] {
  return Array.from(selector.matchAll(/\.([\w-]+)|\[(\d+)\]|\["([^"]*)"\]|\['([^']*)'\]/g), (match) =>
    match.slice(1).find((part) => part !== undefined),
  ) as string[];
}

function lookUp(root: unknown, path: readonly string[]): unknown {
  let found = root;
  for (const name of path) {
    if (found === null || typeof found !== 'object' || !Object.hasOwn(found, name)) return undefined;
    found = (found as Record<string, unknown>)[name];
  }
  return found;
}

function parseObject(message: string): unknown {
  const start = message.trimStart();
  if (!start.startsWith('{') && !start.startsWith('[')) return undefined;
  try {
    return JSON.parse(message);
  } catch {
    return undefined;
  }
}
