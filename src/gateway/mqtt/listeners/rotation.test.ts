import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Rotation } from './rotation.ts';

const PER_TURN = 8;
const ANY = Number.POSITIVE_INFINITY;

/** Who is read after the turn, by the plans alone. */
class Watched {
  readonly rotation = new Rotation<number>();
  readonly reading = new Set<number>();
  readonly begun = new Set<number>();

  add(from: number, to: number): void {
    for (let one = from; one < to; one++) this.rotation.add(one);
  }

  turn(beginMax = ANY): readonly number[] {
    const { hold, read, begin } = this.rotation.turn(PER_TURN, beginMax);
    for (const one of hold) assert.ok(this.reading.delete(one), `${one} is held but was not read`);
    for (const one of [...read, ...begin]) {
      assert.ok(!this.reading.has(one), `${one} is read already`);
      this.reading.add(one);
    }
    for (const one of begin) {
      assert.ok(!this.begun.has(one), `${one} begins twice`);
      this.begun.add(one);
    }
    assert.ok(this.reading.size <= PER_TURN, `${this.reading.size} are read in one turn`);
    return [...this.reading];
  }

  remove(one: number): void {
    this.rotation.remove(one);
    this.reading.delete(one);
  }
}

describe('turns of handshakes', () => {
  test('a few begin at once and are read until they are over', () => {
    const few = new Watched();
    few.add(0, 5);
    assert.deepEqual(few.turn(), [0, 1, 2, 3, 4]);
    assert.equal(few.rotation.isCrowded, false);
    assert.deepEqual(few.turn(), [0, 1, 2, 3, 4]);
  });

  test('of a crowd that stalls never more are read than a turn has time for, and each again and again', () => {
    const crowd = new Watched();
    crowd.add(0, 100);
    const turns = new Map<number, number>();
    for (let turn = 0; turn < 1_000; turn++) {
      for (const one of crowd.turn()) turns.set(one, (turns.get(one) ?? 0) + 1);
    }
    assert.equal(turns.size, 100);
    // 8,000 places over 100: a little later for those who begin last.
    assert.ok(Math.min(...turns.values()) > 70, `${Math.min(...turns.values())}`);
  });

  test('a newcomer begins within a few turns although thousands have begun and do not answer', () => {
    const crowd = new Watched();
    crowd.add(0, 2_000);
    for (let turn = 0; turn < 2_000; turn++) crowd.turn();
    assert.equal(crowd.rotation.begun, 2_000);
    crowd.add(2_000, 2_001);
    crowd.turn();
    assert.ok(crowd.begun.has(2_000));
  });

  test('who answers when it is read is through in the order of coming, with few half done at any time', () => {
    const fleet = new Watched();
    fleet.add(0, 1_000);
    const over: number[] = [];
    let begunMost = 0;
    for (let turn = 0; over.length < 1_000; turn++) {
      const before = new Set(fleet.reading);
      // Over with the second turn that it is read in: its first and its second flight.
      for (const one of fleet.turn()) {
        if (!before.has(one)) continue;
        fleet.remove(one);
        over.push(one);
      }
      begunMost = Math.max(begunMost, fleet.rotation.begun);
      assert.ok(turn < 1_000, 'the fleet never gets in');
    }
    assert.ok(begunMost <= 2 * PER_TURN, `${begunMost} were half done`);
    assert.ok(
      over.every((one, place) => Math.abs(one - place) <= 2 * PER_TURN),
      'somebody was passed by many',
    );
  });

  test('nobody begins beyond what may', () => {
    const crowd = new Watched();
    crowd.add(0, 50);
    crowd.turn(3);
    assert.equal(crowd.rotation.begun, 3);
    crowd.turn(0);
    crowd.turn(-1);
    assert.equal(crowd.rotation.begun, 3);
  });

  test('who is gone takes no turn, wherever it stood', () => {
    const crowd = new Watched();
    crowd.add(0, 30);
    crowd.turn();
    crowd.turn();
    for (let one = 0; one < 29; one++) crowd.remove(one);
    crowd.turn();
    assert.deepEqual([...crowd.reading], [29]);
    assert.deepEqual(crowd.rotation.all(), [29]);
  });
});
