import { ACCOUNT_ID, formatArn, parseArn, type Random } from '../../../base/index.ts';
import type { Delivery, RetryPolicy } from '../../../delivery/index.ts';
import { newTrace } from '../../../telemetry/index.ts';
import type { Alarm } from './alarm.ts';

const RETRY: RetryPolicy = {
  attemptsMax: 100_000,
  ageMsMax: 24 * 3_600_000,
  backoffMsBase: 1_000,
  backoffMsMax: 60_000,
};

const REGIONS: Readonly<Record<string, string>> = {
  'us-east-1': 'US East (N. Virginia)',
  'us-east-2': 'US East (Ohio)',
  'us-west-2': 'US West (Oregon)',
  'eu-west-1': 'EU (Ireland)',
  'eu-central-1': 'EU (Frankfurt)',
};

export function alarmArn({ region, name }: Pick<Alarm, 'region' | 'name'>): string {
  return formatArn('cloudwatch', region, ACCOUNT_ID, `alarm:${name}`);
}

/** Name of the alarm of an ARN; of anything else, what names none. */
export function nameInArn(arn: string): string {
  const { service, resource = '' } = parseArn(arn) ?? {};
  return service === 'cloudwatch' && resource.startsWith('alarm:') ? resource.slice('alarm:'.length) : '';
}

/** What an alarm sends to a topic or a function when its state is another one. */
export function deliveryOf(arn: string, now: Alarm, before: Alarm, random: Random): Delivery {
  const toFunction = parseArn(arn)?.service === 'lambda';
  const { name, state } = now;
  const subject = `${state}: "${name}" in ${REGIONS[now.region] ?? now.region}`.slice(0, 100);
  return {
    arn,
    payload: Buffer.from(JSON.stringify(toFunction ? eventOf(now, before) : messageOf(now, before))),
    ...(!toFunction && { attributes: { subject } }),
    policy: RETRY,
    source: alarmArn(now),
    trace: newTrace(random),
  };
}

/** The time as messages to topics write it. */
const stamp = (time: number) => new Date(time).toISOString().replace('Z', '+0000');

function messageOf(now: Alarm, before: Alarm): object {
  const { settings } = now;
  const { statistic } = settings;
  const isSimple = /^[A-Z]/.test(statistic);
  return {
    AlarmName: now.name,
    AlarmDescription: settings.description ?? null,
    AWSAccountId: ACCOUNT_ID,
    AlarmConfigurationUpdatedTimestamp: stamp(now.configuredAt),
    NewStateValue: now.state,
    NewStateReason: now.reason,
    StateChangeTime: stamp(now.stateAt),
    Region: REGIONS[now.region] ?? now.region,
    AlarmArn: alarmArn(now),
    OldStateValue: before.state,
    OKActions: settings.actions.OK,
    AlarmActions: settings.actions.ALARM,
    InsufficientDataActions: settings.actions.INSUFFICIENT_DATA,
    Trigger: {
      MetricName: settings.metricName,
      Namespace: settings.namespace,
      StatisticType: isSimple ? 'Statistic' : 'ExtendedStatistic',
      ...(isSimple ? { Statistic: statistic.toUpperCase() } : { ExtendedStatistic: statistic }),
      Unit: settings.unit ?? null,
      Dimensions: Object.entries(settings.dimensions).map(([name, value]) => ({ value, name })),
      Period: settings.periodSeconds,
      EvaluationPeriods: settings.evaluationPeriods,
      ...(settings.hasDatapoints && { DatapointsToAlarm: settings.datapointsToAlarm }),
      ComparisonOperator: settings.comparison,
      Threshold: settings.threshold,
      TreatMissingData: settings.missing,
      EvaluateLowSampleCountPercentile: '',
    },
  };
}

function eventOf(now: Alarm, before: Alarm): object {
  const { settings, region } = now;
  const stateOf = ({ state: value, reason, reasonData, stateAt }: Alarm) => ({
    ...{ value, reason, timestamp: stamp(stateAt) },
    ...(reasonData !== undefined && { reasonData }),
  });
  const { namespace, metricName: name, dimensions, periodSeconds: period, statistic: stat } = settings;
  const metricStat = { metric: { namespace, name, dimensions }, period, stat };
  return {
    source: 'aws.cloudwatch',
    alarmArn: alarmArn(now),
    accountId: ACCOUNT_ID,
    time: stamp(now.stateAt),
    region,
    alarmData: {
      alarmName: now.name,
      state: stateOf(now),
      previousState: stateOf(before),
      configuration: {
        ...(settings.description !== undefined && { description: settings.description }),
        metrics: [{ id: 'm1', metricStat, returnData: true }],
      },
    },
  };
}
