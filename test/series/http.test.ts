import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { CLOCK_LIMITS, SimulatedClock, systemClock } from '../../src/base/index.ts';
import {
  openSeriesService,
  type SeriesService,
  type SeriesServiceDependencies,
} from '../../src/services/series/index.ts';
import { EmbeddedLog, openEmbeddedRecords, openEmbeddedSeries, type Series } from '../../src/store/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { startWire } from '../wire/support.ts';

interface Setup {
  readonly url: string;
  readonly series: Series;
  readonly service: SeriesService;
}

/** The HTTP API on a port of its own, over stores in a folder that goes away with it. */
async function withService(
  run: (setup: Setup) => Promise<void>,
  more: Partial<SeriesServiceDependencies> = {},
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-series-'));
  try {
    await using scope = new AsyncDisposableStack();
    const records = scope.use(await openEmbeddedRecords({ directory: join(directory, 'records') }));
    const log = scope.use(await EmbeddedLog.open({ directory: join(directory, 'log') }));
    const stores = { directory: join(directory, 'series'), log, records, clock: systemClock };
    const series = scope.use(await openEmbeddedSeries(stores));
    const options = { series, clock: systemClock, logger: silentLogger, metrics: createMetrics(), ...more };
    const service = scope.use(await openSeriesService(options));
    const wire = scope.use(await startWire([], { extraRoutes: service.routes }));
    await run({ url: wire.url, series, service });
  } finally {
    await rm(directory, { recursive: true });
  }
}

const post = (url: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
  fetch(url, { method: 'POST', body, headers });
const sql = async (url: string, db: string, q: string, more = '') =>
  fetch(`${url}/api/v3/query_sql?db=${db}&q=${encodeURIComponent(q)}${more}`);

test('lines go in by the paths of InfluxDB 1, 2 and 3, and come out by SQL', () =>
  withService(async ({ url }) => {
    const v2 = await post(`${url}/api/v2/write?bucket=plant&org=any&precision=s`, 'm,d=a v=1.5,n=2i 1767225600\n');
    assert.equal(v2.status, 204);
    assert.equal(await v2.text(), '');
    assert.equal((await post(`${url}/write?db=plant&precision=ms`, 'm,d=b v=2 1767225601000')).status, 204);
    const zipped = gzipSync('m,d=c v=3 1767225602000000');
    const v3 = `${url}/api/v3/write_lp?db=plant&precision=microsecond`;
    assert.equal((await post(v3, zipped, { 'content-encoding': 'gzip' })).status, 204);
    const answer = await sql(url, 'plant', 'SELECT time, d, v, n FROM m ORDER BY time');
    assert.equal(answer.headers.get('content-type'), 'application/json');
    assert.deepEqual(await answer.json(), [
      { time: '2026-01-01T00:00:00', d: 'a', v: 1.5, n: 2 },
      { time: '2026-01-01T00:00:01', d: 'b', v: 2, n: null },
      { time: '2026-01-01T00:00:02', d: 'c', v: 3, n: null },
    ]);
  }));

test('lines that are wrong are named, the others are taken', () =>
  withService(async ({ url }) => {
    await post(`${url}/api/v2/write?bucket=plant`, 'm v=1 1');
    const answer = await post(`${url}/api/v2/write?bucket=plant`, 'm v=2 2\nnonsense\nm v="text" 3\nm v=4 4');
    assert.equal(answer.status, 400);
    const body = (await answer.json()) as any;
    assert.equal(body.code, 'invalid');
    assert.match(body.message, /partial write of line protocol occurred: line 2: missing fields dropped=2/);
    assert.equal(body.error, 'partial write of line protocol occurred');
    assert.deepEqual(
      body.data.map(({ line_number, original_line }: any) => [line_number, original_line]),
      [
        [2, 'nonsense'],
        [3, 'm v="text" 3'],
      ],
    );
    assert.match(body.data[1].error_message, /is type string, already exists as type float/);
    assert.deepEqual(await (await sql(url, 'plant', 'SELECT v FROM m ORDER BY v')).json(), [
      { v: 1 },
      { v: 2 },
      { v: 4 },
    ]);
  }));

test('answers come in every format, by GET and POST, with parameters', () =>
  withService(async ({ url }) => {
    await post(`${url}/api/v2/write?bucket=plant&precision=s`, 'm,d=a v=1 0\nm,d=b v=2 0');
    const q = 'SELECT d, v FROM m WHERE v >= $least ORDER BY v';
    const query = (format: string) =>
      post(`${url}/api/v3/query_sql`, JSON.stringify({ db: 'plant', q, format, params: { least: 1 } }));
    assert.deepEqual(await (await query('json')).json(), [
      { d: 'a', v: 1 },
      { d: 'b', v: 2 },
    ]);
    assert.equal(await (await query('jsonl')).text(), '{"d":"a","v":1}\n{"d":"b","v":2}\n');
    const csv = await query('csv');
    assert.equal(await csv.text(), 'd,v\na,1\nb,2\n');
    assert.match(csv.headers.get('content-type')!, /^text\/csv/);
    const parquet = Buffer.from(await (await query('parquet')).arrayBuffer());
    assert.equal(parquet.subarray(-4).toString(), 'PAR1');
    const byUrl = await sql(url, 'plant', q, `&format=csv&params=${encodeURIComponent('{"least":2}')}`);
    assert.equal(await byUrl.text(), 'd,v\nb,2\n');
  }));

test('what cannot be answered is said with a status and a reason', () =>
  withService(async ({ url }) => {
    await post(`${url}/api/v2/write?bucket=plant`, 'm v=1 1');
    const cases: [Promise<Response>, number, RegExp][] = [
      [post(`${url}/api/v2/write`, 'm v=1'), 400, /bucket is missing/],
      [post(`${url}/api/v2/write?bucket=a/b`, 'm v=1'), 400, /letters, digits/],
      [post(`${url}/api/v2/write?bucket=plant&precision=h`, 'm v=1'), 400, /precision h/],
      [post(`${url}/api/v2/write?bucket=plant`, Buffer.of(0xff, 0xfe)), 400, /UTF-8/],
      [post(`${url}/api/v2/write?bucket=plant`, 'x', { 'content-encoding': 'gzip' }), 400, /gzip/],
      [post(`${url}/api/v2/write?bucket=plant`, 'x', { 'content-encoding': 'br' }), 400, /br is not taken/],
      [fetch(`${url}/api/v2/write?bucket=plant`), 405, /takes POST/],
      [fetch(`${url}/api/v2/write/deeper`), 404, /nothing is at/],
      [sql(url, 'none', 'SELECT 1'), 404, /no database none/],
      [sql(url, 'plant', 'SELEC'), 400, /syntax error/],
      [sql(url, 'plant', 'DROP TABLE m'), 403, /only SELECT/],
      [sql(url, 'plant', 'SELECT 1', '&format=xml'), 400, /format xml/],
      [sql(url, 'plant', 'SELECT 1', '&params=x'), 400, /not JSON/],
      [sql(url, 'plant', 'SELECT 1', '&params=[[]]'), 400, /params is an object/],
      [post(`${url}/api/v3/query_sql`, '{}'), 400, /db and q/],
      [post(`${url}/api/v2/write?bucket=plant`, Buffer.alloc((32 << 20) + 1, '#')), 413, /at most/],
    ];
    for (const [asked, status, reason] of cases) {
      const answer = await asked;
      const { error } = (await answer.json()) as { error: string };
      assert.deepEqual([answer.status, reason.test(error)], [status, true], `${answer.url}: ${answer.status} ${error}`);
    }
  }));

test('databases are configured with retention and rollups', () =>
  withService(async ({ url, series }) => {
    const path = `${url}/api/v3/configure/database`;
    const send = (method: string, body: object) => fetch(path, { method, body: JSON.stringify(body) });
    const downsample = [{ from: 'm', into: 'm_1m', every: '1m', retention_period: '365d' }];
    assert.equal((await send('POST', { db: 'plant', retention_period: '36h' })).status, 200);
    assert.equal((await send('POST', { db: 'plant' })).status, 409);
    assert.equal((await send('PUT', { db: 'plant', retention_period: '4w', downsample })).status, 200);
    const described = { 'iox::database': 'plant', db: 'plant', retention_period: '28d', downsample };
    assert.deepEqual(await (await fetch(`${path}?db=plant`)).json(), described);
    assert.deepEqual(await (await fetch(path)).json(), [described]);
    assert.deepEqual((await series.databases())[0]!.policy, {
      keepMs: 28 * 86_400_000,
      downsample: [{ from: 'm', into: 'm_1m', everyMs: 60_000, keepMs: 365 * 86_400_000 }],
    });
    for (const bad of [
      {},
      { db: 'x', retention_period: '1y' },
      { db: 'x', retention: '1d' },
      { db: 'x', downsample: [{ from: 'm' }] },
      { db: 'x', downsample: [...downsample, ...downsample] },
      { db: 'a b' },
    ]) {
      assert.equal((await send('PUT', bad)).status, 400, JSON.stringify(bad));
    }
    assert.equal((await fetch(`${path}?db=plant`, { method: 'DELETE' })).status, 204);
    assert.equal((await fetch(`${path}?db=plant`, { method: 'DELETE' })).status, 404);
  }));

test('who is not allowed gets nothing, and nothing is read', () => {
  const asked: unknown[] = [];
  return withService(
    async ({ url }) => {
      const answer = await post(`${url}/api/v2/write?bucket=plant`, 'm v=1');
      assert.equal(answer.status, 401);
      assert.equal(((await answer.json()) as { code: string }).code, 'unauthorized');
      assert.equal((await post(`${url}/write?db=plant`, 'm v=1', { authorization: 'Token good' })).status, 204);
      assert.deepEqual(asked, [
        { kind: 'write', database: 'plant' },
        { kind: 'write', database: 'plant' },
      ]);
    },
    {
      authorize: ({ headers }, access) => {
        asked.push(access);
        return headers.authorization === 'Token good';
      },
    },
  );
});

test('the platform writes points of its own, and old ones go with the minute', () => {
  const clock = new SimulatedClock(Date.UTC(2026, 0, 1));
  return withService(
    async ({ series, service }) => {
      const usage = { measurement: 'usage', tags: { function: 'f' }, fields: { ms: 5n } };
      const time = BigInt(clock.now()) * 1_000_000n;
      await Promise.all([
        service.write('platform', [{ ...usage, time }]),
        service.write('platform', [{ ...usage, time: time + 10n ** 16n }]),
      ]);
      await series.setPolicy('platform', { keepMs: 60_000 });
      const count = async () => (await series.query('platform', 'SELECT count(*) FROM usage')).rows[0]![0];
      assert.equal(await count(), 2);
      while ((await count()) !== 1) await clock.advance(60_000);
    },
    { clock },
  );
});

test('a wall clock that jumps ahead takes no points before it has gone evenly for a while', () => {
  const clock = new SimulatedClock();
  return withService(
    async ({ series, service }) => {
      const time = BigInt(clock.now()) * 1_000_000n;
      await service.write('platform', [{ measurement: 'usage', tags: {}, fields: { ms: 5n }, time }]);
      await series.setPolicy('platform', { keepMs: 24 * 3_600_000 });
      const count = async () => (await series.query('platform', 'SELECT count(*) FROM usage')).rows[0]![0];
      const { pending } = clock;
      const passMinute = async () => {
        await clock.advance(60_000);
        // It waits for the next minute when it is through with this one.
        while (clock.pending < pending) await count();
      };
      await passMinute();
      const { now } = clock;
      clock.now = () => now.call(clock) + 48 * 3_600_000;
      const jumpedAt = clock.monotonic();
      for (await passMinute(); (await count()) === 1; ) await passMinute();
      assert.ok(clock.monotonic() - jumpedAt > CLOCK_LIMITS.restMs);
    },
    { clock },
  );
});
