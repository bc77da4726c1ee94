import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ENDPOINT_OPTIONS } from './client.ts';
import { EXIT, type Option } from './command.ts';
import { COMMANDS } from './commands.ts';
import { isGroup } from './help.ts';

const docs = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8').replace(/ +/g, ' ');
const documented = COMMANDS.flatMap((row) => (isGroup(row) ? row.verbs : [row])).filter(({ name }) => name !== 'demo');

test('docs/cli.md lists every exit code', () => {
  for (const code of Object.values(EXIT)) assert.ok(docs.includes(`| ${code} | `), `exit code ${code}`);
});

test('docs/cli.md lists every command that is there for users', () => {
  for (const { name } of documented) assert.match(docs, new RegExp(`\\| \`${name}[ \`]`), name);
});

test('docs/cli.md lists every option as it is, and no other', async () => {
  const rows: string[] = [];
  for (const { name, load } of documented) {
    const { options } = await load();
    for (const [option, is] of Object.entries(options as Record<string, Option>)) {
      if (!Object.hasOwn(ENDPOINT_OPTIONS, option)) rows.push(rowOf(name, option, is));
    }
  }
  const shown = docs.split('\n').filter((line) => /^\| `[\w -]+` \| `(-\w, )?--/.test(line));
  assert.deepEqual(shown, rows);
  for (const option of Object.keys(ENDPOINT_OPTIONS)) assert.ok(docs.includes(`\`--${option}\``), option);
});

function rowOf(command: string, name: string, option: Option): string {
  const form = `${option.short ? `-${option.short}, ` : ''}--${name}${'value' in option ? ` ${option.value}` : ''}`;
  const standard = 'default' in option && option.default !== undefined ? `\`${option.default}\`` : '';
  const choices = 'choices' in option && option.choices ? ` (${option.choices.join(', ')})` : '';
  return `| \`${command}\` | \`${form}\` | ${option.help}${choices} | ${standard} |`.replace(/ +/g, ' ');
}
