import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Log, LogRecord, NewLogRecord } from './log.ts';
import { LOG_LIMITS } from './log.ts';

/** An engine under test: opens its log, and opens it again as a restart would. */
export interface LogFactory {
  readonly name: string;
  /** A log in a fresh place; `reopen` closes it and opens the same place again. */
  open(): Promise<{ readonly log: Log; reopen(): Promise<Log>; remove(): Promise<void> }>;
}

const record = (text: string, timestamp = 0): NewLogRecord => ({ timestamp, payload: Buffer.from(text) });
const texts = (records: readonly LogRecord[]) => records.map(({ payload }) => Buffer.from(payload).toString());
const numbered = (count: number, from = 0) => Array.from({ length: count }, (_, i) => record(`r${from + i}`, from + i));

/** Waits for background work, turn by turn of the loop; five seconds are far more than it ever takes. */
export async function eventually(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!condition()) {
    assert.ok(performance.now() < deadline, 'it did not come about');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** What every engine of the log port does. */
export function logConformance(factory: LogFactory): void {
  describe(`log: ${factory.name}`, () => {
    let place: Awaited<ReturnType<LogFactory['open']>>;
    let log: Log;

    beforeEach(async () => {
      place = await factory.open();
      log = place.log;
    });
    afterEach(async () => {
      await log[Symbol.asyncDispose]();
      await place.remove();
    });
    const reopen = async () => {
      log = await place.reopen();
    };

    test('a new partition is empty and begins at 0', async () => {
      await log.createPartition('a');
      assert.deepEqual(log.state('a'), { first: 0, next: 0 });
      assert.deepEqual(await log.read('a', 0, 10, 1_000), []);
    });

    test('making a partition again changes nothing', async () => {
      await log.createPartition('a');
      await log.append('a', [record('x')]);
      await Promise.all([log.createPartition('a'), log.createPartition('a')]);
      assert.deepEqual(log.state('a'), { first: 0, next: 1 });
    });

    test('partitions are listed by name, and a dropped one is gone with its records', async () => {
      for (const name of ['b', 'ä/1', 'a']) await log.createPartition(name);
      await log.append('a', [record('x')]);
      await log.dropPartition('a');
      await log.dropPartition('a');
      assert.deepEqual(log.partitions(), ['b', 'ä/1']);
      await assert.rejects(log.append('a', [record('y')]), { code: 'partition-not-found' });
      await log.createPartition('a');
      assert.deepEqual(log.state('a'), { first: 0, next: 0 });
      await reopen();
      assert.deepEqual(log.partitions(), ['a', 'b', 'ä/1']);
    });

    test('every call about a missing partition says so', async () => {
      const missing = { code: 'partition-not-found' };
      assert.throws(() => log.state('x'), missing);
      assert.throws(() => log.appendNow('x', record('y')), missing);
      await assert.rejects(log.append('x', [record('y')]), missing);
      await assert.rejects(log.read('x', 0, 1, 1), missing);
      await assert.rejects(log.offsetAt('x', 0), missing);
      await assert.rejects(log.trim('x', 1), missing);
    });

    test('records come back in order with their offsets, timestamps and bytes', async () => {
      await log.createPartition('a');
      assert.equal(await log.append('a', [record('x', 5), record('', 3)]), 0);
      assert.equal(await log.append('a', [record('z', 9.5)]), 2);
      const read = await log.read('a', 0, 10, 1_000);
      assert.deepEqual(texts(read), ['x', '', 'z']);
      assert.deepEqual(
        read.map(({ offset, timestamp }) => [offset, timestamp]),
        [
          [0, 5],
          [1, 3],
          [2, 9.5],
        ],
      );
    });

    test('appends called side by side keep the order of their calls, and batches stay together', async () => {
      await log.createPartition('a');
      const firsts = await Promise.all(Array.from({ length: 50 }, (_, i) => log.append('a', numbered(3, i * 3))));
      assert.deepEqual(
        firsts,
        Array.from({ length: 50 }, (_, i) => i * 3),
      );
      assert.deepEqual(texts(await log.read('a', 0, 1_000, 1e6)), texts(numbered(150) as LogRecord[]));
    });

    test('partitions that share a commit keep their records apart', async () => {
      await Promise.all(['a', 'b'].map((name) => log.createPartition(name)));
      await Promise.all(Array.from({ length: 40 }, (_, i) => log.append(i % 2 ? 'b' : 'a', [record(`${i}`)])));
      assert.deepEqual(texts(await log.read('b', 0, 3, 1e6)), ['1', '3', '5']);
      assert.deepEqual(log.state('a'), { first: 0, next: 20 });
    });

    test('what is not durable yet is not seen, and is seen as soon as it is', async () => {
      await log.createPartition('a');
      const appended = log.append('a', [record('x')]);
      assert.equal(log.state('a').next, 0);
      assert.deepEqual(log.readNow('a', 0, 10, 1_000), []);
      await appended;
      assert.equal(log.state('a').next, 1);
      assert.deepEqual(texts(log.readNow('a', 0, 10, 1_000)!), ['x']);
    });

    test("records taken without waiting are durable when the turn's commit resolves", async () => {
      await log.createPartition('a');
      assert.deepEqual([log.appendNow('a', record('x')), log.appendNow('a', record('y'))], [0, 1]);
      assert.equal(log.pendingBytes(), 2);
      await log.committed();
      assert.equal(log.pendingBytes(), 0);
      assert.deepEqual(texts(await log.read('a', 0, 10, 1_000)), ['x', 'y']);
      await log.committed();
    });

    test('a payload that was copied out by the commit may be changed after it', async () => {
      await log.createPartition('a');
      const payload = Buffer.from('first');
      await log.append('a', [{ timestamp: 0, payload }]);
      payload.write('other');
      assert.deepEqual(texts(await log.read('a', 0, 1, 1_000)), ['first']);
    });

    test('a record above the limit is refused and nothing of its batch is appended', async () => {
      await log.createPartition('a');
      const large = { timestamp: 0, payload: new Uint8Array(LOG_LIMITS.payloadBytesMax + 1) };
      await assert.rejects(log.append('a', [record('x'), large]), { code: 'record-too-large' });
      assert.throws(() => log.appendNow('a', large), { code: 'record-too-large' });
      assert.deepEqual(log.state('a'), { first: 0, next: 0 });
    });

    test('the largest record goes through and comes back', async () => {
      await log.createPartition('a');
      const payload = Buffer.alloc(LOG_LIMITS.payloadBytesMax, 7);
      await log.append('a', [{ timestamp: 1, payload }]);
      await reopen();
      const [read] = await log.read('a', 0, 1, 1);
      assert.equal(Buffer.compare(read!.payload, payload), 0);
    });

    test('a read ends at its limits, and gives one record whatever its size', async () => {
      await log.createPartition('a');
      await log.append('a', [record('12345'), record('12345'), record('12345')]);
      assert.equal((await log.read('a', 0, 2, 1_000)).length, 2);
      assert.equal((await log.read('a', 0, 10, 1)).length, 1);
      assert.equal((await log.read('a', 1, 10, 6)).length, 2);
      assert.equal((await log.read('a', 2, 10, 1_000)).length, 1);
    });

    test('all is there after a restart, and appending goes on', async () => {
      await log.createPartition('a');
      await log.append('a', numbered(100));
      await reopen();
      assert.deepEqual(log.state('a'), { first: 0, next: 100 });
      assert.equal(await log.append('a', numbered(10, 100)), 100);
      await reopen();
      assert.deepEqual(texts(await log.read('a', 0, 1_000, 1e6)), texts(numbered(110) as LogRecord[]));
    });

    test('reading finds records on disk as it finds those in memory', async () => {
      await Promise.all(['a', 'b'].map((name) => log.createPartition(name)));
      const filler = Buffer.alloc(3_000, 1);
      for (let i = 0; i < 60; i++) {
        await log.append('a', [record(`r${i}`, i)]);
        await log.append(
          'b',
          Array.from({ length: 7 }, () => ({ timestamp: 0, payload: filler })),
        );
      }
      for (const from of [0, 1, 17, 59]) {
        assert.deepEqual(
          texts(await log.read('a', from, 3, 1e6)),
          texts(numbered(Math.min(3, 60 - from), from) as LogRecord[]),
        );
      }
      assert.equal((await log.read('b', 0, 10_000, 1e9)).length, 420);
    });

    test('a wait ends when there is something to read, and at once when there is', async () => {
      await log.createPartition('a');
      const { signal } = new AbortController();
      const order: string[] = [];
      const waited = log.wait('a', 1, signal).then(() => order.push('waited'));
      await log.append('a', [record('x')]).then(() => order.push('first'));
      await log.append('a', [record('y')]);
      await waited;
      assert.deepEqual(order, ['first', 'waited']);
      await log.wait('a', 0, signal);
    });

    test('a wait ends with the signal, the partition, or the log', async () => {
      await Promise.all(['a', 'b'].map((name) => log.createPartition(name)));
      const controller = new AbortController();
      const aborted = assert.rejects(log.wait('a', 0, controller.signal), { message: 'enough' });
      controller.abort(new Error('enough'));
      await aborted;
      const dropped = log.wait('a', 0, new AbortController().signal);
      await log.dropPartition('a');
      await dropped;
      const closed = log.wait('b', 0, new AbortController().signal);
      await reopen();
      await closed;
    });

    test('a trim lets go of what is older, for good', async () => {
      await log.createPartition('a');
      await log.append('a', numbered(10));
      await log.trim('a', 4);
      await log.trim('a', 2);
      assert.deepEqual(log.state('a'), { first: 4, next: 10 });
      await assert.rejects(log.read('a', 3, 1, 1_000), { code: 'records-trimmed', fields: { first: 4 } });
      assert.deepEqual(texts(await log.read('a', 4, 2, 1_000)), ['r4', 'r5']);
      await reopen();
      assert.deepEqual(log.state('a'), { first: 4, next: 10 });
    });

    test('a partition that is trimmed to its end goes on counting, also after a restart', async () => {
      await log.createPartition('a');
      await log.append('a', numbered(10));
      await log.trim('a', 99);
      assert.deepEqual(log.state('a'), { first: 10, next: 10 });
      await reopen();
      assert.equal(await log.append('a', [record('x')]), 10);
    });

    test('a time is found where the first record at or after it stands, in any order of timestamps', async () => {
      await log.createPartition('a');
      await log.append(
        'a',
        [10, 30, 20, 40].map((timestamp) => record('x', timestamp)),
      );
      const at = (timestamp: number) => log.offsetAt('a', timestamp);
      assert.deepEqual(await Promise.all([0, 10, 11, 30, 31, 40, 41].map(at)), [0, 0, 1, 1, 3, 3, 4]);
      await log.trim('a', 2);
      assert.deepEqual(await Promise.all([0, 20, 21].map(at)), [2, 2, 3]);
      await reopen();
      assert.deepEqual(await Promise.all([0, 20, 21, 41].map(at)), [2, 2, 3, 4]);
    });

    test('closing makes durable what was appended before it', async () => {
      await log.createPartition('a');
      const appended = log.append('a', [record('x')]);
      await reopen();
      assert.equal(await appended, 0);
      assert.deepEqual(texts(await log.read('a', 0, 1, 100)), ['x']);
    });

    test('space comes back once records are trimmed', async () => {
      await log.createPartition('a');
      for (let i = 0; i < 40; i++) await log.append('a', [{ timestamp: 0, payload: Buffer.alloc(100_000, i) }]);
      const full = log.sizeBytes();
      assert.ok(full > 4_000_000);
      await log.trim('a', 40);
      await log.append('a', [{ timestamp: 0, payload: Buffer.alloc(100_000) }]);
      await eventually(() => log.sizeBytes() < full / 2);
    });
  });
}
