import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SimulatedClock, seededRandom } from '../../src/base/index.ts';
import { CLOUDWATCH_LIMITS, type CloudWatch, openCloudWatch } from '../../src/services/cloudwatch/index.ts';
import { type Logs, openLogs } from '../../src/services/logs/index.ts';
import { EmbeddedLog, openEmbeddedRecords } from '../../src/store/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { context } from '../lambda/support.ts';

const clock = new SimulatedClock();
const metrics = createMetrics();
let logs: Logs;
let cloudwatch: CloudWatch;
const scope = new AsyncDisposableStack();

before(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-emf-'));
  scope.defer(() => rm(directory, { recursive: true, force: true }));
  const ground = { clock, random: seededRandom(1), logger: silentLogger, metrics };
  const records = scope.use(await openEmbeddedRecords({ directory: join(directory, 'records') }));
  const log = scope.use(await EmbeddedLog.open({ directory: join(directory, 'log') }));
  logs = scope.use(
    await openLogs({
      ...{ records, log, ...ground },
      takeMetrics: (found) => cloudwatch.take(found),
      delivery: { send: async () => {} },
      askSubscriber: async () => 'missing',
    }),
  );
  cloudwatch = scope.use(await openCloudWatch({ records, delivery: { send: async () => {} }, ...ground }));
});

after(() => scope.disposeAsync());

const document = (value: unknown, Timestamp: unknown = clock.now()) => ({
  _aws: {
    Timestamp,
    CloudWatchMetrics: [
      { Namespace: 'shop', Dimensions: [['service'], []], Metrics: [{ Name: 'orders', Unit: 'Count' }] },
    ],
  },
  service: 'till',
  orders: value,
});

async function statistics(Namespace: string, MetricName: string, Dimensions: object[] = []): Promise<any> {
  const operation = cloudwatch.service.operations.GetMetricStatistics!;
  const StartTime = new Date(clock.now() - 3600_000);
  const EndTime = new Date(clock.now() + 3600_000);
  const Statistics = ['Sum', 'SampleCount', 'Maximum'];
  const asked = { Namespace, MetricName, Dimensions, StartTime, EndTime, Period: 7200, Statistics };
  const { Datapoints } = (await operation(asked, context())) as { Datapoints: any[] };
  return Datapoints.map(({ Sum, SampleCount, Maximum }) => [Sum, SampleCount, Maximum]);
}

test('lines of functions and events of PutLogEvents give metrics, in each set of dimensions', async () => {
  logs.sink.write('/aws/lambda/f', 's', clock.now(), JSON.stringify(document([1, 2, 3])));
  logs.sink.write(
    '/aws/lambda/f',
    's',
    clock.now(),
    `2026-01-01T00:00:00.000Z\tid\tINFO\t${JSON.stringify(document(4))}`,
  );
  logs.sink.write('/aws/lambda/f', 's', clock.now(), 'REPORT RequestId: {}');
  await logs.sink.flush();
  const names = { logGroupName: '/aws/lambda/f', logStreamName: 's' };
  const logEvents = [{ timestamp: clock.now(), message: JSON.stringify(document(90)) }];
  await logs.service.operations.PutLogEvents!({ ...names, logEvents }, context());
  const expected = [[100, 5, 90]];
  assert.deepEqual(await statistics('shop', 'orders', [{ Name: 'service', Value: 'till' }]), expected);
  assert.deepEqual(await statistics('shop', 'orders'), expected);
});

test('what breaks the format is ignored, and counted by log group', async () => {
  const write = (message: string) => logs.sink.write('/bad', 's', clock.now(), message);
  write('{"_aws": {"CloudWatchMetrics": [}');
  write(JSON.stringify(document('many')));
  write(JSON.stringify(document(1, clock.now() - 15 * 86_400_000)));
  write(JSON.stringify(document(1, clock.now() + 3 * 3600_000)));
  // What the platform says of itself is not for functions to say.
  write(JSON.stringify(document(1)).replace('"shop"', '"AWS/Lambda"'));
  const group = [{ Name: 'LogGroupName', Value: '/bad' }];
  assert.deepEqual(await statistics('AWS/Logs', 'EMFParsingErrors', group), [[1, 1, 1]]);
  assert.deepEqual(await statistics('AWS/Logs', 'EMFValidationErrors', group), [[4, 4, 1]]);
  assert.deepEqual(await statistics('AWS/Lambda', 'orders'), []);
  assert.deepEqual(await statistics('shop', 'orders'), [[100, 5, 90]]);
});

test('functions cannot fill the metrics so that the platform has none left', async () => {
  const { embeddedMetricsMax } = CLOUDWATCH_LIMITS;
  for (let batch = 0; batch < 160; batch++) {
    const names = Array.from({ length: 100 }, (_, index) => `metric-${batch}-${index}`);
    const CloudWatchMetrics = [{ Namespace: 'flood', Dimensions: [[]], Metrics: names.map((Name) => ({ Name })) }];
    const values = Object.fromEntries(names.map((name) => [name, 1]));
    const line = JSON.stringify({ _aws: { Timestamp: clock.now(), CloudWatchMetrics }, ...values });
    logs.sink.write('/aws/lambda/flood', 's', clock.now(), line);
  }
  await cloudwatch.flush();
  metrics.put({ namespace: 'AWS/Lambda', name: 'Invocations', dimensions: {}, value: 1, unit: 'Count' });
  assert.deepEqual(await statistics('AWS/Lambda', 'Invocations'), [[1, 1, 1]]);
  assert.deepEqual(await statistics('flood', 'metric-0-0'), [[1, 1, 1]]);
  assert.deepEqual(await statistics('flood', 'metric-159-99'), []);
  assert.ok(embeddedMetricsMax < 16_000);
});
