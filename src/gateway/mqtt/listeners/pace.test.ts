import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Pace } from './pace.ts';

const TURN_MS = 8;
const FLIGHTS_MAX = 8;

function paceOf(flightMs: number, turns = 100): Pace {
  const pace = new Pace(TURN_MS, FLIGHTS_MAX);
  for (let i = 0; i < turns; i++) pace.took(pace.flights * flightMs, pace.flights);
  return pace;
}

describe('the pace of handshakes', () => {
  test('a turn has time for as many flights as fit, and no more than there may be', () => {
    assert.equal(paceOf(0.1).flights, 8);
    assert.equal(paceOf(1).flights, 8);
    assert.equal(paceOf(1.5).flights, 5);
    assert.equal(paceOf(3).flights, 2);
  });

  test('however long they take, a turn has two', () => {
    assert.equal(paceOf(500).flights, 2);
  });

  test('a machine that is fast again has as many in a turn as before within some twenty turns', () => {
    const pace = paceOf(8);
    for (let i = 0; i < 24; i++) pace.took(pace.flights * 0.7, pace.flights);
    assert.equal(pace.flights, 8);
  });

  test('one long turn changes little', () => {
    const pace = paceOf(0.7);
    pace.took(300, 1);
    assert.ok(pace.flights >= 7, `${pace.flights}`);
  });

  test('a turn without flights says nothing', () => {
    const pace = paceOf(0.7);
    for (let i = 0; i < 100; i++) pace.took(50, 0);
    assert.equal(pace.flights, 8);
  });
});
