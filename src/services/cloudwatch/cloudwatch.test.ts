import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CLOCK_LIMITS, SimulatedClock, seededRandom } from '../../base/index.ts';
import type { Delivery } from '../../delivery/index.ts';
import { openEmbeddedRecords } from '../../store/index.ts';
import { createMetrics, type Datum, newTrace, silentLogger } from '../../telemetry/index.ts';
import type { OperationContext } from '../index.ts';
import { Aggregate } from './aggregate.ts';
import { CLOUDWATCH_LIMITS, openCloudWatch } from './index.ts';

const CONTEXT: OperationContext = {
  requestId: 'r',
  region: 'us-east-1',
  caller: { accountId: '000000000000', arn: 'arn:aws:iam::000000000000:root' },
  endpoint: 'http://localhost',
  signal: new AbortController().signal,
  trace: newTrace(seededRandom(1)),
};

async function opened(directory: string, clock = new SimulatedClock(), seed = 1) {
  const records = await openEmbeddedRecords({ directory });
  const metrics = createMetrics();
  const sent: Delivery[] = [];
  const gate: { sending: Promise<void> } = { sending: Promise.resolve() };
  const delivery = {
    send: async (deliveries: readonly Delivery[]) => {
      sent.push(...deliveries);
      await gate.sending;
    },
  };
  const random = seededRandom(seed);
  const cloudwatch = await openCloudWatch({ records, metrics, clock, random, delivery, logger: silentLogger });
  const call = (operation: string, input: object) => cloudwatch.service.operations[operation]!(input, CONTEXT);
  return {
    metrics,
    clock,
    call,
    sent,
    cloudwatch,
    /** What alarms send is not taken until the returned function is called. */
    holdSending: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate.sending = promise;
      return resolve;
    },
    close: async () => {
      await cloudwatch[Symbol.asyncDispose]();
      await records[Symbol.asyncDispose]();
    },
    /** As a crash leaves it: nothing is flushed. */
    crash: () => records[Symbol.asyncDispose](),
  };
}

type Opened = Awaited<ReturnType<typeof opened>>;

async function withService(body: (service: Opened, directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'cloudwatch-'));
  try {
    const service = await opened(directory);
    await body(service, directory).finally(service.close);
  } finally {
    await rm(directory, { recursive: true });
  }
}

const duration = (value: number): Datum => ({
  namespace: 'AWS/Lambda',
  name: 'Duration',
  dimensions: { FunctionName: 'f' },
  value,
  unit: 'Milliseconds',
});

const statistics = (clock: SimulatedClock, more: object = {}) => ({
  Namespace: 'AWS/Lambda',
  MetricName: 'Duration',
  Dimensions: [{ Name: 'FunctionName', Value: 'f' }],
  StartTime: new Date(clock.now() - 3600_000),
  EndTime: new Date(clock.now() + 60_000),
  Period: 60,
  Statistics: ['Sum', 'SampleCount', 'Minimum', 'Maximum', 'Average'],
  ...more,
});

test('data of the platform are aggregated by the minute', () =>
  withService(async ({ metrics, clock, call }) => {
    for (let i = 1; i <= 100; i++) metrics.put(duration(i));
    await clock.advance(60_000);
    metrics.put(duration(1000));
    const { Datapoints } = await call('GetMetricStatistics', statistics(clock, { ExtendedStatistics: ['p50', 'p99'] }));
    assert.equal(Datapoints.length, 2);
    const [first, second] = Datapoints;
    assert.equal(first.Sum, 5050);
    assert.equal(first.SampleCount, 100);
    assert.equal(first.Average, 50.5);
    assert.equal(first.Unit, 'Milliseconds');
    assert.ok(Math.abs(first.ExtendedStatistics.p50 - 50) <= 1);
    assert.ok(Math.abs(first.ExtendedStatistics.p99 - 99) <= 1);
    assert.equal(second.Maximum, 1000);
    assert.equal(second.Timestamp.getTime() - first.Timestamp.getTime(), 60_000);
  }));

test('values of a meter come into the minutes in which they were put', () =>
  withService(async ({ metrics, clock, call }) => {
    const { value: _, ...line } = duration(0);
    const meter = metrics.meter(line);
    for (let minute = 1; minute <= 4; minute++) {
      for (const value of [minute, 10 * minute]) meter.put(value);
      await clock.advance(60_000);
    }
    const { Datapoints } = await call('GetMetricStatistics', statistics(clock));
    assert.deepEqual(
      Datapoints.map(({ Sum, SampleCount }: any) => [Sum, SampleCount]),
      [1, 2, 3, 4].map((minute) => [11 * minute, 2]),
    );
  }));

test('minutes join into longer periods, newest first unless asked otherwise', () =>
  withService(async ({ metrics, clock, call }) => {
    for (let minute = 0; minute < 10; minute++) {
      metrics.put(duration(minute));
      await clock.advance(60_000);
    }
    const query = {
      StartTime: new Date(clock.now() - 600_000),
      EndTime: new Date(clock.now()),
      MetricDataQueries: [
        {
          Id: 'd',
          MetricStat: {
            Metric: {
              Namespace: 'AWS/Lambda',
              MetricName: 'Duration',
              Dimensions: [{ Name: 'FunctionName', Value: 'f' }],
            },
            Period: 300,
            Stat: 'Sum',
          },
        },
      ],
    };
    const { MetricDataResults } = await call('GetMetricData', query);
    assert.deepEqual(MetricDataResults[0].Values, [35, 10]);
    const ascending = await call('GetMetricData', { ...query, ScanBy: 'TimestampAscending' });
    assert.deepEqual(ascending.MetricDataResults[0].Values, [10, 35]);
  }));

test('what PutMetricData brought survives a crash at once; the flush of the platform data comes within 15 seconds', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'cloudwatch-'));
  try {
    const clock = new SimulatedClock();
    const before = await opened(directory, clock, 1);
    before.metrics.put(duration(1));
    await before.cloudwatch.maintain();
    await before.call('PutMetricData', {
      Namespace: 'Plant',
      MetricData: [{ MetricName: 'Parts', Values: [1, 2], Counts: [3, 1], Unit: 'Count' }],
    });
    await before.crash();
    const after = await opened(directory, clock, 2);
    after.metrics.put(duration(5));
    const [point] = (await after.call('GetMetricStatistics', statistics(clock))).Datapoints;
    assert.equal(point.Sum, 6, 'both lives of the node count towards the same minute');
    const parts = statistics(clock, { Namespace: 'Plant', MetricName: 'Parts', Dimensions: [] });
    const [stored] = (await after.call('GetMetricStatistics', parts)).Datapoints;
    assert.deepEqual([stored.Sum, stored.SampleCount, stored.Maximum], [5, 4, 2]);
    await after.close();
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('a summary has no percentiles, and says so by leaving them out', () =>
  withService(async ({ clock, call }) => {
    await call('PutMetricData', {
      Namespace: 'Plant',
      MetricData: [{ MetricName: 'M', StatisticValues: { Sum: 10, Minimum: 1, Maximum: 5, SampleCount: 4 } }],
    });
    const [point] = (
      await call(
        'GetMetricStatistics',
        statistics(clock, { Namespace: 'Plant', MetricName: 'M', Dimensions: [], ExtendedStatistics: ['p50'] }),
      )
    ).Datapoints;
    assert.equal(point.Average, 2.5);
    assert.deepEqual(point.ExtendedStatistics, {});
  }));

test('ListMetrics filters by namespace, name and dimension, and turns pages', () =>
  withService(async ({ call, cloudwatch }) => {
    const MetricData = Array.from({ length: 600 }, (_, i) => ({
      MetricName: 'M',
      Value: 1,
      Dimensions: [{ Name: 'Device', Value: `d${i}` }],
    }));
    await call('PutMetricData', { Namespace: 'Plant', MetricData });
    await cloudwatch.flush();
    const first = await call('ListMetrics', { Namespace: 'Plant' });
    const second = await call('ListMetrics', { Namespace: 'Plant', NextToken: first.NextToken });
    assert.deepEqual([first.Metrics.length, second.Metrics.length, second.NextToken], [500, 100, undefined]);
    const one = await call('ListMetrics', { Dimensions: [{ Name: 'Device', Value: 'd7' }], RecentlyActive: 'PT3H' });
    assert.deepEqual(one.Metrics, [
      { Namespace: 'Plant', MetricName: 'M', Dimensions: [{ Name: 'Device', Value: 'd7' }] },
    ]);
    assert.deepEqual((await call('ListMetrics', { MetricName: 'N' })).Metrics, []);
    await assert.rejects(async () => call('ListMetrics', { NextToken: '?' }), { code: 'token-invalid' });
  }));

test('minutes beyond retention are deleted, and their metric with them', () =>
  withService(async ({ metrics, clock, call, cloudwatch }) => {
    metrics.put(duration(1));
    await cloudwatch.maintain();
    assert.equal((await call('ListMetrics', {})).Metrics.length, 1);
    await clock.advance(16 * 24 * 3600_000);
    await cloudwatch.maintain();
    assert.deepEqual((await call('ListMetrics', {})).Metrics, []);
  }));

test('a wall clock that jumps ahead takes no minutes before it has gone evenly for a while', () =>
  withService(async ({ metrics, clock, call, cloudwatch }) => {
    const left = async () => {
      await cloudwatch.maintain();
      return (await call('ListMetrics', {})).Metrics.length;
    };
    metrics.put(duration(1));
    await clock.advance(CLOUDWATCH_LIMITS.expireMs);
    assert.equal(await left(), 1);
    const { now } = clock;
    clock.now = () => now.call(clock) + 365 * 24 * 3600_000;
    await clock.advance(CLOUDWATCH_LIMITS.expireMs);
    assert.equal(await left(), 1);
    await clock.advance(CLOCK_LIMITS.restMs);
    assert.equal(await left(), 0);
  }));

test('minutes expire though the clock was ahead when it was last looked for them', () =>
  withService(async ({ metrics, clock, call, cloudwatch }) => {
    const { now } = clock;
    clock.now = () => now.call(clock) + 365 * 24 * 3600_000;
    await clock.advance(CLOUDWATCH_LIMITS.expireMs + CLOCK_LIMITS.restMs);
    await cloudwatch.maintain();
    clock.now = now;
    metrics.put(duration(1));
    await cloudwatch.maintain();
    await clock.advance(16 * 24 * 3600_000);
    await cloudwatch.maintain();
    // It has gone evenly since it was found to be set back.
    await clock.advance(CLOCK_LIMITS.restMs);
    await cloudwatch.maintain();
    assert.deepEqual((await call('ListMetrics', {})).Metrics, []);
  }));

test('values that make no sense are refused', () =>
  withService(async ({ clock, call }) => {
    const put = (datum: object) => async () =>
      call('PutMetricData', { Namespace: 'N', MetricData: [{ MetricName: 'M', ...datum }] });
    await assert.rejects(put({}), { code: 'parameter-missing' });
    const reserved = { Namespace: 'AWS/Lambda', MetricData: [{ MetricName: 'Errors', Value: 1 }] };
    await assert.rejects(async () => call('PutMetricData', reserved), {
      code: 'parameter-invalid',
      message: 'The value AWS/ for parameter Namespace is invalid.',
    });
    await assert.rejects(put({ Value: 1, Values: [1] }), { code: 'parameter-combination' });
    await assert.rejects(put({ Value: Number.NaN }), { code: 'parameter-invalid' });
    await assert.rejects(put({ Value: 1, Timestamp: new Date(clock.now() + 3 * 3600_000) }), {
      code: 'parameter-invalid',
    });
    await assert.rejects(async () => call('GetMetricStatistics', statistics(clock, { Period: 61 })), {
      code: 'parameter-invalid',
    });
    await assert.rejects(async () => call('GetMetricStatistics', statistics(clock, { StartTime: new Date(0) })), {
      code: 'parameter-combination',
    });
  }));

test('a sketch answers percentiles to one per cent, negative values and zero included, and merges', () => {
  const whole = new Aggregate('None');
  const half = new Aggregate('None');
  for (let i = -500; i <= 500; i++) (i % 2 === 0 ? whole : half).add(i);
  whole.merge(Aggregate.fromStored(JSON.parse(JSON.stringify(half.toStored()))));
  for (const [share, exact] of [
    [0.1, -400],
    [0.5, 0],
    [0.9, 400],
    [0.99, 490],
  ] as const) {
    assert.ok(Math.abs(whole.quantile(share)! - exact) <= Math.abs(exact) * 0.012 + 1, `${share}`);
  }
  assert.equal(whole.quantile(0), -500);
  assert.equal(whole.quantile(1), 500);
});

test('a sketch stays bounded however wide the values', () => {
  const aggregate = new Aggregate('None');
  for (let power = -300; power < 300; power += 0.25) aggregate.add(10 ** power);
  assert.ok(aggregate.toStored().sketch!.length <= 2 * CLOUDWATCH_LIMITS.sketchBucketsMax);
});

const TOPIC = 'arn:aws:sns:us-east-1:000000000000:alarms';
const ALARM = {
  AlarmName: 'failures',
  Namespace: 'Plant',
  MetricName: 'Failures',
  Dimensions: [{ Name: 'Line', Value: 'a' }],
  Statistic: 'Sum',
  Period: 60,
  EvaluationPeriods: 2,
  Threshold: 3,
  ComparisonOperator: 'GreaterThanOrEqualToThreshold',
  AlarmActions: [TOPIC, 'arn:aws:lambda:us-east-1:000000000000:function:f'],
  OKActions: [TOPIC],
};

test('an alarm goes by the values of its periods, and tells its topics and functions of each change, once', () =>
  withService(async ({ clock, call, cloudwatch, sent }) => {
    await call('PutMetricAlarm', ALARM);
    const state = async () => (await call('DescribeAlarms', { AlarmNames: ['failures'] })).MetricAlarms[0].StateValue;
    assert.equal(await state(), 'INSUFFICIENT_DATA');
    const count = (Value: number) =>
      call('PutMetricData', {
        Namespace: 'Plant',
        MetricData: [{ MetricName: 'Failures', Dimensions: ALARM.Dimensions, Value }],
      });
    for (const values of [[3], [1, 2], [9]]) {
      for (const value of values) await count(value);
      await clock.advance(60_000);
      await cloudwatch.evaluateAlarms();
    }
    assert.equal(await state(), 'ALARM');
    assert.deepEqual(
      sent.map(({ arn, source }) => [arn, source]),
      ALARM.AlarmActions.map((arn) => [arn, 'arn:aws:cloudwatch:us-east-1:000000000000:alarm:failures']),
    );
    const [message, event] = sent.map(({ payload }) => JSON.parse(Buffer.from(payload).toString()));
    assert.deepEqual(
      [message.NewStateValue, message.OldStateValue, message.Trigger.Statistic, message.Trigger.Dimensions],
      ['ALARM', 'INSUFFICIENT_DATA', 'SUM', [{ value: 'a', name: 'Line' }]],
    );
    assert.match(message.NewStateReason, /datapoint\(s\) \[3, 3\] were greater than or equal to the threshold \(3\)/);
    assert.equal(sent[0]!.attributes!.subject, 'ALARM: "failures" in US East (N. Virginia)');
    assert.deepEqual([event.source, event.alarmData.state.value], ['aws.cloudwatch', 'ALARM']);

    await count(1);
    await clock.advance(60_000);
    await cloudwatch.evaluateAlarms();
    assert.deepEqual([await state(), sent.length], ['OK', 3]);
    await call('DisableAlarmActions', { AlarmNames: ['failures'] });
    await call('SetAlarmState', { AlarmName: 'failures', StateValue: 'ALARM', StateReason: 'to try it' });
    assert.deepEqual([await state(), sent.length], ['ALARM', 3]);
    await call('DeleteAlarms', { AlarmNames: ['failures', 'none'] });
    assert.deepEqual((await call('DescribeAlarms', {})).MetricAlarms, []);
  }));

test('what is done to an alarm while it tells of a new state is not undone by that', () =>
  withService(async ({ call, sent, holdSending }) => {
    const changes: readonly (readonly [deed: string, input: object, expected: object])[] = [
      ['PutMetricAlarm', { ...ALARM, Threshold: 9 }, { Threshold: 9, StateValue: 'ALARM' }],
      ['DisableAlarmActions', { AlarmNames: ['failures'] }, { ActionsEnabled: false, StateValue: 'ALARM' }],
      ['SetAlarmState', { AlarmName: 'failures', StateValue: 'OK', StateReason: 'r' }, { StateValue: 'OK' }],
    ];
    const described = async () => (await call('DescribeAlarms', { AlarmNames: ['failures'] })).MetricAlarms;
    for (const [operation, input, expected] of changes) {
      await call('PutMetricAlarm', ALARM);
      await call('SetAlarmState', { AlarmName: 'failures', StateValue: 'INSUFFICIENT_DATA', StateReason: 'again' });
      const before = sent.length;
      const go = holdSending();
      const telling = call('SetAlarmState', { AlarmName: 'failures', StateValue: 'ALARM', StateReason: 'now' });
      while (sent.length === before) await new Promise((next) => setImmediate(next));
      const changing = call(operation, input);
      go();
      await Promise.all([telling, changing]);
      assert.partialDeepStrictEqual((await described())[0], expected, operation);
    }
    const before = sent.length;
    const go = holdSending();
    const telling = call('SetAlarmState', { AlarmName: 'failures', StateValue: 'ALARM', StateReason: 'now' });
    while (sent.length === before) await new Promise((next) => setImmediate(next));
    const deleting = call('DeleteAlarms', { AlarmNames: ['failures'] });
    go();
    await Promise.all([telling, deleting]);
    assert.deepEqual(await described(), []);
  }));

test('an alarm that was being told of when the node was killed is told of again', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'cloudwatch-'));
  try {
    const first = await opened(directory);
    await first.call('PutMetricAlarm', { ...ALARM, EvaluationPeriods: 1 });
    await first.call('PutMetricData', {
      Namespace: 'Plant',
      MetricData: [{ MetricName: 'Failures', Dimensions: ALARM.Dimensions, Value: 5 }],
    });
    await first.clock.advance(60_000);
    // The outbox has it, and the alarm does not say so yet.
    first.holdSending();
    void first.cloudwatch.evaluateAlarms().catch(() => {});
    while (first.sent.length === 0) await new Promise((next) => setImmediate(next));
    await first.crash();

    const again = await opened(directory, first.clock);
    const [alarm] = (await again.call('DescribeAlarms', {})).MetricAlarms;
    assert.equal(alarm.StateValue, 'INSUFFICIENT_DATA');
    await again.cloudwatch.evaluateAlarms();
    assert.deepEqual(
      again.sent.map(({ arn }) => arn),
      ALARM.AlarmActions,
    );
    await again.cloudwatch.evaluateAlarms();
    assert.equal(again.sent.length, 2, 'and then no more');
    await again.close();
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('alarms and their states outlive a restart; what they are not built for is refused by name', () =>
  withService(async ({ call, close }, directory) => {
    await call('PutMetricAlarm', { ...ALARM, Tags: [{ Key: 'team', Value: 'a' }] });
    await call('SetAlarmState', { AlarmName: 'failures', StateValue: 'OK', StateReason: 'to try it' });
    await call('PutMetricAlarm', { ...ALARM, Threshold: 4 });
    for (const [more, message] of [
      [{ Metrics: [] }, /Metrics of alarms is not built/],
      [{ AlarmActions: ['arn:aws:automate:us-east-1:ec2:reboot'] }, /action .*ec2:reboot is not built/],
      [{ ComparisonOperator: 'LessThanLowerThreshold' }, /band of anomalies/],
      [{ DatapointsToAlarm: 3 }, /less than or equal to EvaluationPeriods/],
      [{ Period: 61 }, /multiple of 60/],
      [{ ExtendedStatistic: 'p99' }, /Exactly one of/],
      [{ TreatMissingData: 'often' }, /not supported/],
    ] as const) {
      await assert.rejects(async () => call('PutMetricAlarm', { ...ALARM, ...more }), { message });
    }
    await close();
    const again = await opened(directory);
    const [alarm] = (await again.call('DescribeAlarms', { AlarmNamePrefix: 'fail' })).MetricAlarms;
    assert.deepEqual([alarm.StateValue, alarm.StateReason, alarm.Threshold], ['OK', 'to try it', 4]);
    const { Tags } = await again.call('ListTagsForResource', { ResourceARN: alarm.AlarmArn });
    assert.deepEqual(Tags, [{ Key: 'team', Value: 'a' }]);
    await again.close();
  }));
