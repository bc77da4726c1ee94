/**
 * Patterns of policies: `*` is any run of characters, `?` any one; `+` and `#` mean nothing but themselves. A pattern is written as
 * a template, whose variables `${iot:ClientId}` become text that holds no wildcards, whatever is in it.
 */

/** `*` and `?` among the characters of a resolved pattern. */
const STAR = -1;
const ANY = -2;

type Token = number;

/** A part of a template: characters and wildcards, or a variable with what stands for it where it has no value. */
export type TemplatePart =
  | { readonly kind: 'tokens'; readonly tokens: readonly Token[] }
  | { readonly kind: 'variable'; readonly name: string; readonly fallback: string | undefined };

/** Parsed text of a policy that may name variables. */
export interface Template {
  readonly text: string;
  readonly parts: readonly TemplatePart[];
  readonly variables: readonly string[];
}

/** The value of a variable; `undefined` has none. */
export type Lookup = (name: string) => string | undefined;

/**
 * A pattern of which a beginning is known to match; asked about the rest. Every client has some of its own, so that those of plain
 * text, with a star at their end or without, are held as text: an eighth of what their tokens take.
 */
export class Pattern {
  readonly #kind: 'exact' | 'prefix' | 'general';
  readonly #text: string;
  /** Of a general one. */
  readonly #parsed: readonly Token[] | undefined;

  constructor(tokens: readonly Token[]) {
    const firstWild = tokens.findIndex((token) => token < 0);
    const isPrefix = firstWild >= 0 && tokens[firstWild] === STAR && firstWild === tokens.length - 1;
    this.#kind = firstWild < 0 ? 'exact' : isPrefix ? 'prefix' : 'general';
    this.#text = this.#kind === 'general' ? '' : textOf(isPrefix ? tokens.slice(0, firstWild) : tokens);
    this.#parsed = this.#kind === 'general' ? tokens : undefined;
  }

  /** Matches whatever follows. */
  get matchesAll(): boolean {
    return this.#kind === 'prefix' && this.#text === '';
  }

  matches(text: string): boolean {
    if (this.#kind === 'exact') return text === this.#text;
    if (this.#kind === 'prefix') return text.startsWith(this.#text);
    const tokens = this.#parsed!;
    return fits(tokens.length, (index) => tokens[index]!, text);
  }

  /**
   * What is left of the pattern after a text that it must begin with; more than one where a `*` may end inside of it, none where it
   * does not begin so.
   */
  after(beginning: string): readonly Pattern[] {
    const tokens = this.#tokens;
    const plain = commonLength(tokens, beginning);
    if (plain === beginning.length) return [new Pattern(tokens.slice(plain))];
    return [...positionsAfter(tokens, beginning)]
      .filter((position, _index, all) => tokens[position - 1] !== STAR || !all.includes(position - 1))
      .map((position) => new Pattern(tokens.slice(position)));
  }

  /** Its parts between colons, at most six: the last one keeps those that follow, as in an ARN. */
  arnParts(): readonly Pattern[] {
    const parts: Token[][] = [[]];
    for (const token of this.#tokens) {
      if (token === 0x3a && parts.length < 6) parts.push([]);
      else parts.at(-1)!.push(token);
    }
    return parts.map((tokens) => new Pattern(tokens));
  }

  /** As a person would write it. */
  toString(): string {
    return this.#tokens.map(symbolOf).join('');
  }

  get #tokens(): readonly Token[] {
    if (this.#parsed) return this.#parsed;
    const tokens = Array.from({ length: this.#text.length }, (_, index) => this.#text.charCodeAt(index));
    return this.#kind === 'prefix' ? [...tokens, STAR] : tokens;
  }
}

/**
 * @param hasVariables  false in documents of version 2008-10-17, where `${` is text
 * @throws SyntaxError  a variable that does not end or has no name
 */
export function parseTemplate(text: string, hasVariables: boolean): Template {
  const parts: TemplatePart[] = [];
  let tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    if (!hasVariables || !text.startsWith('${', at)) {
      tokens.push(tokenOf(text, at++));
      continue;
    }
    const end = text.indexOf('}', at);
    if (end < 0) throw new SyntaxError(`the variable in ${text} has no end`);
    const inner = text.slice(at + 2, end).trim();
    at = end + 1;
    if (inner === '*' || inner === '?' || inner === '$') {
      tokens.push(inner.charCodeAt(0));
      continue;
    }
    if (tokens.length > 0) parts.push({ kind: 'tokens', tokens });
    tokens = [];
    parts.push(variableOf(inner, text));
  }
  if (tokens.length > 0) parts.push({ kind: 'tokens', tokens });
  const variables = parts.flatMap((part) => (part.kind === 'variable' ? part.name : []));
  return { text, parts, variables };
}

/** The pattern of a template; `undefined` where a variable has no value, so that it matches nothing. */
export function resolvePattern(template: Template, lookup: Lookup): Pattern | undefined {
  const tokens: Token[] = [];
  for (const part of template.parts) {
    if (part.kind === 'tokens') tokens.push(...part.tokens);
    else {
      const value = lookup(part.name) ?? part.fallback;
      if (value === undefined) return undefined;
      for (let index = 0; index < value.length; index++) tokens.push(value.charCodeAt(index));
    }
  }
  return new Pattern(tokens);
}

/** `key` or `key, 'default'`. */
function variableOf(inner: string, text: string): TemplatePart {
  const match = /^([^,'\s]+)(?:\s*,\s*'([^']*)')?$/.exec(inner);
  if (!match) throw new SyntaxError(`the variable \${${inner}} in ${text} has no valid name`);
  return { kind: 'variable', name: match[1]!, fallback: match[2] };
}

function tokenOf(text: string, index: number): Token {
  const code = text.charCodeAt(index);
  if (code === 0x2a) return STAR;
  return code === 0x3f ? ANY : code;
}

/** One flat string: one that is put together of pieces would keep them all. */
function textOf(tokens: readonly Token[]): string {
  if (tokens.length <= ARGUMENTS_MAX) return String.fromCharCode(...tokens);
  return textOf(tokens.slice(0, ARGUMENTS_MAX)) + textOf(tokens.slice(ARGUMENTS_MAX));
}

/** Arguments of one call: they lie on the stack, which a client id of 64 KB that is named twice would overflow. */
const ARGUMENTS_MAX = 8_192;

function symbolOf(token: Token): string {
  if (token === STAR) return '*';
  return token === ANY ? '?' : String.fromCharCode(token);
}

/** Whether text matches a pattern as it is written, where it holds no variables: nothing is made ready before. */
export function matchesWildcards(pattern: string, text: string): boolean {
  return fits(pattern.length, (index) => tokenOf(pattern, index), text);
}

/**
 * Linear but for the last `*`: goes back to it where what follows does not fit, never further.
 *
 * @param tokenAt  a token of the pattern, by an index below `length`
 */
function fits(length: number, tokenAt: (index: number) => Token, text: string): boolean {
  let at = 0;
  let read = 0;
  let starAt = -1;
  let starRead = 0;
  while (read < text.length) {
    const token = at < length ? tokenAt(at) : undefined;
    if (token === STAR) {
      starAt = at++;
      starRead = read;
    } else if (token === ANY || token === text.charCodeAt(read)) {
      at++;
      read++;
    } else if (starAt >= 0) {
      at = starAt + 1;
      read = ++starRead;
    } else return false;
  }
  while (at < length && tokenAt(at) === STAR) at++;
  return at === length;
}
/** How many characters at the beginning are the same, before the first wildcard. */
function commonLength(tokens: readonly Token[], text: string): number {
  let length = 0;
  while (length < text.length && tokens[length] === text.charCodeAt(length)) length++;
  return length;
}

/** Where in the pattern one may stand after `text`: after every character, the places that are still possible. */
function positionsAfter(tokens: readonly Token[], text: string): ReadonlySet<number> {
  let positions = withEmptyStars(tokens, [0]);
  for (let index = 0; index < text.length && positions.size > 0; index++) {
    const code = text.charCodeAt(index);
    const next: number[] = [];
    for (const position of positions) {
      const token = tokens[position];
      if (token === STAR) next.push(position);
      else if (token === ANY || token === code) next.push(position + 1);
    }
    positions = withEmptyStars(tokens, next);
  }
  return positions;
}

/** The same places and those behind a `*` that takes nothing. */
function withEmptyStars(tokens: readonly Token[], positions: readonly number[]): Set<number> {
  const all = new Set<number>();
  for (let position of positions) {
    all.add(position);
    while (tokens[position] === STAR) all.add(++position);
  }
  return all;
}
