import type { JsonObject } from '../template/value.ts';
import { changes, replaces, TAGS, tagChanges } from './properties.ts';
import {
  type Existing,
  ignoreMissing,
  type Made,
  nothingThere,
  type Reading,
  type ResourceType,
  requireFree,
  type Work,
} from './resource-type.ts';

const alarm: ResourceType = {
  properties: {
    AlarmName: replaces('text'),
    AlarmDescription: changes('text'),
    ActionsEnabled: changes('flag'),
    AlarmActions: changes({ list: 'text' }),
    OKActions: changes({ list: 'text' }),
    InsufficientDataActions: changes({ list: 'text' }),
    Namespace: changes('text'),
    MetricName: changes('text'),
    Dimensions: changes({ list: { object: { Name: 'text', Value: 'text' } } }),
    Statistic: changes('text'),
    ExtendedStatistic: changes('text'),
    Unit: changes('text'),
    Period: changes('number'),
    EvaluationPeriods: changes('number'),
    DatapointsToAlarm: changes('number'),
    Threshold: changes('number'),
    ComparisonOperator: changes('text'),
    TreatMissingData: changes('text'),
    Tags: TAGS,
  },
  notBuilt: [
    'ActionConfiguration',
    'EvaluateLowSampleCountPercentile',
    'EvaluationCriteria',
    'EvaluationInterval',
    'EvaluationWindow',
    'Metrics',
    'ThresholdMetricId',
    'WarmUpConfiguration',
  ],
  attributes: ['Arn'],
  naming: { property: 'AlarmName', lengthMax: 255 },

  imports: { identifiers: ['AlarmName'], find: ({ AlarmName }, work) => describe(AlarmName!, work) },

  async create(properties, work) {
    if (properties.AlarmName !== undefined) await requireFree(work, () => describe(work.name, work));
    return putAlarm(properties, work);
  },

  async update(existing, properties, work) {
    const made = await putAlarm(properties, work);
    await setTags(existing, properties, work);
    return made;
  },

  async delete({ physicalId }, work) {
    await ignoreMissing(() => work.call('cloudwatch', 'DeleteAlarms', { AlarmNames: [physicalId] }));
  },
};

/** Putting it again under its name changes it. */
async function putAlarm(properties: JsonObject, work: Work): Promise<Made> {
  const AlarmName = work.name;
  await work.call('cloudwatch', 'PutMetricAlarm', { ...properties, AlarmName });
  await work.made(AlarmName);
  return describe(AlarmName, work);
}

async function describe(AlarmName: string, work: Reading): Promise<Made> {
  const { MetricAlarms = [] } = await work.call('cloudwatch', 'DescribeAlarms', { AlarmNames: [AlarmName] });
  if (MetricAlarms.length === 0) throw nothingThere();
  return { physicalId: AlarmName, attributes: { Arn: MetricAlarms[0].AlarmArn } };
}

/** The operation takes tags of new alarms only. */
async function setTags(existing: Existing, properties: JsonObject, work: Work): Promise<void> {
  const ResourceARN = existing.attributes.Arn;
  const { set, remove } = tagChanges(existing.properties.Tags, properties.Tags);
  const Tags = Object.entries(set).map(([Key, Value]) => ({ Key, Value }));
  if (Tags.length > 0) await work.call('cloudwatch', 'TagResource', { ResourceARN, Tags });
  if (remove.length > 0) await work.call('cloudwatch', 'UntagResource', { ResourceARN, TagKeys: remove });
}

export const CLOUDWATCH_TYPES: Readonly<Record<string, ResourceType>> = { 'AWS::CloudWatch::Alarm': alarm };
