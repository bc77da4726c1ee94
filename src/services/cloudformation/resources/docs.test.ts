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
