import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Known } from './known.ts';
import { SQS_LIMITS } from './limits.ts';
import { type Entry, type Message, newEntry } from './message.ts';

/** As large as a quarter of what may be held in line. */
function largeEntry(sequence: number): Entry {
  const message: Message = {
    ...{ id: `${sequence}`, body: 'x'.repeat(SQS_LIMITS.windowBytesMax / 8), bodyMd5: '' },
    ...{ attributes: {}, senderId: '', sentAt: 0 },
  };
  return newEntry({ delayUntil: 0, sequence }, message);
}

function fullLine(): Known {
  const known = new Known({ fifo: false });
  for (let sequence = 0; known.hasRoom; sequence++) known.add(largeEntry(sequence));
  return known;
}

test('a body that comes back into the line takes its room again, however often it was taken out', () => {
  const known = fullLine();
  for (let round = 1; round <= 10; round++) {
    for (const entry of known.take(10)) known.hide(entry, round, round);
    assert.equal(known.hasRoom, true);
    known.showDue(round);
    assert.equal(known.hasRoom, false, `round ${round}`);
  }
});

test('what is in line and is removed leaves its room to others', () => {
  const known = fullLine();
  for (const entry of [...known.take(10)]) {
    known.hide(entry, 0, 0);
    known.remove(entry);
  }
  assert.equal(known.hasRoom, true);
  for (let sequence = 100; known.hasRoom; sequence++) known.add(largeEntry(sequence));
  while (known.oldest) known.remove(known.oldest);
  assert.deepEqual([known.size, known.inFlight, known.hasRoom], [0, 0, true]);
});
