import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SimulatedClock } from '../../base/index.ts';
import { Departures } from './departures.ts';
import { Turn } from './turn.ts';

const TURN_MS = 8;

/** Clients that leave, each of which takes `leaveMs`. */
function fleet(leaveMs: number) {
  const still = new SimulatedClock();
  let spentMs = 0;
  const clock = {
    now: () => still.now(),
    monotonic: () => spentMs,
    sleep: (ms: number) => still.sleep(ms),
    timer: (ms: number, callback: () => void) => still.timer(ms, callback),
  };
  const left: string[] = [];
  const departures = new Departures(clock, new Turn(), TURN_MS);
  const leaves = (clientId: string) =>
    departures.add({
      client: { clientId },
      leave: () => {
        spentMs += leaveMs;
        left.push(clientId);
      },
    });
  const all = (count: number) => {
    for (let i = 0; i < count; i++) leaves(`c${i}`);
  };
  /** How many have left in each of so many turns, the first of which is the one that they all came in. */
  const turns = async (count: number) => {
    const counts = [];
    for (let i = 0; i < count; i++) {
      const before = i === 0 ? 0 : left.length;
      await new Promise(setImmediate);
      counts.push(left.length - before);
    }
    return counts;
  };
  return { departures, left, leaves, all, turns };
}

describe('clients that leave', () => {
  test('one leaves at once', () => {
    const { left, leaves } = fleet(20);
    leaves('alone');
    assert.deepEqual(left, ['alone']);
  });

  test('of many that leave at once, as many go in a turn as it has time for, in their order', async () => {
    const { all, turns, left } = fleet(1);
    all(20);
    assert.deepEqual(await turns(3), [8, 8, 4]);
    assert.deepEqual(
      left,
      Array.from({ length: 20 }, (_, i) => `c${i}`),
    );
  });

  test('however long it takes, one goes in each turn', async () => {
    const { all, turns } = fleet(300);
    all(3);
    assert.deepEqual(await turns(3), [1, 1, 1]);
  });

  test('closings that take nearly no time all go in one turn', async () => {
    const { all, turns } = fleet(0.002);
    all(3_000);
    assert.deepEqual(await turns(1), [3_000]);
  });

  test('one that comes while others wait does not go before them', async () => {
    const { all, leaves, left, turns } = fleet(8);
    all(3);
    await turns(1);
    leaves('late');
    await turns(3);
    assert.deepEqual(left, ['c0', 'c1', 'c2', 'late']);
  });

  test('one that is needed gone is gone at once, and only once', async () => {
    const { all, departures, left, turns } = fleet(8);
    all(4);
    departures.settle('c2');
    departures.settle('c2');
    departures.settle('somebody else');
    assert.deepEqual(left, ['c0', 'c2']);
    await turns(4);
    assert.deepEqual(left, ['c0', 'c2', 'c1', 'c3']);
  });

  test('when it closes nobody waits, then or later', () => {
    const { all, departures, leaves, left } = fleet(8);
    all(3);
    departures.close();
    leaves('late');
    leaves('later');
    assert.deepEqual(left, ['c0', 'c1', 'c2', 'late', 'later']);
  });
});
