import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { RESOURCE_TYPES } from './index.ts';

const docs = readFileSync(new URL('../../../../docs/templates.md', import.meta.url), 'utf8')
  .replace(/ +/g, ' ')
  .replace(/_/g, '*');

for (const [name, type] of Object.entries(RESOURCE_TYPES)) {
  test(`docs/templates.md tells the truth about ${name}`, () => {
    const properties = Object.entries(type.properties).map(([property, { replaces }]) =>
      replaces || !type.update ? `*${property}*` : property,
    );
    const columns = [properties, type.attributes, type.notBuilt ?? []].map((names) => names.join(', ') || 'none');
    const row = `| \`${name}\` | ${columns.join(' | ')} |`;
    assert.ok(docs.includes(row), row);
  });
}

test('docs/templates.md names the types that cannot be imported', () => {
  const [, list] = /can be imported but these, which are refused by name:([^.]+)\./.exec(docs)!;
  const named = [...list!.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
  const others = Object.entries(RESOURCE_TYPES).filter(([, { imports }]) => imports === undefined);
  assert.deepEqual(named, others.map(([name]) => name).sort());
});
