import { type Clock, type Random, uuid } from '../../../base/index.ts';
import type { DeliveryService } from '../../../delivery/index.ts';
import type { Operation } from '../../index.ts';
import { invalid } from '../errors.ts';
import { confirmationOf } from '../fan-out.ts';
import type { Subscription } from '../model.ts';
import type { Topics } from '../topics.ts';
import { page } from './page.ts';

export interface SubscriptionDependencies {
  readonly topics: Topics;
  readonly delivery: Pick<DeliveryService, 'send'>;
  readonly clock: Clock;
  readonly random: Random;
  /** Webhooks on this machine need not confirm: for development, where whoever subscribes them owns them. */
  readonly confirmLoopback: boolean;
}

/** The operations on subscriptions. */
export function subscriptionOperations(dependencies: SubscriptionDependencies): Record<string, Operation> {
  const { topics } = dependencies;
  return {
    Subscribe: async (
      { TopicArn, Protocol, Endpoint, Attributes = {}, ReturnSubscriptionArn },
      { endpoint, trace },
    ) => {
      if (Endpoint === undefined) throw invalid('Endpoint');
      const confirmed = isConfirmed(Protocol, Endpoint, dependencies);
      const { subscription, isNew } = await topics.subscribe(TopicArn, Protocol, Endpoint, Attributes, confirmed);
      if (subscription.token === undefined) return { SubscriptionArn: subscription.arn };
      const { clock, random, delivery } = dependencies;
      if (isNew) await delivery.send([confirmationOf(subscription, uuid(random), endpoint, clock.now(), trace)]);
      return { SubscriptionArn: ReturnSubscriptionArn ? subscription.arn : 'pending confirmation' };
    },

    ConfirmSubscription: async ({ TopicArn, Token }) => ({
      SubscriptionArn: (await topics.confirm(TopicArn, Token)).arn,
    }),

    Unsubscribe: async ({ SubscriptionArn }) => {
      await topics.unsubscribe(SubscriptionArn);
      return {};
    },

    ListSubscriptions: ({ NextToken }, { region }) => {
      const { items, ...next } = page(topics.allSubscriptions(region), ({ arn }) => arn, NextToken);
      return { Subscriptions: items.map(shapeOf), ...next };
    },

    ListSubscriptionsByTopic: ({ TopicArn, NextToken }) => {
      topics.get(TopicArn);
      const { items, ...next } = page(topics.subscriptions(TopicArn), ({ arn }) => arn, NextToken);
      return { Subscriptions: items.map(shapeOf), ...next };
    },

    GetSubscriptionAttributes: ({ SubscriptionArn }) => ({
      Attributes: attributesOf(topics.subscription(SubscriptionArn)),
    }),

    SetSubscriptionAttributes: async ({ SubscriptionArn, AttributeName, AttributeValue }) => {
      await topics.setSubscriptionAttribute(SubscriptionArn, AttributeName, AttributeValue);
      return {};
    },
  };
}

/** Queues and functions of the account are confirmed by being subscribed; webhooks must answer for themselves. */
function isConfirmed(protocol: string, endpoint: string, { confirmLoopback }: SubscriptionDependencies): boolean {
  if (protocol !== 'http' && protocol !== 'https') return true;
  return !confirmLoopback && URL.canParse(endpoint) && isLoopback(new URL(endpoint).hostname);
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

function shapeOf({ arn, topicArn, protocol, endpoint, owner, token }: Subscription) {
  const SubscriptionArn = token === undefined ? arn : 'PendingConfirmation';
  return { SubscriptionArn, Owner: owner, Protocol: protocol, Endpoint: endpoint, TopicArn: topicArn };
}

function attributesOf(subscription: Subscription): Record<string, string> {
  const { arn, topicArn, protocol, endpoint, owner, token, attributes } = subscription;
  return {
    SubscriptionArn: arn,
    TopicArn: topicArn,
    Protocol: protocol,
    Endpoint: endpoint,
    Owner: owner,
    SubscriptionPrincipal: `arn:aws:iam::${owner}:root`,
    ConfirmationWasAuthenticated: String(protocol === 'sqs' || protocol === 'lambda'),
    PendingConfirmation: String(token !== undefined),
    RawMessageDelivery: 'false',
    ...(attributes.FilterPolicy !== undefined && { FilterPolicyScope: 'MessageAttributes' }),
    ...attributes,
  };
}
