import { IOT_LIMITS } from '../limits.ts';
import type { CastType, Expression, Operator, Query, SelectItem, Selection, Statement, When } from './ast.ts';
import { sqlError, type Token, tokenize } from './lexer.ts';

const KEYWORDS = new Set(
  'SELECT VALUE FROM WHERE AS AND OR NOT IN EXISTS CASE WHEN THEN ELSE END TRUE FALSE NULL UNDEFINED'.split(' '),
);

const CAST_TYPES: Readonly<Record<string, CastType>> = {
  STRING: 'string',
  NVARCHAR: 'string',
  TEXT: 'string',
  NTEXT: 'string',
  VARCHAR: 'string',
  INT: 'int',
  INTEGER: 'int',
  DOUBLE: 'decimal',
  DECIMAL: 'decimal',
  BOOL: 'boolean',
  BOOLEAN: 'boolean',
};

const COMPARISONS = new Set(['=', '<>', '<', '<=', '>', '>=']);

/** Parses a rule's statement: `SELECT ... FROM 'filter' WHERE ...`. @throws IotError sql-invalid */
export function parseStatement(source: string): Statement {
  if (source.length > IOT_LIMITS.sqlCharactersMax) throw sqlError('the statement is too long');
  const parser = new Parser(source);
  const statement = parser.statement();
  parser.expectEnd();
  return statement;
}

/** Parses one expression: the inside of `${...}`. @throws IotError sql-invalid */
export function parseExpression(source: string): Expression {
  const parser = new Parser(source);
  const expression = parser.expression();
  parser.expectEnd();
  return expression;
}

class Parser {
  readonly #source: string;
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
    this.#tokens = tokenize(source);
  }

  statement(): Statement {
    const selection = this.#selection();
    const topicFilter = this.#takeKeyword('FROM') ? this.#string() : undefined;
    const where = this.#where();
    return { ...selection, ...(topicFilter !== undefined && { topicFilter }), ...(where && { where }) };
  }

  expectEnd(): void {
    if (this.#token.kind !== 'end') throw this.#unexpected('the end of the statement');
  }

  /** OR binds weakest, then AND, NOT, comparison and IN, + and -, * / and %, unary minus, then `.` and `[]`. */
  expression(): Expression {
    if (++this.#depth > IOT_LIMITS.sqlDepthMax) throw sqlError('the statement nests too deep');
    let left = this.#conjunction();
    while (this.#takeKeyword('OR')) left = binary('OR', left, this.#conjunction());
    this.#depth--;
    return left;
  }

  #conjunction(): Expression {
    let left = this.#negation();
    while (this.#takeKeyword('AND')) left = binary('AND', left, this.#negation());
    return left;
  }

  #negation(): Expression {
    if (!this.#takeKeyword('NOT')) return this.#comparison();
    if (++this.#depth > IOT_LIMITS.sqlDepthMax) throw sqlError('the statement nests too deep');
    const value = this.#negation();
    this.#depth--;
    return { kind: 'not', value };
  }

  #comparison(): Expression {
    const left = this.#sum();
    const { kind, text } = this.#token;
    if (kind === 'symbol' && COMPARISONS.has(text)) {
      this.#next++;
      return binary(text as Operator, left, this.#sum());
    }
    if (this.#takeKeyword('IN')) return { kind: 'in', value: left, list: this.#list(), negated: false };
    if (this.#isKeyword('NOT') && this.#isKeyword('IN', 1)) {
      this.#next += 2;
      return { kind: 'in', value: left, list: this.#list(), negated: true };
    }
    return left;
  }

  /** What follows IN: an array, a nested query, or values in parentheses. */
  #list(): Expression {
    if (this.#token.text !== '(' || this.#isKeyword('SELECT', 1)) return this.#sum();
    this.#symbol('(');
    const items = this.#separated(')', () => this.expression());
    // `x IN (list)` names one array, `x IN (1, 2)` spells one out.
    const [only] = items;
    return items.length === 1 && only!.kind !== 'literal' ? only! : { kind: 'array', items };
  }

  #sum(): Expression {
    let left = this.#product();
    for (;;) {
      if (this.#take('+')) left = binary('+', left, this.#product());
      else if (this.#take('-')) left = binary('-', left, this.#product());
      else return left;
    }
  }

  #product(): Expression {
    let left = this.#unary();
    for (;;) {
      if (this.#take('*')) left = binary('*', left, this.#unary());
      else if (this.#take('/')) left = binary('/', left, this.#unary());
      else if (this.#take('%')) left = binary('%', left, this.#unary());
      else return left;
    }
  }

  #unary(): Expression {
    let minuses = 0;
    while (this.#take('-')) minuses++;
    let value = this.#postfix();
    if (minuses > 0 && value.kind === 'literal' && typeof value.value === 'number') {
      return { kind: 'literal', value: minuses % 2 ? -value.value : value.value };
    }
    for (; minuses > 0; minuses--) value = { kind: 'negate', value };
    return value;
  }

  #postfix(): Expression {
    let object = this.#primary();
    for (;;) {
      if (this.#take('.')) object = { kind: 'member', object, name: this.#memberName() };
      else if (this.#take('[')) {
        object = { kind: 'index', object, index: this.expression() };
        this.#symbol(']');
      } else return object;
    }
  }

  #primary(): Expression {
    const token = this.#token;
    switch (token.kind) {
      case 'number':
        this.#next++;
        return { kind: 'literal', value: Number(token.text) };
      case 'string':
        this.#next++;
        return { kind: 'literal', value: token.text };
      case 'quoted-name':
        this.#next++;
        return { kind: 'name', name: token.text };
      case 'name':
        return this.#word(token);
      default:
        return this.#bracketed(token);
    }
  }

  #bracketed(token: Token): Expression {
    if (this.#take('(')) {
      const inner: Expression = this.#isKeyword('SELECT') ? { kind: 'query', query: this.#query() } : this.expression();
      this.#symbol(')');
      return inner;
    }
    if (this.#take('[')) return { kind: 'array', items: this.#separated(']', () => this.expression()) };
    if (this.#take('{')) return { kind: 'object', members: this.#separated('}', () => this.#member()) };
    if (token.text === '*') {
      this.#next++;
      return { kind: 'star' };
    }
    throw this.#unexpected('an expression');
  }

  #member(): readonly [string, Expression] {
    const name = this.#token.kind === 'string' ? this.#string() : this.#memberName();
    this.#symbol(':');
    return [name, this.expression()];
  }

  /** A keyword that begins an expression, a function call, or a name of the payload. */
  #word(token: Token): Expression {
    const upper = token.text.toUpperCase();
    this.#next++;
    if (upper === 'TRUE') return { kind: 'literal', value: true };
    if (upper === 'FALSE') return { kind: 'literal', value: false };
    if (upper === 'NULL') return { kind: 'literal', value: null };
    if (upper === 'UNDEFINED') return { kind: 'literal', value: undefined };
    if (upper === 'CASE') return this.#case();
    if (upper === 'EXISTS') return this.#exists();
    if (this.#token.text === '(' && this.#token.kind === 'symbol') return this.#call(token.text.toLowerCase());
    if (KEYWORDS.has(upper) && upper !== 'VALUE' && upper !== 'END') {
      this.#next--;
      throw this.#unexpected('an expression');
    }
    return { kind: 'name', name: token.text };
  }

  #call(name: string): Expression {
    this.#symbol('(');
    if (name !== 'cast') return { kind: 'call', name, arguments: this.#separated(')', () => this.expression()) };
    const value = this.expression();
    this.#keyword('AS');
    const token = this.#token;
    const type = CAST_TYPES[this.#memberName().toUpperCase()];
    if (!type) throw sqlError(`cannot cast to '${token.text}'`, token.at);
    this.#symbol(')');
    return { kind: 'cast', value, type };
  }

  #exists(): Expression {
    this.#symbol('(');
    const query = this.#query();
    this.#symbol(')');
    return { kind: 'exists', query };
  }

  #case(): Expression {
    const subject = this.#isKeyword('WHEN') ? undefined : this.expression();
    const whens: When[] = [];
    while (this.#takeKeyword('WHEN')) {
      const condition = this.expression();
      this.#keyword('THEN');
      whens.push({ condition, result: this.expression() });
    }
    if (whens.length === 0) throw this.#unexpected('WHEN');
    const otherwise = this.#takeKeyword('ELSE') ? this.expression() : undefined;
    this.#keyword('END');
    return { kind: 'case', ...(subject && { subject }), whens, ...(otherwise && { otherwise }) };
  }

  #query(): Query {
    if (++this.#depth > IOT_LIMITS.sqlDepthMax) throw sqlError('the statement nests too deep');
    const selection = this.#selection();
    this.#keyword('FROM');
    const from = this.#postfix();
    const where = this.#where();
    this.#depth--;
    return { ...selection, from, ...(where && { where }) };
  }

  #selection(): Selection {
    this.#keyword('SELECT');
    const value = this.#isKeyword('VALUE') && !this.#endsItem(1);
    if (value) this.#next++;
    const items = [this.#item()];
    while (this.#take(',')) items.push(this.#item());
    if (value && items.length > 1) throw sqlError('SELECT VALUE takes one item');
    return { items, value };
  }

  /** True when the item ends at this token: then a word before it is a name, not a keyword. */
  #endsItem(ahead: number): boolean {
    const { kind, text } = this.#tokens[this.#next + ahead]!;
    if (kind === 'symbol') return text !== '(' && text !== '[' && text !== '{' && text !== '*' && text !== '-';
    return kind === 'end' || this.#isKeyword('FROM', ahead) || this.#isKeyword('AS', ahead);
  }

  #item(): SelectItem {
    if (this.#token.text === '*' && this.#token.kind === 'symbol' && this.#endsItem(1)) {
      this.#next++;
      return { kind: 'all' };
    }
    const start = this.#token.at;
    const value = this.expression();
    if (this.#takeKeyword('AS')) return { kind: 'item', value, alias: this.#path() };
    const source = this.#source.slice(start, this.#tokens[this.#next - 1]!.end);
    return { kind: 'item', value, alias: [nameOf(value) ?? source] };
  }

  #path(): readonly string[] {
    const path = [this.#token.kind === 'string' ? this.#string() : this.#memberName()];
    while (this.#take('.')) path.push(this.#memberName());
    return path;
  }

  #where(): Expression | undefined {
    return this.#takeKeyword('WHERE') ? this.expression() : undefined;
  }

  #separated<T>(close: string, one: () => T): T[] {
    const items: T[] = [];
    if (this.#take(close)) return items;
    do items.push(one());
    while (this.#take(','));
    this.#symbol(close);
    return items;
  }

  get #token(): Token {
    return this.#tokens[this.#next]!;
  }

  #isKeyword(word: string, ahead = 0): boolean {
    const token = this.#tokens[this.#next + ahead];
    return token?.kind === 'name' && token.text.toUpperCase() === word;
  }

  #takeKeyword(word: string): boolean {
    if (!this.#isKeyword(word)) return false;
    this.#next++;
    return true;
  }

  #keyword(word: string): void {
    if (!this.#takeKeyword(word)) throw this.#unexpected(word);
  }

  #take(symbol: string): boolean {
    if (this.#token.kind !== 'symbol' || this.#token.text !== symbol) return false;
    this.#next++;
    return true;
  }

  #symbol(symbol: string): void {
    if (!this.#take(symbol)) throw this.#unexpected(`'${symbol}'`);
  }

  #string(): string {
    if (this.#token.kind !== 'string') throw this.#unexpected('a quoted string');
    return this.#tokens[this.#next++]!.text;
  }

  #memberName(): string {
    const token = this.#token;
    if (token.kind !== 'name' && token.kind !== 'quoted-name') throw this.#unexpected('a name');
    this.#next++;
    return token.text;
  }

  #unexpected(wanted: string): Error {
    return sqlError(`expected ${wanted} but found '${this.#token.text}'`, this.#token.at);
  }
}

function binary(operator: Operator, left: Expression, right: Expression): Expression {
  return { kind: 'binary', operator, left, right };
}

/** The name that an item without AS gets: the last part of a path, the function's name. */
function nameOf(value: Expression): string | undefined {
  if (value.kind === 'name' || value.kind === 'member' || value.kind === 'call') return value.name;
  return value.kind === 'cast' ? 'cast' : undefined;
}
