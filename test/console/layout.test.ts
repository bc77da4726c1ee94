import assert from 'node:assert/strict';
import { test } from 'node:test';
import { layersOf, layOut } from '../../console/src/flow/layout.ts';

const nodes = ['devices', 'rule', 'stream', 'function', 'series', 'topic', 'queue', 'hook'].map((id) => ({ id }));
const edges = [
  ['devices', 'rule'],
  ['rule', 'stream'],
  ['stream', 'function'],
  ['function', 'series'],
  ['function', 'topic'],
  ['function', 'queue'],
  ['topic', 'hook'],
].map(([from, to]) => ({ from: from!, to: to! }));

test('every node stands right of all that flows into it', () => {
  const { boxes } = layOut(nodes, edges, 1400);
  const x = new Map(boxes.map((box) => [box.id, box.x]));
  for (const { from, to } of edges) assert.ok(x.get(to)! > x.get(from)!, `${from} -> ${to}`);
});

test('cards never overlap, and stay within the width, whatever it is', () => {
  for (const width of [320, 390, 600, 768, 1024, 1280, 1440, 2560]) {
    const { boxes, card, height } = layOut(nodes, edges, width);
    assert.equal(boxes.length, nodes.length);
    for (const [index, a] of boxes.entries()) {
      assert.ok(a.x >= 0 && a.x + card.width <= width + 0.5, `${a.id} at ${width}`);
      assert.ok(a.y >= 0 && a.y + card.height <= height + 0.5, `${a.id} at ${width}`);
      for (const b of boxes.slice(index + 1)) {
        const apart = Math.abs(a.x - b.x) >= card.width || Math.abs(a.y - b.y) >= card.height;
        assert.ok(apart, `${a.id} and ${b.id} at ${width}`);
      }
    }
  }
});

test('a cycle is laid out too', () => {
  const cycle = [
    { from: 'a', to: 'b' },
    { from: 'b', to: 'a' },
    { from: 'b', to: 'c' },
  ];
  assert.equal(layersOf([{ id: 'a' }, { id: 'b' }, { id: 'c' }], cycle).flat().length, 3);
});

test('an edge to nowhere has no path', () => {
  assert.deepEqual(layOut([{ id: 'a' }], [{ from: 'a', to: 'gone' }], 800).paths, ['']);
});
