import { type MessageAttributes, type Notification, textFor } from './message.ts';
import type { Signature } from './signing.ts';

/** What asks an endpoint something, and is answered with a token. */
export interface Confirmation {
  readonly type: 'SubscriptionConfirmation' | 'UnsubscribeConfirmation';
  readonly id: string;
  readonly token: string;
  readonly topicArn: string;
  readonly subscriptionArn: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** A document of which only a link differs from one subscription to the other: what stands before it and after it. */
export interface Envelope {
  readonly head: string;
  readonly tail: string;
}

/**
 * What is signed of a notification, in AWS's order: names and values, a line each.
 *
 * @see Amazon SNS developer guide, "Verifying the signatures of Amazon SNS messages"
 */
export function notificationToSign(message: Notification, text: string): string {
  const { id, subject, publishedAt, topicArn } = message;
  const subjectLines = subject === undefined ? '' : `Subject\n${subject}\n`;
  return (
    `Message\n${text}\nMessageId\n${id}\n${subjectLines}` +
    `Timestamp\n${iso(publishedAt)}\nTopicArn\n${topicArn}\nType\nNotification\n`
  );
}

export function confirmationToSign(confirmation: Confirmation, endpoint: string): string {
  const { id, at, token, topicArn, type } = confirmation;
  return (
    `Message\n${wordsOf(confirmation)}\nMessageId\n${id}\nSubscribeURL\n${subscribeUrl(endpoint, confirmation)}\n` +
    `Timestamp\n${iso(at)}\nToken\n${token}\nTopicArn\n${topicArn}\nType\n${type}\n`
  );
}

/**
 * A notification as queues, webhooks and readers of JSON mail get it: the link to unsubscribe goes between head and tail.
 * Messages of FIFO topics have no signature, as on AWS.
 *
 * @see Amazon SNS developer guide, "HTTP/HTTPS notification JSON format"
 */
export function notificationEnvelope(
  message: Notification,
  text: string,
  signature: Signature | undefined,
  endpoint: string,
): Envelope {
  const head = JSON.stringify({
    Type: 'Notification',
    MessageId: message.id,
    ...(message.sequenceNumber !== undefined && { SequenceNumber: message.sequenceNumber }),
    TopicArn: message.topicArn,
    ...(message.subject !== undefined && { Subject: message.subject }),
    Message: text,
    Timestamp: iso(message.publishedAt),
    ...(signature && signed(signature, endpoint, 'SigningCertURL')),
  });
  const attributes = hasAny(message.attributes)
    ? `,"MessageAttributes":${JSON.stringify(typedValues(message.attributes))}`
    : '';
  return { head: `${head.slice(0, -1)},"UnsubscribeURL":"`, tail: `"${attributes}}` };
}

/**
 * The event of a subscribed function: AWS spells some members otherwise here.
 *
 * @see AWS Lambda developer guide, "Invoking Lambda functions with Amazon SNS notifications"
 */
export function lambdaEvent(
  message: Notification,
  subscriptionArn: string,
  signature: Signature | undefined,
  endpoint: string,
): string {
  const Sns = {
    Type: 'Notification',
    MessageId: message.id,
    TopicArn: message.topicArn,
    Subject: message.subject ?? null,
    Message: textFor(message, 'lambda'),
    Timestamp: iso(message.publishedAt),
    ...(signature && signed(signature, endpoint, 'SigningCertUrl')),
    UnsubscribeUrl: unsubscribeUrl(endpoint, subscriptionArn),
    MessageAttributes: typedValues(message.attributes),
  };
  const record = { EventSource: 'aws:sns', EventVersion: '1.0', EventSubscriptionArn: subscriptionArn, Sns };
  return JSON.stringify({ Records: [record] });
}

/** What an endpoint gets that is to confirm: visiting the URL does. */
export function confirmationJson(confirmation: Confirmation, signature: Signature, endpoint: string): string {
  return JSON.stringify({
    Type: confirmation.type,
    MessageId: confirmation.id,
    Token: confirmation.token,
    TopicArn: confirmation.topicArn,
    Message: wordsOf(confirmation),
    SubscribeURL: subscribeUrl(endpoint, confirmation),
    Timestamp: iso(confirmation.at),
    ...signed(signature, endpoint, 'SigningCertURL'),
  });
}

function wordsOf({ type, topicArn, subscriptionArn }: Confirmation): string {
  return type === 'SubscriptionConfirmation'
    ? `You have chosen to subscribe to the topic ${topicArn}.\n` +
        'To confirm the subscription, visit the SubscribeURL included in this message.'
    : `You have chosen to deactivate subscription ${subscriptionArn}.\n` +
        'To cancel this operation and restore the subscription, visit the SubscribeURL included in this message.';
}

function signed({ version, value, path }: Signature, endpoint: string, certificate: string) {
  return { SignatureVersion: version, Signature: value, [certificate]: `${endpoint}${path}` };
}

/** Headers of everything posted to a webhook. */
export function httpHeaders(
  type: 'Notification' | Confirmation['type'],
  id: string,
  topicArn: string,
  subscriptionArn: string,
): Record<string, string> {
  return {
    'content-type': 'text/plain; charset=UTF-8',
    'user-agent': 'Amazon Simple Notification Service Agent',
    'x-amz-sns-message-type': type,
    'x-amz-sns-message-id': id,
    'x-amz-sns-topic-arn': topicArn,
    ...(type !== 'SubscriptionConfirmation' && { 'x-amz-sns-subscription-arn': subscriptionArn }),
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

/** Visiting it confirms. ARNs and tokens need no escaping. */
export function subscribeUrl(endpoint: string, { topicArn, token }: Pick<Confirmation, 'topicArn' | 'token'>): string {
  return `${endpoint}/?Action=ConfirmSubscription&TopicArn=${topicArn}&Token=${token}`;
}

/** Visiting it ends the subscription, unless only signed requests may. */
export function unsubscribeUrl(endpoint: string, subscriptionArn: string): string {
  return `${endpoint}/?Action=Unsubscribe&SubscriptionArn=${subscriptionArn}`;
}

export function hasAny(attributes: MessageAttributes): boolean {
  for (const _ in attributes) return true;
  return false;
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
