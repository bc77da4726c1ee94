import type { Operation } from '../../index.ts';
import { checkTopicArn, regionOf, topicOfSubscription } from '../arns.ts';
import type { Asker } from '../asker.ts';
import { shownEffectivePolicy, shownPolicy } from '../delivery-policy.ts';
import { invalid, SnsError, webhookMissing } from '../errors.ts';
import type { Subscription, Topic } from '../model.ts';
import type { Platforms } from '../platform.ts';
import { MUST_CONFIRM, restorable, type Subscriptions } from '../subscriptions.ts';
import type { Topics } from '../topics.ts';
import { page } from './page.ts';

export interface SubscriptionDependencies {
  readonly topics: Topics;
  readonly subscriptions: Subscriptions;
  readonly platforms: Platforms;
  readonly asker: Asker;
  readonly webhooks: { readonly sms?: string; readonly push?: string };
  /** Webhooks on this machine need not confirm: for development, where whoever subscribes them owns them. */
  readonly confirmLoopback: boolean;
}

/** The operations on subscriptions. */
export function subscriptionOperations(dependencies: SubscriptionDependencies): Record<string, Operation> {
  const { topics, subscriptions, asker } = dependencies;
  return {
    Subscribe: async (
      { TopicArn, Protocol, Endpoint, Attributes = {}, ReturnSubscriptionArn },
      { endpoint, trace, region },
    ) => {
      const topic = topics.get(TopicArn, region);
      if (Endpoint === undefined || Endpoint === '') throw invalid('Endpoint');
      checkDeliverable(Protocol, Endpoint, dependencies);
      const confirmed = isConfirmed(Protocol, Endpoint, dependencies);
      const { subscription, ask } = await subscriptions.subscribe(topic, Protocol, Endpoint, Attributes, confirmed);
      if (subscription.token === undefined) return { SubscriptionArn: subscription.arn };
      if (ask) await asker.askToSubscribe(subscription, topic, endpoint, trace);
      return { SubscriptionArn: ReturnSubscriptionArn ? subscription.arn : 'pending confirmation' };
    },

    ConfirmSubscription: async ({ TopicArn, Token, AuthenticateOnUnsubscribe = 'false' }, { caller }) => {
      checkTopicArn(TopicArn);
      if (!/^(true|false)$/i.test(AuthenticateOnUnsubscribe)) throw invalid('AuthenticateOnUnsubscribe');
      // An unsigned request cannot ask for more than it could itself fulfil.
      const strict = /^true$/i.test(AuthenticateOnUnsubscribe) && !caller.unsigned;
      return { SubscriptionArn: (await subscriptions.confirm(TopicArn, Token, strict)).arn };
    },

    Unsubscribe: async ({ SubscriptionArn }, { caller, endpoint, trace, region }) => {
      topicOfSubscription(SubscriptionArn);
      if (!caller.unsigned && regionOf(SubscriptionArn) !== region) throw invalid('SubscriptionArn');
      const ended = await subscriptions.end(SubscriptionArn, ({ authenticateOnUnsubscribe }) => {
        if (!authenticateOnUnsubscribe || !caller.unsigned) return;
        throw new SnsError('authorization-missing', 'The subscription can be ended by a signed request only');
      });
      const topic = ended && topics.find(ended.subscription.topicArn);
      // Webhooks are always told, people when somebody came by their link.
      const told = ended && restorable(ended.subscription) && (isWeb(ended.subscription) || caller.unsigned);
      if (topic && told) await asker.tellEnded(ended, topic, endpoint, trace);
      return {};
    },

    ListSubscriptions: ({ NextToken }, { region }) => {
      const { items, ...next } = page(subscriptions.inRegion(region), ({ arn }) => arn, NextToken);
      return { Subscriptions: items.map(shapeOf), ...next };
    },

    ListSubscriptionsByTopic: ({ TopicArn, NextToken }, { region }) => {
      topics.get(TopicArn, region);
      const { items, ...next } = page(subscriptions.of(TopicArn), ({ arn }) => arn, NextToken);
      return { Subscriptions: items.map(shapeOf), ...next };
    },

    GetSubscriptionAttributes: ({ SubscriptionArn }) => {
      const subscription = subscriptions.get(SubscriptionArn);
      return { Attributes: attributesOf(subscription, topics.get(subscription.topicArn)) };
    },

    SetSubscriptionAttributes: async ({ SubscriptionArn, AttributeName, AttributeValue }) => {
      const topic = topics.get(subscriptions.get(SubscriptionArn).topicArn);
      await subscriptions.setAttribute(SubscriptionArn, topic, AttributeName, AttributeValue ?? '');
      return {};
    },
  };
}

/** What nobody could deliver is not subscribed. @throws parameter-invalid */
function checkDeliverable(protocol: string, endpoint: string, { webhooks, platforms }: SubscriptionDependencies): void {
  if (protocol === 'sms' && webhooks.sms === undefined) throw webhookMissing('sms');
  if (protocol !== 'application') return;
  if (webhooks.push === undefined) throw webhookMissing('push');
  platforms.endpoint(endpoint);
}

/** Queues, functions, phones and devices of the account are confirmed by being subscribed; others must answer for themselves. */
function isConfirmed(protocol: string, endpoint: string, { confirmLoopback }: SubscriptionDependencies): boolean {
  if (!(MUST_CONFIRM as readonly string[]).includes(protocol)) return true;
  if (confirmLoopback || !isWeb({ protocol })) return false;
  return URL.canParse(endpoint) && isLoopback(new URL(endpoint).hostname);
}

function isWeb({ protocol }: { readonly protocol: string }): boolean {
  return protocol === 'http' || protocol === 'https';
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

function shapeOf({ arn, topicArn, protocol, endpoint, owner, token }: Subscription) {
  const SubscriptionArn = token === undefined ? arn : 'PendingConfirmation';
  return { SubscriptionArn, Owner: owner, Protocol: protocol, Endpoint: endpoint, TopicArn: topicArn };
}

function attributesOf(subscription: Subscription, topic: Topic): Record<string, string> {
  const { arn, topicArn, protocol, endpoint, owner, token, attributes, authenticated } = subscription;
  const { FilterPolicyScope = 'MessageAttributes', DeliveryPolicy, ...others } = attributes;
  const effective = isWeb(subscription) && shownEffectivePolicy(DeliveryPolicy, topic.attributes.DeliveryPolicy);
  return {
    SubscriptionArn: arn,
    TopicArn: topicArn,
    Protocol: protocol,
    Endpoint: endpoint,
    Owner: owner,
    SubscriptionPrincipal: `arn:aws:iam::${owner}:root`,
    ConfirmationWasAuthenticated: String(
      authenticated === true ||
        subscription.authenticateOnUnsubscribe === true ||
        protocol === 'sqs' ||
        protocol === 'lambda',
    ),
    PendingConfirmation: String(token !== undefined),
    RawMessageDelivery: 'false',
    ...others,
    ...(attributes.FilterPolicy !== undefined && { FilterPolicyScope }),
    ...(DeliveryPolicy !== undefined && { DeliveryPolicy: shownPolicy(DeliveryPolicy) }),
    ...(effective && { EffectiveDeliveryPolicy: effective }),
  };
}
