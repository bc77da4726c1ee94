import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../base/index.ts';
import { CIRCUIT_LIMITS, type Circuit, CLOSED, isBroken, onAnswer, onFailure, onTry, triesAllowed } from './circuit.ts';

const MAX = 32;
const down = { unavailable: true };

/** So many failures of the target in a row. */
function broken(failures: number, now = 0, from: Circuit = CLOSED): Circuit {
  let circuit = from;
  for (let i = 0; i < failures; i++) circuit = onFailure(circuit, down, now, 0.5, MAX);
  return circuit;
}

test('it opens after so many failures of the target in a row, and not before', () => {
  assert.equal(broken(CIRCUIT_LIMITS.failuresMax - 1).kind, 'closed');
  assert.equal(broken(CIRCUIT_LIMITS.failuresMax).kind, 'open');
  const answered = onAnswer(broken(CIRCUIT_LIMITS.failuresMax - 1), MAX);
  assert.equal(broken(CIRCUIT_LIMITS.failuresMax - 1, 0, answered).kind, 'closed');
});

test('failures that are about what was delivered do not open it', () => {
  let circuit = CLOSED;
  for (let i = 0; i < 1000; i++) circuit = onFailure(circuit, { unavailable: false }, 0, 0.5, MAX);
  assert.equal(triesAllowed(circuit, 0, MAX), MAX);
});

test('an open one lets a single probe through when its time has come', () => {
  const open = broken(CIRCUIT_LIMITS.failuresMax);
  assert.ok(open.kind === 'open');
  assert.equal(triesAllowed(open, open.probeAt - 1, MAX), 0);
  assert.equal(triesAllowed(open, open.probeAt, MAX), 1);
  assert.equal(triesAllowed(onTry(open), open.probeAt, MAX), 0);
});

test('a dead target for a day is probed some thousand times, at most two a minute in the end', () => {
  const random = seededRandom(7);
  let circuit = broken(CIRCUIT_LIMITS.failuresMax);
  let probes = 0;
  for (let now = 0; now < 86_400_000; probes++) {
    assert.ok(circuit.kind === 'open');
    assert.ok(circuit.probeAt > now && circuit.probeAt - now <= CIRCUIT_LIMITS.probeMsMax);
    now = circuit.probeAt;
    circuit = onFailure(onTry(circuit), down, now, random.next(), MAX);
  }
  assert.ok(probes > 2_880 && probes < 5_800, `${probes} probes`);
});

test('a target that is back gets one delivery more at a time with each that succeeds', () => {
  let circuit = onAnswer(onTry(broken(CIRCUIT_LIMITS.failuresMax)), MAX);
  assert.equal(triesAllowed(circuit, 0, MAX), 1);
  for (let i = 2; i < MAX; i++) {
    circuit = onAnswer(circuit, MAX);
    assert.equal(triesAllowed(circuit, 0, MAX), i);
  }
  assert.deepEqual(onAnswer(circuit, MAX), CLOSED);
});

test('what was begun before it opened does not prolong it', () => {
  const open = broken(CIRCUIT_LIMITS.failuresMax);
  assert.equal(onFailure(open, down, 5, 0.9, MAX), open);
});

test('a target that asks to be left alone is left alone', () => {
  const asked = onFailure(CLOSED, { unavailable: true, retryAfterMs: 5000 }, 100, 0, MAX);
  assert.deepEqual(asked, { kind: 'open', trips: 1, probeAt: 5100, isAsked: true });
  assert.equal(isBroken(asked), true);
  // A pause is no failure: a rate that is kept, for example.
  const paused = onFailure(CLOSED, { unavailable: false, retryAfterMs: 5000 }, 100, 0, MAX);
  assert.deepEqual([triesAllowed(paused, 5099, MAX), triesAllowed(paused, 5100, MAX), isBroken(paused)], [0, 1, false]);
  // The longer of two wishes counts.
  assert.deepEqual(onFailure(asked, { unavailable: true, retryAfterMs: 10 }, 200, 0, MAX), asked);
});

test('what was begun before a target has asked for a pause does not end it, whatever comes of it', () => {
  const asked = onFailure(CLOSED, { unavailable: true, retryAfterMs: 5000 }, 100, 0, MAX);
  assert.equal(onAnswer(asked, MAX), asked);
  assert.equal(onFailure(asked, { unavailable: false }, 100, 0, MAX), asked);
  assert.equal(onAnswer(onTry(asked), MAX).kind, 'closed');
});

test('one that asks for no pause at all is broken off as one that asks for nothing', () => {
  let circuit: Circuit = CLOSED;
  for (let i = 1; i < CIRCUIT_LIMITS.failuresMax; i++) {
    circuit = onFailure(circuit, { unavailable: true, retryAfterMs: 0 }, 0, 0.5, MAX);
    assert.equal(circuit.kind, 'closed');
  }
  circuit = onFailure(circuit, { unavailable: true, retryAfterMs: 0 }, 0, 0.5, MAX);
  assert.ok(circuit.kind === 'open' && circuit.probeAt > 0);
});
