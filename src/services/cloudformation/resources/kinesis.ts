import type { JsonObject } from '../template/value.ts';
import { changes, replaces, required, TAGS, tagChanges, tagMap } from './properties.ts';
import {
  createOrAdopt,
  type Existing,
  ignoreMissing,
  isGone,
  label,
  type Made,
  type ResourceType,
  type Work,
} from './resource-type.ts';

const RETENTION_HOURS_DEFAULT = 24;

const stream: ResourceType = {
  properties: {
    Name: replaces('text'),
    RetentionPeriodHours: changes('number'),
    ShardCount: changes('number'),
    StreamModeDetails: changes({ object: { StreamMode: 'text' } }),
    StreamEncryption: changes({ object: { EncryptionType: 'text', KeyId: 'text' } }),
    Tags: TAGS,
  },
  attributes: ['Arn'],
  naming: { property: 'Name', lengthMax: 128 },

  async create(properties, work) {
    const StreamName = work.name;
    await createOrAdopt(work, () => work.call('kinesis', 'CreateStream', createInput(StreamName, properties)));
    await work.made(StreamName);
    await active(StreamName, work);
    await setRetention(StreamName, RETENTION_HOURS_DEFAULT, retentionOf(properties), work);
    await encrypt(StreamName, properties, work);
    return describe(StreamName, work);
  },

  async update(existing, properties, work) {
    const StreamName = existing.physicalId;
    await setMode(existing, properties, work);
    await setRetention(StreamName, retentionOf(existing.properties), retentionOf(properties), work);
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
    ...(Object.keys(tags).length && { Tags: tags }),
  };
}

async function active(StreamName: string, work: Work): Promise<void> {
  await work.until(`stream ${StreamName} to be ACTIVE`, async () => {
    const { StreamDescriptionSummary: summary } = await work.call('kinesis', 'DescribeStreamSummary', { StreamName });
    return summary.StreamStatus === 'ACTIVE';
  });
}

async function describe(StreamName: string, work: Work): Promise<Made> {
  const { StreamDescriptionSummary: summary } = await work.call('kinesis', 'DescribeStreamSummary', { StreamName });
  return { physicalId: StreamName, attributes: { Arn: summary.StreamARN } };
}

async function setRetention(StreamName: string, before: number, after: number, work: Work): Promise<void> {
  if (before === after) return;
  const operation = after > before ? 'IncreaseStreamRetentionPeriod' : 'DecreaseStreamRetentionPeriod';
  await work.call('kinesis', operation, { StreamName, RetentionPeriodHours: after });
}

async function encrypt(StreamName: string, properties: JsonObject, work: Work): Promise<void> {
  const encryption = properties.StreamEncryption;
  if (encryption === undefined) return;
  await work.call('kinesis', 'StartStreamEncryption', { StreamName, ...(encryption as JsonObject) });
  await active(StreamName, work);
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
  properties: { ConsumerName: required(replaces('text')), StreamARN: required(replaces('text')) },
  attributes: ['ConsumerARN', 'ConsumerName', 'ConsumerStatus', 'ConsumerCreationTimestamp', 'StreamARN'],

  async create(properties, work) {
    const key = { StreamARN: properties.StreamARN, ConsumerName: properties.ConsumerName };
    await createOrAdopt(work, () => work.call('kinesis', 'RegisterStreamConsumer', key));
    const describe = async () =>
      (await work.call('kinesis', 'DescribeStreamConsumer', key)).ConsumerDescription as Record<string, any>;
    const { ConsumerARN } = await describe();
    await work.made(ConsumerARN);
    await work.until(
      `consumer ${key.ConsumerName} to be ACTIVE`,
      async () => (await describe()).ConsumerStatus === 'ACTIVE',
    );
    const consumer = await describe();
    return {
      physicalId: ConsumerARN,
      attributes: {
        ConsumerARN,
        ConsumerName: consumer.ConsumerName,
        ConsumerStatus: consumer.ConsumerStatus,
        ConsumerCreationTimestamp: String(new Date(consumer.ConsumerCreationTimestamp).getTime() / 1000),
        StreamARN: consumer.StreamARN,
      },
    };
  },

  async delete({ physicalId: ConsumerARN }, work) {
    await ignoreMissing(() => work.call('kinesis', 'DeregisterStreamConsumer', { ConsumerARN }));
    await work.until(`consumer ${ConsumerARN} to be gone`, () =>
      isGone(() => work.call('kinesis', 'DescribeStreamConsumer', { ConsumerARN })),
    );
  },
};

export const KINESIS_TYPES: Readonly<Record<string, ResourceType>> = {
  'AWS::Kinesis::Stream': stream,
  'AWS::Kinesis::StreamConsumer': streamConsumer,
};
