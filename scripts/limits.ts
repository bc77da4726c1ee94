/**
 * Writes docs/limits.md from the limits objects in the sources, so that every number stands in one place (S5).
 *
 *   node scripts/limits.ts           writes it
 *   node scripts/limits.ts --check   exits 1 when it is stale
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const TARGET = join(root, 'docs/limits.md');

interface Limit {
  readonly name: string;
  readonly value: string;
  readonly why: string;
}

/** The page as it should be. */
export function limitsPage(): string {
  const sections = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .sort()
    .flatMap((file) => objectsOf(file));
  return `# Limits

Every queue, batch, retry and buffer has a limit with a number, in one place (S5). This page is made from those places by
\`npm run limits\`; a test keeps it true.

${sections.join('\n')}`;
}

function objectsOf(file: string): string[] {
  const source = readFileSync(join(root, 'src', file), 'utf8');
  const pattern = /export const ([A-Z_]*(?:LIMITS|DEFAULTS)) = \{\n([\s\S]*?)\n\} (?:as const|satisfies)/g;
  return [...source.matchAll(pattern)].map(([, name, body]) => {
    const rows = limitsOf(body!).map((limit) => `| \`${limit.name}\` | ${limit.value} | ${limit.why} |`);
    return `## \`${name}\` (src/${file})\n\n| limit | value | |\n|---|---|---|\n${rows.join('\n')}\n`;
  });
}

function limitsOf(body: string): Limit[] {
  const found: Limit[] = [];
  let comment: string[] = [];
  for (const line of body.split('\n').map((text) => text.trim())) {
    const property = /^['"]?([\w.-]+)['"]?: (.+?),?(?:\s*\/\/ (.*))?$/.exec(line);
    if (/^(\/\*\*|\*|\/\/)/.test(line)) comment.push(line.replace(/^(\/\*\*|\*\/|\*|\/\/)\s?|\s?\*\/$/g, '').trim());
    else if (property) {
      const why = [...comment, property[3] ?? ''].filter((text) => text !== '').join(' ');
      found.push({ name: property[1]!, value: readable(property[2]!), why: why.replaceAll('|', '\\|') });
      comment = [];
    }
  }
  return found;
}

/** A product of whole numbers is worked out; anything else stands as it is written. */
function readable(value: string): string {
  if (!/^[\d_ *]+$/.test(value)) return `\`${value.replaceAll('|', '\\|')}\``;
  const number = value
    .split('*')
    .map((factor) => Number(factor.replaceAll('_', '').trim()))
    .reduce((product, factor) => product * factor, 1);
  return number.toLocaleString('en-US');
}

if (import.meta.main) {
  const page = limitsPage();
  if (!process.argv.includes('--check')) writeFileSync(TARGET, page);
  else if (readFileSync(TARGET, 'utf8') !== page) {
    process.stderr.write('docs/limits.md is stale: run npm run limits\n');
    process.exitCode = 1;
  }
}
