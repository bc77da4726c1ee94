import { ACCOUNT_ID } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import type { Topic } from '../model.ts';
import type { Topics } from '../topics.ts';
import { page } from './page.ts';

interface Tag {
  readonly Key: string;
  readonly Value: string;
}

/** The operations on topics, their attributes and tags. */
export function topicOperations(topics: Topics): Record<string, Operation> {
  return {
    CreateTopic: async ({ Name, Attributes = {}, Tags = [] }, { region }) => ({
      TopicArn: (await topics.create(region, Name, Attributes, fromTags(Tags))).arn,
    }),

    DeleteTopic: async ({ TopicArn }) => {
      await topics.delete(TopicArn);
      return {};
    },

    ListTopics: ({ NextToken }, { region }) => {
      const { items, ...next } = page(topics.list(region), ({ arn }) => arn, NextToken);
      return { Topics: items.map(({ arn: TopicArn }) => ({ TopicArn })), ...next };
    },

    GetTopicAttributes: ({ TopicArn }) => ({ Attributes: attributesOf(topics, topics.get(TopicArn)) }),

    SetTopicAttributes: async ({ TopicArn, AttributeName, AttributeValue }) => {
      await topics.setAttribute(TopicArn, AttributeName, AttributeValue ?? '');
      return {};
    },

    TagResource: async ({ ResourceArn, Tags }) => {
      await topics.setTags(ResourceArn, (tags) => ({ ...tags, ...fromTags(Tags) }));
      return {};
    },

    UntagResource: async ({ ResourceArn, TagKeys }) => {
      const gone = new Set<string>(TagKeys);
      const rest = (tags: Topic['tags']) => Object.entries(tags).filter(([key]) => !gone.has(key));
      await topics.setTags(ResourceArn, (tags) => Object.fromEntries(rest(tags)));
      return {};
    },

    ListTagsForResource: ({ ResourceArn }) => ({
      Tags: Object.entries(topics.get(ResourceArn).tags).map(([Key, Value]) => ({ Key, Value })),
    }),
  };
}

function attributesOf(topics: Topics, { arn, attributes }: Topic): Record<string, string> {
  const subscriptions = topics.subscriptions(arn);
  const pending = subscriptions.filter(({ token }) => token !== undefined).length;
  return {
    TopicArn: arn,
    Owner: ACCOUNT_ID,
    Policy: defaultPolicy(arn),
    DisplayName: '',
    SubscriptionsConfirmed: String(subscriptions.length - pending),
    SubscriptionsPending: String(pending),
    SubscriptionsDeleted: '0',
    EffectiveDeliveryPolicy: attributes.DeliveryPolicy ?? DELIVERY_POLICY,
    ...attributes,
  };
}

/** What AWS shows of a topic without a policy of its own. */
const DELIVERY_POLICY = JSON.stringify({
  http: {
    defaultHealthyRetryPolicy: {
      minDelayTarget: 20,
      maxDelayTarget: 20,
      numRetries: 3,
      numMaxDelayRetries: 0,
      numNoDelayRetries: 0,
      numMinDelayRetries: 0,
      backoffFunction: 'linear',
    },
    disableSubscriptionOverrides: false,
    defaultRequestPolicy: { headerContentType: 'text/plain; charset=UTF-8' },
  },
});

function defaultPolicy(arn: string): string {
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
  return JSON.stringify({
    Version: '2008-10-17',
    Id: '__default_policy_ID',
    Statement: [
      {
        Sid: '__default_statement_ID',
        Effect: 'Allow',
        Principal: { AWS: '*' },
        Action: actions.map((action) => `SNS:${action}`),
        Resource: arn,
        Condition: { StringEquals: { 'AWS:SourceOwner': ACCOUNT_ID } },
      },
    ],
  });
}

function fromTags(tags: readonly Tag[]): Record<string, string> {
  return Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value]));
}
