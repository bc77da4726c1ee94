/**
 * A published pattern (Java's dialect) as a test of the whole string; `undefined` where JavaScript cannot express it, and then
 * the constraint is not held. `schemas/patterns.test.ts` lists the ones that are lost.
 */
export function compilePattern(pattern: string): RegExp | undefined {
  const source = `^(?:${translate(pattern)})$`;
  return tryCompile(source, 'u') ?? tryCompile(source, '');
}

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
    .replace(/^\(\?s\)/, '')
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
