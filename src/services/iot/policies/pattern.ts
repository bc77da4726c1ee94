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

/** A pattern of which a beginning is known to match; asked about the rest. */
export class Pattern {
  /** Matches whatever follows. */
  readonly matchesAll: boolean;
  readonly #exact: string | undefined;
  readonly #prefix: string | undefined;
  readonly #tokens: readonly Token[];

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
    const firstWild = tokens.findIndex((token) => token < 0);
    this.matchesAll = tokens.length > 0 && tokens.every((token) => token === STAR);
    this.#exact = firstWild < 0 ? textOf(tokens) : undefined;
    const isPrefix = firstWild >= 0 && firstWild === tokens.length - 1 && tokens[firstWild] === STAR;
    this.#prefix = isPrefix ? textOf(tokens.slice(0, firstWild)) : undefined;
  }

  matches(text: string): boolean {
    if (this.#exact !== undefined) return text === this.#exact;
    if (this.#prefix !== undefined) return text.startsWith(this.#prefix);
    return this.matchesAll || matches(this.#tokens, text);
  }

  /**
   * What is left of the pattern after a text that it must begin with; more than one where a `*` may end inside of it, none where it
   * does not begin so.
   */
  after(beginning: string): readonly Pattern[] {
    const plain = commonLength(this.#tokens, beginning);
    if (plain === beginning.length) return [new Pattern(this.#tokens.slice(plain))];
    return [...positionsAfter(this.#tokens, beginning)]
      .filter((position, _index, all) => this.#tokens[position - 1] !== STAR || !all.includes(position - 1))
      .map((position) => new Pattern(this.#tokens.slice(position)));
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

function textOf(tokens: readonly Token[]): string {
  let text = '';
  for (const token of tokens) text += String.fromCharCode(token);
  return text;
}

function symbolOf(token: Token): string {
  if (token === STAR) return '*';
  return token === ANY ? '?' : String.fromCharCode(token);
}

/** Linear but for the last `*`: goes back to it where what follows does not fit, never further. */
function matches(tokens: readonly Token[], text: string): boolean {
  let at = 0;
  let read = 0;
  let starAt = -1;
  let starRead = 0;
  while (read < text.length) {
    const token = tokens[at];
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
  while (tokens[at] === STAR) at++;
  return at === tokens.length;
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
