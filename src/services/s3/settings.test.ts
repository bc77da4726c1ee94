import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SimulatedClock, seededRandom } from '../../base/index.ts';
import { openEmbeddedObjects, openEmbeddedRecords } from '../../store/index.ts';
import { Settings } from './settings.ts';

test('settings of a bucket that was made again are not forgotten with those of its predecessor', async () => {
  await using scope = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'millrace-settings-'));
  scope.defer(() => rm(directory, { recursive: true }));
  const clock = new SimulatedClock(0);
  const records = scope.use(await openEmbeddedRecords({ directory: join(directory, 'records') }));
  const options = { directory: join(directory, 'objects'), records, clock, random: seededRandom(1) };
  const objects = scope.use(await openEmbeddedObjects(options));
  const settings = await Settings.open(objects, records);
  await objects.createBucket('b');
  await settings.put('b', 'policy', '{}');
  await settings.put('b', 'acl', []);
  await objects.deleteBucket('b');
  await clock.advance(1);
  // Somebody else makes it before its settings are forgotten.
  await objects.createBucket('b');
  await settings.put('b', 'objectLock', { ObjectLockEnabled: 'Enabled' });
  await settings.forget('b');
  assert.deepEqual(settings.peek('b', 'objectLock'), { ObjectLockEnabled: 'Enabled' });
  assert.equal(settings.peek('b', 'policy'), undefined);
  assert.equal(settings.peek('b', 'acl'), undefined);
});
