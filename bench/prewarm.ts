/**
 * Keep-alive and pre-warming by each function's own idle times, beside fixed keep-alive of 5 and 10 minutes: how many calls find no
 * environment, and for how long an environment is held. The runtime's own code (`scaling/tending.ts` and what it decides by) on a
 * simulated clock, with environments that only count; calls of seeded schedules over several days.
 * Not measured: what a start costs (see `invoke.ts`), calls that overlap, and functions that change their ways.
 */
import { type Random, SimulatedClock, seededRandom } from '../src/base/index.ts';
import type { Environment } from '../src/runtime/environments/environment.ts';
import { type FunctionSpec, RUNTIME_LIMITS } from '../src/runtime/index.ts';
import { IdleTimes } from '../src/runtime/scaling/idle-times.ts';
import { Pool } from '../src/runtime/scaling/pool.ts';
import type { Population } from '../src/runtime/scaling/population.ts';
import { Tending } from '../src/runtime/scaling/tending.ts';
import type { Launch } from '../src/runtime/starts/launch.ts';
import { type Figure, formatFigure } from './figure.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** What functions without a history of their own are kept for. */
const FALLBACK_MS = RUNTIME_LIMITS.keepAliveMs;

interface Workload {
  readonly name: string;
  readonly days: number;
  /** Time to the next call. */
  readonly next: (random: Random) => number;
}

interface Outcome {
  readonly calls: number;
  readonly coldStarts: number;
  readonly heldMinutes: number;
  readonly hours: number;
}

/** @param jitter  part of the period by which a call may come early or late */
const periodic = (periodMs: number, jitter: number) => (random: Random) =>
  periodMs * (1 + jitter * (2 * random.next() - 1));
const atRandom = (meanMs: number) => (random: Random) => -Math.log(1 - random.next()) * meanMs;

const WORKLOADS: readonly Workload[] = [
  { name: 'every 30 s ± 10 %', days: 1, next: periodic(30_000, 0.1) },
  { name: 'every 5 min ± 10 %', days: 3, next: periodic(5 * MINUTE, 0.1) },
  { name: 'hourly ± 2 min', days: 14, next: periodic(HOUR, 1 / 30) },
  { name: 'at random, 5 min on average', days: 3, next: atRandom(5 * MINUTE) },
  { name: 'at random, 20 min on average', days: 7, next: atRandom(20 * MINUTE) },
];

/** About 5 s. */
export async function run(): Promise<Figure[]> {
  const figures: Figure[] = [];
  const sums = { own: [] as Outcome[], five: [] as Outcome[], ten: [] as Outcome[] };
  for (const workload of WORKLOADS) {
    const own = await simulate(workload, undefined);
    const five = await simulate(workload, 5 * MINUTE);
    const ten = await simulate(workload, 10 * MINUTE);
    figures.push(...compare(workload.name, [own], [five], [ten]));
    sums.own.push(own);
    sums.five.push(five);
    sums.ten.push(ten);
  }
  // All together it must cost less than either, in both ways.
  const all = compare('all of these', sums.own, sums.five, sums.ten);
  return [...figures, ...all.map((figure) => ({ ...figure, target: { ratio: 1, met: figure.ratio! <= 1 } }))];
}

function compare(name: string, own: readonly Outcome[], five: readonly Outcome[], ten: readonly Outcome[]): Figure[] {
  const kinds = [
    { what: 'calls without an environment', unit: '% of calls', of: coldShare },
    { what: 'environment held', unit: 'min/h', of: heldShare },
  ];
  return kinds.flatMap(({ what, unit, of }) =>
    [
      { name: 'fixed 5 min', value: of(five) },
      { name: 'fixed 10 min', value: of(ten) },
    ].map((floor) => ({
      name: `${what}, ${name}, beside ${floor.name}`,
      value: of(own),
      unit,
      floor,
      ...(floor.value > 0 ? { ratio: of(own) / floor.value } : {}),
    })),
  );
}

/** Each workload counts the same, however long it was simulated. */
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const coldShare = (outcomes: readonly Outcome[]) =>
  mean(outcomes.map(({ coldStarts, calls }) => (100 * coldStarts) / calls));
const heldShare = (outcomes: readonly Outcome[]) => mean(outcomes.map(({ heldMinutes, hours }) => heldMinutes / hours));

/** @param fixedMs  keep-alive time of every function; absent: by its idle times */
async function simulate({ days, next }: Workload, fixedMs: number | undefined): Promise<Outcome> {
  const clock = new SimulatedClock();
  const random = seededRandom(1);
  const house = new SimulatedHouse(clock, fixedMs);
  const end = days * 24 * HOUR;
  for (let wait = next(random); clock.monotonic() + wait < end; wait = next(random)) {
    await clock.advance(wait);
    house.call();
  }
  await clock.advance(end - clock.monotonic());
  return house.outcome(days * 24);
}

/** One function whose calls take no time. */
class SimulatedHouse {
  readonly #clock: SimulatedClock;
  readonly #pool: Pool;
  readonly #tending: Tending;
  #calls = 0;
  #coldStarts = 0;
  #heldMs = 0;

  constructor(clock: SimulatedClock, fixedMs: number | undefined) {
    this.#clock = clock;
    const spec = { arn: 'f', environmentConcurrency: 1, revision: '1' } as FunctionSpec;
    const share = { name: 'f', held: 0, reserved: undefined, pools: 1, requests: { tokens: 0, at: 0 } };
    const burst = { tokens: 1_000, at: 0 };
    this.#pool = new Pool({ spec, launch: {} as Launch, share, burst, idleTimes: new IdleTimes(), clock });
    const population = {
      size: 0,
      startAhead: (pool: Pool, _ahead: string, isWanted: () => boolean) =>
        void (isWanted() && pool.keep(this.#start())),
    } as unknown as Population;
    this.#tending = new Tending({
      clock,
      machine: { processors: 1, memory: () => undefined, isRunnable: () => false },
      population,
      pools: () => [this.#pool],
      shedBlanks: () => 0,
      keepAliveMs: fixedMs ?? FALLBACK_MS,
      isFixed: fixedMs !== undefined,
      prewarmed: { add: () => {} },
      reclaimed: { add: () => {} },
    });
  }

  call(): void {
    this.#calls++;
    this.#pool.began();
    let environment = this.#pool.take();
    if (!environment) {
      this.#coldStarts++;
      environment = this.#start();
      this.#pool.seat(environment);
    }
    environment.idleSince = this.#clock.monotonic();
    this.#pool.giveBack(environment);
    if (this.#pool.ended(false)) this.#tending.rested(this.#pool);
  }

  outcome(hours: number): Outcome {
    this.#pool.retireAll();
    return { calls: this.#calls, coldStarts: this.#coldStarts, heldMinutes: this.#heldMs / MINUTE, hours };
  }

  #start(): Environment {
    const startedAt = this.#clock.monotonic();
    const environment = {
      spec: this.#pool.spec,
      places: 0,
      retiring: false,
      stale: false,
      idleSince: startedAt,
      phase: { kind: 'idle' },
      retire: () => {
        this.#heldMs += this.#clock.monotonic() - startedAt;
        this.#pool.remove(environment);
      },
    } as unknown as Environment;
    this.#pool.environments.add(environment);
    return environment;
  }
}

if (import.meta.main) for (const figure of await run()) process.stdout.write(`${formatFigure(figure)}\n`);
