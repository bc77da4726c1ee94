/** What a piece of an expression is: placeholders are `nameRef` (`#n`) and `valueRef` (`:v`). */
export type TokenKind = 'name' | 'nameRef' | 'valueRef' | 'index' | 'symbol' | 'end' | 'unknown';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  /** Where it stands in the expression. */
  readonly start: number;
  readonly end: number;
}

const PIECE =
  /[ \t\r\n]*(?:(?<name>[A-Za-z][A-Za-z0-9_]*)|(?<nameRef>#[A-Za-z0-9_]+)|(?<valueRef>:[A-Za-z0-9_]+)|(?<index>\d+)|(?<symbol><=|>=|<>|[()[\].,=<>+-])|(?<end>$)|(?<unknown>.))/suy;

/** The tokens of an expression; the last one is its end. It fails for no text. */
export function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  const pieces = new RegExp(PIECE);
  for (;;) {
    const { groups } = pieces.exec(text)!;
    const [kind, piece] = Object.entries(groups!).find(([, found]) => found !== undefined)!;
    const end = pieces.lastIndex;
    if (kind === 'end') {
      tokens.push({ kind, text: '<EOF>', start: text.length, end: text.length });
      return tokens;
    }
    tokens.push({ kind: kind as TokenKind, text: piece!, start: end - piece!.length, end });
  }
}

/** The token, and what stands around it, as AWS's syntax errors show them. */
export function describe(text: string, tokens: readonly Token[], at: number): string {
  const token = tokens[at]!;
  const first = tokens[at - 1] ?? token;
  const last = tokens[at + 1] ?? token;
  const end = last.kind === 'end' ? (last === token ? first.end : token.end) : last.end;
  return `token: "${token.text}", near: "${text.slice(first.start, Math.max(end, first.start))}"`;
}
