import { createHash } from 'node:crypto';
import type { Delivery, RetryPolicy } from '../../delivery/index.ts';
import { formatXRay, type TraceContext } from '../../telemetry/index.ts';
import { confirmationJson, httpHeaders, lambdaEvent, notificationJson } from './envelope.ts';
import { filterOf } from './filter.ts';
import { type MessageAttributes, type Notification, textFor } from './message.ts';
import type { Subscription, Topic } from './model.ts';

const DAY_MS = 86_400_000;

/** Queues and functions: AWS tries for 23 days, soon every 20 seconds. */
const MANAGED_POLICY: RetryPolicy = {
  attemptsMax: 100_000,
  ageMsMax: 23 * DAY_MS,
  backoffMsBase: 1_000,
  backoffMsMax: 20_000,
};

/** Webhooks: three retries, 20 seconds apart, unless a delivery policy says otherwise. */
const HTTP_RETRIES = { numRetries: 3, minDelayTarget: 20, maxDelayTarget: 20 };

/** One notification as deliveries to all subscriptions that take it. */
export function deliveriesOf(
  message: Notification,
  topic: Topic,
  subscriptions: readonly Subscription[],
  endpoint: string,
  trace: TraceContext,
): Delivery[] {
  return subscriptions
    .filter((one) => one.token === undefined && filterOf(one)(textFor(message, one.protocol), message.attributes))
    .map((one) => deliveryOf(message, topic, one, endpoint, trace));
}

/** What asks a webhook whether it wants to subscribe. */
export function confirmationOf(
  subscription: Subscription,
  id: string,
  endpoint: string,
  now: number,
  trace: TraceContext,
): Delivery {
  return {
    arn: subscription.endpoint,
    payload: Buffer.from(confirmationJson(subscription, id, endpoint, now)),
    attributes: { headers: httpHeaders('SubscriptionConfirmation', id, subscription) },
    policy: httpPolicy({}, undefined),
    source: subscription.topicArn,
    trace,
  };
}

function deliveryOf(
  message: Notification,
  topic: Topic,
  subscription: Subscription,
  endpoint: string,
  trace: TraceContext,
): Delivery {
  const { protocol, attributes } = subscription;
  const raw = attributes.RawMessageDelivery === 'true';
  const web = protocol === 'http' || protocol === 'https';
  const deadLetterArn = deadLetterArnOf(subscription);
  return {
    arn: subscription.endpoint,
    payload: Buffer.from(payloadOf(message, subscription, endpoint, raw)),
    attributes: web ? webAttributes(message, subscription, raw) : queueAttributes(message, raw, trace),
    policy: web ? httpPolicy(attributes, topic.attributes.DeliveryPolicy) : MANAGED_POLICY,
    ...(deadLetterArn !== undefined && { deadLetterArn }),
    source: message.topicArn,
    ...(message.deduplicationId !== undefined && {
      orderingGroup: message.group!,
      idempotencyKey: createHash('sha256').update(`${message.topicArn} ${message.deduplicationId}`).digest('hex'),
    }),
    trace,
  };
}

function payloadOf(message: Notification, subscription: Subscription, endpoint: string, raw: boolean): string {
  if (subscription.protocol === 'lambda') return lambdaEvent(message, subscription, endpoint);
  return raw ? textFor(message, subscription.protocol) : notificationJson(message, subscription, endpoint);
}

function webAttributes(message: Notification, subscription: Subscription, raw: boolean) {
  const headers = httpHeaders('Notification', message.id, subscription);
  return { headers: raw ? { ...headers, 'x-amz-sns-rawdelivery': 'true' } : headers };
}

function queueAttributes({ attributes, group, deduplicationId }: Notification, raw: boolean, trace: TraceContext) {
  return {
    traceHeader: formatXRay(trace),
    ...(raw && Object.keys(attributes).length > 0 && { messageAttributes: storable(attributes) }),
    ...(group !== undefined && { messageGroupId: group }),
    ...(deduplicationId !== undefined && { messageDeduplicationId: deduplicationId }),
  };
}

function storable(attributes: MessageAttributes): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, { BinaryValue, ...rest }]) => [
      name,
      BinaryValue ? { ...rest, BinaryValue: Buffer.from(BinaryValue).toString('base64') } : rest,
    ]),
  );
}

function deadLetterArnOf({ attributes: { RedrivePolicy } }: Subscription): string | undefined {
  return RedrivePolicy && (JSON.parse(RedrivePolicy) as { deadLetterTargetArn?: string }).deadLetterTargetArn;
}

/** The delivery policy of the subscription, else the topic's for HTTP, else AWS's default. */
function httpPolicy(attributes: Subscription['attributes'], topicPolicy: string | undefined): RetryPolicy {
  const own = attributes.DeliveryPolicy && JSON.parse(attributes.DeliveryPolicy).healthyRetryPolicy;
  const inherited = topicPolicy && JSON.parse(topicPolicy).http?.defaultHealthyRetryPolicy;
  const { numRetries, minDelayTarget, maxDelayTarget } = { ...HTTP_RETRIES, ...(own || inherited) };
  return {
    attemptsMax: Number(numRetries) + 1,
    ageMsMax: DAY_MS,
    // The wait is drawn from zero up to base * 2^attempt: with half the least delay as base the first is up to that.
    backoffMsBase: Math.max(1, Number(minDelayTarget)) * 500,
    backoffMsMax: Math.max(1, Number(maxDelayTarget)) * 1000,
  };
}
