import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DomainError, hasCode, SimulatedClock, seededRandom } from '../../base/index.ts';
import { type Objects, openEmbeddedObjects, openEmbeddedRecords } from '../../store/index.ts';
import { newTrace } from '../../telemetry/index.ts';
import { DAY_MS } from './lifecycle.ts';
import { Settings } from './settings.ts';
import { BucketTarget } from './target.ts';

const POLICY = { attemptsMax: 1, ageMsMax: 1, backoffMsBase: 1, backoffMsMax: 1 };

const DELIVERY = {
  ...{ arn: 'arn:aws:s3:::b', payload: Buffer.from('p'), policy: POLICY, source: 's' },
  ...{ attributes: { key: 'k' }, trace: newTrace(seededRandom(1)) },
};
const clock = new SimulatedClock(0);

/** What a delivery to a bucket fails with when the store does. */
async function failureAt(error: Error): Promise<unknown> {
  const objects = { put: () => Promise.reject(error) } as unknown as Objects;
  const target = new BucketTarget({ objects, settings: { peek: () => undefined }, clock });
  return target.deliver(DELIVERY).catch((failure: unknown) => failure);
}

test('a delivery to a bucket is given up only where no other try would help', async () => {
  for (const code of ['bucket-not-found', 'key-invalid']) {
    const failure = await failureAt(new DomainError(code, 'no'));
    assert.ok(hasCode(failure, code) && (failure as DomainError).remedy === 'never');
  }
  for (const code of ['objects-full', 'objects-failed', 'records-busy']) {
    const failure = await failureAt(new DomainError(code, 'not now'));
    assert.ok(hasCode(failure, code) && (failure as DomainError).remedy === 'retry');
  }
  const unforeseen = Object.assign(new Error('too many open files'), { code: 'EMFILE' });
  assert.equal(await failureAt(unforeseen), unforeseen);
});

test('what is delivered to a bucket is kept as long as its default retention says', async () => {
  await using scope = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'millrace-target-'));
  scope.defer(() => rm(directory, { recursive: true }));
  const records = scope.use(await openEmbeddedRecords({ directory: join(directory, 'records') }));
  const random = seededRandom(1);
  const objects = scope.use(
    await openEmbeddedObjects({ directory: join(directory, 'objects'), records, clock, random }),
  );
  await objects.createBucket('b');
  await objects.setVersioning('b', 'Enabled');
  const settings = await Settings.open(objects, records);
  const Rule = { DefaultRetention: { Mode: 'COMPLIANCE', Days: 2 } } as const;
  await settings.put('b', 'objectLock', { ObjectLockEnabled: 'Enabled', Rule });
  await new BucketTarget({ objects, settings, clock }).deliver(DELIVERY);
  const { versionId, retention } = await objects.head('b', 'k');
  assert.deepEqual(retention, { mode: 'COMPLIANCE', until: 2 * DAY_MS });
  await assert.rejects(objects.delete('b', 'k', { versionId: versionId! }), { code: 'object-locked' });
});
