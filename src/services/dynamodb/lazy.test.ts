import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SimulatedClock, seededRandom } from '../../base/index.ts';
import { lazyEmbeddedRecords, openEmbeddedObjects } from '../../store/index.ts';
import { createMetrics, silentLogger } from '../../telemetry/index.ts';
import { openWhole } from './dynamodb.ts';
import { openDynamodb } from './index.ts';

async function dependencies(scope: AsyncDisposableStack) {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-lazy-'));
  scope.defer(() => rm(directory, { recursive: true }));
  const records = scope.use(lazyEmbeddedRecords({ directory: join(directory, 'tables') }));
  const ground = { clock: new SimulatedClock(), random: seededRandom(1), logger: silentLogger };
  const objects = scope.use(await openEmbeddedObjects({ directory: join(directory, 'objects'), records, ...ground }));
  const kinesis = { has: () => false, put: async () => {} };
  return { records, objects, kinesis, metrics: createMetrics(), ...ground };
}

const namesOf = ({ services }: Awaited<ReturnType<typeof openDynamodb>>) =>
  services.map(({ name, operations }) => [name, Object.keys(operations).sort()]);

test('what is known before the code is loaded is what the code does', async () => {
  await using scope = new AsyncDisposableStack();
  const given = await dependencies(scope);
  const lazy = scope.use(await openDynamodb(given));
  const whole = scope.use(await openWhole(given));
  assert.deepEqual(namesOf(lazy), namesOf(whole));
});

test('the first calls load the code once, and are answered by it', async () => {
  await using scope = new AsyncDisposableStack();
  const dynamodb = scope.use(await openDynamodb(await dependencies(scope)));
  await dynamodb.resume();
  const arn = 'arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/x';
  assert.throws(() => dynamodb.source(arn), { code: 'resource-not-found' });
  const { operations } = dynamodb.services[0]!;
  const waiting = operations.ListTables;
  const context = { region: 'us-east-1' } as never;
  const answers = await Promise.all([operations.ListTables!({}, context), operations.ListTables!({}, context)]);
  assert.deepEqual(answers, [{ TableNames: [] }, { TableNames: [] }]);
  assert.notEqual(operations.ListTables, waiting);
});
