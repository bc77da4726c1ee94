import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, nextLane, type ShardView } from './decide.ts';
import type { LaneView } from './intake.ts';

const RULES = { batchSize: 10, bytesFull: 1000, windowMs: 0 };
const WINDOWED = { ...RULES, windowMs: 50 };
const EMPTY: LaneView = { busy: false, waitingCount: 0, waitingBytes: 0, waitingSince: undefined, restsUntil: 0 };
const BUSY: LaneView = { ...EMPTY, busy: true };
const waiting = (count: number, since: number, bytes = count): LaneView => ({
  busy: false,
  waitingCount: count,
  waitingBytes: bytes,
  waitingSince: since,
  restsUntil: 0,
});
const view = (lanes: readonly LaneView[], rest: Partial<ShardView> = {}): ShardView => ({
  lanes,
  room: 10,
  readable: false,
  ended: false,
  now: 100,
  ...rest,
});

test('without records it waits for the source, and holds no environment', () => {
  assert.deepEqual(decide(view([EMPTY]), RULES), { kind: 'wait', source: true, until: undefined });
});

test('without a window it reserves before it reads', () => {
  assert.equal(decide(view([EMPTY], { readable: true }), RULES).kind, 'reserve');
});

test('with a window it reads first and reserves when the window is over, the batch is full, or no more can come', () => {
  assert.equal(decide(view([EMPTY], { readable: true }), WINDOWED).kind, 'read');
  assert.deepEqual(decide(view([waiting(3, 80)]), WINDOWED), { kind: 'wait', source: true, until: 130 });
  assert.equal(decide(view([waiting(3, 50)]), WINDOWED).kind, 'reserve');
  assert.equal(decide(view([waiting(10, 100)]), WINDOWED).kind, 'reserve');
  assert.equal(decide(view([waiting(2, 100, 1000)]), WINDOWED).kind, 'reserve');
  assert.equal(decide(view([waiting(1, 100)], { room: 0 }), WINDOWED).kind, 'reserve');
  assert.equal(decide(view([waiting(1, 100)], { ended: true }), WINDOWED).kind, 'reserve');
});

test('while all lanes are busy it reads nothing and waits for one', () => {
  assert.deepEqual(decide(view([BUSY], { readable: true }), RULES), { kind: 'wait', source: false, until: undefined });
});

test('a free lane goes on while another is busy', () => {
  assert.equal(decide(view([BUSY, waiting(1, 0)]), RULES).kind, 'reserve');
});

test('a closed shard is finished when its last batch is', () => {
  assert.equal(decide(view([EMPTY, BUSY], { ended: true }), RULES).kind, 'wait');
  assert.equal(decide(view([EMPTY, EMPTY], { ended: true }), RULES).kind, 'finished');
});

test('the lane that has waited longest goes first', () => {
  assert.equal(nextLane(view([waiting(1, 90), waiting(1, 80), BUSY, EMPTY]), RULES), 1);
  assert.equal(nextLane(view([BUSY, EMPTY]), RULES), undefined);
});

test('after a batch that was not full a lane rests, unless the next one is full', () => {
  const resting = { ...EMPTY, restsUntil: 105 };
  assert.deepEqual(decide(view([resting], { readable: true }), RULES), { kind: 'wait', source: false, until: 105 });
  assert.equal(decide(view([resting], { readable: true, now: 105 }), RULES).kind, 'reserve');
  assert.deepEqual(decide(view([{ ...waiting(3, 100), restsUntil: 105 }]), RULES), {
    kind: 'wait',
    source: true,
    until: 105,
  });
  assert.equal(decide(view([{ ...waiting(10, 100), restsUntil: 105 }]), RULES).kind, 'reserve');
  assert.equal(decide(view([resting, EMPTY], { readable: true }), RULES).kind, 'reserve');
});
