import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { SimulatedFiles } from '../../../../test/crash/simulated-files.ts';
import { hasCode, seededRandom } from '../../../base/index.ts';
import { eventually, logConformance } from '../log.conformance.ts';
import { EmbeddedLog, type EmbeddedLogOptions } from './embedded-log.ts';
import { segmentName } from './segment.ts';

const SMALL = {
  segmentBytes: 256 * 1024,
  chunkBytes: 4 * 1024,
  tailBytes: 16 * 1024,
  slabBytes: 4 * 1024,
  chunksCached: 2,
  filesIdle: 1,
};

function onDisk(name: string, sizes: Partial<EmbeddedLogOptions>) {
  logConformance({
    name,
    async open() {
      const directory = await mkdtemp(join(tmpdir(), 'millrace-log-'));
      let log = await EmbeddedLog.open({ directory, ...sizes });
      return {
        log,
        reopen: async () => {
          await log[Symbol.asyncDispose]();
          log = await EmbeddedLog.open({ directory, ...sizes });
          return log;
        },
        remove: () => rm(directory, { recursive: true, force: true }),
      };
    },
  });
}

onDisk('embedded', { segmentBytes: 1024 * 1024 });
onDisk('embedded, with little memory and small segments', SMALL);

const DIRECTORY = '/log';

/** A log over simulated files. */
async function simulated(files = new SimulatedFiles(seededRandom(1)), sizes: Partial<EmbeddedLogOptions> = SMALL) {
  const log = await EmbeddedLog.open({ directory: DIRECTORY, files, ...sizes, random: seededRandom(2) });
  return { log, files };
}

const records = (count: number, bytes = 100) =>
  Array.from({ length: count }, (_, i) => ({ timestamp: i, payload: Buffer.alloc(bytes, i) }));

const first = `${DIRECTORY}/${segmentName(1)}`;

describe('embedded log: the disk fills up', () => {
  test('appends are refused with log-full, reads go on, and appends succeed again once there is room', async () => {
    const { log, files } = await simulated();
    await log.createPartition('a');
    await log.append('a', records(10));
    files.plan({ capacity: files.used + 50 });
    await assert.rejects(log.append('a', records(10)), { code: 'log-full', remedy: 'retry' });
    assert.equal((await log.read('a', 0, 100, 1e6)).length, 10);
    files.plan({});
    assert.equal(await log.append('a', records(5)), 10);
    files.end();
    const again = await simulated(files.afterPowerCut());
    assert.deepEqual(again.log.state('a'), { first: 0, next: 15 });
    assert.deepEqual(again.log.damages, []);
  });

  test('all that gathered behind the refused group is refused with it, so that offsets stay true', async () => {
    const { log, files } = await simulated();
    await log.createPartition('a');
    files.plan({ capacity: files.used });
    const refused = [0, 1, 2].map(() => assert.rejects(log.append('a', records(1)), { code: 'log-full' }));
    await Promise.all(refused);
    files.plan({});
    assert.equal(await log.append('a', records(1)), 0);
  });
});

describe('embedded log: a restart on a full disk', () => {
  test('opens, reads, refuses appends, and takes them once there is room', async () => {
    const { log, files } = await simulated();
    await log.createPartition('a');
    await log.append('a', records(10));
    await log[Symbol.asyncDispose]();
    const full = files.afterProcessEnd();
    full.plan({ capacity: full.used });
    const { log: again } = await simulated(full);
    assert.equal((await again.read('a', 0, 100, 1e6)).length, 10);
    await assert.rejects(again.append('a', records(1)), { code: 'log-full' });
    full.plan({});
    assert.equal(await again.append('a', records(1)), 10);
  });
});

describe('embedded log: a sync fails', () => {
  test('the writer stops for good, and reads go on', async () => {
    const { log, files } = await simulated();
    await log.createPartition('a');
    await log.append('a', records(3));
    files.plan({ failSyncAt: 1 });
    await assert.rejects(log.append('a', records(1)), { code: 'log-failed', remedy: 'never' });
    await assert.rejects(log.append('a', records(1)), { code: 'log-failed' });
    assert.throws(() => log.appendNow('a', records(1)[0]!), { code: 'log-failed' });
    await assert.rejects(log.committed(), { code: 'log-failed' });
    assert.equal((await log.read('a', 0, 10, 1e6)).length, 3);
  });

  test('what a restart finds in the page cache only is durable before it is shown', async () => {
    const { log, files } = await simulated();
    await log.createPartition('a');
    files.plan({ failSyncAt: 1 });
    await assert.rejects(log.append('a', records(3)), { code: 'log-failed' });
    const restarted = files.afterProcessEnd();
    const { log: second } = await simulated(restarted);
    assert.equal(second.state('a').next, 3);
    restarted.end();
    const { log: third } = await simulated(restarted.afterPowerCut());
    assert.equal(third.state('a').next, 3);
  });
});

describe('embedded log: bytes are damaged', () => {
  /** Three commits to `a`, one to `b` before them; @returns the files and where each commit ends. */
  async function written() {
    const { log, files } = await simulated();
    await log.createPartition('a');
    await log.createPartition('b');
    await log.append('b', records(1));
    const ends: number[] = [];
    for (let i = 0; i < 3; i++) {
      await log.append('a', records(2));
      ends.push(files.size(first));
    }
    await log[Symbol.asyncDispose]();
    return { files: files.afterProcessEnd(), ends };
  }

  test('damage in the middle stops the partitions that it may concern, and is reported again after a restart', async () => {
    const { files, ends } = await written();
    files.damage(first, ends[0]! + 60);
    for (const restart of [1, 2]) {
      const { log } = await simulated(files);
      assert.equal(log.damages.length, restart === 1 ? 1 : 0);
      assert.equal((await log.read('a', 0, 10, 1e6)).length, 2);
      await assert.rejects(log.read('a', 2, 10, 1e6), { code: 'log-damaged' });
      await assert.rejects(log.append('a', records(1)), { code: 'log-damaged' });
      // `b` may have had records there: nothing after it proves that it had none.
      await assert.rejects(log.append('b', records(1)), { code: 'log-damaged' });
      assert.equal((await log.read('b', 0, 10, 1e6)).length, 1);
      await log[Symbol.asyncDispose]();
    }
  });

  test('damaged bytes are not cut off, even when only a torn commit follows them', async () => {
    const { log, files } = await simulated(undefined, {});
    await log.createPartition('a');
    await log.append('a', records(2));
    const damagedAt = files.size(first) + 60;
    await log.append('a', records(2));
    // Large enough for several blocks, of which the first stays whole.
    await log.append('a', records(3, 200_000));
    const after = files.afterProcessEnd();
    const size = files.size(first) - 1;
    await (await after.open(first, 'update')).truncate(size);
    after.damage(first, damagedAt);
    const { log: again } = await simulated(after, {});
    assert.equal(after.size(first), size);
    assert.equal(again.damages.length, 1);
    await assert.rejects(again.append('a', records(1)), { code: 'log-damaged' });
    assert.equal((await again.read('a', 0, 10, 1e6)).length, 2);
  });

  test('a partition that is dropped and made again takes records after damage', async () => {
    const { files, ends } = await written();
    files.damage(first, ends[0]! + 60);
    const { log } = await simulated(files);
    await log.dropPartition('a');
    await log.createPartition('a');
    assert.equal(await log.append('a', records(1)), 0);
  });

  test('a partition that goes on without a gap after the damage is not stopped', async () => {
    const { files, log } = await (async () => {
      const made = await simulated();
      await made.log.createPartition('a');
      await made.log.createPartition('b');
      await made.log.append('b', records(1));
      return made;
    })();
    const damagedAt = files.size(first) + 60;
    await log.append('a', records(1));
    await log.append('b', records(1));
    await log[Symbol.asyncDispose]();
    const after = files.afterProcessEnd();
    after.damage(first, damagedAt);
    const { log: again } = await simulated(after);
    assert.equal(await again.append('b', records(1)), 2);
    await assert.rejects(again.append('a', records(1)), { code: 'log-damaged' });
  });

  test('a damaged last commit cannot be told from a torn one and is cut', async () => {
    const { files, ends } = await written();
    files.damage(first, ends[1]! + 60);
    const { log } = await simulated(files);
    assert.deepEqual(log.damages, []);
    assert.deepEqual(log.state('a'), { first: 0, next: 4 });
  });

  test('damage in a sealed segment ends the read that meets it', async () => {
    const { log, files } = await simulated();
    await log.createPartition('a');
    for (let i = 0; i < 40; i++) await log.append('a', records(10, 1_000));
    await log[Symbol.asyncDispose]();
    const after = files.afterProcessEnd();
    after.damage(first, 100_000);
    const { log: again } = await simulated(after);
    const readAll = async () => {
      for (let from = 0; ; ) from = (await again.read('a', from, 100, 1e6)).at(-1)!.offset + 1;
    };
    await assert.rejects(readAll(), { code: 'log-damaged' });
    assert.ok((await again.read('a', 399, 1, 1e6)).length === 1);
  });

  test('a log of a later format is refused by name', async () => {
    const { files } = await written();
    // Version 1 becomes 17, and the header's checksum is made to fit: only the version is wrong.
    const { crc32c } = await import('@node-rs/crc32');
    const file = await files.open(first, 'update');
    const header = Buffer.alloc(64);
    await file.read(header, 0);
    header.writeUInt32LE(17, 8);
    header.writeUInt32LE(crc32c(header.subarray(16, 64), crc32c(header.subarray(8, 12))), 12);
    await file.write(header, 0);
    await assert.rejects(simulated(files), { code: 'format-too-new', message: /format 17.*up to format 1/ });
  });
});

describe('embedded log: any bit flips', () => {
  const SEEDS = 150;

  test(`no wrong byte is read and no loss is silent, over ${SEEDS} seeds`, async () => {
    const outcomes = { unharmed: 0, reported: 0, refused: 0, cut: 0 };
    for (let seed = 0; seed < SEEDS; seed++) outcomes[await flipOneBit(seed)]++;
    // Each outcome is met, or the test does not test what it says.
    assert.ok(
      Object.values(outcomes).every((count) => count > 0),
      JSON.stringify(outcomes),
    );
  });

  const payloadOf = (partition: string, offset: number) =>
    Buffer.from(`${partition}${offset}`.repeat(1 + (offset % 40)));

  /** - `unharmed`: all is there; - `reported`; - `refused`: it does not open; - `cut`: the last commit was taken for a torn one. */
  async function flipOneBit(seed: number): Promise<'unharmed' | 'reported' | 'refused' | 'cut'> {
    const random = seededRandom(seed);
    const sizes = { ...SMALL, segmentBytes: 16 * 1024 };
    const { log, files } = await simulated(new SimulatedFiles(random), sizes);
    const counts = { a: 0, b: 0 };
    const beforeLast = { a: 0, b: 0 };
    for (const name of ['a', 'b'] as const) await log.createPartition(name);
    const commits = 5 + Math.floor(random.next() * 60);
    for (let i = 0; i < commits; i++) {
      const name = random.next() < 0.8 ? 'a' : 'b';
      Object.assign(beforeLast, counts);
      const count = 1 + Math.floor(random.next() * 10);
      const batch = Array.from({ length: count }, (_, j) => ({
        timestamp: 0,
        payload: payloadOf(name, counts[name] + j),
      }));
      await log.append(name, batch);
      counts[name] += count;
    }
    await log[Symbol.asyncDispose]();
    const after = files.afterProcessEnd();
    const names = await after.list(DIRECTORY);
    const path = `${DIRECTORY}/${names[Math.floor(random.next() * names.length)]}`;
    after.damage(path, Math.floor(random.next() * after.size(path)));
    return judge(after, sizes, counts, beforeLast);
  }

  async function judge(
    files: SimulatedFiles,
    sizes: Partial<EmbeddedLogOptions>,
    counts: Record<'a' | 'b', number>,
    beforeLast: Record<'a' | 'b', number>,
  ) {
    let opened: Awaited<ReturnType<typeof simulated>>;
    try {
      opened = await simulated(files, sizes);
    } catch (error) {
      assert.ok(hasCode(error, 'log-damaged'), String(error));
      return 'refused';
    }
    let reported = opened.log.damages.length > 0;
    let whole = true;
    for (const name of ['a', 'b'] as const) {
      const { read, damaged } = await readUntilDamage(opened.log, name);
      reported ||= damaged;
      whole &&= read === counts[name];
      if (!damaged) assert.ok(read >= beforeLast[name], `${name} silently ends at ${read} of ${counts[name]}`);
    }
    return reported ? 'reported' : whole ? 'unharmed' : 'cut';
  }

  async function readUntilDamage(log: EmbeddedLog, name: string): Promise<{ read: number; damaged: boolean }> {
    let next = log.state(name).first;
    try {
      for (;;) {
        const records = await log.read(name, next, 50, 1e6);
        if (records.length === 0) return { read: next, damaged: false };
        for (const { offset, payload } of records) {
          assert.equal(offset, next++);
          assert.deepEqual(Buffer.from(payload), payloadOf(name, offset));
        }
      }
    } catch (error) {
      if (!hasCode(error, 'log-damaged')) throw error;
      return { read: next, damaged: true };
    }
  }
});

describe('embedded log: the tail is torn', () => {
  test('cut at every byte of the last commit, exactly what was before it is found', async () => {
    const { log, files } = await simulated();
    await log.createPartition('a');
    await log.append('a', records(2));
    const whole = files.size(first);
    await log.append('a', records(3, 20));
    const end = files.size(first);
    for (let size = whole; size < end; size++) {
      const cut = files.afterProcessEnd();
      const file = await cut.open(first, 'read');
      const bytes = Buffer.alloc(size);
      await file.read(bytes, 0);
      const copy = new SimulatedFiles(seededRandom(3));
      await (await copy.open(first, 'create')).write(bytes, 0);
      const { log: again } = await simulated(copy);
      assert.deepEqual(again.state('a'), { first: 0, next: 2 }, `cut at ${size}`);
      assert.deepEqual(again.damages, []);
      assert.equal(await again.append('a', records(1)), 2);
    }
  });

  test('a payload that holds a copy of the log itself is not taken for part of it', async () => {
    const { log, files } = await simulated();
    await log.createPartition('a');
    await log.append('a', records(1));
    const bytes = Buffer.alloc(files.size(first));
    await (await files.open(first, 'read')).read(bytes, 0);
    const other = await simulated(new SimulatedFiles(seededRandom(9)), { ...SMALL, random: seededRandom(5) });
    await other.log.createPartition('a');
    await other.log.append('a', [{ timestamp: 0, payload: bytes }]);
    const size = other.files.size(first);
    const torn = other.files.afterProcessEnd();
    await (await torn.open(first, 'update')).truncate(size - 1);
    const { log: again } = await simulated(torn, { ...SMALL, random: seededRandom(5) });
    assert.deepEqual(again.damages, []);
    assert.deepEqual(again.state('a'), { first: 0, next: 0 });
  });
});

describe('embedded log: space', () => {
  test('a few survivors do not pin a segment: it is rewritten, and they stay readable', async () => {
    const { log, files } = await simulated();
    await log.createPartition('big');
    await log.createPartition('small');
    for (let i = 0; i < 100; i++) {
      await log.append('big', records(10, 1_000));
      await log.append('small', [{ timestamp: i, payload: Buffer.from(`keep ${i}`) }]);
    }
    const full = log.sizeBytes();
    await log.trim('big', log.state('big').next);
    await eventually(() => log.sizeBytes() < full / 2);
    files.end();
    const { log: third } = await simulated(files.afterPowerCut());
    assert.ok(third.sizeBytes() < full / 2, `${third.sizeBytes()} of ${full} bytes are left`);
    const kept: string[] = [];
    while (kept.length < 100) {
      kept.push(
        ...(await third.read('small', kept.length, 7, 1e6)).map(({ payload }) => Buffer.from(payload).toString()),
      );
    }
    assert.deepEqual(
      kept,
      Array.from({ length: 100 }, (_, i) => `keep ${i}`),
    );
    assert.equal(await third.offsetAt('small', 57), 57);
  });

  test('an index file that is lost or damaged is made again', async () => {
    const { log, files } = await simulated();
    await log.createPartition('a');
    for (let i = 0; i < 100; i++) await log.append('a', records(10, 1_000));
    await log[Symbol.asyncDispose]();
    const names = (await files.list(DIRECTORY)).filter((name) => name.endsWith('.index'));
    assert.ok(names.length >= 2);
    const after = files.afterProcessEnd();
    await after.remove(`${DIRECTORY}/${names[0]}`);
    after.damage(`${DIRECTORY}/${names[1]}`, 40);
    const { log: again } = await simulated(after);
    assert.deepEqual(again.state('a'), { first: 0, next: 1_000 });
    let next = 0;
    while (next < 1_000) next = (await again.read('a', next, 333, 1e9)).at(-1)!.offset + 1;
    assert.deepEqual(again.damages, []);
  });
});

describe('embedded log: limits', () => {
  test('appendNow refuses beyond the limit of pending bytes, append waits', async () => {
    const { log } = await simulated(undefined, {});
    await log.createPartition('a');
    const payload = Buffer.alloc(8 * 1024 * 1024);
    for (let i = 0; i < 8; i++) log.appendNow('a', { timestamp: 0, payload });
    assert.throws(
      () => log.appendNow('a', { timestamp: 0, payload }),
      (error) => hasCode(error, 'log-busy'),
    );
    assert.equal(await log.append('a', [{ timestamp: 0, payload }]), 8);
  });
});
