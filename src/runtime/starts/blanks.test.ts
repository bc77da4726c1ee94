import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { SimulatedClock, seededRandom } from '../../base/index.ts';
import type { Exit, SandboxProcess, SandboxRequest } from '../sandbox/sandbox.ts';
import { BlankPool } from './blanks.ts';
import type { Launch } from './launch.ts';

const LAUNCH: Launch = {
  key: 'k',
  command: ['runtime'],
  environment: {},
  urgentEnvironment: { URGENT: 'yes' },
  readable: [],
  version: '1',
};
const READY = Buffer.from([1, 0, 0, 0, 16]);

/** A pool over processes that only say that they are ready. */
function openPool(size: number) {
  const clock = new SimulatedClock();
  const started: SandboxRequest[] = [];
  let alive = 0;
  const state = { isPaused: false };
  const start = (request: SandboxRequest) => {
    started.push(request);
    alive++;
    const channel = new PassThrough();
    const exit = Promise.withResolvers<Exit>();
    let isAlive = true;
    // More than once is allowed.
    const kill = () => {
      if (isAlive) alive--;
      isAlive = false;
      exit.resolve({ code: null, signal: 'SIGKILL' });
    };
    channel.write(READY);
    return { channel, outputs: [], exited: exit.promise, kill } as unknown as SandboxProcess;
  };
  const pool = new BlankPool({
    sandbox: { start },
    clock,
    random: seededRandom(1),
    size,
    launch: LAUNCH,
    isPaused: () => state.isPaused,
    doors: () => [],
    accept: {},
    directory: '/nowhere',
  });
  return { pool, clock, started, state, alive: () => alive };
}

test('a pool fills one after the other, and is refilled when one was taken', async () => {
  const { pool, clock, started } = openPool(2);
  pool.fill();
  await clock.advance(60);
  assert.equal(started.length, 1);
  await clock.advance(60);
  assert.equal(pool.ready, 2);
  pool.take();
  assert.equal(pool.ready, 1);
  await clock.advance(1_000);
  assert.equal(pool.ready, 2);
  assert.equal(started[2]!.environment.URGENT, undefined, 'a blank one does ahead what it can');
});

test('a demand that finds none gets a process that does nothing ahead, and more are kept from then on, up to four times', async () => {
  const { pool, clock, started } = openPool(1);
  for (let i = 0; i < 10; i++) pool.take();
  assert.equal(started.length, 10);
  assert.ok(started.every(({ environment }) => environment.URGENT === 'yes'));
  await clock.advance(2_000);
  assert.equal(pool.ready, 4);
});

test('what was kept beyond its size is let go of again, one a minute', async () => {
  const { pool, clock, alive } = openPool(1);
  for (let i = 0; i < 3; i++) pool.take();
  await clock.advance(2_000);
  assert.equal(pool.ready, 4);
  const taken = 3;
  await clock.advance(60_000);
  assert.deepEqual([pool.ready, alive()], [3, 3 + taken]);
  await clock.advance(10 * 60_000);
  assert.deepEqual([pool.ready, alive()], [1, 1 + taken]);
  assert.equal(clock.pending, 0, 'nothing is left to do');
});

test('a pool without a size keeps none', async () => {
  const { pool, clock, started } = openPool(0);
  pool.take();
  pool.fill();
  await clock.advance(10_000);
  assert.deepEqual([started.length, pool.ready, clock.pending], [1, 0, 0]);
});

test('none is started while others need the processors', async () => {
  const { pool, clock, state } = openPool(2);
  state.isPaused = true;
  pool.fill();
  await clock.advance(10_000);
  assert.equal(pool.ready, 0);
  state.isPaused = false;
  await clock.advance(1_000);
  assert.equal(pool.ready, 2);
});
