import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  CloudWatchClient,
  GetMetricDataCommand,
  GetMetricStatisticsCommand,
  ListMetricsCommand,
  PutMetricDataCommand,
} from '@aws-sdk/client-cloudwatch';
import { systemClock, systemRandom } from '../../src/base/index.ts';
import { type CloudWatch, openCloudWatch } from '../../src/services/cloudwatch/index.ts';
import { openEmbeddedRecords } from '../../src/store/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { clientEnvironment, clientOptions, run, startWire, type TestWire } from '../wire/support.ts';

const owned = new AsyncDisposableStack();
let wire: TestWire;
let cloudwatch: CloudWatch;
const metrics = createMetrics();

before(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-cloudwatch-'));
  owned.defer(() => rm(directory, { recursive: true }));
  const ground = { clock: systemClock, random: systemRandom, logger: silentLogger, metrics };
  const records = owned.use(await openEmbeddedRecords({ directory }));
  cloudwatch = owned.use(await openCloudWatch({ records, delivery: { send: async () => {} }, ...ground }));
  wire = owned.use(await startWire([cloudwatch.service]));
});

after(() => owned.disposeAsync());

const hour = () => ({
  StartTime: new Date(systemClock.now() - 3600_000),
  EndTime: new Date(systemClock.now() + 120_000),
});

test('the AWS SDK for JS puts, lists and reads metrics', async () => {
  const client = new CloudWatchClient(clientOptions(wire));
  const Dimensions = [{ Name: 'line', Value: 'a' }];
  const MetricData = [
    { MetricName: 'Parts', Dimensions, Values: [1, 2, 10], Counts: [2, 1, 1], Unit: 'Count' as const },
  ];
  await client.send(new PutMetricDataCommand({ Namespace: 'Plant', MetricData }));
  await cloudwatch.flush();
  const { Metrics } = await client.send(new ListMetricsCommand({ Namespace: 'Plant' }));
  assert.deepEqual(Metrics, [{ Namespace: 'Plant', MetricName: 'Parts', Dimensions }]);
  const Metric = { Namespace: 'Plant', MetricName: 'Parts', Dimensions };
  const { MetricDataResults } = await client.send(
    new GetMetricDataCommand({
      ...hour(),
      MetricDataQueries: [
        { Id: 'sum', MetricStat: { Metric, Period: 300, Stat: 'Sum' } },
        { Id: 'top', MetricStat: { Metric, Period: 300, Stat: 'p100' } },
      ],
    }),
  );
  assert.deepEqual(
    MetricDataResults!.map(({ Id, Values }) => [Id, Values]),
    [
      ['sum', [14]],
      ['top', [10]],
    ],
  );
  client.destroy();
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

test('boto3 and the aws CLI, which speak the query protocol, agree', async (t) => {
  const env = clientEnvironment(wire);
  const cloudWatch = ['--endpoint-url', wire.url, 'cloudwatch'];
  const put = ['put-metric-data', '--namespace', 'Cli', '--metric-name', 'M', '--value', '7', '--unit', 'Count'];
  const written = await run('/usr/bin/aws', [...cloudWatch, ...put], env);
  if (written.code === -1 && written.stderr === '') return t.skip('the aws CLI is not installed');
  assert.equal(written.code, 0, written.stderr);
  const script = `
import boto3, datetime, os
c = boto3.client('cloudwatch', endpoint_url=os.environ['ENDPOINT'])
now = datetime.datetime.now(datetime.timezone.utc)
d = datetime.timedelta(hours=1)
p = c.get_metric_statistics(Namespace='Cli', MetricName='M', StartTime=now - d, EndTime=now + d, Period=60, Statistics=['Maximum'])
print(p['Datapoints'][0]['Maximum'], p['Datapoints'][0]['Unit'])
try:
    c.get_metric_statistics(Namespace='Cli', MetricName='M', StartTime=now, EndTime=now, Period=60, Statistics=['Sum'])
except Exception as error:
    print(error.response['Error']['Code'])
`;
  const read = await run('/usr/bin/python3', ['-c', script], env);
  assert.equal(read.stdout.trim(), '7.0 Count\nInvalidParameterCombination', read.stderr);
});
