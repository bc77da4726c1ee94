import { IotError } from '../errors.ts';

export interface Token {
  readonly kind: 'name' | 'quoted-name' | 'number' | 'string' | 'symbol' | 'end';
  /** As written for names and symbols, unquoted for strings. */
  readonly text: string;
  /** Where it begins in the source. */
  readonly at: number;
  readonly end: number;
}

const TOKEN =
  /\s+|--[^\n]*|(?<name>[A-Za-z_][A-Za-z0-9_]*)|(?<number>(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?)|(?<string>'(?:\\'|''|[^'])*'|"(?:\\"|""|[^"])*")|`(?<quoted>[^`]+)`|(?<symbol><>|!=|<=|>=|[-+*/%=<>(){}[\],.:])/gy;

export function sqlError(message: string, at?: number): IotError {
  const where = at === undefined ? '' : ` at character ${at + 1}`;
  return new IotError('sql-invalid', `Rule syntax error: ${message}${where}`);
}

/** Splits AWS IoT SQL into tokens; the last one is `end`. @throws IotError sql-invalid */
export function tokenize(source: string): readonly Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  let at = 0;
  while (at < source.length) {
    const match = TOKEN.exec(source);
    if (!match) throw sqlError(`unexpected '${source[at]}'`, at);
    const end = TOKEN.lastIndex;
    const token = tokenOf(match.groups!, at, end);
    if (token) tokens.push(token);
    at = end;
  }
  tokens.push({ kind: 'end', text: 'end of statement', at, end: at });
  return tokens;
}

function tokenOf(groups: Record<string, string | undefined>, at: number, end: number): Token | undefined {
  const { name, number, string, quoted, symbol } = groups;
  if (name !== undefined) return { kind: 'name', text: name, at, end };
  if (number !== undefined) return { kind: 'number', text: number, at, end };
  if (string !== undefined) return { kind: 'string', text: unquote(string), at, end };
  if (quoted !== undefined) return { kind: 'quoted-name', text: quoted, at, end };
  if (symbol !== undefined) return { kind: 'symbol', text: symbol === '!=' ? '<>' : symbol, at, end };
  return undefined;
}

/** A backslash stands for itself (regular expressions need it), except before the quote; a doubled quote is one. */
function unquote(literal: string): string {
  const quote = literal[0]!;
  return literal
    .slice(1, -1)
    .replaceAll(`\\${quote}`, quote)
    .replaceAll(quote + quote, quote);
}
