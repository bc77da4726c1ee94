import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { SimulatedClock, seededRandom } from '../../base/index.ts';
import type { Exit, Hull, SandboxProcess, SandboxRequest } from '../sandbox/sandbox.ts';
import { BlankPool } from './blanks.ts';
import type { Launch } from './launch.ts';
import { RESERVE_LIMITS } from './reserve.ts';

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
function openPool(size: number, { holds = false, atFirst = size, standing = Promise.resolve() } = {}) {
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
  const begun: Readonly<Record<string, string>>[] = [];
  const hold = (request: SandboxRequest): Hull => ({
    process: start(request),
    standing,
    begin: (more) => void begun.push(more),
  });
  const pool = new BlankPool({
    sandbox: holds ? { start, hold } : { start },
    clock,
    random: seededRandom(1),
    reserve: () => ({ atFirst, inUse: size }),
    launch: LAUNCH,
    isPaused: () => state.isPaused,
    doors: () => [],
    accept: {},
    directory: '/nowhere',
  });
  return { pool, clock, started, begun, state, alive: () => alive };
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

test('the reserve for bursts comes when a function uses the runtime, without haste, and sandboxes alone after the blank ones', async () => {
  const { pool, clock } = openPool(4, { holds: true, atFirst: 2 });
  pool.fill();
  await clock.advance(10_000);
  assert.deepEqual([pool.ready, pool.hulls, pool.full], [2, 0, true]);
  pool.take();
  await clock.advance(60);
  assert.equal(pool.ready, 2, 'without which others would wait');
  await clock.advance(150);
  assert.equal(pool.ready, 2);
  await clock.advance(250);
  assert.deepEqual([pool.ready, pool.hulls], [4, 0]);
  await clock.advance(10_000);
  assert.deepEqual([pool.ready, pool.hulls, pool.full], [4, 12, true]);
  assert.equal(clock.pending, 0, 'nothing is left to do');
});

test('a burst takes the blank ones, then the sandboxes that stand, then starts its own; refilling makes haste after it', async () => {
  const { pool, clock, started, begun } = openPool(2, { holds: true });
  pool.fill();
  await clock.advance(1_000);
  pool.take();
  await clock.advance(10_000);
  assert.deepEqual([pool.ready, pool.hulls], [2, 6]);
  const before = started.length;
  for (let i = 0; i < 10; i++) pool.take();
  assert.deepEqual([pool.ready, pool.hulls], [0, 0]);
  assert.deepEqual(begun, new Array(6).fill({ URGENT: 'yes' }));
  assert.equal(started.length - before, 2, 'of these the sandbox as well');
  await clock.advance(1_500);
  assert.ok(pool.ready >= 8 && pool.hulls >= 4, `${pool.ready} and ${pool.hulls}`);
});

test('a sandbox that is not built yet is left to be', async () => {
  const built = Promise.withResolvers<void>();
  const { pool, clock, begun } = openPool(1, { holds: true, standing: built.promise });
  const takeBeyondReady = () => {
    while (pool.ready > 0) pool.take();
    pool.take();
  };
  pool.take();
  await clock.advance(1_000);
  assert.equal(pool.hulls, 1);
  takeBeyondReady();
  assert.equal(begun.length, 0);
  built.resolve();
  await clock.advance(0);
  takeBeyondReady();
  assert.equal(begun.length, 1);
});

test('what is kept for bursts goes when memory is short, but for two', async () => {
  const { pool, clock, alive } = openPool(6, { holds: true });
  const taken = 1;
  pool.fill();
  await clock.advance(2_000);
  pool.take();
  await clock.advance(10_000);
  assert.equal(alive(), 6 + 18 + taken);
  assert.equal(pool.shed(), 4 * RESERVE_LIMITS.blankBytes);
  assert.deepEqual([pool.ready, pool.hulls, alive()], [2, 0, 2 + taken]);
});

test('a pool that is closed ends sandboxes that stand', async () => {
  const { pool, clock, alive } = openPool(2, { holds: true });
  pool.take().process.kill();
  await clock.advance(10_000);
  await pool.close();
  assert.deepEqual([alive(), clock.pending], [0, 0]);
});
