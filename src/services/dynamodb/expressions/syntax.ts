import { Buffer } from 'node:buffer';
import { type DynamodbError, invalid } from '../errors.ts';
import { EXPRESSION_LIMITS } from './limits.ts';
import { isReserved } from './reserved-words.ts';
import { describe, type Token, type TokenKind, tokensOf } from './tokens.ts';

/** The request's parameter that an expression comes with: what its errors begin with. */
export type ExpressionParameter =
  | 'ConditionExpression'
  | 'FilterExpression'
  | 'KeyConditionExpression'
  | 'ProjectionExpression'
  | 'UpdateExpression'
  /** A statement of PartiQL: its errors begin with nothing. */
  | 'Statement';

/** A document path as it is written: members are names, `#name` placeholders and indexes of lists. */
export interface PathNode {
  readonly kind: 'path';
  readonly parts: readonly (string | number)[];
}

/** A `:value` placeholder. */
export interface ValueNode {
  readonly kind: 'value';
  readonly ref: string;
}

export interface FunctionNode {
  readonly kind: 'function';
  readonly name: string;
  readonly args: readonly OperandNode[];
}

export type OperandNode = PathNode | ValueNode | FunctionNode;

/** What follows an operand. */
const OPERATORS: ReadonlySet<string> = new Set(['=', '<>', '<', '<=', '>', '>=', 'BETWEEN', 'IN', '.', '[']);

/** Parameters whose text AWS measures aloud when it is too long. */
const SIZED: ReadonlySet<ExpressionParameter> = new Set(['ConditionExpression', 'FilterExpression']);

/** All functions of the language, wherever they may stand. */
export const KNOWN_FUNCTIONS: ReadonlySet<string> = new Set([
  ...['attribute_exists', 'attribute_not_exists', 'attribute_type', 'begins_with', 'contains', 'size'],
  ...['if_not_exists', 'list_append'],
]);

/** Functions within functions deeper than that are refused for how they are used, before the stack is at its end. */
const NESTED_OPERANDS_MAX = 100;

/** Walks over the tokens of an expression: what the parsers of all kinds of expressions share. */
export class Cursor {
  readonly parameter: ExpressionParameter;
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #at = 0;
  #operators = 0;
  #depth = 0;
  /** Words that are operators here, in upper case: no names. */
  readonly #keywords: ReadonlySet<string>;
  /** Names written out, in order: those that are reserved are refused once the syntax is known to hold. */
  readonly #names: string[] = [];
  #redundantParentheses = false;

  /** @throws DynamodbError `validation-failed`: it is empty or too long */
  constructor(text: string, parameter: ExpressionParameter, keywords: readonly string[]) {
    this.parameter = parameter;
    this.#text = text;
    this.#keywords = new Set(keywords);
    if (text.trim() === '') throw this.refused('The expression can not be empty;');
    const bytes = Buffer.byteLength(text);
    if (bytes > EXPRESSION_LIMITS.textBytes)
      throw this.refused(
        `Expression size has exceeded the maximum allowed size;${SIZED.has(parameter) ? ` expression size: ${bytes}` : ''}`,
      );
    this.#tokens = tokensOf(text);
  }

  get token(): Token {
    return this.#tokens[this.#at]!;
  }

  refused(reason: string): DynamodbError {
    return refused(this.parameter, reason);
  }

  /** What is thrown at the token. */
  unexpected(): DynamodbError {
    return this.refused(`Syntax error; ${describe(this.#text, this.#tokens, this.#at)}`);
  }

  /** Whether the token is this symbol or word, which is stepped over. @param text  words in upper case */
  take(text: string): boolean {
    if (!this.is(text)) return false;
    this.#at++;
    return true;
  }

  /** Steps over this symbol or word. @throws DynamodbError `validation-failed` when another stands here */
  expect(text: string): void {
    if (!this.take(text)) throw this.unexpected();
  }

  is(text: string): boolean {
    const { token } = this;
    return token.kind === 'symbol' ? token.text === text : token.kind === 'name' && token.text.toUpperCase() === text;
  }

  expectEnd(): void {
    if (this.token.kind !== 'end') throw this.unexpected();
  }

  /** Counts an operator; parentheses and functions are none. */
  countOperator(): void {
    this.#operators++;
  }

  foundRedundantParentheses(): void {
    this.#redundantParentheses = true;
  }

  /** Runs `parse` one level deeper, or refuses: so deep are more operators than there may be, or parentheses without one. */
  nested<T>(parse: () => T): T {
    if (this.#depth >= EXPRESSION_LIMITS.operators)
      throw this.#operators >= EXPRESSION_LIMITS.operators
        ? this.#tooManyOperators()
        : this.refused(REDUNDANT_PARENTHESES);
    this.#depth++;
    const result = parse();
    this.#depth--;
    return result;
  }

  /** A name, `#name`, or either with `.` and `[]` after it. */
  path(): PathNode {
    return this.#pathFrom([this.#pathName()]);
  }

  #pathFrom(members: readonly (string | number)[]): PathNode {
    const parts = [...members];
    for (;;) {
      if (this.take('.')) parts.push(this.#pathName());
      else if (this.take('[')) {
        parts.push(Number(this.#step('index')));
        this.expect(']');
      } else return { kind: 'path', parts };
      if (parts.length > EXPRESSION_LIMITS.depth)
        throw this.refused(`The document path has too many nesting elements; nesting elements: ${parts.length}`);
    }
  }

  get isPath(): boolean {
    return this.token.kind === 'nameRef' || this.isName;
  }

  get isName(): boolean {
    return this.token.kind === 'name' && !this.#keywords.has(this.token.text.toUpperCase());
  }

  /** A path, a value, or a function of such. */
  operand(depth = 0): OperandNode {
    if (this.token.kind === 'valueRef') return { kind: 'value', ref: this.#step('valueRef') };
    if (this.#isFunction()) return this.function(depth);
    if (!this.isPath) throw this.unexpected();
    return this.path();
  }

  function(depth = 0): FunctionNode {
    const name = this.#step('name');
    if (depth > NESTED_OPERANDS_MAX)
      throw this.refused(KNOWN_FUNCTIONS.has(name) ? misused(name) : `Invalid function name; function: ${name}`);
    this.expect('(');
    const args = this.list(() => this.argument(depth + 1));
    this.expect(')');
    return { kind: 'function', name, args };
  }

  /** An operand, in parentheses or not. */
  argument(depth = 0): OperandNode {
    if (!this.take('(')) return this.operand(depth);
    if (this.is('(')) this.foundRedundantParentheses();
    if (depth > NESTED_OPERANDS_MAX) throw this.refused(REDUNDANT_PARENTHESES);
    const operand = this.argument(depth + 1);
    this.expect(')');
    return operand.kind === 'path' ? this.#pathFrom(operand.parts) : operand;
  }

  /** Whether what stands in the parentheses that open here is an operand: then an operator follows them. */
  get isOperandInParentheses(): boolean {
    let open = 0;
    for (let at = this.#at; at < this.#tokens.length; at++) {
      const { text } = this.#tokens[at]!;
      if (text === '(') open++;
      else if (text === ')' && --open === 0) return OPERATORS.has(this.#tokens[at + 1]!.text.toUpperCase());
    }
    return false;
  }

  /** One or more, with commas between them. */
  list<T>(parse: () => T): T[] {
    const found = [parse()];
    while (this.take(',')) found.push(parse());
    return found;
  }

  /** What is refused only once all of the text is known to be well formed. @param checkFunctions  runs in AWS's place */
  finish(checkFunctions: () => void): void {
    this.expectEnd();
    if (this.#redundantParentheses) throw this.refused(REDUNDANT_PARENTHESES);
    checkFunctions();
    const reserved = this.#names.find(isReserved);
    if (reserved !== undefined)
      throw this.refused(`Attribute name is a reserved keyword; reserved keyword: ${reserved}`);
    if (this.#operators > EXPRESSION_LIMITS.operators) throw this.#tooManyOperators();
  }

  /** AWS stops counting at the first one too many. */
  #tooManyOperators(): DynamodbError {
    const count = EXPRESSION_LIMITS.operators + 1;
    return this.refused(`The expression contains too many operators; operator count: ${count}`);
  }

  #isFunction(): boolean {
    return this.isName && this.#tokens[this.#at + 1]?.text === '(';
  }

  #pathName(): string {
    if (this.token.kind === 'nameRef') return this.#step('nameRef');
    if (!this.isName) throw this.unexpected();
    const name = this.#step('name');
    this.#names.push(name);
    return name;
  }

  #step(kind: TokenKind): string {
    const { token } = this;
    if (token.kind !== kind) throw this.unexpected();
    this.#at++;
    return token.text;
  }
}

const REDUNDANT_PARENTHESES = 'The expression has redundant parentheses;';

export const misused = (name: string) =>
  `The function is not allowed to be used this way in an expression; function: ${name}`;

export const refused = (parameter: ExpressionParameter, reason: string) =>
  invalid(parameter === 'Statement' ? reason : `Invalid ${parameter}: ${reason}`);
