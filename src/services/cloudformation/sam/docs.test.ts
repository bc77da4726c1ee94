import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CONNECTOR_PROFILES } from './connectors.ts';
import { EVENT_TYPES } from './events.ts';
import { FUNCTION_PROPERTIES } from './function.ts';
import { POLICY_TEMPLATES } from './policies.ts';

const docs = readFileSync(new URL('../../../../docs/templates.md', import.meta.url), 'utf8');
const rows = docs.split('\n').map((line) => line.replace(/ +/g, ' '));
/** The rows of the table under a heading, without its head. */
const table = (heading: string) => {
  const from = rows.indexOf(heading) + 1;
  const lines = rows.slice(
    from,
    rows.findIndex((line, index) => index > from && line.startsWith('#')),
  );
  return lines.filter((line) => line.startsWith('|')).slice(2);
};

test('docs/templates.md lists every event and its properties, and no other', () => {
  const expected = Object.entries(EVENT_TYPES).map(
    ([name, { required, optional }]) =>
      `| \`${name}\` | ${[...required.map((one) => `**${one}**`), ...optional].join(', ')} |`,
  );
  assert.deepEqual(table('### Events'), expected);
});

test('docs/templates.md lists every connector, and no other', () => {
  const expected = Object.entries(CONNECTOR_PROFILES).map(([pair, { actions, whole }]) => {
    const [source, destination] = pair.split(' ');
    const permissions = Object.keys(actions)
      .sort()
      .join(whole ? ' and ' : ', ');
    return `| \`${source}\` | \`${destination}\` | ${permissions} |`;
  });
  assert.deepEqual(table('### Connectors'), expected);
});

test('docs/templates.md lists every property of a function and every policy template', () => {
  const lists = docs.replace(/\s+/g, ' ');
  for (const names of [[...FUNCTION_PROPERTIES].sort(), POLICY_TEMPLATES.toSorted()]) {
    assert.ok(lists.includes(` ${names.join(', ')}.`), names.join(', '));
  }
});
