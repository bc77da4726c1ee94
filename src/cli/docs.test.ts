import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { EXIT } from './command.ts';
import { COMMANDS } from './commands.ts';

const docs = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8').replace(/ +/g, ' ');

test('docs/cli.md lists every exit code', () => {
  for (const code of Object.values(EXIT)) assert.ok(docs.includes(`| ${code} | `), `exit code ${code}`);
});

test('docs/cli.md lists every command that is there for users', () => {
  for (const { name } of COMMANDS) {
    if (name !== 'demo') assert.match(docs, new RegExp(`\\| \`${name}[ \`]`), name);
  }
});
