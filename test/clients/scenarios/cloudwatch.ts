import assert from 'node:assert/strict';
import type { Rig, Scenario } from '../scenario.ts';

const ARN = 'arn:aws:cloudwatch:us-east-1:000000000000:alarm';
const TOPIC = 'arn:aws:sns:us-east-1:000000000000:alerts';
const MINUTE_MS = 60_000;
const Dimensions = [{ Name: 'line', Value: 'a & b' }];

/** CloudWatch: values put under a metric and read back by its statistics; alarms with their states, actions and tags. */
export const cloudwatch: Scenario = {
  service: 'cloudwatch',
  async run(rig) {
    const Namespace = rig.name('Plant');
    await metrics(rig, Namespace);
    await alarms(rig, Namespace);
    await states(rig);
    await tags(rig);
    await removal(rig, Namespace);
  },
};

async function metrics({ call }: Rig, Namespace: string): Promise<void> {
  /** The start of a minute that is over. */
  const Timestamp = new Date(Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - 5 * MINUTE_MS);
  const datum = { MetricName: 'Parts', Dimensions, Timestamp, Unit: 'Count' };
  await call('PutMetricData', { Namespace, MetricData: [{ ...datum, Values: [1, 2.5, 10], Counts: [2, 1, 1] }] });
  const StatisticValues = { SampleCount: 2, Sum: 5, Minimum: 0.5, Maximum: 4.5 };
  await call('PutMetricData', { Namespace, MetricData: [{ ...datum, MetricName: 'Sets', StatisticValues }] });
  const late = { ...datum, Timestamp: new Date(Date.now() - 15 * 24 * 60 * MINUTE_MS), Value: 1 };
  const refused = call('PutMetricData', { Namespace, MetricData: [late] });
  await assert.rejects(refused, { name: 'InvalidParameterValue' });

  const { Metrics } = await call('ListMetrics', { Namespace });
  const metricOf = (MetricName: string) => ({ Namespace, MetricName, Dimensions });
  assert.deepEqual(Metrics, [metricOf('Parts'), metricOf('Sets')]);
  const asked = { Namespace, Dimensions: [{ Name: 'line', Value: 'other' }] };
  assert.deepEqual((await call('ListMetrics', asked)).Metrics, []);

  const range = { StartTime: Timestamp, EndTime: new Date(Timestamp.getTime() + 2 * MINUTE_MS) };
  const statistics = await call('GetMetricStatistics', {
    ...{ ...metricOf('Parts'), ...range, Period: 60 },
    ...{ Statistics: ['Sum', 'Average', 'SampleCount', 'Minimum', 'Maximum'], ExtendedStatistics: ['p100'] },
  });
  assert.equal(statistics.Label, 'Parts');
  assert.deepEqual(statistics.Datapoints, [
    {
      ...{ Timestamp, Unit: 'Count', ExtendedStatistics: { p100: 10 } },
      ...{ Sum: 14.5, Average: 3.625, SampleCount: 4, Minimum: 1, Maximum: 10 },
    },
  ]);
  const query = (Id: string, MetricName: string, Stat: string) => ({
    ...{ Id, Label: `label of ${Id}` },
    MetricStat: { Metric: metricOf(MetricName), Period: 60, Stat },
  });
  const MetricDataQueries = [
    query('sum', 'Parts', 'Sum'),
    query('mean', 'Sets', 'Average'),
    query('no', 'None', 'Sum'),
  ];
  const { MetricDataResults } = await call('GetMetricData', { ...range, MetricDataQueries });
  assert.deepEqual(MetricDataResults, [
    { Id: 'sum', Label: 'label of sum', Timestamps: [Timestamp], Values: [14.5], StatusCode: 'Complete' },
    { Id: 'mean', Label: 'label of mean', Timestamps: [Timestamp], Values: [2.5], StatusCode: 'Complete' },
    { Id: 'no', Label: 'label of no', Timestamps: [], Values: [], StatusCode: 'Complete' },
  ]);
  const backward = { StartTime: range.EndTime, EndTime: range.StartTime, MetricDataQueries };
  await assert.rejects(call('GetMetricData', backward), { name: 'InvalidParameterCombination' });
}

async function alarms({ call, name }: Rig, Namespace: string): Promise<void> {
  const [hot, slow] = [name('hot'), name('slow')];
  const watch = { Namespace, MetricName: 'Parts', Dimensions, ComparisonOperator: 'GreaterThanThreshold' };
  const settings = {
    ...{ ...watch, AlarmDescription: 'zu heiß', Statistic: 'Average', Period: 60, Threshold: 70.5 },
    ...{ EvaluationPeriods: 3, DatapointsToAlarm: 2, TreatMissingData: 'notBreaching', Unit: 'Count' },
    ...{ AlarmActions: [TOPIC], OKActions: [], InsufficientDataActions: [], ActionsEnabled: true },
  };
  await call('PutMetricAlarm', { AlarmName: hot, ...settings, Tags: [{ Key: 'team', Value: 'a' }] });
  const p99 = { ExtendedStatistic: 'p99', Period: 300, Threshold: 2, EvaluationPeriods: 1 };
  await call('PutMetricAlarm', { AlarmName: slow, ...watch, ...p99 });
  const both = call('PutMetricAlarm', { AlarmName: slow, ...watch, ...p99, Statistic: 'Sum' });
  await assert.rejects(both, { name: 'InvalidParameterCombination' });

  const { MetricAlarms } = await call('DescribeAlarms', { AlarmNames: [hot] });
  assert.partialDeepStrictEqual(MetricAlarms, [
    { AlarmName: hot, AlarmArn: `${ARN}:${hot}`, ...settings, StateValue: 'INSUFFICIENT_DATA' },
  ]);
  assert.ok(Math.abs(MetricAlarms[0].AlarmConfigurationUpdatedTimestamp.getTime() - Date.now()) < MINUTE_MS);
  const AlarmNames = [hot, slow];
  const first = await call('DescribeAlarms', { AlarmNames, MaxRecords: 1 });
  const rest = await call('DescribeAlarms', { AlarmNames, MaxRecords: 1, NextToken: first.NextToken });
  const namesOf = (answer: any) => answer.MetricAlarms.map((one: any) => one.AlarmName);
  assert.deepEqual([...namesOf(first), ...namesOf(rest)], [hot, slow]);
  assert.deepEqual(namesOf(await call('DescribeAlarms', { AlarmNames, ActionPrefix: TOPIC })), [hot]);
  assert.deepEqual(namesOf(await call('DescribeAlarms', { AlarmNames, AlarmTypes: ['CompositeAlarm'] })), []);
  const ofMetric = { Namespace, MetricName: 'Parts', Dimensions };
  assert.deepEqual(namesOf(await call('DescribeAlarmsForMetric', ofMetric)), [hot, slow]);
  assert.deepEqual(namesOf(await call('DescribeAlarmsForMetric', { ...ofMetric, Statistic: 'Average' })), [hot]);
  assert.deepEqual(namesOf(await call('DescribeAlarmsForMetric', { ...ofMetric, ExtendedStatistic: 'p99' })), [slow]);
  assert.deepEqual(namesOf(await call('DescribeAlarmsForMetric', { ...ofMetric, Period: 300 })), [slow]);
  assert.deepEqual(namesOf(await call('DescribeAlarmsForMetric', { ...ofMetric, Unit: 'Count' })), [hot]);
  assert.deepEqual(namesOf(await call('DescribeAlarmsForMetric', { ...ofMetric, Dimensions: [] })), []);
}

async function states({ call, name }: Rig): Promise<void> {
  const AlarmName = name('hot');
  const alarm = async () => (await call('DescribeAlarms', { AlarmNames: [AlarmName] })).MetricAlarms[0];
  await call('DisableAlarmActions', { AlarmNames: [AlarmName] });
  assert.equal((await alarm()).ActionsEnabled, false);
  const wanted = { StateValue: 'ALARM', StateReason: 'tried <out>', StateReasonData: '{"by":"hand"}' };
  const broken = call('SetAlarmState', { AlarmName, ...wanted, StateReasonData: '{' });
  await assert.rejects(broken, { name: 'InvalidFormat' });
  await call('SetAlarmState', { AlarmName, ...wanted });
  const { StateUpdatedTimestamp, ...shown } = await alarm();
  assert.partialDeepStrictEqual(shown, wanted);
  assert.ok(Math.abs(StateUpdatedTimestamp.getTime() - Date.now()) < MINUTE_MS);
  await call('EnableAlarmActions', { AlarmNames: [AlarmName] });
  assert.equal((await alarm()).ActionsEnabled, true);
  await call('SetAlarmState', { AlarmName, StateValue: 'OK', StateReason: 'well again' });
  assert.equal((await alarm()).StateReasonData, undefined);
  const nobody = call('SetAlarmState', { AlarmName: `${AlarmName}-none`, StateValue: 'OK', StateReason: 'r' });
  await assert.rejects(nobody, { name: 'ResourceNotFound' });
}

async function tags({ call, name }: Rig): Promise<void> {
  const ResourceARN = `${ARN}:${name('hot')}`;
  await call('TagResource', { ResourceARN, Tags: [{ Key: 'site', Value: 'north' }] });
  await call('UntagResource', { ResourceARN, TagKeys: ['team'] });
  assert.deepEqual((await call('ListTagsForResource', { ResourceARN })).Tags, [{ Key: 'site', Value: 'north' }]);
}

async function removal({ call, name }: Rig, Namespace: string): Promise<void> {
  await call('DeleteAlarms', { AlarmNames: [name('hot'), name('slow')] });
  const { MetricAlarms } = await call('DescribeAlarmsForMetric', { Namespace, MetricName: 'Parts', Dimensions });
  assert.deepEqual(MetricAlarms, []);
}
