import { ACCOUNT_ID } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import { checkTopicArn, regionOf } from '../arns.ts';
import { shownTopicPolicy } from '../delivery-policy.ts';
import { invalid } from '../errors.ts';
import { defaultPolicy } from '../grants.ts';
import type { Topic } from '../model.ts';
import type { Subscriptions } from '../subscriptions.ts';
import type { Topics } from '../topics.ts';
import { page } from './page.ts';

interface Tag {
  readonly Key: string;
  readonly Value: string;
}

/** The operations on topics, their attributes, permissions and tags. */
export function topicOperations(topics: Topics, subscriptions: Subscriptions): Record<string, Operation> {
  return {
    CreateTopic: async ({ Name, Attributes = {}, Tags = [], DataProtectionPolicy }, { region }) => {
      const attributes = DataProtectionPolicy === undefined ? Attributes : { ...Attributes, DataProtectionPolicy };
      return { TopicArn: (await topics.create(region, Name, attributes, fromTags(Tags))).arn };
    },

    DeleteTopic: async ({ TopicArn }, { region }) => {
      checkTopicArn(TopicArn);
      if (topics.find(TopicArn)) topics.get(TopicArn, region);
      // First, so that a crash leaves no subscriptions to a topic that somebody makes later; again for what came in between.
      await subscriptions.removeAll(TopicArn);
      await topics.delete(TopicArn);
      await subscriptions.removeAll(TopicArn);
      return {};
    },

    ListTopics: ({ NextToken }, { region }) => {
      const { items, ...next } = page(topics.list(region), ({ arn }) => arn, NextToken);
      return { Topics: items.map(({ arn: TopicArn }) => ({ TopicArn })), ...next };
    },

    GetTopicAttributes: ({ TopicArn }, { region }) => ({
      Attributes: attributesOf(topics.get(TopicArn, region), subscriptions),
    }),

    SetTopicAttributes: async ({ TopicArn, AttributeName, AttributeValue }, { region }) => {
      topics.get(TopicArn, region);
      await topics.setAttribute(TopicArn, AttributeName, AttributeValue ?? '');
      return {};
    },

    AddPermission: async ({ TopicArn, Label, AWSAccountId = [], ActionName = [] }, { region }) => {
      topics.get(TopicArn, region);
      await topics.addPermission(TopicArn, Label, AWSAccountId, ActionName);
      return {};
    },

    RemovePermission: async ({ TopicArn, Label }, { region }) => {
      topics.get(TopicArn, region);
      await topics.removePermission(TopicArn, Label);
      return {};
    },

    TagResource: async ({ ResourceArn, Tags }, { region }) => {
      checkRegion(ResourceArn, region);
      const added = fromTags(Tags);
      await topics.setTags(ResourceArn, (tags) => ({ ...tags, ...added }));
      return {};
    },

    UntagResource: async ({ ResourceArn, TagKeys }, { region }) => {
      checkRegion(ResourceArn, region);
      const gone = new Set<string>(TagKeys);
      const rest = (tags: Topic['tags']) => Object.entries(tags).filter(([key]) => !gone.has(key));
      await topics.setTags(ResourceArn, (tags) => Object.fromEntries(rest(tags)));
      return {};
    },

    ListTagsForResource: ({ ResourceArn }, { region }) => {
      checkRegion(ResourceArn, region);
      return { Tags: Object.entries(topics.tags(ResourceArn)).map(([Key, Value]) => ({ Key, Value })) };
    },
  };
}

function checkRegion(arn: string, region: string): void {
  const named = regionOf(arn);
  if (named !== '' && named !== region) throw invalid('ResourceArn');
}

function attributesOf({ arn, attributes }: Topic, subscriptions: Subscriptions): Record<string, string> {
  const all = subscriptions.of(arn);
  const pending = all.filter(({ token }) => token !== undefined).length;
  return {
    TopicArn: arn,
    Owner: ACCOUNT_ID,
    Policy: defaultPolicy(arn),
    DisplayName: '',
    SubscriptionsConfirmed: String(all.length - pending),
    SubscriptionsPending: String(pending),
    SubscriptionsDeleted: '0',
    EffectiveDeliveryPolicy: shownTopicPolicy(attributes.DeliveryPolicy),
    ...attributes,
  };
}

function fromTags(tags: readonly Tag[]): Record<string, string> {
  const keys = new Set(tags.map(({ Key }) => Key));
  if (keys.size < tags.length) throw invalid('Duplicated keys are not allowed.');
  return Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value]));
}
