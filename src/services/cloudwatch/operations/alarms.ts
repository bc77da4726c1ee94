import { parseArn } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import { type Alarm, type AlarmSettings, type AlarmState, COMPARISONS, type MissingData } from '../alarms/alarm.ts';
import type { Alarms } from '../alarms/alarms.ts';
import { alarmArn, nameInArn } from '../alarms/messages.ts';
import { CloudWatchError } from '../errors.ts';
import { CLOUDWATCH_LIMITS } from '../limits.ts';
import { dimensionsOf, wireDimensions } from '../metric.ts';
import { statisticOf } from '../statistic.ts';

type Input = Readonly<Record<string, any>>;

/** Members that alarms have on AWS and not here: without them they would watch something else. */
const NOT_BUILT = [
  'Metrics',
  'ThresholdMetricId',
  'EvaluationCriteria',
  'EvaluationWindow',
  'EvaluationInterval',
  'EvaluateLowSampleCountPercentile',
];

const MISSING: readonly string[] = ['missing', 'ignore', 'breaching', 'notBreaching'];

/** Alarms on one metric: put, describe, delete, their states and tags. */
export function alarmOperations(alarms: Alarms): Readonly<Record<string, Operation>> {
  const named = (names: readonly string[], region: string) =>
    [...new Set(names)].flatMap((name) => alarms.find(region, name) ?? []);
  const enable = async ({ AlarmNames }: Input, region: string, actionsEnabled: boolean) => {
    for (const { name } of named(AlarmNames, region)) {
      await alarms.change(region, name, ({ settings }) => ({ settings: { ...settings, actionsEnabled } }));
    }
    return {};
  };

  return {
    PutMetricAlarm: async (input, { region }) => {
      const tags = Object.fromEntries((input.Tags ?? []).map(({ Key, Value }: Input) => [Key, Value]));
      await alarms.put(region, input.AlarmName, settingsOf(input), tags);
      return {};
    },

    DescribeAlarms: (input, { region }) => {
      const { AlarmNames: names, AlarmNamePrefix: prefix, StateValue: state, ActionPrefix: action = '' } = input;
      if (names && prefix !== undefined) {
        const message = 'AlarmNames and AlarmNamePrefix cannot be given together.';
        throw new CloudWatchError('parameter-combination', message);
      }
      if (!wantsMetricAlarms(input)) return { MetricAlarms: [], CompositeAlarms: [] };
      const found = names ? named(names, region) : alarms.list(region, prefix);
      const isWanted = ({ state: now, settings }: Alarm) =>
        (state === undefined || now === state) &&
        (action === '' || Object.values(settings.actions).some((arns) => arns.some((arn) => arn.startsWith(action))));
      const { items, next } = page(found.filter(isWanted), input.NextToken, input.MaxRecords);
      return { MetricAlarms: items.map(shapeOf), CompositeAlarms: [], ...(next !== undefined && { NextToken: next }) };
    },

    DescribeAlarmsForMetric: (input, { region }) => {
      const dimensions = JSON.stringify(wireDimensions(dimensionsOf(input.Dimensions)));
      const found = alarms.list(region).filter(({ settings }) => {
        const { namespace, metricName } = settings;
        const isSame = namespace === input.Namespace && metricName === input.MetricName;
        return isSame && JSON.stringify(wireDimensions(settings.dimensions)) === dimensions && isAsked(settings, input);
      });
      return { MetricAlarms: found.map(shapeOf) };
    },

    DeleteAlarms: async ({ AlarmNames }, { region }) => {
      for (const { name } of named(AlarmNames, region)) await alarms.delete(region, name);
      return {};
    },

    SetAlarmState: async ({ AlarmName, StateValue, StateReason: reason, StateReasonData: reasonData }, { region }) => {
      if (reasonData !== undefined && !isJson(reasonData)) {
        throw new CloudWatchError('format-invalid', 'StateReasonData is not valid JSON.');
      }
      const why = { reason, ...(reasonData !== undefined && { reasonData }) };
      await alarms.setState(region, AlarmName, StateValue, why);
      return {};
    },

    EnableAlarmActions: (input, { region }) => enable(input, region, true),
    DisableAlarmActions: (input, { region }) => enable(input, region, false),

    TagResource: async ({ ResourceARN, Tags }, { region }) => {
      const more = Object.fromEntries(Tags.map(({ Key, Value }: Input) => [Key, Value]));
      await alarms.change(region, nameInArn(ResourceARN), ({ tags }) => ({ tags: { ...tags, ...more } }));
      return {};
    },
    UntagResource: async ({ ResourceARN, TagKeys }, { region }) => {
      await alarms.change(region, nameInArn(ResourceARN), ({ tags }) => ({
        tags: Object.fromEntries(Object.entries(tags).filter(([key]) => !TagKeys.includes(key))),
      }));
      return {};
    },
    ListTagsForResource: ({ ResourceARN }, { region }) => ({
      Tags: Object.entries(alarms.get(region, nameInArn(ResourceARN)).tags).map(([Key, Value]) => ({ Key, Value })),
    }),
  };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Composite alarms, and the families that they make, are not built: there are none. */
function wantsMetricAlarms({ AlarmTypes, ChildrenOfAlarmName, ParentsOfAlarmName }: Input): boolean {
  if (ChildrenOfAlarmName !== undefined || ParentsOfAlarmName !== undefined) return false;
  return AlarmTypes === undefined || AlarmTypes.includes('MetricAlarm');
}

/** Whether an alarm of a metric has the statistic, the period and the unit that are asked for, each where it is. */
function isAsked({ statistic, periodSeconds, unit }: AlarmSettings, input: Input): boolean {
  const { Statistic, ExtendedStatistic = Statistic, Period = periodSeconds, Unit = unit } = input;
  return (ExtendedStatistic ?? statistic) === statistic && Period === periodSeconds && Unit === unit;
}

/** @throws parameter-invalid, parameter-missing, parameter-combination */
function settingsOf(input: Input): AlarmSettings {
  const unbuilt = NOT_BUILT.find((name) => input[name] !== undefined);
  if (unbuilt) throw invalid(`${unbuilt} of alarms is not built in Millrace; one metric, statistic and threshold is`);
  for (const name of ['MetricName', 'Namespace', 'Period', 'Threshold']) {
    if (input[name] === undefined) throw new CloudWatchError('parameter-missing', `The parameter ${name} is required.`);
  }
  const { Statistic, ExtendedStatistic, EvaluationPeriods, DatapointsToAlarm = EvaluationPeriods } = input;
  if ((Statistic === undefined) === (ExtendedStatistic === undefined)) {
    const message = 'Exactly one of Statistic and ExtendedStatistic must be given.';
    throw new CloudWatchError('parameter-combination', message);
  }
  const statistic: string = Statistic ?? ExtendedStatistic;
  statisticOf(statistic);
  if (!Object.hasOwn(COMPARISONS, input.ComparisonOperator)) {
    throw invalid(
      `ComparisonOperator ${input.ComparisonOperator} needs a band of anomalies, which is not built in Millrace`,
    );
  }
  const missing: string = input.TreatMissingData ?? 'missing';
  if (!MISSING.includes(missing))
    throw invalid(`Option ${missing} for the parameter TreatMissingData is not supported.`);
  if (DatapointsToAlarm > EvaluationPeriods) {
    throw invalid('The parameter DatapointsToAlarm must be less than or equal to EvaluationPeriods.');
  }
  const { Period } = input;
  if (![10, 20, 30].includes(Period) && Period % 60 !== 0)
    throw invalid('Period must be 10, 20, 30 or a multiple of 60.');
  if (Period * EvaluationPeriods > CLOUDWATCH_LIMITS.alarmSecondsMax) {
    throw invalid('Metrics cannot be checked across more than seven days (EvaluationPeriods * Period).');
  }
  return {
    ...(input.AlarmDescription !== undefined && { description: input.AlarmDescription }),
    namespace: input.Namespace,
    metricName: input.MetricName,
    dimensions: dimensionsOf(input.Dimensions),
    statistic,
    ...(input.Unit !== undefined && { unit: input.Unit }),
    periodSeconds: Period,
    evaluationPeriods: EvaluationPeriods,
    datapointsToAlarm: DatapointsToAlarm,
    hasDatapoints: input.DatapointsToAlarm !== undefined,
    threshold: input.Threshold,
    comparison: input.ComparisonOperator,
    // Tables tell nothing while nothing is done to them: their alarms stay as they are, whatever they ask for.
    missing: input.Namespace === 'AWS/DynamoDB' ? 'ignore' : (missing as MissingData),
    actionsEnabled: input.ActionsEnabled ?? true,
    actions: {
      OK: actionsOf(input.OKActions),
      ALARM: actionsOf(input.AlarmActions),
      INSUFFICIENT_DATA: actionsOf(input.InsufficientDataActions),
    } satisfies Record<AlarmState, readonly string[]>,
  };
}

function actionsOf(arns: readonly string[] = []): readonly string[] {
  const unbuilt = arns.find((arn) => !['sns', 'lambda'].includes(parseArn(arn)?.service ?? ''));
  if (unbuilt !== undefined) throw invalid(`The action ${unbuilt} is not built in Millrace: topics and functions are`);
  return arns;
}

const invalid = (message: string) => new CloudWatchError('parameter-invalid', message);

/** @param token  name of the last alarm of the page before */
function page(alarms: readonly Alarm[], token: string | undefined, limit = CLOUDWATCH_LIMITS.alarmsPageMax) {
  const after = token === undefined ? undefined : Buffer.from(token, 'base64url').toString();
  const start = after === undefined ? 0 : alarms.findIndex(({ name }) => name === after) + 1;
  const items = alarms.slice(start, start + limit);
  const next = start + limit < alarms.length ? Buffer.from(items.at(-1)!.name).toString('base64url') : undefined;
  return { items, next };
}

function shapeOf(alarm: Alarm): object {
  const { settings, state, reason } = alarm;
  const isSimple = /^[A-Z]/.test(settings.statistic);
  return {
    AlarmName: alarm.name,
    AlarmArn: alarmArn(alarm),
    ...(settings.description !== undefined && { AlarmDescription: settings.description }),
    AlarmConfigurationUpdatedTimestamp: new Date(alarm.configuredAt),
    ActionsEnabled: settings.actionsEnabled,
    OKActions: settings.actions.OK,
    AlarmActions: settings.actions.ALARM,
    InsufficientDataActions: settings.actions.INSUFFICIENT_DATA,
    StateValue: state,
    StateReason: reason,
    ...(alarm.reasonData !== undefined && { StateReasonData: alarm.reasonData }),
    StateUpdatedTimestamp: new Date(alarm.stateAt),
    StateTransitionedTimestamp: new Date(alarm.stateAt),
    MetricName: settings.metricName,
    Namespace: settings.namespace,
    ...(isSimple ? { Statistic: settings.statistic } : { ExtendedStatistic: settings.statistic }),
    Dimensions: wireDimensions(settings.dimensions),
    Period: settings.periodSeconds,
    ...(settings.unit !== undefined && { Unit: settings.unit }),
    EvaluationPeriods: settings.evaluationPeriods,
    ...(settings.hasDatapoints && { DatapointsToAlarm: settings.datapointsToAlarm }),
    Threshold: settings.threshold,
    ComparisonOperator: settings.comparison,
    TreatMissingData: settings.missing,
  };
}
