import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../base/index.ts';
import { newTrace } from '../telemetry/index.ts';
import { DELIVERY_LIMITS } from './delivery.ts';
import { entryOf, type Row } from './rows.ts';
import { Window, WindowBudget } from './window.ts';

function row(sequence: number, bytes: number): Row {
  const arn = 'arn:aws:fake:us-east-1:000000000000:q';
  const policy = { attemptsMax: 1, ageMsMax: 1, backoffMsBase: 1, backoffMsMax: 1 };
  const delivery = { arn, payload: new Uint8Array(bytes), policy, source: arn, trace: newTrace(seededRandom(1)) };
  return { edge: arn, sequence, dueAt: 5, sentAt: 5, attempts: 0, uncounted: 0, delivery };
}

/** Puts in what fits. */
function filled(window: Window, bytes: number): number {
  let count = 0;
  while (window.hasRoom) window.push(entryOf(row(count++, bytes)));
  return count;
}

test('a window ends by number and by bytes', () => {
  assert.equal(filled(new Window(new WindowBudget()), 10), DELIVERY_LIMITS.windowMax);
  const large = filled(new Window(new WindowBudget()), 1024 * 1024);
  assert.equal(large, 4);
});

test('all windows together have a budget; when it is spent each has one entry at least, and what is taken gives it back', () => {
  const budget = new WindowBudget();
  const windows = Array.from({ length: 100 }, () => new Window(budget));
  const counts = windows.map((window) => filled(window, 1024 * 1024));
  assert.deepEqual([counts[0], counts[99]], [4, 1]);
  const [first, last] = [windows[0]!, windows[99]!];
  for (const window of windows.slice(0, 50)) while (!window.isEmpty) window.take();
  assert.equal(first.hasRoom && last.hasRoom, true);
});

test('what is worked on is known until it is let go, and until a reading that may have seen it is over', () => {
  const window = new Window(new WindowBudget());
  const entry = entryOf(row(1, 10));
  window.push(entry);
  window.take();
  assert.equal(window.knows(entry), true);
  window.beginRead();
  window.release(entry);
  assert.equal(window.knows(entry), true);
  window.endRead();
  assert.equal(window.knows(entry), false);
});
