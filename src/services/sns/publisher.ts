import { type Clock, type Random, uuid } from '../../base/index.ts';
import { DELIVERY_LIMITS, type Delivery, type DeliveryService } from '../../delivery/index.ts';
import type { Sequence } from '../../store/index.ts';
import type { Logger, TraceContext } from '../../telemetry/index.ts';
import { FanOut, type FanOutContext, type Signatures, textsToSign } from './fan-out.ts';
import { FilterInput } from './filter.ts';
import { type Notification, type PublishInput, readMessage, textFor } from './message.ts';
import type { Topic } from './model.ts';
import type { Once } from './once.ts';
import type { Route } from './routes.ts';
import type { Signature, Signer } from './signing.ts';
import type { TextMessages } from './sms.ts';
import type { Subscriptions } from './subscriptions.ts';
import type { TopicMetrics } from './topic-metrics.ts';

export interface PublisherDependencies extends Pick<FanOutContext, 'webhooks' | 'device'> {
  readonly textMessages: Pick<TextMessages, 'settings' | 'isOptedOut'>;
  readonly subscriptions: Subscriptions;
  readonly delivery: Pick<DeliveryService, 'send'>;
  readonly sequence: Sequence;
  readonly once: Once;
  readonly signer: Signer;
  readonly topicMetrics: TopicMetrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Base of all links; absent, they begin as the publisher reached the node. */
  readonly linkBase: string | undefined;
}

/** A message that was checked and named; in a FIFO topic its place is taken when it is handed over. */
export type Prepared = Omit<Notification, 'sequenceNumber'>;

/** What the publisher answers for a message. */
export interface Published {
  readonly id: string;
  readonly sequenceNumber?: string;
}

/**
 * Turns messages into deliveries to all that subscribe.
 *
 * P1. A message is answered for when each of its deliveries is durable somewhere.
 * P2. A message of a FIFO topic gets its sequence number at the moment at which it is handed to the outbox, without a wait in
 *     between: so the order of the numbers, of a group's deliveries and of the answers is one.
 */
export class Publisher {
  readonly #dependencies: PublisherDependencies;

  constructor(dependencies: PublisherDependencies) {
    this.#dependencies = dependencies;
  }

  /** Checks a message and gives it its id. @throws parameter-invalid, parameter-value-invalid */
  prepare(input: PublishInput, topic: Topic): Prepared {
    const { clock, random } = this.#dependencies;
    return { ...readMessage(input, topic), id: uuid(random), topicArn: topic.arn, publishedAt: clock.now() };
  }

  /**
   * Hands messages to the outbox; durable when it resolves.
   * @param endpoint  base of the URLs in them
   * @returns what to answer, in the order of the messages
   */
  async publish(
    messages: readonly Prepared[],
    topic: Topic,
    endpoint: string,
    trace: TraceContext,
  ): Promise<readonly Published[]> {
    const context = this.#context(topic, endpoint, trace);
    const fifo = topic.attributes.FifoTopic === 'true';
    const published = fifo
      ? await this.#publishInOrder(messages, context)
      : await this.#publishAtOnce(messages, context);
    for (const { sizeBytes } of messages) this.#dependencies.topicMetrics.published(topic.arn, sizeBytes);
    return published;
  }

  /** Groups beside each other, the messages of a group one after the other. */
  async #publishInOrder(messages: readonly Prepared[], context: FanOutContext): Promise<readonly Published[]> {
    const published = new Map<Prepared, Published>();
    const groups = Map.groupBy(messages, ({ group }) => group).values();
    const inOrder = async (group: readonly Prepared[]) => {
      for (const message of group) published.set(message, await this.#publishOnce(message, context));
    };
    await Promise.all([...groups].map(inOrder));
    return messages.map((message) => published.get(message)!);
  }

  async #publishOnce(message: Prepared, context: FanOutContext): Promise<Published> {
    const { topic } = context;
    const scope = topic.attributes.FifoThroughputScope === 'MessageGroup' ? message.group! : '';
    let sequenceNumber: string | undefined;
    await this.#dependencies.once.run(topic.arn, scope, message.deduplicationId!, async () => {
      sequenceNumber = this.#nextNumber();
      // Not signed, as on AWS: nothing is waited for before the outbox has it (P2).
      const numbered = { ...message, sequenceNumber };
      const fanOut = new FanOut(numbered, context, NOT_SIGNED);
      await this.#send(this.#deliveries(fanOut, numbered, this.#takers(numbered, topic)));
    });
    return { id: message.id, sequenceNumber: sequenceNumber ?? this.#nextNumber() };
  }

  async #publishAtOnce(messages: readonly Prepared[], context: FanOutContext): Promise<readonly Published[]> {
    const work = messages.map((message) => ({ message, routes: this.#takers(message, context.topic) }));
    const signatures = await Promise.all(work.map(({ message, routes }) => this.#sign(message, routes, context.topic)));
    const deliveries = work.map(({ message, routes }, i) =>
      this.#deliveries(new FanOut(message, context, signatures[i]!), message, routes),
    );
    await this.#send(chained(deliveries));
    return messages.map(({ id }) => ({ id }));
  }

  #nextNumber(): string {
    return String(10_000_000_000_000_000_000n + BigInt(this.#dependencies.sequence.take()) * 1000n);
  }

  #context(topic: Topic, reached: string, trace: TraceContext): FanOutContext {
    const { webhooks, device, textMessages, linkBase: endpoint = reached } = this.#dependencies;
    return { topic, endpoint, trace, webhooks, device, smsSettings: textMessages.settings };
  }

  /** The routes whose filter lets the message through; what is filtered out is counted. */
  #takers(message: Notification, topic: Topic): readonly Route[] {
    const { subscriptions, topicMetrics, textMessages } = this.#dependencies;
    const inputs = new Map<string, FilterInput>();
    return subscriptions.routes(topic).filter(({ filter, subscription: { protocol, endpoint } }) => {
      // Who wants no text messages gets none, and that is no failure.
      if (protocol === 'sms' && textMessages.isOptedOut(endpoint)) return false;
      if (!filter) return true;
      const text = textFor(message, protocol);
      const input = inputs.get(text) ?? new FilterInput(text, message.attributes);
      inputs.set(text, input);
      const verdict = filter(input);
      if (verdict !== 'taken') topicMetrics.filteredOut(topic.arn, verdict);
      return verdict === 'taken';
    });
  }

  async #sign(message: Notification, routes: readonly Route[], { attributes }: Topic): Promise<Signatures> {
    const toSign = textsToSign(message, routes);
    if (toSign.size === 0) return NOT_SIGNED;
    const version = attributes.SignatureVersion === '2' ? '2' : '1';
    const signatures = new Map<string, Signature>();
    for (const [text, lines] of toSign) signatures.set(text, await this.#dependencies.signer.sign(lines, version));
    return signatures;
  }

  /**
   * As much at a time as the outbox takes, so that a topic with many subscribers holds a part of them in memory. What must keep its order is
   * sent at once: a FIFO topic has few subscribers.
   */
  async #send(deliveries: Iterable<Delivery>): Promise<void> {
    let part: Delivery[] = [];
    let bytes = 0;
    for (const delivery of deliveries) {
      part.push(delivery);
      bytes += delivery.payload.length;
      const isLarge = bytes >= DELIVERY_LIMITS.transactionBytesMax && delivery.orderingGroup === undefined;
      if (part.length < DELIVERY_LIMITS.sendMax && !isLarge) continue;
      await this.#dependencies.delivery.send(part);
      part = [];
      bytes = 0;
    }
    if (part.length > 0) await this.#dependencies.delivery.send(part);
  }

  *#deliveries(fanOut: FanOut, message: Notification, routes: readonly Route[]): Iterable<Delivery> {
    for (const route of routes) {
      const delivery = this.#deliver(route, fanOut, message);
      if (delivery) yield delivery;
    }
  }

  #deliver(route: Route, fanOut: FanOut, message: Notification): Delivery | undefined {
    const delivery = fanOut.delivery(route);
    if (delivery) return delivery;
    const { topicMetrics, logger } = this.#dependencies;
    const problem = 'nothing is configured or left to send it to';
    logger.warn('notification-failed', { subscription: route.subscription.arn, message: message.id, problem });
    topicMetrics.failed(message.topicArn);
    return undefined;
  }
}

const NOT_SIGNED: Signatures = new Map();

function* chained<T>(parts: readonly Iterable<T>[]): Iterable<T> {
  for (const part of parts) yield* part;
}
