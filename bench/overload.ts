/**
 * Five times the load that the machine can bear, of callers who do not wait: what still gets through, how long those who are admitted
 * take, and how soon the others are refused. Two functions: one computes (the processors are the limit), one waits (its reserved
 * concurrency is). Beside the same function under as many callers as there are processors or places, each with one call at a time.
 * Then a quiet function beside one that computes as much as it can: how many of its calls are refused, and how long they take.
 * Not measured: HTTP. The callers are in the node's process, and what they cost counts against it.
 */
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasCode } from '../src/base/index.ts';
import type { FunctionSpec } from '../src/runtime/index.ts';
import { type Figure, formatFigure, median } from './figure.ts';
import { BenchRuntime } from './runtime.ts';

const OVERLOAD = 5;
const WARM_UP_MS = 2_000;
const CAPACITY_MS = 4_000;
const OVERLOAD_MS = 8_000;
/** Calls of the first moments are let in as a burst; what is told is what follows. */
const SETTLE_MS = 1_000;
/** Places of the function that waits. */
const PLACES = 20;

/** About 20 ms of a processor, whatever else runs. */
const COMPUTES = `
  const { createHash } = require('node:crypto');
  const bytes = Buffer.alloc(1024 * 1024);
  exports.handler = async () => { let sum; for (let i = 0; i < 25; i++) sum = createHash('sha256').update(bytes).digest('hex'); return sum; };
`;
const WAITS = 'exports.handler = () => new Promise((done) => setTimeout(done, 110));';

interface Load {
  readonly admittedMs: readonly number[];
  readonly refusedMs: readonly number[];
  readonly seconds: number;
}

/** About 40 s. */
export async function run(): Promise<Figure[]> {
  await using house = await BenchRuntime.open();
  const computes = house.spec(COMPUTES);
  const figures = await overload(house, 'that computes', computes, availableParallelism());
  const waits = house.spec(WAITS, { reservedConcurrency: PLACES });
  figures.push(...(await overload(house, 'that waits', waits, PLACES)));
  return [...figures, ...(await beside(house, computes))];
}

async function overload(house: BenchRuntime, kind: string, spec: FunctionSpec, callers: number): Promise<Figure[]> {
  await closedLoop(house, spec, callers, WARM_UP_MS);
  const capacity = await closedLoop(house, spec, callers, CAPACITY_MS);
  const perSecond = capacity.admittedMs.length / capacity.seconds;
  const loaded = await openLoop(house, spec, perSecond * OVERLOAD, OVERLOAD_MS, SETTLE_MS);
  const through = loaded.admittedMs.length / loaded.seconds;
  const [atCapacity, p99] = [quantile(capacity.admittedMs, 0.99), quantile(loaded.admittedMs, 0.99)];
  const refused = quantile(loaded.refusedMs, 0.99);
  const name = `overload ${OVERLOAD}x, a function ${kind}`;
  return [
    {
      name: `${name}: throughput`,
      value: through,
      unit: 'invocations/s',
      floor: { name: 'capacity', value: perSecond },
      ratio: through / perSecond,
      target: { ratio: 0.9, met: through / perSecond >= 0.9 },
    },
    {
      name: `${name}: p99 of the admitted`,
      value: p99,
      unit: 'ms',
      floor: { name: 'at capacity', value: atCapacity },
      ratio: p99 / atCapacity,
      target: { ratio: 3, met: p99 / atCapacity < 3 },
    },
    { name: `${name}: p99 of a refusal`, value: refused, unit: 'ms', target: { value: 10, met: refused < 10 } },
  ];
}

/** A quiet function, ten calls a second, beside a noisy one that is called as often as it can be. */
async function beside(house: BenchRuntime, noisy: FunctionSpec): Promise<Figure[]> {
  const quiet = house.spec(COMPUTES);
  const alone = await openLoop(house, quiet, 10, CAPACITY_MS);
  const noise = openLoop(house, noisy, 500, OVERLOAD_MS);
  await sleep(1_000);
  const loaded = await openLoop(house, quiet, 10, OVERLOAD_MS - 2_000);
  await noise;
  const [before, after] = [median(alone.admittedMs), median(loaded.admittedMs)];
  const refused = (100 * loaded.refusedMs.length) / (loaded.refusedMs.length + loaded.admittedMs.length);
  const name = 'a quiet function beside a noisy one';
  return [
    { name: `${name}: refused`, value: refused, unit: '% of calls', target: { value: 1, met: refused <= 1 } },
    {
      name: `${name}: p50`,
      value: after,
      unit: 'ms',
      floor: { name: 'alone', value: before },
      ratio: after / before,
      target: { ratio: 3, met: after / before < 3 },
    },
  ];
}

/** So many callers, each with one call at a time. */
async function closedLoop(house: BenchRuntime, spec: FunctionSpec, callers: number, ms: number): Promise<Load> {
  const admittedMs: number[] = [];
  const start = performance.now();
  const caller = async () => {
    while (performance.now() - start < ms) {
      const begun = performance.now();
      await house.invoke(spec);
      admittedMs.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return { admittedMs, refusedMs: [], seconds: (performance.now() - start) / 1000 };
}

/** So many calls a second, whatever becomes of the earlier ones. @param settleMs  calls of that time are not counted */
async function openLoop(
  house: BenchRuntime,
  spec: FunctionSpec,
  perSecond: number,
  ms: number,
  settleMs = 0,
): Promise<Load> {
  const admittedMs: number[] = [];
  const refusedMs: number[] = [];
  const calls: Promise<void>[] = [];
  const start = performance.now();
  const call = async () => {
    const begun = performance.now();
    let times = admittedMs;
    try {
      await house.invoke(spec, {}, false);
    } catch (error) {
      if (!hasCode(error, 'concurrency-limit')) throw error;
      times = refusedMs;
    }
    if (begun - start >= settleMs) times.push(performance.now() - begun);
  };
  for (let elapsed = 0; elapsed < ms; elapsed = performance.now() - start) {
    while (calls.length < (elapsed / 1000) * perSecond) calls.push(call());
    await sleep(1);
  }
  const seconds = (performance.now() - start - settleMs) / 1000;
  await Promise.all(calls);
  return { admittedMs, refusedMs, seconds };
}

function quantile(values: readonly number[], part: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * part)]!;
}

if (import.meta.main) for (const figure of await run()) process.stdout.write(`${formatFigure(figure)}\n`);
