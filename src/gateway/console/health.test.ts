import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FlowEdgeReading, FlowNodeReading } from './flow.ts';
import { HEALTH_LIMITS, healthOfEdge, healthOfNode } from './health.ts';

const edge = (more: Partial<FlowEdgeReading> = {}): FlowEdgeReading => ({
  ...{ from: 'a', to: 'b', via: 'push', events: 0 },
  ...more,
});
const queue = (pending: number, more: Partial<FlowNodeReading> = {}): FlowNodeReading => ({
  ...{ id: 'q', kind: 'queue', label: 'q', gauges: { pending } },
  ...more,
});

test('an edge whose tries fail says how many, how many wait, and why', () => {
  const now = edge({ retries: 7, errors: 7, pending: 12, lastError: 'ECONNREFUSED' });
  assert.deepEqual(healthOfEdge(now, edge({ retries: 4, errors: 4 }), 0), {
    status: 'error',
    problem: '3 retries, 12 wait: ECONNREFUSED',
  });
  const later = { ...now, pending: 0 };
  assert.equal(healthOfEdge({ ...later }, later, 1).status, 'ok', 'well again once nothing fails');
});

test('an edge that is tried seldom stays ill while what failed last still waits', () => {
  const now = edge({ retries: 7, pending: 12, lastError: '503' });
  assert.deepEqual(healthOfEdge(now, now, 0), { status: 'error', problem: '12 wait: 503' });
});

test('what is lost weighs more than what is given up, and that more than what is tried again', () => {
  const before = edge({ retries: 0, deadLettered: 0, lost: 0 });
  assert.equal(healthOfEdge(edge({ retries: 2, deadLettered: 1, lost: 1 }), before, 0).problem, '1 lost');
  assert.equal(healthOfEdge(edge({ retries: 2, deadLettered: 1 }), before, 0).problem, '1 given up');
  assert.equal(healthOfEdge(edge({ retries: 1 }), before, 0).problem, '1 retry');
});

test('a first reading claims no failure; an edge that has come since it does', () => {
  const failing = edge({ retries: 7 });
  assert.equal(healthOfEdge(failing, undefined, 0).status, 'idle');
  assert.equal(healthOfEdge(failing, {}, 0).status, 'error');
});

test('a backlog grows when it gains much, and much of itself', () => {
  const grown = (from: number, to: number) => healthOfEdge(edge({ pending: to }), edge({ pending: from }), 5).status;
  assert.equal(grown(0, HEALTH_LIMITS.growthMin), 'waiting');
  assert.equal(grown(0, HEALTH_LIMITS.growthMin - 1), 'ok');
  assert.equal(grown(10_000, 10_200), 'ok', 'it sways');
  assert.equal(grown(10_000, 11_000), 'waiting');
  assert.equal(grown(11_000, 1000), 'ok', 'it is worked off');
});

test('an edge whose oldest waits too long says for how long', () => {
  const { status, problem } = healthOfEdge(edge({ pending: 3, oldestAgeMs: 240_000 }), edge({ pending: 3 }), 0);
  assert.deepEqual([status, problem], ['waiting', 'the oldest of 3 waits 4 min']);
});

test('who holds a mapping back is named, and what waits behind it', () => {
  const poller = { id: 'u', region: 'r', paused: ['admin', 'disk-full'], canReplay: true };
  const { status, problem } = healthOfEdge(edge({ via: 'pull', poller, pending: 9, retries: 1 }), {}, 0);
  assert.deepEqual([status, problem], ['paused', 'held back by admin, disk-full, 9 wait']);
});

test('a dead-letter queue is ill while anything lies in it, and most when something has just come', () => {
  const dead = { isDeadLetterQueue: true } as const;
  assert.equal(healthOfNode(queue(0, dead), queue(0, dead), 0).status, 'idle');
  assert.deepEqual(healthOfNode(queue(1, dead), queue(1, dead), 0), {
    status: 'waiting',
    problem: '1 dead letter waits',
  });
  assert.deepEqual(healthOfNode(queue(5, dead), queue(3, dead), 0), {
    status: 'error',
    problem: '2 dead letters just came, 5 wait',
  });
});

test('a queue may hold messages for a while; not for long, and not more and more', () => {
  const aged = (oldestAgeMs: number) => healthOfNode(queue(5, { gauges: { pending: 5, oldestAgeMs } }), queue(5), 0);
  assert.equal(aged(30_000).status, 'idle');
  assert.deepEqual(aged(7_200_000), { status: 'waiting', problem: 'the oldest waits 2 h' });
  assert.equal(healthOfNode(queue(400), queue(100), 3).status, 'waiting');
});
