import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Intake } from './intake.ts';
import type { SourceBatch, SourceRecord } from './source.ts';

function record(id: number, key: string): SourceRecord {
  const body = Buffer.from(String(id));
  return { id: String(id), orderingKey: key, arrivedAt: id, sizeBytes: 10, body, toEvent: () => `{"id":${id}}` };
}

const batch = (from: number, keys: readonly string[]): SourceBatch => ({
  records: keys.map((key, index) => record(from + index, key)),
  next: `after ${from + keys.length - 1}`,
});

const LIMITS = { recordsMax: 100, bytesMax: 1e6 };

test('a batch ends by count, by bytes, at a window, and where asked at the end of a read', () => {
  const intake = new Intake(1);
  intake.admit(batch(0, ['a', 'a', 'a', 'a']), 0);
  intake.admit(batch(4, ['a', 'a']), 5);
  const take = (limits: Partial<Parameters<Intake['take']>[1]>) => {
    const taken = intake.take(0, { ...LIMITS, ...limits });
    intake.free(0);
    return taken.records.map(({ id }) => id).join('');
  };
  assert.equal(take({ recordsMax: 1 }), '0');
  assert.equal(take({ bytesMax: 9 }), '1');
  assert.equal(take({ until: ({ id }) => id === '3' }), '2');
  assert.equal(take({ withinRead: true }), '3');
  assert.equal(intake.view(0).waitingSince, 5);
  assert.equal(take({}), '45');
});

test('the checkpoint passes a read only when all its records are done', () => {
  const intake = new Intake(1);
  intake.admit(batch(0, ['a', 'a']), 0);
  intake.admit(batch(2, ['a', 'a']), 0);
  intake.take(0, LIMITS);
  assert.equal(intake.settle(0, 1), undefined);
  assert.equal(intake.settle(0, 1), 'after 1');
  assert.equal(intake.settle(0, 2), 'after 3');
  assert.ok(intake.settled);
});

test('a read that the filter drops whole moves the checkpoint at once, but not past open records', () => {
  const intake = new Intake(1);
  const nothing = { keeps: () => false };
  assert.deepEqual(intake.admit(batch(0, ['a']), 0, nothing), { kept: 0, position: 'after 0' });
  intake.admit(batch(1, ['a']), 0);
  assert.deepEqual(intake.admit(batch(2, ['a']), 0, nothing), { kept: 0, position: undefined });
  intake.take(0, LIMITS);
  assert.equal(intake.settle(0, 1), 'after 2');
});

test('whatever the order in which lanes finish: order per key holds and the checkpoint passes nothing that is open', () => {
  const reads = fc.array(fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { maxLength: 5 }), { maxLength: 8 });
  fc.assert(
    fc.property(reads, fc.integer({ min: 1, max: 4 }), fc.infiniteStream(fc.nat(99)), (keysOfReads, lanes, choices) => {
      const intake = new Intake(lanes);
      const done: SourceRecord[] = [];
      const underWay = new Map<number, readonly SourceRecord[]>();
      const all: SourceRecord[] = [];
      const check = (position: string | undefined) => {
        if (position === undefined) return;
        const through = Number(position.slice('after '.length));
        for (const one of all) if (Number(one.id) <= through) assert.ok(done.includes(one), `${one.id} is done`);
      };
      const pick = () => choices.next().value as number;
      const act = () => {
        const lane = pick() % lanes;
        const running = underWay.get(lane);
        if (running) {
          done.push(...running);
          check(intake.settle(lane, running.length));
          intake.free(lane);
          underWay.delete(lane);
        } else if (intake.view(lane).waitingCount > 0) {
          underWay.set(lane, intake.take(lane, { ...LIMITS, recordsMax: 1 + (pick() % 4) }).records);
        }
      };
      for (const keys of keysOfReads) {
        const read = batch(all.length, keys);
        all.push(...read.records);
        if (keys.length > 0) check(intake.admit(read, 0).position);
        for (let i = pick() % 4; i > 0; i--) act();
      }
      while (done.length < all.length) act();
      assert.ok(intake.settled);
      assert.equal(intake.buffered, 0);
      for (const [, ofKey] of Map.groupBy(done, ({ orderingKey }) => orderingKey)) {
        const ids = ofKey.map(({ id }) => Number(id));
        assert.deepEqual(
          ids,
          ids.toSorted((a, b) => a - b),
        );
      }
    }),
  );
});
