import type { Json, JsonObject } from '../template/value.ts';
import { sameJson } from '../template/value.ts';
import { changes, pick, replaces, required, TAGS, tagChanges, tagMap } from './properties.ts';
import {
  type Existing,
  ignoreMissing,
  label,
  type Made,
  nothingThere,
  type Reading,
  type ResourceType,
  requireFree,
  type Work,
} from './resource-type.ts';

/** Attributes of a queue that have a property of the same name, with what a removed one goes back to. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  DelaySeconds: '0',
  MaximumMessageSize: '1048576',
  MessageRetentionPeriod: '345600',
  ReceiveMessageWaitTimeSeconds: '0',
  VisibilityTimeout: '30',
  ContentBasedDeduplication: 'false',
  DeduplicationScope: 'queue',
  FifoThroughputLimit: 'perQueue',
  KmsMasterKeyId: '',
  KmsDataKeyReusePeriodSeconds: '300',
  SqsManagedSseEnabled: 'true',
  RedrivePolicy: '',
  RedriveAllowPolicy: '',
};

const attributeText = (value: Json) =>
  typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);

const queue: ResourceType = {
  properties: {
    QueueName: replaces('text'),
    FifoQueue: replaces('flag'),
    DelaySeconds: changes('number'),
    MaximumMessageSize: changes('number'),
    MessageRetentionPeriod: changes('number'),
    ReceiveMessageWaitTimeSeconds: changes('number'),
    VisibilityTimeout: changes('number'),
    ContentBasedDeduplication: changes('flag'),
    DeduplicationScope: changes('text'),
    FifoThroughputLimit: changes('text'),
    KmsMasterKeyId: changes('text'),
    KmsDataKeyReusePeriodSeconds: changes('number'),
    SqsManagedSseEnabled: changes('flag'),
    RedrivePolicy: changes('any'),
    RedriveAllowPolicy: changes('any'),
    Tags: TAGS,
  },
  attributes: ['Arn', 'QueueName', 'QueueUrl'],
  naming: {
    property: 'QueueName',
    lengthMax: 80,
    suffix: (properties) => (properties.FifoQueue === true ? '.fifo' : ''),
  },

  imports: {
    identifiers: ['QueueUrl'],
    async find({ QueueUrl }, work) {
      const { attributes } = await describe(QueueUrl!, work);
      // More than one URL may lead to a queue.
      const own = await work.call('sqs', 'GetQueueUrl', { QueueName: attributes.QueueName });
      return describe(own.QueueUrl, work);
    },
  },

  async create(properties, work) {
    const given = pick(properties, Object.keys(ATTRIBUTES));
    const tags = tagMap(properties.Tags);
    if (properties.QueueName !== undefined) {
      await requireFree(work, () => work.call('sqs', 'GetQueueUrl', { QueueName: work.name }));
    }
    // Creating a queue again with the same attributes gives the same queue: a repeated step does no harm.
    const { QueueUrl } = await work.call('sqs', 'CreateQueue', {
      QueueName: work.name,
      Attributes: {
        ...Object.fromEntries(Object.entries(given).map(([name, value]) => [name, attributeText(value)])),
        ...(properties.FifoQueue === true && { FifoQueue: 'true' }),
      },
      ...(Object.keys(tags).length && { tags }),
    });
    await work.made(QueueUrl);
    return describe(QueueUrl, work);
  },

  async update(existing, properties, work) {
    const QueueUrl = existing.physicalId;
    const changed = Object.keys(ATTRIBUTES).filter((name) => !sameJson(existing.properties[name], properties[name]));
    if (changed.length) {
      const Attributes = {
        ...Object.fromEntries(changed.map((name) => [name, attributeText(properties[name] ?? ATTRIBUTES[name]!)])),
        ...encryptionChange(changed, properties),
      };
      await work.call('sqs', 'SetQueueAttributes', { QueueUrl, Attributes });
    }
    await setTags(existing, properties, work);
    return describe(QueueUrl, work);
  },

  async delete({ physicalId: QueueUrl }, work) {
    await ignoreMissing(() => work.call('sqs', 'DeleteQueue', { QueueUrl }));
  },
};

/** A queue has one kind of encryption: with a key of KMS SQS's own goes, and without it comes again. */
function encryptionChange(changed: readonly string[], properties: JsonObject): Record<string, string> {
  if (!changed.includes('KmsMasterKeyId') || properties.SqsManagedSseEnabled !== undefined) return {};
  return { SqsManagedSseEnabled: String(properties.KmsMasterKeyId === undefined) };
}

async function describe(QueueUrl: string, work: Reading): Promise<Made> {
  const { Attributes } = await work.call('sqs', 'GetQueueAttributes', { QueueUrl, AttributeNames: ['QueueArn'] });
  const arn = Attributes.QueueArn as string;
  return {
    physicalId: QueueUrl,
    attributes: { Arn: arn, QueueName: arn.slice(arn.lastIndexOf(':') + 1), QueueUrl },
  };
}

async function setTags(existing: Existing, properties: JsonObject, work: Work): Promise<void> {
  const { set, remove } = tagChanges(existing.properties.Tags, properties.Tags);
  const QueueUrl = existing.physicalId;
  if (Object.keys(set).length) await label(() => work.call('sqs', 'TagQueue', { QueueUrl, Tags: set }));
  if (remove.length) await label(() => work.call('sqs', 'UntagQueue', { QueueUrl, TagKeys: remove }));
}

const queuePolicy: ResourceType = {
  properties: { PolicyDocument: required(changes('any')), Queues: required(changes({ list: 'text' })) },
  attributes: ['Id'],
  naming: { property: 'Id', lengthMax: 128 },

  async create(properties, work) {
    await work.made(work.name);
    await setPolicies(properties, work);
    return { physicalId: work.name, attributes: { Id: work.name } };
  },

  async update(existing, properties, work) {
    const left = queuesOf(existing.properties).filter((url) => !queuesOf(properties).includes(url));
    await clearPolicies(left, work);
    await setPolicies(properties, work);
    return existing;
  },

  async delete({ properties }, work) {
    await clearPolicies(queuesOf(properties), work);
  },
};

const queueInlinePolicy: ResourceType = {
  properties: { PolicyDocument: required(changes('any')), Queue: required(replaces('text')) },
  attributes: [],

  imports: {
    identifiers: ['Queue'],
    async find({ Queue: QueueUrl }, work) {
      const { Attributes = {} } = await work.call('sqs', 'GetQueueAttributes', {
        QueueUrl,
        AttributeNames: ['Policy'],
      });
      if (!Attributes.Policy) throw nothingThere();
      return { physicalId: QueueUrl!, attributes: {} };
    },
  },

  async create(properties, work) {
    const physicalId = String(properties.Queue);
    await work.made(physicalId);
    await setPolicies({ ...properties, Queues: [physicalId] }, work);
    return { physicalId, attributes: {} };
  },

  async update(existing, properties, work) {
    await setPolicies({ ...properties, Queues: [existing.physicalId] }, work);
    return existing;
  },

  async delete({ physicalId }, work) {
    await clearPolicies([physicalId], work);
  },
};

const queuesOf = (properties: JsonObject) => properties.Queues as readonly string[];

async function setPolicies(properties: JsonObject, work: Work): Promise<void> {
  const Policy = JSON.stringify(properties.PolicyDocument);
  for (const QueueUrl of queuesOf(properties)) {
    await work.call('sqs', 'SetQueueAttributes', { QueueUrl, Attributes: { Policy } });
  }
}

async function clearPolicies(urls: readonly string[], work: Work): Promise<void> {
  for (const QueueUrl of urls) {
    await ignoreMissing(() => work.call('sqs', 'SetQueueAttributes', { QueueUrl, Attributes: { Policy: '' } }));
  }
}

export const SQS_TYPES: Readonly<Record<string, ResourceType>> = {
  'AWS::SQS::Queue': queue,
  'AWS::SQS::QueueInlinePolicy': queueInlinePolicy,
  'AWS::SQS::QueuePolicy': queuePolicy,
};
