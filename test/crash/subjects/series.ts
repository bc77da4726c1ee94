import assert from 'node:assert/strict';
import { join } from 'node:path';
import { hasCode, systemClock } from '../../../src/base/index.ts';
import {
  EmbeddedLog,
  openEmbeddedRecords,
  openEmbeddedSeries,
  type Point,
  type Series,
} from '../../../src/store/index.ts';
import type { CrashSubject, HistoryEntry } from '../subject.ts';

type Step =
  | { readonly kind: 'write'; readonly machine: string; readonly from: number; readonly count: number }
  | { readonly kind: 'query' };

const DATABASE = 'db';

class Store implements AsyncDisposable {
  readonly series: Series;
  readonly #scope: AsyncDisposableStack;

  constructor(series: Series, scope: AsyncDisposableStack) {
    this.series = series;
    this.#scope = scope;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#scope.disposeAsync();
  }
}

/** The embedded series store under writes that overwrite each other, and queries that bring them into the tables. */
export const seriesSubject: CrashSubject<Store, Step> = {
  name: 'series',
  kills: 4,
  simulated: false,
  concurrency: 4,

  async open({ directory }) {
    await using scope = new AsyncDisposableStack();
    const records = scope.use(await openEmbeddedRecords({ directory: join(directory, 'records') }));
    const log = scope.use(await EmbeddedLog.open({ directory: join(directory, 'log') }));
    const options = { directory: join(directory, 'series'), log, records, clock: systemClock };
    const series = scope.use(await openEmbeddedSeries(options));
    await series.createDatabase(DATABASE).catch((error) => assert.equal(error.code, 'database-exists'));
    // The columns are there before the first step: from then on writes take effect in the order in which they were begun.
    await series.write(DATABASE, [...pointsOf(-1, 'first', 0, 1)]);
    return new Store(series, scope.move());
  },

  plan(random) {
    if (random.next() < 0.15) return { kind: 'query' };
    const machine = `machine ${Math.floor(random.next() * 3)}`;
    return { kind: 'write', machine, from: Math.floor(random.next() * 300), count: 1 + Math.floor(random.next() * 60) };
  },

  run({ series }, step, id) {
    if (step.kind === 'query') return series.query(DATABASE, 'SELECT count(*) FROM m');
    return series.write(DATABASE, pointsOf(id, step.machine, step.from, step.count));
  },

  isRefusal: (error) => hasCode(error, 'series-full') || hasCode(error, 'series-busy'),

  async verify({ series }, history) {
    const ids = await series.query(DATABASE, 'SELECT step FROM markers');
    const done = new Set(ids.rows.map(([id]) => id as number));
    assert.equal(done.size, ids.rows.length, 'a marker is there twice');
    const { rows } = await series.query(DATABASE, 'SELECT machine, epoch_ms(time), step FROM m', {
      rowsMax: 1_000_000,
    });
    const stored = new Map(rows.map(([machine, ms, step]) => [`${machine} ${ms}`, step as number]));
    assert.equal(stored.size, rows.length, 'a point is there twice');
    assert.deepEqual(stored, replay(history, done));
    for (const { id, step } of history) if (step.kind === 'query') done.add(id);
    return done;
  },
};

/** The last step by machine and time. */
function replay(history: readonly HistoryEntry<Step>[], done: ReadonlySet<number>): Map<string, number> {
  const state = new Map<string, number>([['first 0', -1]]);
  for (const { id, step, outcome } of [...history].sort((a, b) => a.id - b.id)) {
    if (step.kind === 'query') continue;
    if (outcome === 'acknowledged') assert.ok(done.has(id), `write ${id} is lost`);
    if (outcome === 'refused') assert.ok(!done.has(id), `write ${id} was refused and is there`);
    if (!done.has(id)) continue;
    for (let i = 0; i < step.count; i++) state.set(`${step.machine} ${step.from + i}`, id);
  }
  return state;
}

/** Points of a step, and one that says that all of them are there. */
function pointsOf(id: number, machine: string, from: number, count: number): Point[] {
  const fields = { step: BigInt(id) };
  const points = Array.from({ length: count }, (_, i) => ({
    measurement: 'm',
    tags: { machine },
    fields,
    time: BigInt(from + i) * 1_000_000n,
  }));
  return [...points, { measurement: 'markers', tags: {}, fields, time: BigInt(id) }];
}
