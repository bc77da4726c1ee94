import { DomainError, formatArn } from '../../../base/index.ts';
import type { Json, JsonObject } from '../template/value.ts';
import { sameJson } from '../template/value.ts';
import { changes, pick, replaces, required, TAGS, tagChanges, tagMap } from './properties.ts';
import {
  type Existing,
  ignoreMissing,
  label,
  type Made,
  type Reading,
  type ResourceType,
  requireFree,
  type Work,
} from './resource-type.ts';

/** Attributes of a topic that have a property of the same name, with what a removed one goes back to. */
const TOPIC_ATTRIBUTES: Readonly<Record<string, string>> = {
  DisplayName: '',
  KmsMasterKeyId: '',
  ContentBasedDeduplication: 'false',
  SignatureVersion: '1',
  TracingConfig: 'PassThrough',
  FifoThroughputScope: 'Topic',
};

/** How the attributes of a protocol's delivery status logging begin, by the protocol as templates have it. */
const LOGGED_PROTOCOLS: Readonly<Record<string, string>> = {
  'http/s': 'HTTP',
  sqs: 'SQS',
  lambda: 'Lambda',
  firehose: 'Firehose',
  application: 'Application',
};

const LOGGING_MEMBERS = ['SuccessFeedbackRoleArn', 'SuccessFeedbackSampleRate', 'FailureFeedbackRoleArn'];

const SUBSCRIPTION_ATTRIBUTES = [
  'FilterPolicy',
  'FilterPolicyScope',
  'RawMessageDelivery',
  'RedrivePolicy',
  'DeliveryPolicy',
  'SubscriptionRoleArn',
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
    FifoThroughputScope: changes('text'),
    DeliveryStatusLogging: changes({
      list: {
        object: {
          Protocol: 'text',
          SuccessFeedbackRoleArn: 'text',
          SuccessFeedbackSampleRate: 'text',
          FailureFeedbackRoleArn: 'text',
        },
      },
    }),
    Tags: TAGS,
  },
  notBuilt: ['ArchivePolicy', 'DataProtectionPolicy', 'MaximumMessageSize'],
  attributes: ['TopicArn', 'TopicName'],
  naming: {
    property: 'TopicName',
    lengthMax: 256,
    suffix: (properties) => (properties.FifoTopic === true ? '.fifo' : ''),
  },

  imports: { identifiers: ['TopicArn'], find: ({ TopicArn }, work) => describeTopic(TopicArn!, work) },

  async create(properties, work) {
    const tags = Object.entries(tagMap(properties.Tags)).map(([Key, Value]) => ({ Key, Value }));
    if (properties.TopicName !== undefined) {
      const { region, accountId } = work.identity;
      await requireFree(work, () => describeTopic(formatArn('sns', region, accountId, work.name), work));
    }
    const { TopicArn } = await work.call('sns', 'CreateTopic', {
      Name: work.name,
      Attributes: {
        ...attributeTexts(properties, Object.keys(TOPIC_ATTRIBUTES)),
        ...loggingAttributes(properties),
        ...(properties.FifoTopic === true && { FifoTopic: 'true' }),
      },
      ...(tags.length && { Tags: tags }),
    });
    await work.made(TopicArn);
    await subscribeAll(TopicArn, [], subscriptionsOf(properties), work);
    return madeTopic(TopicArn);
  },

  async update(existing, properties, work) {
    const TopicArn = existing.physicalId;
    const changed = { ...changedAttributes(existing.properties, properties), ...changedLogging(existing, properties) };
    for (const [AttributeName, AttributeValue] of Object.entries(changed)) {
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

async function describeTopic(arn: string, work: Reading): Promise<Made> {
  const { Attributes } = await work.call('sns', 'GetTopicAttributes', { TopicArn: arn });
  return madeTopic(Attributes.TopicArn);
}

function madeTopic(TopicArn: string): Made {
  return { physicalId: TopicArn, attributes: { TopicArn, TopicName: TopicArn.slice(TopicArn.lastIndexOf(':') + 1) } };
}

function changedAttributes(before: JsonObject, after: JsonObject): Record<string, string> {
  return Object.fromEntries(
    Object.entries(TOPIC_ATTRIBUTES)
      .filter(([name]) => !sameJson(before[name], after[name]))
      .map(([name, unset]) => [name, attributeText(after[name] ?? unset)]),
  );
}

/** `DeliveryStatusLogging` as attributes: `SQSSuccessFeedbackRoleArn` and its like. @throws Error  a protocol that has none */
function loggingAttributes(properties: JsonObject): Record<string, string> {
  const all = (properties.DeliveryStatusLogging ?? []) as unknown as readonly Readonly<Record<string, string>>[];
  const pairs = all.flatMap((one) => {
    const prefix = LOGGED_PROTOCOLS[one.Protocol ?? ''];
    if (!prefix) {
      throw new DomainError(
        'InvalidParameter',
        `DeliveryStatusLogging: Protocol must be one of ${Object.keys(LOGGED_PROTOCOLS).join(', ')}`,
      );
    }
    const given = LOGGING_MEMBERS.filter((member) => one[member] !== undefined);
    return given.map((member) => [`${prefix}${member}`, one[member]!]);
  });
  return Object.fromEntries(pairs);
}

function changedLogging(existing: Existing, properties: JsonObject): Record<string, string> {
  const [before, after] = [loggingAttributes(existing.properties), loggingAttributes(properties)];
  const gone = Object.keys(before).filter((name) => after[name] === undefined);
  const changed = Object.entries(after).filter(([name, value]) => before[name] !== value);
  // Nobody to log for, and none of what went well.
  const unset = (name: string) => (name.endsWith('SampleRate') ? '0' : '');
  return { ...Object.fromEntries(gone.map((name) => [name, unset(name)])), ...Object.fromEntries(changed) };
}

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
  },
  notBuilt: ['ReplayPolicy'],
  attributes: ['Arn'],

  imports: {
    identifiers: ['Arn'],
    async find({ Arn }, work) {
      const { Attributes } = await work.call('sns', 'GetSubscriptionAttributes', { SubscriptionArn: Arn });
      const { SubscriptionArn } = Attributes as { SubscriptionArn: string };
      return { physicalId: SubscriptionArn, attributes: { Arn: SubscriptionArn } };
    },
  },

  async create(properties, work) {
    // Subscribing the same endpoint again gives the same subscription: a repeated step does no harm.
    const input = {
      ...pick(properties, ['TopicArn', 'Protocol', 'Endpoint']),
      Attributes: attributeTexts(properties, SUBSCRIPTION_ATTRIBUTES),
      ReturnSubscriptionArn: true,
    };
    const { SubscriptionArn } = await work.call('sns', 'Subscribe', input, regionOf(properties));
    await work.made(SubscriptionArn);
    return { physicalId: SubscriptionArn, attributes: { Arn: SubscriptionArn } };
  },

  async update(existing, properties, work) {
    const SubscriptionArn = existing.physicalId;
    for (const AttributeName of inOrder(properties)) {
      const value = properties[AttributeName];
      if (sameJson(existing.properties[AttributeName], value)) continue;
      const AttributeValue = value === undefined ? unsetText(AttributeName) : attributeText(value);
      const input = { SubscriptionArn, AttributeName, AttributeValue };
      await work.call('sns', 'SetSubscriptionAttributes', input, regionOf(properties));
    }
    return existing;
  },

  async delete({ physicalId: SubscriptionArn, properties }, work) {
    await ignoreMissing(() => work.call('sns', 'Unsubscribe', { SubscriptionArn }, regionOf(properties)));
  },
};

/** The wider scope is set before a policy that needs it, and the narrower one after it: attributes have no nested keys. */
function inOrder({ FilterPolicyScope }: JsonObject): readonly string[] {
  const [policy, scope, ...others] = SUBSCRIPTION_ATTRIBUTES;
  return FilterPolicyScope === 'MessageBody' ? [scope!, policy!, ...others] : SUBSCRIPTION_ATTRIBUTES;
}

/** Where the topic is, when that is elsewhere than the stack. */
const regionOf = ({ Region }: JsonObject) => (Region === undefined ? undefined : String(Region));

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
    await work.made(work.name);
    await setPolicies(topicsOf(properties), properties, work);
    return { physicalId: work.name, attributes: { Id: work.name } };
  },

  async update(existing, properties, work) {
    const left = topicsOf(existing.properties).filter((arn) => !topicsOf(properties).includes(arn));
    await resetPolicies(left, work);
    await setPolicies(topicsOf(properties), properties, work);
    return existing;
  },

  async delete({ properties }, work) {
    await resetPolicies(topicsOf(properties), work);
  },
};

const topicsOf = (properties: JsonObject) => properties.Topics as readonly string[];

const topicInlinePolicy: ResourceType = {
  properties: { PolicyDocument: required(changes('any')), TopicArn: required(replaces('text')) },
  attributes: [],

  imports: {
    identifiers: ['TopicArn'],
    async find({ TopicArn }, work) {
      const { physicalId } = await describeTopic(TopicArn!, work);
      return { physicalId, attributes: {} };
    },
  },

  async create(properties, work) {
    const physicalId = String(properties.TopicArn);
    await work.made(physicalId);
    await setPolicies([physicalId], properties, work);
    return { physicalId, attributes: {} };
  },

  async update(existing, properties, work) {
    await setPolicies([existing.physicalId], properties, work);
    return existing;
  },

  async delete({ physicalId }, work) {
    await resetPolicies([physicalId], work);
  },
};

async function setPolicies(topics: readonly string[], { PolicyDocument }: JsonObject, work: Work): Promise<void> {
  for (const TopicArn of topics) await setPolicy(TopicArn, JSON.stringify(PolicyDocument), work);
}

/** A topic has always a policy: without one of its own it has the one that it was made with. */
async function resetPolicies(topics: readonly string[], work: Work): Promise<void> {
  for (const TopicArn of topics) {
    await ignoreMissing(() => setPolicy(TopicArn, defaultPolicy(TopicArn, work.identity.accountId), work));
  }
}

async function setPolicy(TopicArn: string, AttributeValue: string, work: Work): Promise<void> {
  await work.call('sns', 'SetTopicAttributes', { TopicArn, AttributeName: 'Policy', AttributeValue });
}

/** The policy of a new topic: everything to its owner. @see SNS API reference, GetTopicAttributes */
function defaultPolicy(topicArn: string, accountId: string): string {
  const actions = [
    'GetTopicAttributes',
    'SetTopicAttributes',
    'AddPermission',
    'RemovePermission',
    'DeleteTopic',
    'Subscribe',
    'ListSubscriptionsByTopic',
    'Publish',
  ];
  const statement = {
    Sid: '__default_statement_ID',
    Effect: 'Allow',
    Principal: { AWS: '*' },
    Action: actions.map((action) => `SNS:${action}`),
    Resource: topicArn,
    Condition: { StringEquals: { 'AWS:SourceOwner': accountId } },
  };
  return JSON.stringify({ Version: '2008-10-17', Id: '__default_policy_ID', Statement: [statement] });
}

export const SNS_TYPES: Readonly<Record<string, ResourceType>> = {
  'AWS::SNS::Topic': topic,
  'AWS::SNS::Subscription': subscription,
  'AWS::SNS::TopicInlinePolicy': topicInlinePolicy,
  'AWS::SNS::TopicPolicy': topicPolicy,
};
