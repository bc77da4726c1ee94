import { createHash } from 'node:crypto';
import type { Delivery } from '../../delivery/index.ts';
import { formatXRay, type TraceContext } from '../../telemetry/index.ts';
import {
  type Envelope,
  hasAny,
  httpHeaders,
  lambdaEvent,
  notificationEnvelope,
  notificationToSign,
  unsubscribeUrl,
} from './envelope.ts';
import { mailTarget, notificationMail } from './mail.ts';
import { type MessageAttributes, type Notification, textFor } from './message.ts';
import type { Protocol, Topic } from './model.ts';
import { type PushTarget, pushDelivery, smsDelivery } from './phones.ts';
import type { Route } from './routes.ts';
import type { Signature } from './signing.ts';

/** What a fan-out needs to know beside the message. */
export interface FanOutContext {
  readonly topic: Topic;
  /** Base of the URLs in messages. */
  readonly endpoint: string;
  readonly trace: TraceContext;
  readonly webhooks: { readonly sms?: string; readonly push?: string };
  readonly smsSettings: Readonly<Record<string, string>>;
  /** The device of an endpoint ARN; `undefined` when it is gone or switched off. */
  readonly device: (endpointArn: string) => PushTarget | undefined;
}

/** The signatures of one message: of each text that goes out in an envelope. */
export type Signatures = ReadonlyMap<string, Signature>;

/** What is signed of a message for these routes: text to string to sign. */
export function textsToSign(message: Notification, routes: readonly Route[]): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const { subscription, raw } of routes) {
    if (raw || !SIGNED.has(subscription.protocol)) continue;
    const text = textFor(message, subscription.protocol);
    if (!texts.has(text)) texts.set(text, notificationToSign(message, text));
  }
  return texts;
}

const SIGNED: ReadonlySet<Protocol> = new Set(['sqs', 'http', 'https', 'lambda', 'email-json']);

/**
 * One notification as deliveries to its routes. What is the same for several of them is made once: a fan-out to queues makes one
 * envelope, and of each body only the link is its own.
 */
export class FanOut {
  readonly #message: Notification;
  readonly #context: FanOutContext;
  readonly #signatures: Signatures;
  readonly #envelopes = new Map<string, Envelope>();
  readonly #group: { readonly orderingGroup?: string; readonly idempotencyKey?: string };
  /** For FIFO queues and those that keep groups apart; a standard queue gets no group from a FIFO topic, as on AWS. */
  readonly #grouped: Readonly<Record<string, unknown>>;
  readonly #ungrouped: Readonly<Record<string, unknown>>;
  #messageAttributes: Readonly<Record<string, unknown>> | undefined;
  #rawPayload: Buffer | undefined;

  constructor(message: Notification, context: FanOutContext, signatures: Signatures) {
    this.#message = message;
    this.#context = context;
    this.#signatures = signatures;
    const { group, deduplicationId, sequenceNumber } = message;
    this.#ungrouped = { traceHeader: formatXRay(context.trace) };
    this.#grouped = {
      ...this.#ungrouped,
      ...(group !== undefined && { messageGroupId: group }),
      ...(deduplicationId !== undefined && { messageDeduplicationId: deduplicationId }),
    };
    this.#group =
      sequenceNumber === undefined ? {} : { orderingGroup: group!, idempotencyKey: onceKey(message, context) };
  }

  /** `undefined` when there is nobody any more to whom it could go. */
  delivery(route: Route): Delivery | undefined {
    const made = this.#make(route);
    if (!made) return undefined;
    const { deadLetterArn } = route;
    return {
      ...made,
      policy: route.policy,
      ...(deadLetterArn !== undefined && { deadLetterArn }),
      source: this.#message.topicArn,
      ...this.#group,
      trace: this.#context.trace,
    };
  }

  #make(route: Route): Pick<Delivery, 'arn' | 'payload' | 'attributes'> | '' | undefined {
    const { protocol, endpoint, arn } = route.subscription;
    const { webhooks, device, smsSettings } = this.#context;
    switch (protocol) {
      case 'sqs':
        return this.#toQueue(route);
      case 'lambda':
        return { arn: endpoint, payload: Buffer.from(this.#event(arn)), attributes: this.#ungrouped };
      case 'http':
      case 'https':
        return this.#toWebhook(route);
      case 'email':
      case 'email-json':
        return this.#toMail(route);
      case 'sms':
        return webhooks.sms && smsDelivery(webhooks.sms, this.#message, endpoint, smsSettings, arn);
      case 'application': {
        const target = device(endpoint);
        return webhooks.push && target && pushDelivery(webhooks.push, this.#message, target, arn);
      }
    }
  }

  #toQueue(route: Route) {
    const { endpoint: arn } = route.subscription;
    const fifo = this.#message.sequenceNumber !== undefined;
    const attributes = fifo && !arn.endsWith('.fifo') ? this.#ungrouped : this.#grouped;
    if (!route.raw) return { arn, payload: this.#enveloped(route), attributes };
    this.#rawPayload ??= Buffer.from(textFor(this.#message, 'sqs'));
    if (!hasAny(this.#message.attributes)) return { arn, payload: this.#rawPayload, attributes };
    this.#messageAttributes ??= storable(this.#message.attributes);
    const messageAttributes = this.#messageAttributes;
    return { arn, payload: this.#rawPayload, attributes: { ...attributes, messageAttributes } };
  }

  #toWebhook(route: Route) {
    const { endpoint: arn, protocol, arn: subscriptionArn } = route.subscription;
    const { id, topicArn } = this.#message;
    const headers = {
      ...httpHeaders('Notification', id, topicArn, subscriptionArn),
      'content-type': route.contentType!,
      ...(route.raw && { 'x-amz-sns-rawdelivery': 'true' }),
    };
    const { ratePerSecond } = route;
    const payload = route.raw ? Buffer.from(textFor(this.#message, protocol)) : this.#enveloped(route);
    return { arn, payload, attributes: { headers, ...(ratePerSecond !== undefined && { ratePerSecond }) } };
  }

  #toMail(route: Route) {
    const { protocol, arn } = route.subscription;
    const { topic, endpoint } = this.#context;
    const { subject } = this.#message;
    const mail = notificationMail(textFor(this.#message, protocol), subject, endpoint, arn);
    const { DisplayName: fromName } = topic.attributes;
    return {
      arn: mailTarget(route.subscription),
      payload: protocol === 'email' ? Buffer.from(mail.body) : this.#enveloped(route),
      attributes: { subject: mail.subject, contentType: 'text/plain; charset=UTF-8', ...(fromName && { fromName }) },
    };
  }

  #enveloped({ subscription: { protocol, arn } }: Route): Buffer {
    const text = textFor(this.#message, protocol);
    const { endpoint } = this.#context;
    let envelope = this.#envelopes.get(text);
    if (!envelope) {
      envelope = notificationEnvelope(this.#message, text, this.#signatures.get(text), endpoint);
      this.#envelopes.set(text, envelope);
    }
    return Buffer.from(envelope.head + escaped(unsubscribeUrl(endpoint, arn)) + envelope.tail);
  }

  #event(subscriptionArn: string): string {
    const signature = this.#signatures.get(textFor(this.#message, 'lambda'));
    return lambdaEvent(this.#message, subscriptionArn, signature, this.#context.endpoint);
  }
}

/** Names a message within its topic's scope of deduplication: the outbox hands it over once. */
function onceKey({ topicArn, deduplicationId, group }: Notification, { topic }: FanOutContext): string {
  const scope = topic.attributes.FifoThroughputScope === 'MessageGroup' ? ` ${group}` : '';
  return createHash('sha256').update(`${topicArn} ${deduplicationId}${scope}`).digest('hex');
}

/** A host in a URL may hold what JSON escapes: how the caller reached us is the caller's to say. */
function escaped(url: string): string {
  return /["\\\p{Cc}]/u.test(url) ? JSON.stringify(url).slice(1, -1) : url;
}

/** Attributes as rows can hold them: binary values in base64. */
function storable(attributes: MessageAttributes): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, { BinaryValue, ...rest }]) => [
      name,
      BinaryValue ? { ...rest, BinaryValue: Buffer.from(BinaryValue).toString('base64') } : rest,
    ]),
  );
}
