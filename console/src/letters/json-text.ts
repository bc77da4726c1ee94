/**
 * JSON as text, laid out anew without being read: numbers keep every digit, keys their order and their repeats. What a person
 * edits is what was sent, and only the spaces differ.
 */

/** Strings whole, spaces, and everything between them. */
const TOKENS = /"(?:[^"\\]|\\.)*"|\s+|[[\]{},:]|[^\s"[\]{},:]+/g;

export function isJson(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null;
  } catch {
    return false;
  }
}

/** Two spaces a level; `text` must be JSON. */
export function prettyJson(text: string): string {
  let out = '';
  let depth = 0;
  const line = () => `\n${'  '.repeat(depth)}`;
  const tokens = (text.match(TOKENS) ?? []).filter((token) => token.trim() !== '');
  for (const [index, token] of tokens.entries()) {
    const next = tokens[index + 1];
    if (token === '{' || token === '[') {
      const isEmpty = next === '}' || next === ']';
      if (!isEmpty) depth++;
      out += isEmpty ? token : token + line();
    } else if (token === '}' || token === ']') {
      const before = tokens[index - 1];
      if (before !== '{' && before !== '[') {
        depth--;
        out += line();
      }
      out += token;
    } else if (token === ',') out += token + line();
    else out += token === ':' ? ': ' : token;
  }
  return out;
}

/** Without any space between tokens; `text` must be JSON. */
export function compactJson(text: string): string {
  return (text.match(TOKENS) ?? []).filter((token) => token.trim() !== '').join('');
}
