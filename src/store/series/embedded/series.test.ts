import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { systemClock } from '../../../base/index.ts';
import { EmbeddedLog } from '../../log/index.ts';
import { openEmbeddedRecords } from '../../records/index.ts';
import { seriesConformance } from '../series.conformance.ts';
import type { Series } from '../series.ts';
import { openEmbeddedSeries } from './series.ts';

seriesConformance('embedded', openStore);

/** Series with a log and a records store of their own beside them. */
async function openStore(directory: string): Promise<Series> {
  await using scope = new AsyncDisposableStack();
  const records = scope.use(await openEmbeddedRecords({ directory: join(directory, 'records') }));
  const log = scope.use(await EmbeddedLog.open({ directory: join(directory, 'log') }));
  const series = await openEmbeddedSeries({ directory: join(directory, 'series'), log, records, clock: systemClock });
  const stores = scope.move();
  const close = series[Symbol.asyncDispose].bind(series);
  series[Symbol.asyncDispose] = async () => {
    await close();
    await stores.disposeAsync();
  };
  return series;
}

async function withDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-series-'));
  await run(directory).finally(() => rm(directory, { recursive: true }));
}

test('writing does not load the engine: a query does, and finds all', () =>
  withDirectory(async (directory) => {
    await using series = await openStore(directory);
    await series.createDatabase('Db');
    for (let i = 0; i < 10; i++) {
      await series.write('Db', [{ measurement: 'm', tags: {}, fields: { v: i }, time: BigInt(i) }]);
    }
    assert.deepEqual(await readdir(join(directory, 'series')), []);
    assert.deepEqual((await series.query('Db', 'SELECT count(*), max(v) FROM m')).rows, [[10, 9]]);
    assert.ok((await readdir(join(directory, 'series'))).includes('%db.duckdb'));
  }));

for (const name of ['millrace', 'main', 'state', 'memory']) {
  test(`a database may be called ${name}, as a schema of the engine's is`, () =>
    withDirectory(async (directory) => {
      await using series = await openStore(directory);
      await series.createDatabase(name);
      await series.write(name, [{ measurement: 'm', tags: {}, fields: { v: 1 }, time: 0n }]);
      assert.deepEqual((await series.query(name, 'SELECT v FROM m WHERE time < now()')).rows, [[1]]);
    }));
}

test('when its thread dies, a query starts another, which takes from the log what the tables lack', () =>
  withDirectory(async (directory) => {
    await using series = await openStore(directory);
    await series.createDatabase('db');
    const write = (from: number, to: number) =>
      series.write(
        'db',
        Array.from({ length: to - from }, (_, i) => ({
          measurement: 'm',
          tags: {},
          fields: { v: from + i },
          time: BigInt(from + i),
        })),
      );
    const count = async () => (await series.query('db', 'SELECT count(*) FROM m')).rows[0]![0];
    await write(0, 10);
    const started = once(process, 'worker') as Promise<[Worker]>;
    assert.equal(await count(), 10);
    await write(10, 20);
    const endless = series.query('db', 'SELECT sum(a.range * b.range) FROM range(1000000000) a, range(1000000) b');
    const [worker] = await started;
    await Promise.all([assert.rejects(endless, { code: 'series-failed' }), worker.terminate()]);
    await write(20, 30);
    assert.equal(await count(), 30);
  }));
