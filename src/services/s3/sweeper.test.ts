import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CLOCK_LIMITS, SimulatedClock, seededRandom } from '../../base/index.ts';
import { type ObjectChange, type Objects, openEmbeddedObjects, openEmbeddedRecords } from '../../store/index.ts';
import { silentLogger } from '../../telemetry/index.ts';
import { checkLifecycle, DAY_MS } from './lifecycle.ts';
import { Settings } from './settings.ts';
import { LifecycleSweeper } from './sweeper.ts';

const BUCKET = 'aging';

interface House {
  readonly clock: SimulatedClock;
  readonly objects: Objects;
  readonly settings: Settings;
  /** Runs once, when the sweeper has looked at versions and not yet acted on what it saw. */
  meanwhile(work: () => Promise<unknown>): void;
  rule(...rules: object[]): Promise<void>;
  /** Keys with their versions, newest first: `m` for a delete marker, the content's size for others. */
  history(): Promise<Record<string, (number | 'm')[]>>;
  /** So many days later, when all is swept. */
  pass(days: number): Promise<void>;
}

async function house(run: (house: House) => Promise<void>): Promise<void> {
  await using scope = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'millrace-sweeper-'));
  scope.defer(() => rm(directory, { recursive: true }));
  // Noon: what is due at midnight is due twelve hours later.
  const clock = new SimulatedClock(Date.UTC(2026, 0, 1, 12));
  const records = scope.use(await openEmbeddedRecords({ directory: join(directory, 'records') }));
  const random = seededRandom(1);
  const objects = scope.use(
    await openEmbeddedObjects({ directory: join(directory, 'objects'), records, clock, random }),
  );
  await objects.createBucket(BUCKET);
  const settings = await Settings.open(objects, records);
  let interruption: (() => Promise<unknown>) | undefined;
  const listVersions = objects.listVersions.bind(objects);
  objects.listVersions = async (...asked) => {
    const page = await listVersions(...asked);
    const work = interruption;
    interruption = undefined;
    await work?.();
    return page;
  };
  const sweeper = scope.use(new LifecycleSweeper({ objects, settings, clock, logger: silentLogger }));
  sweeper.start();
  let ids = 0;
  await run({
    clock,
    objects,
    settings,
    meanwhile: (work) => {
      interruption = work;
    },
    rule: async (...rules) => {
      const checked = checkLifecycle(
        rules.map((rule) => ({ Status: 'Enabled', Filter: {}, ...rule })),
        () => `rule-${ids++}`,
      );
      await settings.put(BUCKET, 'lifecycle', checked);
      await sweeper.settled();
    },
    history: async () => {
      const { versions } = await objects.listVersions(BUCKET, { limit: 1000 });
      const history: Record<string, (number | 'm')[]> = {};
      for (const version of versions) {
        history[version.key] ??= [];
        history[version.key]!.push('deleteMarker' in version ? 'm' : version.sizeBytes);
      }
      return history;
    },
    pass: async (days) => {
      await clock.advance(days * DAY_MS);
      await sweeper.settled();
    },
  });
}

const put = (objects: Objects, key: string, size: number, tags: Record<string, string> = {}) =>
  objects.put(BUCKET, key, Buffer.alloc(size), { tags });

test('objects expire at the midnight after their days, and only those that a rule is for', () =>
  house(async ({ objects, rule, history, pass }) => {
    await rule(
      { Filter: { Prefix: 'tmp/' }, Expiration: { Days: 2 } },
      { Filter: { Tag: { Key: 'keep', Value: 'no' } }, Expiration: { Days: 1 } },
      {
        Filter: { And: { Prefix: 'big/', ObjectSizeGreaterThan: 10, ObjectSizeLessThan: 20 } },
        Expiration: { Days: 1 },
      },
      { Status: 'Disabled', Expiration: { Days: 1 } },
    );
    await put(objects, 'tmp/a', 1);
    await put(objects, 'kept', 1, { keep: 'yes' });
    await put(objects, 'let-go', 1, { keep: 'no' });
    for (const size of [10, 11, 19, 20]) await put(objects, `big/${size}`, size);
    await pass(1);
    assert.equal(Object.keys(await history()).length, 7, 'a day later it is not midnight yet');
    await pass(0.5);
    assert.deepEqual(Object.keys(await history()), ['big/10', 'big/20', 'kept', 'tmp/a']);
    await pass(1);
    assert.deepEqual(Object.keys(await history()), ['big/10', 'big/20', 'kept']);
  }));

test('a clock that jumps ahead lets nothing expire before it has gone evenly for a while', () =>
  house(async ({ clock, objects, rule, history, pass }) => {
    await rule({ Expiration: { Days: 1 } });
    await put(objects, 'a', 1);
    const { now } = clock;
    clock.now = () => now.call(clock) + 10 * 86_400_000;
    await pass(0.5);
    assert.deepEqual(Object.keys(await history()), ['a']);
    await pass(CLOCK_LIMITS.restMs / 86_400_000);
    assert.deepEqual(await history(), {});
  }));

test('a date in the past works when the rule is put; one to come, at its midnight', () =>
  house(async ({ objects, rule, history, pass }) => {
    await put(objects, 'old/a', 1);
    await put(objects, 'new/a', 1);
    await rule(
      { Filter: { Prefix: 'old/' }, Expiration: { Date: new Date('2025-12-24') } },
      { Filter: { Prefix: 'new/' }, Expiration: { Date: new Date('2026-01-03') } },
    );
    assert.deepEqual(Object.keys(await history()), ['new/a']);
    await pass(2);
    assert.deepEqual(await history(), {});
  }));

test('with versions, markers take the place of what expires; noncurrent versions and lonely markers go', () =>
  house(async ({ objects, rule, history, pass }) => {
    await objects.setVersioning(BUCKET, 'Enabled');
    for (const size of [1, 2, 3, 4]) await put(objects, 'a', size);
    await put(objects, 'b', 1);
    await objects.delete(BUCKET, 'c');
    await rule({
      Expiration: { Days: 3 },
      NoncurrentVersionExpiration: { NoncurrentDays: 1, NewerNoncurrentVersions: 1 },
    });
    await pass(1.5);
    assert.deepEqual(await history(), { a: [4, 3], b: [1], c: ['m'] });
    await pass(2);
    await pass(1);
    assert.deepEqual(await history(), { a: ['m', 4], b: ['m', 1] }, 'what is newer among the noncurrent is kept');
    await rule(
      { Expiration: { ExpiredObjectDeleteMarker: true } },
      { NoncurrentVersionExpiration: { NoncurrentDays: 1 } },
    );
    await pass(2);
    await pass(1);
    assert.deepEqual(await history(), {}, 'markers go when nothing is left behind them');
  }));

test('what is locked stays, and so does what was put again', () =>
  house(async ({ objects, rule, history, pass, clock }) => {
    await objects.setVersioning(BUCKET, 'Enabled');
    const retention = { mode: 'COMPLIANCE', until: clock.now() + 5 * DAY_MS } as const;
    await objects.put(BUCKET, 'locked', Buffer.alloc(1), { retention });
    await put(objects, 'locked', 2);
    await rule({ NoncurrentVersionExpiration: { NoncurrentDays: 1 } });
    await pass(3);
    assert.deepEqual(await history(), { locked: [2, 1] });
    await pass(3);
    assert.deepEqual(await history(), { locked: [2] });
    const { lastModified } = await objects.head(BUCKET, 'locked');
    await clock.advance(1);
    await put(objects, 'locked', 3);
    await assert.rejects(objects.delete(BUCKET, 'locked', { onlyIf: (found) => found.lastModified === lastModified }), {
      code: 'precondition-failed',
    });
  }));

test('a version that has become the newest again stays', () =>
  house(async ({ objects, rule, history, pass, meanwhile }) => {
    await objects.setVersioning(BUCKET, 'Enabled');
    await put(objects, 'a', 1);
    const { versionId } = await objects.delete(BUCKET, 'a');
    await rule({ NoncurrentVersionExpiration: { NoncurrentDays: 1 } });
    await pass(1);
    meanwhile(() => objects.delete(BUCKET, 'a', { versionId: versionId! }));
    await pass(1);
    assert.deepEqual(await history(), { a: [1] });
  }));

test('rules that are taken away or replaced while they are carried out take nothing more away', () =>
  house(async ({ objects, settings, rule, history, pass, meanwhile }) => {
    await put(objects, 'a', 1);
    await rule({ Expiration: { Days: 1 } });
    await pass(1);
    meanwhile(() => settings.remove(BUCKET, 'lifecycle'));
    await pass(1);
    assert.deepEqual(await history(), { a: [1] });
    await put(objects, 'b', 2);
    const dated = (Prefix: string) => [
      { Status: 'Enabled', Filter: { Prefix }, Expiration: { Date: new Date('2025-12-24') } },
    ];
    meanwhile(() =>
      settings.put(
        BUCKET,
        'lifecycle',
        checkLifecycle(dated('a'), () => 'new'),
      ),
    );
    await rule(...dated('b'));
    assert.deepEqual(await history(), { b: [2] }, 'the new rules are carried out');
  }));

test('an object whose tags have changed since they were looked at stays', () =>
  house(async ({ objects, rule, history, pass, meanwhile }) => {
    await put(objects, 'a', 1, { keep: 'no' });
    await rule({ Filter: { Tag: { Key: 'keep', Value: 'no' } }, Expiration: { Days: 1 } });
    await pass(1);
    meanwhile(() => objects.setTags(BUCKET, 'a', { keep: 'yes' }));
    await pass(1);
    assert.deepEqual(await history(), { a: [1] });
  }));

test('uploads that nobody completes are aborted, and what happens is told', () =>
  house(async ({ objects, rule, pass }) => {
    objects.watch(() => '');
    await objects.createUpload(BUCKET, 'tmp/half');
    await objects.createUpload(BUCKET, 'other');
    await put(objects, 'tmp/a', 1);
    await rule({
      Filter: { Prefix: 'tmp/' },
      Expiration: { Days: 1 },
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
    });
    await pass(1.5);
    const { uploads } = await objects.uploads(BUCKET, { limit: 10 });
    assert.deepEqual(
      uploads.map(({ key }) => key),
      ['other'],
    );
    const told: readonly ObjectChange[] = await objects.changes(0, 100);
    assert.deepEqual(
      told.map(({ type, key }) => `${type} ${key}`),
      ['ObjectCreated:Put tmp/a', 'LifecycleExpiration:Delete tmp/a'],
    );
  }));

test('more versions than one page has are all looked at', () =>
  house(async ({ objects, rule, history, pass }) => {
    await Promise.all(Array.from({ length: 1100 }, (_, index) => put(objects, `k${index}`, 1)));
    await put(objects, 'l', 1);
    await rule({ Filter: { Prefix: 'k' }, Expiration: { Days: 1 } });
    await pass(1.5);
    assert.deepEqual(Object.keys(await history()), ['l']);
  }));
