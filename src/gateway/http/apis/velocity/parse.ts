/* Reads templates of the Velocity Template Language, as far as mapping templates use it. */
import { type Branch, type Expression, type Node, type Reference, type Step, TemplateError } from './syntax.ts';

/** Directives within directives, and expressions within expressions. */
const DEPTH_MAX = 64;

/** @throws TemplateError */
export function parseTemplate(source: string): readonly Node[] {
  const parser = new Parser(source);
  const nodes = parser.nodes([]);
  parser.expectEnd();
  return nodes;
}

const NAME = /[A-Za-z_][A-Za-z0-9_-]*/y;
const DIRECTIVE =
  /#(?:\{(set|if|elseif|else|end|foreach|define|break|stop)\}|(set|if|elseif|else|end|foreach|define|break|stop)(?![A-Za-z0-9_]))/y;
const NUMBER = /-?\d+(?:\.\d+)?/y;
const OPERATORS = [
  ['||', 'or'],
  ['&&', 'and'],
  ['==', '!=', 'eq', 'ne'],
  ['<=', '>=', '<', '>', 'le', 'ge', 'lt', 'gt'],
  ['+', '-'],
  ['*', '/', '%'],
];

class Parser {
  readonly #source: string;
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
  }

  expectEnd(): void {
    if (this.#at < this.#source.length) throw this.#error('an #end, #else or #elseif stands alone');
  }

  /** Nodes up to one of these directives, which is not taken, or to the end. */
  nodes(until: readonly string[]): Node[] {
    const found: Node[] = [];
    let text = '';
    const flush = () => {
      if (text !== '') found.push({ kind: 'text', text });
      text = '';
    };
    while (this.#at < this.#source.length) {
      const directive = this.#peekDirective();
      if (directive !== undefined && (until.includes(directive) || ['end', 'else', 'elseif'].includes(directive)))
        break;
      const node = directive === undefined ? this.#special() : this.#directive(directive);
      if (node === undefined) text += this.#source[this.#at++]!;
      else if (typeof node === 'string') text += node;
      else {
        flush();
        found.push(node);
      }
    }
    flush();
    return found;
  }

  /** What is no directive and no plain character: a comment, unparsed text, an escape, a reference. */
  #special(): Node | string | undefined {
    const { source, at } = { source: this.#source, at: this.#at };
    const char = source[at];
    if (char === '\\' && (source[at + 1] === '$' || source[at + 1] === '#')) {
      this.#at += 2;
      return source[at + 1]!;
    }
    if (char === '#') return this.#comment();
    return char === '$' ? this.#printed() : undefined;
  }

  #comment(): string | undefined {
    const source = this.#source;
    if (source.startsWith('##', this.#at)) {
      const end = source.indexOf('\n', this.#at);
      this.#at = end < 0 ? source.length : end + 1;
      return '';
    }
    if (source.startsWith('#*', this.#at)) return this.#skipTo('*#') && '';
    if (!source.startsWith('#[[', this.#at)) return undefined;
    return this.#skipTo(']]#').slice(3, -3);
  }

  #skipTo(mark: string): string {
    const end = this.#source.indexOf(mark, this.#at + 2);
    if (end < 0) throw this.#error(`${mark} is missing`);
    const skipped = this.#source.slice(this.#at, end + mark.length);
    this.#at = end + mark.length;
    return skipped;
  }

  #printed(): Node | undefined {
    const start = this.#at;
    this.#at++;
    const quiet = this.#take('!');
    const braced = this.#take('{');
    const reference = this.#reference();
    if (!reference || (braced && !this.#take('}'))) {
      this.#at = start;
      return undefined;
    }
    return { kind: 'reference', reference, quiet, source: this.#source.slice(start, this.#at) };
  }

  #reference(): Reference | undefined {
    const name = this.#match(NAME);
    return name === undefined ? undefined : { name, steps: this.#steps() };
  }

  #steps(): Step[] {
    const steps: Step[] = [];
    for (;;) {
      const start = this.#at;
      if (this.#take('.')) {
        const name = this.#match(NAME);
        if (name === undefined) {
          this.#at = start;
          return steps;
        }
        if (this.#take('(')) steps.push({ kind: 'call', name, args: this.#listOf(')') });
        else steps.push({ kind: 'member', name });
      } else if (this.#take('[')) {
        const index = this.#expression();
        this.#expect(']');
        steps.push({ kind: 'index', index });
      } else return steps;
    }
  }

  #peekDirective(): string | undefined {
    DIRECTIVE.lastIndex = this.#at;
    const match = DIRECTIVE.exec(this.#source);
    return match?.[1] ?? match?.[2];
  }

  #takeDirective(): void {
    this.#match(DIRECTIVE);
  }

  #directive(name: string): Node | undefined {
    if (++this.#depth > DEPTH_MAX) throw this.#error('it is nested too deeply');
    this.#takeDirective();
    try {
      if (name === 'set') return this.#set();
      if (name === 'if') return this.#if();
      if (name === 'foreach') return this.#foreach();
      if (name === 'define') return this.#define();
      return { kind: name as 'break' | 'stop' };
    } finally {
      this.#depth--;
    }
  }

  #set(): Node {
    this.#open();
    this.#expect('$');
    const braced = this.#take('{');
    const target = this.#reference();
    if (!target || (braced && !this.#take('}'))) throw this.#error('#set names nothing');
    this.#expect('=');
    const value = this.#expression();
    this.#expect(')');
    // The line of a #set does not show.
    const rest = /[ \t]*\r?\n/y;
    this.#match(rest);
    return { kind: 'set', target, value };
  }

  #if(): Node {
    const branches: Branch[] = [];
    for (let directive = 'if'; ; ) {
      const condition = directive === 'else' ? undefined : this.#condition();
      const body = this.nodes(['elseif', 'else', 'end']);
      branches.push({ body, ...(condition && { condition }) });
      const next = this.#peekDirective();
      if (next === undefined) throw this.#error('#end is missing');
      this.#takeDirective();
      if (next === 'end') return { kind: 'if', branches };
      directive = next;
    }
  }

  #condition(): Expression {
    this.#open();
    const condition = this.#expression();
    this.#expect(')');
    return condition;
  }

  #foreach(): Node {
    this.#open();
    this.#expect('$');
    const name = this.#match(NAME);
    this.#space();
    if (name === undefined || this.#match(/in\b/y) === undefined) throw this.#error('#foreach is malformed');
    const list = this.#expression();
    this.#expect(')');
    const body = this.nodes(['end']);
    if (this.#peekDirective() !== 'end') throw this.#error('#end is missing');
    this.#takeDirective();
    return { kind: 'foreach', name, list, body };
  }

  #define(): Node {
    this.#open();
    this.#expect('$');
    const name = this.#match(NAME);
    if (name === undefined) throw this.#error('#define names nothing');
    this.#expect(')');
    const body = this.nodes(['end']);
    if (this.#peekDirective() !== 'end') throw this.#error('#end is missing');
    this.#takeDirective();
    return { kind: 'define', name, body };
  }

  #open(): void {
    this.#space();
    this.#expect('(');
  }

  #expression(level = 0): Expression {
    if (level === OPERATORS.length) return this.#unary();
    let left = this.#expression(level + 1);
    for (;;) {
      const operator = this.#operator(OPERATORS[level]!);
      if (operator === undefined) return left;
      left = { kind: 'binary', operator, left, right: this.#expression(level + 1) };
    }
  }

  #operator(known: readonly string[]): string | undefined {
    this.#space();
    const found = known.find((one) => this.#source.startsWith(one, this.#at));
    if (found === undefined) return undefined;
    // `or` is no operator where it begins a longer word.
    if (/[a-z]/.test(found) && /[A-Za-z0-9_]/.test(this.#source[this.#at + found.length] ?? '')) return undefined;
    this.#at += found.length;
    return found;
  }

  #unary(): Expression {
    this.#space();
    if (this.#source[this.#at] === '!' || this.#match(/not\b/y) !== undefined) {
      this.#take('!');
      return { kind: 'not', operand: this.#unary() };
    }
    if (++this.#depth > DEPTH_MAX) throw this.#error('it is nested too deeply');
    const expression = this.#primary();
    this.#depth--;
    return expression;
  }

  #primary(): Expression {
    this.#space();
    const char = this.#source[this.#at];
    if (char === '$') return this.#value();
    if (char === "'") return { kind: 'literal', value: this.#quoted("'") };
    if (char === '"') return { kind: 'template', body: parseTemplate(this.#quoted('"')) };
    if (this.#take('(')) {
      const inner = this.#expression();
      this.#expect(')');
      return inner;
    }
    if (this.#take('[')) return this.#list();
    if (this.#take('{')) return this.#map();
    const number = this.#match(NUMBER);
    if (number !== undefined) return { kind: 'literal', value: Number(number) };
    const word = this.#match(/(?:true|false|null)\b/y);
    if (word === undefined) throw this.#error('an expression is malformed');
    return { kind: 'literal', value: word === 'null' ? null : word === 'true' };
  }

  #value(): Expression {
    this.#at++;
    this.#take('!');
    const braced = this.#take('{');
    const reference = this.#reference();
    if (!reference || (braced && !this.#take('}'))) throw this.#error('a reference is malformed');
    return { kind: 'reference', reference };
  }

  /** Two quotes within quotes stand for one. */
  #quoted(mark: string): string {
    let text = '';
    for (let at = this.#at + 1; at < this.#source.length; at++) {
      if (this.#source[at] !== mark) text += this.#source[at];
      else if (this.#source[at + 1] === mark) text += this.#source[at++];
      else {
        this.#at = at + 1;
        return text;
      }
    }
    throw this.#error(`${mark} is missing`);
  }

  #list(): Expression {
    this.#space();
    if (this.#take(']')) return { kind: 'list', items: [] };
    const first = this.#expression();
    this.#space();
    if (this.#source.startsWith('..', this.#at)) {
      this.#at += 2;
      const to = this.#expression();
      this.#expect(']');
      return { kind: 'range', from: first, to };
    }
    const items = [first];
    while (this.#comma()) items.push(this.#expression());
    this.#expect(']');
    return { kind: 'list', items };
  }

  #map(): Expression {
    const entries: (readonly [Expression, Expression])[] = [];
    this.#space();
    if (this.#take('}')) return { kind: 'map', entries };
    do {
      const key = this.#expression();
      this.#expect(':');
      entries.push([key, this.#expression()]);
    } while (this.#comma());
    this.#expect('}');
    return { kind: 'map', entries };
  }

  #listOf(end: string): Expression[] {
    const items: Expression[] = [];
    this.#space();
    if (this.#take(end)) return items;
    do items.push(this.#expression());
    while (this.#comma());
    this.#expect(end);
    return items;
  }

  #comma(): boolean {
    this.#space();
    return this.#take(',');
  }

  #space(): void {
    while (/\s/.test(this.#source[this.#at] ?? '')) this.#at++;
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #expect(text: string): void {
    this.#space();
    if (!this.#take(text)) throw this.#error(`${text} is missing`);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#source);
    if (!match) return undefined;
    this.#at = pattern.lastIndex;
    return match[0];
  }

  #error(what: string): TemplateError {
    return new TemplateError(`${what} (at ${this.#at})`);
  }
}
