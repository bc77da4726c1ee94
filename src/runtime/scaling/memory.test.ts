import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shortageOf } from './memory.ts';

const memory = (availableBytes: number, stalled = 0) => ({ totalBytes: 1_000, availableBytes, stalled });

test('nothing is given back while a good part of memory is free', () => {
  assert.equal(shortageOf(memory(500)), 0);
  assert.equal(shortageOf(memory(81)), 0, 'between the two marks nothing happens: no to and fro');
});

test('below the lower mark as much is given back as reaches the upper one', () => {
  assert.equal(shortageOf(memory(79)), 41);
  assert.equal(shortageOf(memory(0)), 120);
});

test('processes that stand still for want of memory count as well', () => {
  assert.equal(shortageOf(memory(500, 0.05)), 0);
  assert.equal(Math.round(shortageOf(memory(500, 0.3))), 40);
});
