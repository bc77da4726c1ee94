import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock, systemRandom } from '../../src/base/index.ts';
import {
  EmbeddedLog,
  openEmbeddedObjects,
  openEmbeddedRecords,
  openEmbeddedSeries,
  type Point,
  type Write,
} from '../../src/store/index.ts';

const skip = canMount() ? false : 'needs the right to mount a tmpfs';

/** A folder on a real disk, and within it one on a small disk, which `grow` makes larger. */
async function withSmallDisk(
  run: (directory: string, small: string, grow: () => void) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-full-'));
  const small = join(directory, 'small');
  mkdirSync(small);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', small]);
  try {
    await run(directory, small, () => execFileSync('mount', ['-o', 'remount,size=60m', small]));
  } finally {
    execFileSync('umount', [small]);
    await rm(directory, { recursive: true });
  }
}

test('records: a full disk refuses commits, reads go on, and room makes it take them again', { skip }, () =>
  withSmallDisk(async (_directory, small, grow) => {
    await using records = await openEmbeddedRecords({ directory: small });
    const put = (key: string, bytes: number): Write => ({
      kind: 'put',
      space: 'things',
      key: Buffer.from(key),
      value: Buffer.alloc(bytes, 1),
    });
    await records.commit({ writes: [put('small', 10)] });
    const large = { writes: [put('large', 4 << 20)] };
    await assert.rejects(records.commit(large), { code: 'records-full', remedy: 'retry' });
    assert.equal((await records.range('things', { limit: 10 })).length, 1);
    grow();
    await records.commit(large);
    assert.equal((await records.get('things', Buffer.from('large')))!.value.length, 4 << 20);
  }),
);

test('objects: a full disk refuses puts and leaves no half object, reads go on', { skip }, () =>
  withSmallDisk(async (directory, small, grow) => {
    await using records = await openEmbeddedRecords({ directory: join(directory, 'records') });
    const options = { directory: small, records, clock: systemClock, random: systemRandom };
    await using objects = await openEmbeddedObjects(options);
    await objects.createBucket('b');
    await objects.put('b', 'small', body(10));
    await assert.rejects(objects.put('b', 'large', body(5 << 20)), { code: 'objects-full', remedy: 'retry' });
    await assert.rejects(objects.head('b', 'large'), { code: 'object-not-found' });
    assert.equal((await objects.head('b', 'small')).sizeBytes, 10);
    // What the refused one had taken is free again.
    await objects.put('b', 'fits', body(2 << 20));
    grow();
    await objects.put('b', 'large', body(5 << 20));
  }),
);

test('series: with the tables on a full disk queries go on, and room brings all that was acknowledged', { skip }, () =>
  withSmallDisk(async (directory, small, grow) => {
    await using records = await openEmbeddedRecords({ directory: join(directory, 'records') });
    await using log = await EmbeddedLog.open({ directory: join(directory, 'log') });
    await using series = await openEmbeddedSeries({ directory: small, log, records, clock: systemClock });
    const count = async () => (await series.query('db', 'SELECT count(*) FROM m')).rows[0]![0];
    await series.createDatabase('db');
    await series.write('db', points(0, 1));
    assert.equal(await count(), 1);
    await writeFile(join(small, 'ballast'), Buffer.alloc(1 << 20));
    await series.write('db', points(1, 50_000));
    assert.equal(await count(), 1);
    grow();
    assert.equal(await count(), 50_000);
  }),
);

test('series: with its log on a full disk a write is refused and not seen', { skip }, () =>
  withSmallDisk(async (directory, small) => {
    await using records = await openEmbeddedRecords({ directory: join(directory, 'records') });
    await using log = await EmbeddedLog.open({ directory: small });
    const options = { directory: join(directory, 'series'), log, records, clock: systemClock };
    await using series = await openEmbeddedSeries(options);
    await series.createDatabase('db');
    await series.write('db', points(0, 10));
    await assert.rejects(series.write('db', points(10, 60_000)), { code: 'series-full', remedy: 'retry' });
    assert.deepEqual((await series.query('db', 'SELECT count(*) FROM m')).rows, [[10]]);
  }),
);

function points(from: number, to: number): Point[] {
  return Array.from({ length: to - from }, (_, i) => ({
    measurement: 'm',
    tags: {},
    fields: { v: Math.sin(from + i), text: `a text that no compression makes short ${Math.cos(from + i)}` },
    time: BigInt(from + i),
  }));
}

async function* body(bytes: number): AsyncGenerator<Uint8Array> {
  for (let sent = 0; sent < bytes; sent += 1 << 20) yield Buffer.alloc(Math.min(1 << 20, bytes - sent), 7);
}

function canMount(): boolean {
  if (process.getuid?.() !== 0) return false;
  try {
    execFileSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
