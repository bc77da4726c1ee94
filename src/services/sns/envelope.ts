import type { MessageAttributes, Notification } from './message.ts';
import { textFor } from './message.ts';
import type { Subscription } from './model.ts';

/**
 * A notification as queues and webhooks get it.
 *
 * Messages are not signed: `SignatureVersion`, `Signature` and `SigningCertURL` are absent rather than made up.
 * @see Amazon SNS developer guide, "HTTP/HTTPS notification JSON format"
 */
export function notificationJson(message: Notification, subscription: Subscription, endpoint: string): string {
  return JSON.stringify({
    Type: 'Notification',
    MessageId: message.id,
    ...(message.sequenceNumber !== undefined && { SequenceNumber: message.sequenceNumber }),
    TopicArn: message.topicArn,
    ...(message.subject !== undefined && { Subject: message.subject }),
    Message: textFor(message, subscription.protocol),
    Timestamp: iso(message.publishedAt),
    UnsubscribeURL: unsubscribeUrl(endpoint, subscription),
    ...(Object.keys(message.attributes).length > 0 && { MessageAttributes: typedValues(message.attributes) }),
  });
}

/** The event of a subscribed function. @see AWS Lambda developer guide, "Invoking Lambda functions with Amazon SNS notifications" */
export function lambdaEvent(message: Notification, subscription: Subscription, endpoint: string): string {
  const Sns = {
    Type: 'Notification',
    MessageId: message.id,
    TopicArn: message.topicArn,
    Subject: message.subject ?? null,
    Message: textFor(message, 'lambda'),
    Timestamp: iso(message.publishedAt),
    UnsubscribeUrl: unsubscribeUrl(endpoint, subscription),
    MessageAttributes: typedValues(message.attributes),
  };
  const record = { EventSource: 'aws:sns', EventVersion: '1.0', EventSubscriptionArn: subscription.arn, Sns };
  return JSON.stringify({ Records: [record] });
}

/** What a webhook gets before it is a subscriber: visiting the URL confirms. */
export function confirmationJson(subscription: Subscription, id: string, endpoint: string, now: number): string {
  const { topicArn, token } = subscription;
  const query = new URLSearchParams({ Action: 'ConfirmSubscription', TopicArn: topicArn, Token: token! });
  return JSON.stringify({
    Type: 'SubscriptionConfirmation',
    MessageId: id,
    Token: token,
    TopicArn: topicArn,
    Message:
      `You have chosen to subscribe to the topic ${topicArn}.\n` +
      'To confirm the subscription, visit the SubscribeURL included in this message.',
    SubscribeURL: `${endpoint}/?${query}`,
    Timestamp: iso(now),
  });
}

/** Headers of everything posted to a webhook. */
export function httpHeaders(
  type: 'Notification' | 'SubscriptionConfirmation',
  id: string,
  { topicArn, arn }: Subscription,
): Record<string, string> {
  return {
    'content-type': 'text/plain; charset=UTF-8',
    'user-agent': 'Amazon Simple Notification Service Agent',
    'x-amz-sns-message-type': type,
    'x-amz-sns-message-id': id,
    'x-amz-sns-topic-arn': topicArn,
    ...(type === 'Notification' && { 'x-amz-sns-subscription-arn': arn }),
  };
}

function typedValues(attributes: MessageAttributes): Record<string, { Type: string; Value: string }> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, { DataType, StringValue, BinaryValue }]) => {
      const Value = BinaryValue ? Buffer.from(BinaryValue).toString('base64') : (StringValue ?? '');
      return [name, { Type: DataType, Value }];
    }),
  );
}

function unsubscribeUrl(endpoint: string, { arn }: Subscription): string {
  return `${endpoint}/?${new URLSearchParams({ Action: 'Unsubscribe', SubscriptionArn: arn })}`;
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
