import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, nextLane, type ShardView } from './decide.ts';
import type { LaneView } from './intake.ts';

const RULES = { batchSize: 10, bytesFull: 1000, windowMs: 0, ahead: true };
const WINDOWED = { ...RULES, windowMs: 50 };
const EMPTY: LaneView = {
  busy: false,
  failing: false,
  prepared: false,
  waitingCount: 0,
  waitingBytes: 0,
  waitingSince: undefined,
  restsUntil: 0,
};
const BUSY: LaneView = { ...EMPTY, busy: true };
const waiting = (count: number, since: number, bytes = count): LaneView => ({
  ...EMPTY,
  waitingCount: count,
  waitingBytes: bytes,
  waitingSince: since,
});
const view = (lanes: readonly LaneView[], rest: Partial<ShardView> = {}): ShardView => ({
  lanes,
  room: 10,
  roomAhead: 0,
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

test('while a batch is under way the next one is read and, once it is full, prepared; no more than one', () => {
  const next = { ...waiting(10, 90), busy: true };
  const ahead = (lane: LaneView) => decide(view([lane], { readable: true, room: 0, roomAhead: 10 }), RULES);
  assert.deepEqual(ahead(BUSY), { kind: 'read', recordsMax: 10 });
  assert.deepEqual(ahead(next), { kind: 'prepare', lane: 0 });
  assert.equal(ahead({ ...next, prepared: true }).kind, 'wait');
  assert.equal(decide(view([{ ...waiting(0, 90), prepared: true }]), WINDOWED).kind, 'reserve');
});

test('nothing is read or prepared behind a batch that is tried again', () => {
  const failing = { ...waiting(10, 90), busy: true, failing: true };
  const full = { readable: true, room: 0, roomAhead: 10 };
  assert.equal(decide(view([failing], full), RULES).kind, 'wait');
  assert.equal(decide(view([{ ...BUSY, failing: true }], full), RULES).kind, 'wait');
  assert.equal(decide(view([{ ...failing, failing: false }], full), { ...RULES, ahead: false }).kind, 'wait');
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
