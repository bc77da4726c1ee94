import assert from 'node:assert/strict';
import { test } from 'node:test';
import { itemOf } from '../model/stored.ts';
import { eachItem, itemsThat } from './slices.ts';

const item = (at: number, bytes: number) => itemOf({ n: { N: String(at) }, text: { S: 'x'.repeat(bytes) } });

test('others have their turns while many items, or large ones, are gone through', async () => {
  for (const [count, bytes, lookups] of [
    [20_000, 1, 1],
    [100, 1, 300],
    [3, 400_000, 2],
  ] as const) {
    const items = Array.from({ length: count }, (_, at) => item(at, bytes));
    let visited = 0;
    let seen: number | undefined;
    setImmediate(() => {
      seen = visited;
    });
    await eachItem(items, lookups, () => visited++);
    assert.equal(visited, count);
    assert.ok(seen !== undefined && seen < count, `${seen}`);
  }
});

test('few items are gone through at once, and the right ones found in order', async () => {
  const items = Array.from({ length: 100 }, (_, at) => item(at, 350));
  let turned = false;
  setImmediate(() => {
    turned = true;
  });
  const found = await itemsThat(items, 2, ({ attributes }) => Number((attributes.n as { N: string }).N) % 2 === 1);
  assert.equal(turned, false);
  assert.deepEqual(
    found,
    items.filter((_, at) => at % 2 === 1),
  );
});
