import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../base/index.ts';
import { openEmbeddedRecords } from '../../store/index.ts';
import { createMetrics, silentLogger } from '../../telemetry/index.ts';
import { Pictures } from './pictures.ts';

const ground = { clock: systemClock, logger: silentLogger, metrics: createMetrics() };

test('a picture is there before the record that names it, and goes after it; the oldest that is not served goes', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-pictures-'));
  await using scope = new AsyncDisposableStack();
  scope.defer(() => rm(directory, { recursive: true }));
  const records = scope.use(await openEmbeddedRecords({ directory, ...ground }));
  const pictures = await Pictures.open<{ of: string }>(records, 'pictures', 2);
  let deployments: Readonly<Record<string, { createdAt: number }>> = {};
  const add = (id: string, createdAt: number, served: readonly string[] = []) =>
    pictures.add('api', id, { of: id }, { ...deployments, [id]: { createdAt } }, new Set(served), async (left) => {
      assert.deepEqual(pictures.of('api', id), { of: id });
      for (const before of Object.keys(deployments)) assert.ok(pictures.of('api', before), `${before} is still there`);
      deployments = left;
    });
  await add('one', 1);
  await add('two', 2);
  await add('three', 3, ['one']);
  assert.deepEqual(Object.keys(deployments), ['one', 'three']);
  assert.equal(pictures.of('api', 'two'), undefined);
  await pictures.drop('api', 'three', async () => void assert.ok(pictures.of('api', 'three')));
  assert.equal(pictures.of('api', 'three'), undefined);
  await pictures.dropAll('api');
  const again = await Pictures.open(records, 'pictures', 2);
  assert.equal(again.of('api', 'one'), undefined);
});
