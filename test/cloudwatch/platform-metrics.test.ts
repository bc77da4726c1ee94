import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CloudWatchClient, GetMetricStatisticsCommand } from '@aws-sdk/client-cloudwatch';
import { systemClock, systemRandom } from '../../src/base/index.ts';
import { openCloudWatch } from '../../src/services/cloudwatch/index.ts';
import { openEmbeddedRecords } from '../../src/store/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { clientOptions, startWire, type TestWire } from '../wire/support.ts';

const owned = new AsyncDisposableStack();
let wire: TestWire;
const metrics = createMetrics();

before(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-cloudwatch-'));
  owned.defer(() => rm(directory, { recursive: true }));
  const ground = { clock: systemClock, random: systemRandom, logger: silentLogger, metrics };
  const records = owned.use(await openEmbeddedRecords({ directory }));
  const cloudwatch = owned.use(await openCloudWatch({ records, delivery: { send: async () => {} }, ...ground }));
  wire = owned.use(await startWire([cloudwatch.service]));
});

after(() => owned.disposeAsync());

const hour = () => ({
  StartTime: new Date(systemClock.now() - 3600_000),
  EndTime: new Date(systemClock.now() + 120_000),
});

test('what the platform emits is read as any metric, and a bad period is refused as AWS refuses it', async () => {
  const client = new CloudWatchClient(clientOptions(wire));
  const lambda = { namespace: 'AWS/Lambda', dimensions: { FunctionName: 'f' }, unit: 'Milliseconds' } as const;
  for (const value of [5, 15]) metrics.put({ ...lambda, name: 'Duration', value });
  const input = {
    Namespace: 'AWS/Lambda',
    MetricName: 'Duration',
    Dimensions: [{ Name: 'FunctionName', Value: 'f' }],
    ...hour(),
    Period: 3600,
    Statistics: ['Average' as const, 'SampleCount' as const],
  };
  const { Datapoints } = await client.send(new GetMetricStatisticsCommand(input));
  const samples = Datapoints!.reduce((sum, { SampleCount = 0 }) => sum + SampleCount, 0);
  assert.equal(samples, 2);
  await assert.rejects(client.send(new GetMetricStatisticsCommand({ ...input, Period: 61 })), {
    name: 'InvalidParameterValueException',
  });
  client.destroy();
});
