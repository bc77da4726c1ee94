import { type JsonObject, sameJson } from '../template/value.ts';
import { changes, pick, replaces, required, TAGS, tagChanges, tagMap } from './properties.ts';
import {
  createOrAdopt,
  type Existing,
  ignoreMissing,
  isGone,
  label,
  type Made,
  nothingThere,
  type Reading,
  type ResourceType,
  type Work,
} from './resource-type.ts';

const RETENTION_HOURS_DEFAULT = 24;
const RECORD_KIB_DEFAULT = 1024;

const stream: ResourceType = {
  properties: {
    Name: replaces('text'),
    RetentionPeriodHours: changes('number'),
    ShardCount: changes('number'),
    StreamModeDetails: changes({ object: { StreamMode: 'text' } }),
    DesiredShardLevelMetrics: changes({ list: 'text' }),
    MaxRecordSizeInKiB: changes('number'),
    WarmThroughputMiBps: changes('number'),
    Tags: TAGS,
  },
  notBuilt: ['StreamEncryption'],
  attributes: ['Arn'],
  naming: { property: 'Name', lengthMax: 128 },

  imports: { identifiers: ['Name'], find: ({ Name }, work) => describe(Name!, work) },

  async create(properties, work) {
    const StreamName = work.name;
    await createOrAdopt(work, () => work.call('kinesis', 'CreateStream', createInput(StreamName, properties)));
    await work.made(StreamName);
    await active(StreamName, work);
    await setRetention(StreamName, RETENTION_HOURS_DEFAULT, retentionOf(properties), work);
    await setMonitoring(StreamName, [], metricsOf(properties), work);
    return describe(StreamName, work);
  },

  async update(existing, properties, work) {
    const StreamName = existing.physicalId;
    await setMode(existing, properties, work);
    await setRetention(StreamName, retentionOf(existing.properties), retentionOf(properties), work);
    await setRecordSize(existing, properties, work);
    await setWarmThroughput(existing, properties, work);
    await setMonitoring(StreamName, metricsOf(existing.properties), metricsOf(properties), work);
    await setTags(existing, properties, work);
    await active(StreamName, work);
    return describe(StreamName, work);
  },

  async delete({ physicalId: StreamName }, work) {
    await ignoreMissing(() => work.call('kinesis', 'DeleteStream', { StreamName, EnforceConsumerDeletion: true }));
    await work.until(`stream ${StreamName} to be deleted`, () =>
      isGone(() => work.call('kinesis', 'DescribeStreamSummary', { StreamName })),
    );
  },
};

function isOnDemand(properties: JsonObject): boolean {
  const mode = (properties.StreamModeDetails as JsonObject | undefined)?.StreamMode;
  return mode === 'ON_DEMAND' || (mode === undefined && properties.ShardCount === undefined);
}

const retentionOf = (properties: JsonObject) => Number(properties.RetentionPeriodHours ?? RETENTION_HOURS_DEFAULT);

function createInput(StreamName: string, properties: JsonObject): object {
  const tags = tagMap(properties.Tags);
  return {
    StreamName,
    ...(isOnDemand(properties)
      ? { StreamModeDetails: { StreamMode: 'ON_DEMAND' } }
      : { ShardCount: properties.ShardCount ?? 1, StreamModeDetails: { StreamMode: 'PROVISIONED' } }),
    ...pick(properties, ['MaxRecordSizeInKiB', 'WarmThroughputMiBps']),
    ...(Object.keys(tags).length && { Tags: tags }),
  };
}

async function active(StreamName: string, work: Work): Promise<void> {
  await work.until(`stream ${StreamName} to be ACTIVE`, async () => {
    const { StreamDescriptionSummary: summary } = await work.call('kinesis', 'DescribeStreamSummary', { StreamName });
    return summary.StreamStatus === 'ACTIVE';
  });
}

async function describe(StreamName: string, work: Reading): Promise<Made> {
  const { StreamDescriptionSummary: summary } = await work.call('kinesis', 'DescribeStreamSummary', { StreamName });
  return { physicalId: StreamName, attributes: { Arn: summary.StreamARN } };
}

async function setRetention(StreamName: string, before: number, after: number, work: Work): Promise<void> {
  if (before === after) return;
  const operation = after > before ? 'IncreaseStreamRetentionPeriod' : 'DecreaseStreamRetentionPeriod';
  await work.call('kinesis', operation, { StreamName, RetentionPeriodHours: after });
}

async function setRecordSize(existing: Existing, properties: JsonObject, work: Work): Promise<void> {
  const sizeOf = ({ MaxRecordSizeInKiB }: JsonObject) => MaxRecordSizeInKiB ?? RECORD_KIB_DEFAULT;
  const MaxRecordSizeInKiB = sizeOf(properties);
  if (MaxRecordSizeInKiB === sizeOf(existing.properties)) return;
  await work.call('kinesis', 'UpdateMaxRecordSize', { StreamARN: existing.attributes.Arn, MaxRecordSizeInKiB });
}

/** A stream that was warmed up cools down by itself: there is nothing to take back. */
async function setWarmThroughput(existing: Existing, properties: JsonObject, work: Work): Promise<void> {
  const { WarmThroughputMiBps } = properties;
  if (WarmThroughputMiBps === undefined || WarmThroughputMiBps === existing.properties.WarmThroughputMiBps) return;
  const StreamARN = existing.attributes.Arn;
  await work.call('kinesis', 'UpdateStreamWarmThroughput', { StreamARN, WarmThroughputMiBps });
  await active(existing.physicalId, work);
}

const metricsOf = (properties: JsonObject) => (properties.DesiredShardLevelMetrics ?? []) as readonly string[];

async function setMonitoring(
  StreamName: string,
  before: readonly string[],
  after: readonly string[],
  work: Work,
): Promise<void> {
  if (sameJson(before, after)) return;
  if (before.length) await work.call('kinesis', 'DisableEnhancedMonitoring', { StreamName, ShardLevelMetrics: before });
  if (after.length) await work.call('kinesis', 'EnableEnhancedMonitoring', { StreamName, ShardLevelMetrics: after });
}

async function setMode(existing: Existing, properties: JsonObject, work: Work): Promise<void> {
  const [before, after] = [isOnDemand(existing.properties), isOnDemand(properties)];
  const StreamName = existing.physicalId;
  if (before !== after) {
    await work.call('kinesis', 'UpdateStreamMode', {
      StreamARN: existing.attributes.Arn,
      StreamModeDetails: { StreamMode: after ? 'ON_DEMAND' : 'PROVISIONED' },
    });
    await active(StreamName, work);
  }
  const TargetShardCount = properties.ShardCount;
  if (after || TargetShardCount === undefined || TargetShardCount === existing.properties.ShardCount) return;
  await work.call('kinesis', 'UpdateShardCount', { StreamName, TargetShardCount, ScalingType: 'UNIFORM_SCALING' });
  await active(StreamName, work);
}

async function setTags(existing: Existing, properties: JsonObject, work: Work): Promise<void> {
  const { set, remove } = tagChanges(existing.properties.Tags, properties.Tags);
  const StreamName = existing.physicalId;
  if (Object.keys(set).length) await label(() => work.call('kinesis', 'AddTagsToStream', { StreamName, Tags: set }));
  if (remove.length) await label(() => work.call('kinesis', 'RemoveTagsFromStream', { StreamName, TagKeys: remove }));
}

const streamConsumer: ResourceType = {
  properties: {
    ConsumerName: required(replaces('text')),
    StreamARN: required(replaces('text')),
    Tags: { ...TAGS, replaces: true },
  },
  attributes: ['ConsumerARN', 'ConsumerName', 'ConsumerStatus', 'ConsumerCreationTimestamp', 'StreamARN'],

  imports: {
    identifiers: ['ConsumerARN'],
    find: async ({ ConsumerARN }, work) => madeConsumer(await describeConsumer({ ConsumerARN }, work)),
  },

  async create(properties, work) {
    const key = { StreamARN: properties.StreamARN, ConsumerName: properties.ConsumerName };
    const Tags = tagMap(properties.Tags);
    const input = { ...key, ...(Object.keys(Tags).length && { Tags }) };
    await createOrAdopt(work, () => work.call('kinesis', 'RegisterStreamConsumer', input));
    const { ConsumerARN } = await describeConsumer(key, work);
    await work.made(ConsumerARN);
    await work.until(
      `consumer ${key.ConsumerName} to be ACTIVE`,
      async () => (await describeConsumer(key, work)).ConsumerStatus === 'ACTIVE',
    );
    return madeConsumer(await describeConsumer(key, work));
  },

  async delete({ physicalId: ConsumerARN }, work) {
    await ignoreMissing(() => work.call('kinesis', 'DeregisterStreamConsumer', { ConsumerARN }));
    await work.until(`consumer ${ConsumerARN} to be gone`, () =>
      isGone(() => work.call('kinesis', 'DescribeStreamConsumer', { ConsumerARN })),
    );
  },
};

async function describeConsumer(key: object, work: Reading): Promise<Record<string, any>> {
  return (await work.call('kinesis', 'DescribeStreamConsumer', key)).ConsumerDescription;
}

function madeConsumer(consumer: Record<string, any>): Made {
  const { ConsumerARN, ConsumerName, ConsumerStatus, StreamARN } = consumer;
  const ConsumerCreationTimestamp = String(new Date(consumer.ConsumerCreationTimestamp).getTime() / 1000);
  return {
    physicalId: ConsumerARN,
    attributes: { ConsumerARN, ConsumerName, ConsumerStatus, ConsumerCreationTimestamp, StreamARN },
  };
}

const resourcePolicy: ResourceType = {
  properties: { ResourceArn: required(replaces('text')), ResourcePolicy: required(changes('any')) },
  attributes: [],

  imports: {
    identifiers: ['ResourceArn'],
    async find({ ResourceArn }, work) {
      const { Policy } = await work.call('kinesis', 'GetResourcePolicy', { ResourceARN: ResourceArn });
      if (!Policy || Policy === '{}') throw nothingThere();
      return { physicalId: ResourceArn!, attributes: {} };
    },
  },

  async create(properties, work) {
    const physicalId = String(properties.ResourceArn);
    await work.made(physicalId);
    await setPolicy(physicalId, properties, work);
    return { physicalId, attributes: {} };
  },

  async update(existing, properties, work) {
    await setPolicy(existing.physicalId, properties, work);
    return existing;
  },

  async delete({ physicalId: ResourceARN }, work) {
    await ignoreMissing(() => work.call('kinesis', 'DeleteResourcePolicy', { ResourceARN }));
  },
};

async function setPolicy(ResourceARN: string, { ResourcePolicy }: JsonObject, work: Work): Promise<void> {
  await work.call('kinesis', 'PutResourcePolicy', { ResourceARN, Policy: JSON.stringify(ResourcePolicy) });
}

export const KINESIS_TYPES: Readonly<Record<string, ResourceType>> = {
  'AWS::Kinesis::ResourcePolicy': resourcePolicy,
  'AWS::Kinesis::Stream': stream,
  'AWS::Kinesis::StreamConsumer': streamConsumer,
};
