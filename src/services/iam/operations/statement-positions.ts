/** A place in a text; 1 is the first line and the first column. */
export interface Position {
  readonly Line: number;
  readonly Column: number;
}

/**
 * Where the statements of a policy document stand: each from its brace to behind its closing one.
 * @param text  a document that has been parsed: what is no JSON finds nothing
 */
export function statementPositions(text: string): readonly { readonly start: Position; readonly end: Position }[] {
  const found: { start: Position; end: Position }[] = [];
  let depth = 0;
  /** Depth of the braces around statements; `undefined` outside of `Statement`. */
  let at: number | undefined;
  let begun = 0;
  for (let index = 0; index < text.length; index++) {
    const character = text[index]!;
    if (character === '"') {
      const end = endOfString(text, index);
      if (depth === 1 && text.slice(index, end) === '"Statement"') {
        found.length = 0;
        at = /^\s*:\s*\[/.test(text.slice(end, end + 1000)) ? 3 : 2;
      } else if (depth === 1 && /^\s*:/.test(text.slice(end, end + 1000))) {
        at = undefined;
      }
      index = end - 1;
    } else if (character === '{' || character === '[') {
      depth++;
      if (depth === at && character === '{') begun = index;
    } else if (character === '}' || character === ']') {
      if (depth === at && character === '}') {
        found.push({ start: positionOf(text, begun), end: positionOf(text, index + 1) });
      }
      depth--;
    }
  }
  return found;
}

function endOfString(text: string, start: number): number {
  for (let index = start + 1; index < text.length; index++) {
    if (text[index] === '\\') index++;
    else if (text[index] === '"') return index + 1;
  }
  return text.length;
}

function positionOf(text: string, index: number): Position {
  const before = text.slice(0, index).split('\n');
  return { Line: before.length, Column: before.at(-1)!.length + 1 };
}
