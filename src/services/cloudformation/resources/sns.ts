import type { Json, JsonObject } from '../template/value.ts';
import { sameJson } from '../template/value.ts';
import { changes, pick, replaces, required, TAGS, tagChanges, tagMap } from './properties.ts';
import { type Existing, ignoreMissing, label, type ResourceType, type Work } from './resource-type.ts';

/** Attributes of a topic that have a property of the same name. */
const TOPIC_ATTRIBUTES = [
  'DisplayName',
  'KmsMasterKeyId',
  'ContentBasedDeduplication',
  'SignatureVersion',
  'TracingConfig',
  'ArchivePolicy',
  'DeliveryPolicy',
  'FifoThroughputScope',
];

const SUBSCRIPTION_ATTRIBUTES = [
  'FilterPolicy',
  'FilterPolicyScope',
  'RawMessageDelivery',
  'RedrivePolicy',
  'DeliveryPolicy',
  'SubscriptionRoleArn',
  'ReplayPolicy',
];

/** Attributes travel as text: objects as JSON, flags as `true` and `false`. */
function attributeText(value: Json): string {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}

function attributeTexts(properties: JsonObject, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(pick(properties, names)).map(([name, value]) => [name, attributeText(value)]),
  );
}

const topic: ResourceType = {
  properties: {
    TopicName: replaces('text'),
    FifoTopic: replaces('flag'),
    Subscription: changes({ list: { object: { Endpoint: 'text', Protocol: 'text' } } }),
    DisplayName: changes('text'),
    KmsMasterKeyId: changes('text'),
    ContentBasedDeduplication: changes('flag'),
    SignatureVersion: changes('text'),
    TracingConfig: changes('text'),
    ArchivePolicy: changes('any'),
    DeliveryPolicy: changes('any'),
    FifoThroughputScope: changes('text'),
    Tags: TAGS,
  },
  attributes: ['TopicArn', 'TopicName'],
  naming: {
    property: 'TopicName',
    lengthMax: 256,
    suffix: (properties) => (properties.FifoTopic === true ? '.fifo' : ''),
  },

  async create(properties, work) {
    const tags = Object.entries(tagMap(properties.Tags)).map(([Key, Value]) => ({ Key, Value }));
    const { TopicArn } = await work.call('sns', 'CreateTopic', {
      Name: work.name,
      Attributes: {
        ...attributeTexts(properties, TOPIC_ATTRIBUTES),
        ...(properties.FifoTopic === true && { FifoTopic: 'true' }),
      },
      ...(tags.length && { Tags: tags }),
    });
    await work.made(TopicArn);
    await subscribeAll(TopicArn, [], subscriptionsOf(properties), work);
    return { physicalId: TopicArn, attributes: { TopicArn, TopicName: work.name } };
  },

  async update(existing, properties, work) {
    const TopicArn = existing.physicalId;
    for (const AttributeName of TOPIC_ATTRIBUTES) {
      if (sameJson(existing.properties[AttributeName], properties[AttributeName])) continue;
      const AttributeValue = attributeText(properties[AttributeName] ?? '');
      await work.call('sns', 'SetTopicAttributes', { TopicArn, AttributeName, AttributeValue });
    }
    await subscribeAll(TopicArn, subscriptionsOf(existing.properties), subscriptionsOf(properties), work);
    await setTags(existing, properties, work);
    return existing;
  },

  async delete({ physicalId: TopicArn }, work) {
    await ignoreMissing(() => work.call('sns', 'DeleteTopic', { TopicArn }));
  },
};

interface Subscriber {
  readonly Endpoint: string;
  readonly Protocol: string;
}

const subscriptionsOf = (properties: JsonObject) => (properties.Subscription ?? []) as unknown as readonly Subscriber[];

async function subscribeAll(
  TopicArn: string,
  before: readonly Subscriber[],
  after: readonly Subscriber[],
  work: Work,
): Promise<void> {
  const has = (list: readonly Subscriber[], one: Subscriber) => list.some((other) => sameJson(other, one));
  for (const one of after) {
    if (!has(before, one)) await work.call('sns', 'Subscribe', { TopicArn, ...one });
  }
  const gone = before.filter((one) => !has(after, one));
  if (gone.length === 0) return;
  const { Subscriptions: standing = [] } = await work.call('sns', 'ListSubscriptionsByTopic', { TopicArn });
  for (const { Protocol, Endpoint, SubscriptionArn } of standing) {
    if (has(gone, { Protocol, Endpoint }))
      await ignoreMissing(() => work.call('sns', 'Unsubscribe', { SubscriptionArn }));
  }
}

async function setTags(existing: Existing, properties: JsonObject, work: Work): Promise<void> {
  const { set, remove } = tagChanges(existing.properties.Tags, properties.Tags);
  const ResourceArn = existing.physicalId;
  const Tags = Object.entries(set).map(([Key, Value]) => ({ Key, Value }));
  if (Tags.length) await label(() => work.call('sns', 'TagResource', { ResourceArn, Tags }));
  if (remove.length) await label(() => work.call('sns', 'UntagResource', { ResourceArn, TagKeys: remove }));
}

const subscription: ResourceType = {
  properties: {
    TopicArn: required(replaces('text')),
    Protocol: required(replaces('text')),
    Endpoint: replaces('text'),
    Region: changes('text'),
    FilterPolicy: changes('any'),
    FilterPolicyScope: changes('text'),
    RawMessageDelivery: changes('flag'),
    RedrivePolicy: changes('any'),
    DeliveryPolicy: changes('any'),
    SubscriptionRoleArn: changes('text'),
    ReplayPolicy: changes('any'),
  },
  attributes: ['Arn'],

  async create(properties, work) {
    // Subscribing the same endpoint again gives the same subscription: a repeated step does no harm.
    const { SubscriptionArn } = await work.call('sns', 'Subscribe', {
      ...pick(properties, ['TopicArn', 'Protocol', 'Endpoint']),
      Attributes: attributeTexts(properties, SUBSCRIPTION_ATTRIBUTES),
      ReturnSubscriptionArn: true,
    });
    await work.made(SubscriptionArn);
    return { physicalId: SubscriptionArn, attributes: { Arn: SubscriptionArn } };
  },

  async update(existing, properties, work) {
    const SubscriptionArn = existing.physicalId;
    for (const AttributeName of SUBSCRIPTION_ATTRIBUTES) {
      const value = properties[AttributeName];
      if (sameJson(existing.properties[AttributeName], value)) continue;
      const AttributeValue = value === undefined ? unsetText(AttributeName) : attributeText(value);
      await work.call('sns', 'SetSubscriptionAttributes', { SubscriptionArn, AttributeName, AttributeValue });
    }
    return existing;
  },

  async delete({ physicalId: SubscriptionArn }, work) {
    await ignoreMissing(() => work.call('sns', 'Unsubscribe', { SubscriptionArn }));
  },
};

function unsetText(attribute: string): string {
  if (attribute === 'RawMessageDelivery') return 'false';
  if (attribute === 'FilterPolicyScope') return 'MessageAttributes';
  return attribute === 'FilterPolicy' ? '{}' : '';
}

const topicPolicy: ResourceType = {
  properties: { PolicyDocument: required(changes('any')), Topics: required(changes({ list: 'text' })) },
  attributes: ['Id'],
  naming: { property: 'Id', lengthMax: 128 },

  async create(properties, work) {
    await setPolicies(properties, work);
    await work.made(work.name);
    return { physicalId: work.name, attributes: { Id: work.name } };
  },

  async update(existing, properties, work) {
    await setPolicies(properties, work);
    return existing;
  },

  /** The policy goes with its topic; one of a topic that stays remains, as on AWS, until another replaces it. */
  async delete() {},
};

async function setPolicies(properties: JsonObject, work: Work): Promise<void> {
  const AttributeValue = JSON.stringify(properties.PolicyDocument);
  for (const TopicArn of properties.Topics as readonly string[]) {
    await work.call('sns', 'SetTopicAttributes', { TopicArn, AttributeName: 'Policy', AttributeValue });
  }
}

export const SNS_TYPES: Readonly<Record<string, ResourceType>> = {
  'AWS::SNS::Topic': topic,
  'AWS::SNS::Subscription': subscription,
  'AWS::SNS::TopicPolicy': topicPolicy,
};
