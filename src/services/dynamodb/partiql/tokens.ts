/** What a piece of a statement is. `name` may be a keyword; `quoted` never is. */
export type TokenKind = 'name' | 'quoted' | 'string' | 'number' | 'parameter' | 'symbol' | 'end' | 'unknown';

export interface Token {
  readonly kind: TokenKind;
  /** Without quotes, doubled quotes single; of a `name` and a `symbol` as it stands. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** White space and comments. */
const GAP = /(?:\s|--[^\n\r]*|\/\*.*?\*\/)*/suy;
const PIECES: readonly (readonly [TokenKind, RegExp])[] = [
  ['end', /$/uy],
  ['number', /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/uy],
  ['name', /[A-Za-z_$][A-Za-z0-9_$]*/uy],
  ['quoted', /"(?:[^"]|"")*"/uy],
  ['string', /'(?:[^']|'')*'/uy],
  ['parameter', /\?/uy],
  ['symbol', /<<|>>|<=|>=|<>|!=|[*,.[\](){}:=<>+;-]/uy],
  ['unknown', /./suy],
];

/** The tokens of a statement; the last one is its end, or the first that is none. It fails for no text. */
export function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  for (let at = 0; ; ) {
    at = endOf(GAP, text, at) ?? at;
    const [kind, end] = pieceAt(text, at);
    tokens.push({ kind, text: plain(kind, text.slice(at, end)), start: at, end });
    if (kind === 'end' || kind === 'unknown') return tokens;
    at = end;
  }
}

function pieceAt(text: string, at: number): readonly [TokenKind, number] {
  for (const [kind, pattern] of PIECES) {
    const end = endOf(pattern, text, at);
    if (end !== undefined) return [kind, end];
  }
  return ['end', text.length];
}

function endOf(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}

function plain(kind: TokenKind, text: string): string {
  if (kind === 'quoted') return text.slice(1, -1).replaceAll('""', '"');
  return kind === 'string' ? text.slice(1, -1).replaceAll("''", "'") : text;
}

/** Where a token stands, as AWS writes it: line, column and length, counted from one. */
export function positionOf(text: string, { start, end }: Token): string {
  const before = text.slice(0, start).split('\n');
  return `${before.length}:${before.at(-1)!.length + 1}:${end - start}`;
}
