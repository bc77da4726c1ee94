import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { FieldValue, Point, Series } from './series.ts';

const START = Date.UTC(2026, 0, 1);
const NS = 1_000_000n;

/** A point of machine `tags.machine` at `ms` after the start of 2026. */
function point(ms: number, fields: Record<string, FieldValue>, tags: Record<string, string> = { machine: 'a' }): Point {
  return { measurement: 'm', tags, fields, time: BigInt(START + ms) * NS };
}

/** What every engine of the series port does. `open` is given an empty folder, and the same one again for a reopening. */
export function seriesConformance(engine: string, open: (directory: string) => Promise<Series>): void {
  const withSeries = async (body: (series: Series, directory: string) => Promise<void>) => {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-series-'));
    try {
      await using series = await open(directory);
      await series.createDatabase('db');
      await body(series, directory);
    } finally {
      await rm(directory, { recursive: true });
    }
  };
  const rows = async (series: Series, sql: string, parameters: Record<string, string | number> = {}) =>
    (await series.query('db', sql, { parameters })).rows;

  describe(`series port: ${engine}`, () => {
    test('databases are made once, listed with their policy, and dropped with their points', () =>
      withSeries(async (series) => {
        await series.createDatabase('a', { keepMs: 5 });
        await assert.rejects(series.createDatabase('a'), { code: 'database-exists' });
        for (const name of ['', '../a', 'a b', 'x'.repeat(65)]) {
          await assert.rejects(series.createDatabase(name), { code: 'name-invalid' });
        }
        await series.setPolicy('a', { keepMs: 7 });
        assert.deepEqual(await series.databases(), [
          { name: 'a', policy: { keepMs: 7 } },
          { name: 'db', policy: {} },
        ]);
        await series.write('db', [point(0, { v: 1 })]);
        assert.deepEqual(await rows(series, 'SELECT v FROM m'), [[1]]);
        await series.dropDatabase('db');
        for (const gone of [
          series.dropDatabase('db'),
          series.setPolicy('db', {}),
          series.write('db', []),
          series.query('db', 'SELECT 1'),
        ]) {
          await assert.rejects(gone, { code: 'database-not-found' });
        }
        await series.createDatabase('db');
        await assert.rejects(series.query('db', 'SELECT v FROM m'), { code: 'query-invalid' });
        await series.write('db', [point(0, { v: 'text now' })]);
        assert.deepEqual(await rows(series, 'SELECT v FROM m'), [['text now']]);
      }));

    test('a written point is seen by the next query, with every type and its time to the nanosecond', () =>
      withSeries(async (series) => {
        const fields = { float: 1.5, integer: 2n ** 62n, small: -3n, yes: true, text: 'ü "quoted"' };
        await series.write('db', [{ ...point(0, fields), time: BigInt(START) * NS + 123_456_789n }]);
        const { columns, rows: found } = await series.query('db', 'SELECT * FROM m');
        assert.deepEqual(
          columns.map(({ name, type }) => [name, type]),
          [
            ['time', 'TIMESTAMP_NS'],
            ['machine', 'VARCHAR'],
            ['float', 'DOUBLE'],
            ['integer', 'BIGINT'],
            ['small', 'BIGINT'],
            ['yes', 'BOOLEAN'],
            ['text', 'VARCHAR'],
          ],
        );
        assert.deepEqual(found, [['2026-01-01T00:00:00.123456789', 'a', 1.5, 2n ** 62n, -3, true, 'ü "quoted"']]);
      }));

    test('the same series and time is one point, completed and overwritten field by field', () =>
      withSeries(async (series) => {
        await series.write('db', [point(1, { a: 1, b: 1 }), point(2, { a: 1 }), point(1, { b: 2 }, { machine: 'b' })]);
        await series.write('db', [point(1, { a: 5, c: 'new' })]);
        assert.equal((await rows(series, 'SELECT * FROM m')).length, 3);
        await series.write('db', [point(1, { b: 7 }), point(1, { b: 8 }), point(0, { a: 9 })]);
        assert.deepEqual(
          await rows(series, 'SELECT epoch_ms(time) - 1767225600000 AS t, machine, a, b, c FROM m ORDER BY 2, 1'),
          [
            [0, 'a', 9, null, null],
            [1, 'a', 5, 8, 'new'],
            [2, 'a', 1, null, null],
            [1, 'b', null, 2, null],
          ],
        );
      }));

    test('the order in which tags are written makes no other series, another set of tags does', () =>
      withSeries(async (series) => {
        await series.write('db', [point(0, { v: 1 }, { x: '1', y: '2' })]);
        await series.write('db', [point(0, { v: 2 }, { y: '2', x: '1' }), point(0, { v: 3 }, { x: '1' })]);
        assert.deepEqual(await rows(series, 'SELECT v FROM m ORDER BY v'), [[2], [3]]);
      }));

    test('any order of writing, with repetitions, leaves what a map by series and time would hold', () =>
      withSeries(async (series) => {
        const model = new Map<string, number>();
        let state = 11;
        const random = (n: number) => {
          state = (state * 48271) % 2147483647;
          return state % n;
        };
        for (let batch = 0; batch < 12; batch++) {
          const points = Array.from({ length: 200 }, (_, i) => {
            const [ms, machine, v] = [random(300), `m${random(3)}`, batch * 1000 + i];
            model.set(`${machine} ${ms}`, v);
            return point(ms, { v }, { machine });
          });
          await series.write('db', points);
          if (batch % 4 === 3) await rows(series, 'SELECT count(*) FROM m');
        }
        const found = await rows(series, "SELECT machine || ' ' || (epoch_ms(time) - 1767225600000), v FROM m");
        assert.deepEqual(new Map(found as [string, number][]), model);
        assert.equal(found.length, model.size);
      }));

    test('a point that does not fit is named, and nothing of its write is taken', () =>
      withSeries(async (series) => {
        await series.write('db', [point(0, { v: 1, t: 'x' })]);
        const cases: [Point, RegExp][] = [
          [point(1, { v: 'text' }), /input field "v" on measurement "m" is type string, already exists as type float/],
          [point(1, { v: 1n }), /type integer, already exists as type float/],
          [point(1, { machine: 1 }), /"machine" on measurement "m" is a field, already exists as a tag/],
          [point(1, { x: 1 }, { v: 'x' }), /"v" on measurement "m" is a tag, already exists as a field/],
          [point(1, { V: 1 }), /only in case/],
          [point(1, { time: 1 }), /cannot be the name/],
          [point(1, {}), /one field or more/],
          [point(1, { v: Number.NaN }), /not a finite number/],
          [point(1, { n: 2n ** 63n }), /64 bits/],
          [{ ...point(1, { v: 1 }), measurement: 'M' }, /only in case/],
          [{ ...point(1, { v: 1 }), measurement: '' }, /1 to 256 bytes/],
        ];
        for (const [bad, reason] of cases) {
          await assert.rejects(series.write('db', [point(1, { v: 2 }), bad]), (error: any) => {
            assert.equal(error.code, 'points-rejected');
            assert.equal(error.fields.rejected.length, 1);
            assert.equal(error.fields.rejected[0].index, 1);
            assert.match(error.fields.rejected[0].reason, reason);
            return true;
          });
        }
        assert.deepEqual(await rows(series, 'SELECT v FROM m'), [[1]]);
      }));

    test('of two first writes that disagree on a type, one is rejected', () =>
      withSeries(async (series) => {
        const outcomes = await Promise.allSettled([
          series.write('db', [point(0, { v: 1 })]),
          series.write('db', [point(1, { v: 'text' })]),
          series.write('db', [point(2, { v: 2 })]),
        ]);
        assert.deepEqual(
          outcomes.map(({ status }) => status),
          ['fulfilled', 'rejected', 'fulfilled'],
        );
        assert.deepEqual(await rows(series, 'SELECT v FROM m ORDER BY time'), [[1], [2]]);
      }));

    test('parameters fill names, and periods are cut with date_bin and now', () =>
      withSeries(async (series) => {
        await series.write('db', [
          point(0, { v: 1 }),
          point(59_000, { v: 3 }),
          point(60_000, { v: 5 }, { machine: 'b' }),
        ]);
        assert.deepEqual(
          await rows(series, 'SELECT v FROM m WHERE machine = $machine AND v > $v', { machine: 'a', v: 2, other: 1 }),
          [[3]],
        );
        assert.deepEqual(
          await rows(series, "SELECT date_bin(INTERVAL '1 minute', time) AS t, avg(v) FROM m GROUP BY t ORDER BY t"),
          [
            ['2026-01-01T00:00:00', 2],
            ['2026-01-01T00:01:00', 5],
          ],
        );
        assert.deepEqual(await rows(series, "SELECT count(*) FROM m WHERE time < now() - INTERVAL '1 second'"), [[3]]);
        assert.deepEqual(await rows(series, "SELECT v FROM m WHERE time >= '2026-01-01T00:01:00Z'"), [[5]]);
      }));

    test('SQL reads points and nothing else', () =>
      withSeries(async (series) => {
        await series.write('db', [point(0, { v: 1 })]);
        await series.createDatabase('other');
        await series.write('other', [{ ...point(0, { v: 1 }), measurement: 'secret' }]);
        for (const sql of [
          "SELECT * FROM read_csv('/etc/passwd')",
          "SELECT * FROM read_text('/etc/passwd')",
          "SELECT * FROM glob('/*')",
          "COPY m TO '/tmp/stolen.csv'",
          "COPY m FROM '/etc/passwd'",
          "ATTACH '/tmp/other.db' AS o",
          "ATTACH ':memory:' AS o",
          'INSTALL httpfs',
          'LOAD httpfs',
          "SET memory_limit = '100GB'",
          'SET enable_external_access = true',
          'RESET lock_configuration',
          'DROP TABLE m',
          'DELETE FROM m',
          'UPDATE m SET v = 2',
          'INSERT INTO m SELECT * FROM m',
          'CREATE TABLE x AS SELECT 1',
          'CREATE MACRO f() AS 1',
          'SELECT 1; SELECT 2',
          'SELECT 1; DROP TABLE m',
          'BEGIN',
          'PRAGMA enable_profiling',
          'CHECKPOINT',
          "EXPORT DATABASE '/tmp/stolen'",
          'PREPARE p AS DELETE FROM m',
          'CALL force_checkpoint()',
          'EXPLAIN ANALYZE DELETE FROM m',
          '',
        ]) {
          await assert.rejects(series.query('db', sql), (error: any) => {
            assert.ok(
              ['query-refused', 'query-invalid'].includes(error.code),
              `${sql}: ${error.code} ${error.message}`,
            );
            return true;
          });
        }
        for (const sql of [
          'SELECT * FROM secret',
          'SELECT * FROM other.main.secret',
          "SELECT getenv('HOME')",
          'nonsense',
        ]) {
          await assert.rejects(series.query('db', sql), { code: 'query-invalid' });
        }
        assert.deepEqual(await rows(series, 'SELECT v FROM m'), [[1]]);
        assert.deepEqual(await rows(series, 'SHOW TABLES'), [['m']]);
      }));

    test('a query that runs too long is ended, as is one whose caller goes away; others run on', () =>
      withSeries(async (series) => {
        await series.write('db', [point(0, { v: 1 })]);
        const endless = 'SELECT sum(a.range * b.range) FROM range(1000000000) a, range(1000000) b';
        await assert.rejects(series.query('db', endless, { timeoutMs: 50 }), { code: 'query-timeout' });
        const caller = new AbortController();
        const leaving = series.query('db', endless, { signal: caller.signal });
        caller.abort(new Error('gone'));
        await assert.rejects(leaving, /gone/);
        await assert.rejects(series.query('db', 'SELECT 1', { signal: caller.signal }), /gone/);
        assert.deepEqual(await rows(series, 'SELECT v FROM m'), [[1]]);
      }));

    test('closing, and dropping a database, end the queries that run and wait', () =>
      withSeries(async (series) => {
        await series.write('db', [point(0, { v: 1 })]);
        await series.createDatabase('other');
        const endless = 'SELECT sum(a.range * b.range) FROM range(1000000000) a, range(1000000) b';
        const start = (database: string) =>
          Promise.allSettled(Array.from({ length: 4 }, () => series.query(database, endless, { timeoutMs: 600_000 })));
        const dropped = start('other');
        await series.query('db', 'SELECT v FROM m');
        await series.dropDatabase('other');
        const closed = start('db');
        await series[Symbol.asyncDispose]();
        for (const { status } of [...(await dropped), ...(await closed)]) assert.equal(status, 'rejected');
      }));

    test('an answer has at most the rows that it may have, and says so', () =>
      withSeries(async (series) => {
        await series.write(
          'db',
          Array.from({ length: 5000 }, (_, i) => point(i, { v: i })),
        );
        const cut = await series.query('db', 'SELECT v FROM m ORDER BY v', { rowsMax: 3000 });
        assert.deepEqual([cut.rows.length, cut.truncated, cut.rows[2999]], [3000, true, [2999]]);
        const whole = await series.query('db', 'SELECT v FROM m', { rowsMax: 5000 });
        assert.deepEqual([whole.rows.length, whole.truncated], [5000, false]);
      }));

    test('answers come as JSON, JSON lines, CSV and Parquet', () =>
      withSeries(async (series) => {
        await series.write('db', [point(0, { v: 1.5, n: 2n ** 60n, t: 'a,"b"\n' }), point(1, { v: 2 })]);
        const sql = 'SELECT time, v, n, t FROM m ORDER BY time';
        const text = async (format: 'json' | 'jsonl' | 'csv') =>
          Buffer.from(await series.queryEncoded('db', sql, format)).toString();
        const first = '{"time":"2026-01-01T00:00:00","v":1.5,"n":1152921504606846976,"t":"a,\\"b\\"\\n"}';
        const second = '{"time":"2026-01-01T00:00:00.001","v":2,"n":null,"t":null}';
        assert.equal(await text('json'), `[${first},${second}]`);
        assert.equal(await text('jsonl'), `${first}\n${second}\n`);
        assert.equal(
          await text('csv'),
          'time,v,n,t\n2026-01-01T00:00:00,1.5,1152921504606846976,"a,""b""\n"\n2026-01-01T00:00:00.001,2,,\n',
        );
        const parquet = Buffer.from(await series.queryEncoded('db', sql, 'parquet'));
        assert.equal(parquet.subarray(0, 4).toString(), 'PAR1');
        assert.equal(parquet.subarray(-4).toString(), 'PAR1');
        await assert.rejects(series.queryEncoded('db', 'DROP TABLE m', 'parquet'), { code: 'query-refused' });
      }));

    test('old points go when their time is over, and stay without a policy', () =>
      withSeries(async (series) => {
        await series.write('db', [point(0, { v: 1 }), point(60_000, { v: 2 })]);
        await series.query('db', 'SELECT 1');
        await series.maintain(START + 90_000);
        assert.equal((await rows(series, 'SELECT v FROM m')).length, 2);
        await series.setPolicy('db', { keepMs: 60_000 });
        await series.maintain(START + 90_000);
        assert.deepEqual(await rows(series, 'SELECT v FROM m'), [[2]]);
      }));

    test('a rollup has mean, least, greatest and count of whole periods, counts late points, and outlives its source', () =>
      withSeries(async (series) => {
        const minute = { from: 'm', into: 'm_1m', everyMs: 60_000 };
        await series.setPolicy('db', { keepMs: 3_600_000, downsample: [minute] });
        await series.write('db', [
          point(1000, { v: 1, n: 4n, t: 'text' }),
          point(2000, { v: 3, n: 5n }),
          point(61_000, { v: 7 }),
        ]);
        const rollup = () =>
          rows(series, 'SELECT time, machine, v, v_min, v_max, v_count, n, n_count FROM m_1m ORDER BY time');
        await series.query('db', 'SELECT 1');
        await series.maintain(START + 90_000);
        assert.deepEqual(await rollup(), [['2026-01-01T00:00:00', 'a', 2, 1, 3, 2, 4.5, 2]]);
        await series.write('db', [point(3000, { v: 5 })]);
        await series.maintain(START + 120_000);
        await series.maintain(START + 121_000);
        const expected = [
          ['2026-01-01T00:00:00', 'a', 3, 1, 5, 3, 4.5, 2],
          ['2026-01-01T00:01:00', 'a', 7, 7, 7, 1, null, 0],
        ];
        assert.deepEqual(await rollup(), expected);
        await series.maintain(START + 4 * 3_600_000);
        assert.equal((await rows(series, 'SELECT * FROM m')).length, 0);
        assert.deepEqual(await rollup(), expected);
      }));

    test('all is there after closing and opening again, types too', () =>
      withSeries(async (series, directory) => {
        await series.write('db', [point(0, { v: 1 }), point(1, { v: 2 })]);
        await series.query('db', 'SELECT 1');
        await series.write('db', [point(2, { v: 3 }), point(0, { w: 4 })]);
        await series[Symbol.asyncDispose]();
        await assert.rejects(series.write('db', []), { code: 'series-failed' });
        await using again = await open(directory);
        await assert.rejects(again.write('db', [point(3, { v: 'text' })]), { code: 'points-rejected' });
        await again.write('db', [point(1, { w: 5 })]);
        assert.deepEqual(await rows(again, 'SELECT v, w FROM m ORDER BY time'), [
          [1, 4],
          [2, 5],
          [3, null],
        ]);
      }));
  });
}
