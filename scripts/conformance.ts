/**
 * Writes docs/mqtt-conformance.md: every numbered normative statement of MQTT 5.0 and 3.1.1 with the tests that show it and the code
 * that cites it.
 *
 *   node scripts/conformance.ts           writes it
 *   node scripts/conformance.ts --check   exits 1 when it is stale
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { STATEMENTS, type Statement } from '../test/mqtt/conformance/statements.ts';

const root = resolve(import.meta.dirname, '..');
const TARGET = join(root, 'docs/mqtt-conformance.md');

export interface TaggedTest {
  readonly file: string;
  readonly name: string;
}

/** `5.0 MQTT-3.1.0-1`: what statements and tags are matched by. */
export const keyOf = ({ version, id }: Pick<Statement, 'version' | 'id'>) => `${version} ${id}`;

/** The statements that a text cites, by their keys: `[MQTT-3.1.0-1, -2]`, `[3.1.1: MQTT-3.1.0-1]`. */
export function cited(text: string): string[] {
  return [...text.matchAll(/\[(3\.1\.1: )?MQTT-([\d.]+)-(\d+)((?:, -\d+)*)\]/g)].flatMap(
    ([, old, section, first, more]) =>
      [first!, ...(more ?? '').split(', -').slice(1)].map((number) =>
        keyOf({ version: old ? '3.1.1' : '5.0', id: `MQTT-${section}-${number}` }),
      ),
  );
}

/** The tests by the statements that they say they show. */
export function taggedTests(): Map<string, TaggedTest[]> {
  const found = new Map<string, TaggedTest[]>();
  for (const file of sourcesIn('test', 'src').filter((name) => name.endsWith('.test.ts'))) {
    const text = readFileSync(join(root, file), 'utf8');
    // The comment stands right above its test, whose name is the first string or template in it.
    for (const [, comment, name] of text.matchAll(
      /((?:^ *\/\/ .*\n)+) *(?:test|it)\(\s*(?:'((?:[^'\\]|\\.)*)'|"[^"]*"|`[^`]*`)/gm,
    )) {
      if (!comment!.includes('// Shows ')) continue;
      const test = { file, name: (name ?? lastQuoted(text, comment!)).replaceAll("\\'", "'") };
      for (const key of cited(comment!)) found.set(key, [...(found.get(key) ?? []), test]);
    }
  }
  return found;
}

/** The name in double quotes or backticks that follows a comment. */
function lastQuoted(text: string, comment: string): string {
  const behind = text.slice(text.indexOf(comment) + comment.length);
  return /\(\s*["`]([^"`]*)["`]/.exec(behind)?.[1] ?? '';
}

function citingSources(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const file of sourcesIn('src').filter((name) => !name.endsWith('.test.ts'))) {
    for (const key of new Set(cited(readFileSync(join(root, file), 'utf8')))) {
      found.set(key, [...(found.get(key) ?? []), file]);
    }
  }
  return found;
}

function sourcesIn(...folders: readonly string[]): string[] {
  return folders
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => `${folder}/${file}`),
    )
    .filter((file) => file.endsWith('.ts'))
    .sort();
}

/** The page as it should be. */
export function conformancePage(): string {
  const tests = taggedTests();
  const sources = citingSources();
  const section = (version: Statement['version']) => {
    const rows = STATEMENTS.filter((statement) => statement.version === version).map((statement) => {
      const key = keyOf(statement);
      const shown = (tests.get(key) ?? []).map(
        ({ file, name }) => `${name.replaceAll('|', '\\|')} ([${base(file)}](../${file}))`,
      );
      const code = (sources.get(key) ?? []).map((file) => `[${base(file)}](../${file})`).join(' ');
      const by = shown.length > 0 ? shown.join('<br>') : (statement.untested ?? '**none**');
      return `| ${statement.id.slice(5)} | ${statement.words.replaceAll('|', '\\|')} | ${by} | ${code} |`;
    });
    return `## MQTT ${version}\n\n| MQTT- | in a few words | shown by | cited in |\n|---|---|---|---|\n${rows.join('\n')}\n`;
  };
  return `# Conformance

Every numbered normative statement of both OASIS specifications, the tests that show that it holds, and the code that cites it. The
words are ours and short; the specifications have the whole sentence. This page is made by \`npm run conformance\` from the
tests themselves; a test keeps it true and lets no statement be without a test, unless it binds clients alone or a server
without a feature.

${section('5.0')}
${section('3.1.1')}`;
}

function base(file: string): string {
  return file
    .split('/')
    .at(-1)!
    .replace(/(\.test)?\.ts$/, '');
}

if (import.meta.main) {
  const page = conformancePage();
  if (!process.argv.includes('--check')) writeFileSync(TARGET, page);
  else if (readFileSync(TARGET, 'utf8') !== page) {
    process.stderr.write('docs/mqtt-conformance.md is stale: run npm run conformance\n');
    process.exit(1);
  }
}
