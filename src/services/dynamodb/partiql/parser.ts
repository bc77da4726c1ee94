import { invalid } from '../errors.ts';
import { kept } from '../expressions/cache.ts';
import { CONDITION_FUNCTIONS, type Comparator, type ConditionNode } from '../expressions/condition-syntax.ts';
import { type FunctionNode, misused, type OperandNode, type PathNode, type ValueNode } from '../expressions/syntax.ts';
import type { ClauseNode, SetValueNode } from '../expressions/update-syntax.ts';
import { PARTIQL_LIMITS } from './limits.ts';
import type { Action, OrderTerm, Returning, Source, Statement, ValueTemplate } from './statement.ts';
import { positionOf, type Token, type TokenKind, tokensOf } from './tokens.ts';

/** Words that are no names unless they are quoted. */
const KEYWORDS: ReadonlySet<string> = new Set(
  (
    'ALL AND AS ASC BETWEEN BY CASE CREATE CROSS DELETE DESC DISTINCT DROP ELSE END EXISTS FALSE FROM FULL GROUP HAVING IN ' +
    'INNER INSERT INTO IS JOIN LEFT LIKE LIMIT MISSING NATURAL NOT NULL OFFSET ON OR ORDER OUTER REMOVE RETURNING RIGHT ' +
    'SELECT SET TABLE THEN TRUE UNION UPDATE VALUE VALUES WHEN WHERE'
  ).split(' '),
);

/** Keywords with which no term begins, but which stand between terms. */
const OPERATOR_WORDS: ReadonlySet<string> = new Set(['IS', 'LIKE', 'IN', 'BETWEEN', 'AND', 'OR']);

const COMPARATORS: ReadonlyMap<string, Comparator> = new Map([
  ['=', '='],
  ['<>', '<>'],
  ['!=', '<>'],
  ['<=', '<='],
  ['>=', '>='],
  ['<', '<'],
  ['>', '>'],
]);

const notWellFormed = (detail: string) => invalid(`Statement wasn't well formed, can't be processed: ${detail}`);

/**
 * Parses a statement of PartiQL for DynamoDB, or finds what was made of its text before.
 * @throws DynamodbError `validation-failed`, as AWS words it
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.html
 */
export const parseStatement = kept((text, _parameter: 'Statement'): Statement => new Parser(text).parse());

class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;
  #parameters = 0;
  readonly #names = new Map<string, string>();
  readonly #values: ValueTemplate[] = [];

  constructor(text: string) {
    this.#text = text;
    if (text.length > PARTIQL_LIMITS.statementCharacters) throw notWellFormed('');
    this.#tokens = tokensOf(text);
    if (this.#tokens.at(-1)!.kind === 'unknown') throw notWellFormed('');
  }

  parse(): Statement {
    const action = this.#action();
    this.#take(';');
    if (this.#token.kind !== 'end') throw notWellFormed('Unexpected token after expression');
    return {
      action,
      names: Object.fromEntries([...this.#names].map(([name, ref]) => [ref, name])),
      values: Object.fromEntries(this.#values.map((value, at) => [`:v${at}`, value])),
      parameters: this.#parameters,
    };
  }

  get #token(): Token {
    return this.#tokens[this.#at]!;
  }

  #isWord(word: string, ahead = 0): boolean {
    const token = this.#tokens[this.#at + ahead];
    return token?.kind === 'name' && token.text.toUpperCase() === word;
  }

  #take(text: string): boolean {
    const { kind } = this.#token;
    const found = kind === 'symbol' ? this.#token.text === text : this.#isWord(text);
    if (found) this.#at++;
    return found;
  }

  #expect(text: string): void {
    if (!this.#take(text)) throw notWellFormed(`Expected ${NAMES[text] ?? `keyword ${text.toLowerCase()}`}`);
  }

  #step(kind: TokenKind, detail: string): Token {
    const token = this.#token;
    if (token.kind !== kind) throw notWellFormed(detail);
    this.#at++;
    return token;
  }

  /** Runs `parse` one level deeper, or refuses before the stack is at its end. */
  #nested<T>(parse: () => T): T {
    if (this.#depth >= PARTIQL_LIMITS.depth) throw notWellFormed('Unexpected term');
    this.#depth++;
    const result = parse();
    this.#depth--;
    return result;
  }

  #action(): Action {
    if (this.#take('SELECT')) return this.#select();
    if (this.#take('INSERT')) return this.#insert();
    if (this.#take('UPDATE')) return this.#update();
    if (this.#take('DELETE')) return this.#delete();
    if (this.#take('FROM')) return this.#updateFrom();
    if (this.#isWord('EXISTS') && this.#tokens[this.#at + 1]?.text === '(') return this.#exists();
    throw notWellFormed('Expected data manipulation');
  }

  #exists(): Action {
    this.#at++;
    this.#expect('(');
    this.#expect('SELECT');
    const { source, where } = this.#select();
    this.#expect(')');
    return { kind: 'exists', source, ...(where && { where }) };
  }

  #select(): Extract<Action, { kind: 'select' }> {
    const columns = this.#take('*') ? undefined : this.#list(() => this.#column());
    this.#expect('FROM');
    const source = this.#source('Unexpected term');
    const where = this.#where();
    const order = this.#order();
    return { kind: 'select', source, ...(columns && { columns }), ...(where && { where }), order };
  }

  #column(): PathNode {
    const token = this.#token;
    if (this.#isFunction()) throw invalid(`Unexpected path component at ${positionOf(this.#text, token)}`);
    return this.#path();
  }

  #order(): readonly OrderTerm[] {
    if (!this.#take('ORDER')) return [];
    this.#expect('BY');
    return this.#list(() => {
      const path = this.#path();
      const descending = this.#take('DESC');
      if (!descending) this.#take('ASC');
      return { path, descending };
    });
  }

  #insert(): Action {
    this.#expect('INTO');
    const source = this.#source('Expected identifier for simple path', false);
    if (this.#token.kind === 'name' && !this.#isWord('VALUE')) throw notWellFormed('Unexpected token after expression');
    this.#expect('VALUE');
    return { kind: 'insert', source, value: this.#value() };
  }

  #update(): Action {
    const source = this.#source('Expected identifier for simple path');
    const clauses = this.#clauses();
    const where = this.#where();
    const returning = this.#returning();
    return { kind: 'update', source, clauses, ...(where && { where }), ...(returning && { returning }) };
  }

  /** An update that says first of what. */
  #updateFrom(): Action {
    const source = this.#source('Expected identifier for simple path');
    const where = this.#where();
    const clauses = this.#clauses();
    const returning = this.#returning();
    return { kind: 'update', source, clauses, ...(where && { where }), ...(returning && { returning }) };
  }

  #clauses(): readonly ClauseNode[] {
    const clauses: ClauseNode[] = [];
    for (;;) {
      if (this.#take('SET')) clauses.push(...this.#list(() => this.#assignment()));
      else if (this.#take('REMOVE'))
        clauses.push(...this.#list((): ClauseNode => ({ action: 'REMOVE', path: this.#path() })));
      else break;
    }
    if (clauses.length === 0) throw notWellFormed('Expected data manipulation');
    return clauses;
  }

  #delete(): Action {
    this.#expect('FROM');
    const source = this.#source('Expected identifier for simple path');
    const where = this.#where();
    const returning = this.#returning();
    if (returning !== undefined && returning !== 'ALL OLD')
      throw invalid(
        `Invalid returning clause: RETURNING ${returning} *. Only RETURNING ALL OLD * is allowed in DELETE statements.`,
      );
    return { kind: 'delete', source, ...(where && { where }), ...(returning && { returning }) };
  }

  #returning(): Returning | undefined {
    if (!this.#take('RETURNING')) return undefined;
    const which = (['ALL', 'MODIFIED'] as const).find((word) => this.#take(word));
    const when = (['OLD', 'NEW'] as const).find((word) => this.#take(word));
    if (which === undefined || when === undefined) throw notWellFormed('Expected keyword all or modified');
    this.#expect('*');
    return `${which} ${when}`;
  }

  /** @param detail  what is said when there is no name */
  #source(detail: string, mayAlias = true): Source {
    const components = [this.#identifier(detail)];
    while (this.#take('.')) components.push(this.#identifier('Invalid path dot component'));
    if (components.length > 2) throw invalid('A path may contain at most 2 components in the FROM clause');
    if (components.includes('')) throw invalid('Path component cannot be an empty string');
    if (mayAlias && (this.#isWord('AS') || this.#isName)) throw invalid('Aliasing is not supported');
    const [table, index] = components;
    return { table: table!, ...(index !== undefined && { index }) };
  }

  get #isName(): boolean {
    const { kind, text } = this.#token;
    return kind === 'quoted' || (kind === 'name' && !KEYWORDS.has(text.toUpperCase()));
  }

  #identifier(detail: string): string {
    if (!this.#isName) throw notWellFormed(detail);
    return this.#tokens[this.#at++]!.text;
  }

  #path(): PathNode {
    const parts: (string | number)[] = [this.#refOf(this.#identifier('Unexpected term'))];
    for (;;) {
      if (this.#take('.')) parts.push(this.#refOf(this.#identifier('Invalid path dot component')));
      else if (this.#take('[')) {
        parts.push(this.#member());
        this.#expect(']');
      } else return { kind: 'path', parts };
      if (parts.length > PARTIQL_LIMITS.pathMembers) throw notWellFormed('Unexpected term');
    }
  }

  /** In brackets: an index, or a name as a string. */
  #member(): string | number {
    if (this.#token.kind === 'string') return this.#refOf(this.#step('string', '').text);
    const { text } = this.#step('number', 'Unexpected term');
    if (!/^\d+$/.test(text)) throw notWellFormed('Unexpected term');
    return Number(text);
  }

  #refOf(name: string): string {
    const ref = this.#names.get(name) ?? `#n${this.#names.size}`;
    this.#names.set(name, ref);
    return ref;
  }

  #list<T>(parse: () => T): T[] {
    const found = [parse()];
    while (this.#take(',')) found.push(parse());
    return found;
  }

  #where(): ConditionNode | undefined {
    return this.#take('WHERE') ? this.#disjunction() : undefined;
  }

  #disjunction(): ConditionNode {
    return this.#chain('or', 'OR', () => this.#chain('and', 'AND', () => this.#negation()));
  }

  #chain(kind: 'and' | 'or', word: string, parse: () => ConditionNode): ConditionNode {
    const terms = [parse()];
    while (this.#take(word)) {
      if (this.#token.kind === 'end' || this.#token.text === ';')
        throw notWellFormed('Missing right-hand side expression of infix operator');
      terms.push(parse());
    }
    return terms.length === 1 ? terms[0]! : { kind, terms };
  }

  #negation(): ConditionNode {
    if (this.#take('NOT')) return { kind: 'not', term: this.#nested(() => this.#negation()) };
    if (!this.#take('(')) return this.#comparison();
    const condition = this.#nested(() => this.#disjunction());
    this.#expect(')');
    return condition;
  }

  #comparison(): ConditionNode {
    const left = this.#operand(true);
    const op = this.#token.kind === 'symbol' ? COMPARATORS.get(this.#token.text) : undefined;
    if (op !== undefined) {
      this.#at++;
      return isPredicate(left) ? this.#compared(left, op) : { kind: 'compare', op, operands: [left, this.#operand()] };
    }
    if (isPredicate(left)) return left;
    if (this.#take('IS')) return this.#is(left);
    const negated = this.#isWord('NOT') && this.#take('NOT');
    const condition = this.#range(left);
    if (condition) return negated ? { kind: 'not', term: condition } : condition;
    throw notWellFormed('Unexpected term');
  }

  /** A function that holds or does not, which a statement may compare with `true` and `false`. */
  #compared(predicate: FunctionNode, op: Comparator): ConditionNode {
    const value = this.#take('TRUE') ? true : this.#take('FALSE') ? false : undefined;
    if (value === undefined || (op !== '=' && op !== '<>')) throw invalid(misused(predicate.name));
    return value === (op === '=') ? predicate : { kind: 'not', term: predicate };
  }

  #range(left: OperandNode): ConditionNode | undefined {
    if (this.#take('BETWEEN')) {
      const low = this.#operand();
      this.#expect('AND');
      return { kind: 'between', operands: [left, low, this.#operand()] };
    }
    if (!this.#take('IN')) return undefined;
    const close = this.#take('[') ? ']' : ')';
    if (close === ')') this.#expect('(');
    const members = this.#list(() => this.#operand());
    this.#expect(close);
    return { kind: 'in', operands: [left, ...members] };
  }

  #is(left: OperandNode): ConditionNode {
    const negated = this.#take('NOT');
    const condition = this.#isType(left);
    return negated ? { kind: 'not', term: condition } : condition;
  }

  #isType(left: OperandNode): ConditionNode {
    if (this.#take('MISSING')) return { kind: 'function', name: 'attribute_not_exists', args: [left] };
    const types = this.#token.kind === 'name' ? TYPE_NAMES.get(this.#token.text.toUpperCase()) : undefined;
    if (types === undefined) throw notWellFormed('Expected type name');
    this.#at++;
    const terms = types.map((text): ConditionNode => {
      return { kind: 'function', name: 'attribute_type', args: [left, this.#valueNode({ kind: 'string', text })] };
    });
    return terms.length === 1 ? terms[0]! : { kind: 'or', terms };
  }

  /** @param mayHold  whether it may be a function that is a condition of its own */
  #operand(mayHold = false): OperandNode {
    if (this.#isFunction()) {
      const called = this.#function();
      if (isPredicate(called) && !mayHold) throw invalid(misused(called.name));
      return called;
    }
    if (this.#isName) return this.#path();
    const { kind, text } = this.#token;
    if (kind === 'name' && OPERATOR_WORDS.has(text.toUpperCase())) throw notWellFormed('Unexpected operator');
    if (kind === 'name' && !LITERAL_WORDS.has(text.toUpperCase())) throw notWellFormed('Unexpected keyword');
    return this.#valueNode(this.#value());
  }

  #isFunction(): boolean {
    const { kind, text } = this.#token;
    return kind === 'name' && this.#tokens[this.#at + 1]?.text === '(' && !NO_FUNCTIONS.has(text.toUpperCase());
  }

  #function(): FunctionNode {
    const token = this.#step('name', '');
    const name = token.text.toLowerCase();
    if (!CONDITION_FUNCTIONS.has(name))
      throw invalid(`Unrecognized function: ${name} at ${positionOf(this.#text, token)}`);
    this.#expect('(');
    const args = this.#take(')') ? [] : this.#nested(() => this.#list(() => this.#operand()));
    if (args.length > 0) this.#expect(')');
    const wanted = CONDITION_FUNCTIONS.get(name);
    if (args.length !== wanted)
      throw invalid(
        `Incorrect number of operands for operator or function; operator or function: ${name}, number of operands: ${args.length}`,
      );
    return { kind: 'function', name, args };
  }

  #valueNode(value: ValueTemplate): ValueNode {
    this.#values.push(value);
    return { kind: 'value', ref: `:v${this.#values.length - 1}` };
  }

  #assignment(): ClauseNode {
    const path = this.#path();
    this.#expect('=');
    const name = this.#isFunction() ? this.#token.text.toLowerCase() : undefined;
    if (name === 'set_add' || name === 'set_delete') return this.#setOperation(path, name);
    return { action: 'SET', path, value: this.#sum() };
  }

  #updateFunction(name: string): FunctionNode {
    this.#at++;
    this.#expect('(');
    const args = this.#list(() => this.#updateOperand());
    this.#expect(')');
    return { kind: 'function', name, args };
  }

  #updateOperand(): OperandNode {
    if (!this.#isFunction()) return this.#isName ? this.#path() : this.#valueNode(this.#value());
    const name = this.#token.text.toLowerCase();
    if (name !== 'list_append' && name !== 'if_not_exists')
      throw invalid(`Unrecognized function: ${name} at ${positionOf(this.#text, this.#token)}`);
    return this.#nested(() => this.#updateFunction(name));
  }

  #sum(): SetValueNode {
    const left = this.#updateOperand();
    const op = (['+', '-'] as const).find((symbol) => this.#take(symbol));
    return op === undefined ? left : { kind: 'arithmetic', op, left, right: this.#updateOperand() };
  }

  #setOperation(path: PathNode, name: 'set_add' | 'set_delete'): ClauseNode {
    const token = this.#token;
    const shown = name.toUpperCase();
    this.#at++;
    this.#expect('(');
    const first = this.#token;
    const args = this.#list((): PathNode | ValueTemplate => (this.#isName ? this.#path() : this.#value()));
    this.#expect(')');
    const [target, members] = args;
    const at = positionOf(this.#text, token);
    if (args.length !== 2) throw invalid(`${shown} must have exactly two arguments at ${at}`);
    if (target?.kind !== 'path' || target.parts.join('\0') !== path.parts.join('\0'))
      throw invalid(`The first argument to ${shown} must equal the assignment value at ${at}`);
    if (members?.kind !== 'set' && members?.kind !== 'parameter')
      throw invalid(
        `The second argument to ${shown} must be a value with type SET at ${positionOf(this.#text, first)}`,
      );
    return { action: name === 'set_add' ? 'ADD' : 'DELETE', path, value: this.#valueNode(members) };
  }

  #value(): ValueTemplate {
    const { kind, text } = this.#token;
    if (kind === 'string') return { kind, text: this.#step('string', '').text };
    if (kind === 'number' || text === '-' || text === '+') return this.#number();
    if (kind === 'parameter') {
      this.#at++;
      return { kind, at: this.#parameters++ };
    }
    if (this.#take('TRUE')) return { kind: 'boolean', value: true };
    if (this.#take('FALSE')) return { kind: 'boolean', value: false };
    if (this.#take('NULL')) return { kind: 'null' };
    if (this.#isFunction())
      throw invalid(
        `Unsupported data type: ${text.toLowerCase()} under key root at ${positionOf(this.#text, this.#token)}`,
      );
    return this.#nested(() => this.#document());
  }

  #number(): ValueTemplate {
    const sign = this.#take('-') ? '-' : this.#take('+') ? '' : '';
    const { text } = this.#step('number', 'Unexpected term');
    const exponent = /[eE]([+-]?\d+)$/.exec(text)?.[1];
    if (exponent !== undefined && Math.abs(Number(exponent)) > PARTIQL_LIMITS.exponentMax) throw notWellFormed('');
    return { kind: 'number', text: sign + text };
  }

  #document(): ValueTemplate {
    if (this.#take('{')) return { kind: 'map', members: this.#members('}', () => this.#pair()) };
    if (this.#take('[')) return { kind: 'list', members: this.#members(']', () => this.#value()) };
    if (this.#take('<<')) {
      const members = this.#members('>>', () => this.#value());
      if (members.length === 0) throw invalid('Empty bags are not supported');
      return { kind: 'set', members };
    }
    throw notWellFormed('Unexpected term');
  }

  #members<T>(close: string, parse: () => T): readonly T[] {
    if (this.#take(close)) return [];
    const members = this.#list(parse);
    this.#expect(close);
    return members;
  }

  #pair(): readonly [string, ValueTemplate] {
    const { text } = this.#step('string', 'Unexpected term');
    this.#expect(':');
    return [text, this.#value()];
  }
}

/** A function that is a condition of its own: of an operand only `size` is one. */
function isPredicate(operand: OperandNode): operand is FunctionNode {
  return operand.kind === 'function' && operand.name !== 'size';
}

/** Types that `IS` asks for by PartiQL's names, as DynamoDB calls them. */
const TYPE_NAMES: ReadonlyMap<string, readonly string[]> = new Map([
  ['BOOL', ['BOOL']],
  ['BOOLEAN', ['BOOL']],
  ['NULL', ['NULL']],
  ['STRING', ['S']],
  ['DECIMAL', ['N']],
  ['NUMERIC', ['N']],
  ['BLOB', ['B']],
  ['LIST', ['L']],
  ['STRUCT', ['M']],
  ['TUPLE', ['M']],
  ['BAG', ['SS', 'NS', 'BS']],
]);

const LITERAL_WORDS: ReadonlySet<string> = new Set(['TRUE', 'FALSE', 'NULL']);
const NO_FUNCTIONS: ReadonlySet<string> = new Set(['NOT', 'IN', 'AND', 'OR', 'WHERE', 'VALUE', 'BETWEEN']);

const NAMES: Readonly<Record<string, string>> = {
  '(': 'LEFT_PAREN',
  ')': 'RIGHT_PAREN',
  ']': 'RIGHT_BRACKET',
  '}': 'RIGHT_CURLY',
  '>>': 'RIGHT_DOUBLE_ANGLE_BRACKET',
  ':': 'COLON',
  '=': 'EQ',
  '*': 'STAR',
};
