/**
 * A published pattern (Java's dialect) as a test of the whole string; `undefined` where JavaScript cannot express it, and then
 * the constraint is not held. A test walks through all patterns of all tables: none is lost, and none takes long.
 */
export function compilePattern(pattern: string): RegExp | undefined {
  const ignoringCase = pattern.startsWith('(?i)');
  const source = `^(?:${translate(LINEAR[pattern] ?? pattern)})$`;
  const flags = ignoringCase ? 'i' : '';
  return tryCompile(source, `u${flags}`) ?? tryCompile(source, flags);
}

/**
 * Patterns over which a backtracking matcher takes time exponential in the length of the value, with others that match the same:
 * here two loops, one in the other, could take the same characters.
 */
const LINEAR: Readonly<Record<string, string>> = {
  '^[ \\t]*[\\x20-\\x7E]+([ \\t]+[\\x20-\\x7E]+)*[ \\t]*$': '\\t*[\\x20-\\x7E][\\t\\x20-\\x7E]*',
  '^[ \\t]*[^\\x00-\\x1F:\\x7F]+([ \\t]+[^\\x00-\\x1F:\\x7F]+)*[ \\t]*$':
    '\\t*[^\\x00-\\x1F:\\x7F](?:\\t|[^\\x00-\\x1F:\\x7F])*',
  '^[a-z0-9*](?:[._\\-/a-z0-9*]?[a-z0-9*]+)*$': '[a-z0-9*]+(?:[._\\-/][a-z0-9*]+)*',
};

function tryCompile(source: string, flags: string): RegExp | undefined {
  try {
    return new RegExp(source, flags);
  } catch {
    return undefined;
  }
}

/** What Java writes differently: POSIX classes, possessive quantifiers, flags in front, escapes that mean themselves. */
function translate(pattern: string): string {
  return pattern
    .replace(/^\(\?[si]\)/, '')
    .replaceAll('\\p{ASCII}', '\\x00-\\x7F')
    .replaceAll('\\p{Print}', '\\x20-\\x7E')
    .replaceAll('\\p{Graph}', '\\x21-\\x7E')
    .replaceAll('\\p{Alnum}', 'A-Za-z0-9')
    .replaceAll('\\p{Alpha}', 'A-Za-z')
    .replaceAll('\\p{Digit}', '0-9')
    .replaceAll('\\p{Space}', '\\s')
    .replaceAll('\\p{Cntrl}', '\\x00-\\x1F\\x7F')
    .replaceAll('\\p{IsAlphabetic}', '\\p{Alphabetic}')
    .replaceAll('\\p{IsLetter}', '\\p{L}')
    .replace(/\\([-_:@#=~%&!,;<>`'" ])/g, (_, literal: string) => (literal === '-' ? '\\x2D' : literal))
    .replace(/\\[AZz]/g, '')
    .replace(/([*+?}])\+/g, '$1');
}
