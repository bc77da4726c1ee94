import { PatternInvalid } from './invalid.ts';

/**
 * Compiles `*` (any run of characters; `\*` and `\\` are the characters themselves).
 *
 * Literal pieces are searched left to right, each at its first place, so the time is the product of text and pattern length
 * at worst: a hostile pattern cannot make it explode as a backtracking regular expression would.
 */
export function compileWildcard(pattern: string, path: string): (value: string) => boolean {
  const pieces = split(pattern, path);
  const first = pieces[0]!;
  const last = pieces.at(-1)!;
  if (pieces.length === 1) return (value) => value === first;
  const middle = pieces.slice(1, -1);
  return (value) => {
    if (value.length < first.length + last.length || !value.startsWith(first) || !value.endsWith(last)) return false;
    const end = value.length - last.length;
    let from = first.length;
    for (const piece of middle) {
      const at = value.indexOf(piece, from);
      if (at < 0 || at + piece.length > end) return false;
      from = at + piece.length;
    }
    return true;
  };
}

function split(pattern: string, path: string): string[] {
  const pieces = [''];
  for (let i = 0; i < pattern.length; i++) {
    let char = pattern[i]!;
    if (char === '*') {
      if (pattern[i - 1] === '*' && pieces.length > 1 && pieces.at(-1) === '') {
        throw new PatternInvalid('Consecutive wildcard characters', path);
      }
      pieces.push('');
      continue;
    }
    if (char === '\\') {
      char = pattern[++i] ?? '';
      if (char !== '*' && char !== '\\') throw new PatternInvalid('Invalid escape character', path);
    }
    pieces[pieces.length - 1] += char;
  }
  return pieces;
}
