import { type Clock, type Random, uuid } from '../../base/index.ts';
import { DELIVERY_LIMITS, type DeliveryService } from '../../delivery/index.ts';
import type { Sequence } from '../../store/index.ts';
import type { Metrics, TraceContext } from '../../telemetry/index.ts';
import { deliveriesOf } from './fan-out.ts';
import { type Notification, type PublishInput, readMessage } from './message.ts';
import type { Topic } from './model.ts';
import type { Topics } from './topics.ts';

export interface PublisherDependencies {
  readonly topics: Topics;
  readonly delivery: Pick<DeliveryService, 'send'>;
  readonly sequence: Sequence;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
}

/** Turns messages into deliveries to all that subscribe. */
export class Publisher {
  readonly #dependencies: PublisherDependencies;

  constructor(dependencies: PublisherDependencies) {
    this.#dependencies = dependencies;
  }

  /** Checks a message and gives it its id. @throws parameter-invalid */
  prepare(input: PublishInput, topic: Topic): Notification {
    const { clock, random, sequence } = this.#dependencies;
    const fifo = topic.attributes.FifoTopic === 'true';
    return {
      ...readMessage(input, topic),
      id: uuid(random),
      topicArn: topic.arn,
      publishedAt: clock.now(),
      ...(fifo && { sequenceNumber: String(10_000_000_000_000_000_000n + BigInt(sequence.take()) * 1000n) }),
    };
  }

  /** Hands messages to the outbox; durable when it resolves. @param endpoint  base of the URLs in them */
  async publish(messages: readonly Notification[], topic: Topic, endpoint: string, trace: TraceContext): Promise<void> {
    const { topics, delivery, metrics } = this.#dependencies;
    const subscriptions = topics.subscriptions(topic.arn);
    const deliveries = messages.flatMap((message) => deliveriesOf(message, topic, subscriptions, endpoint, trace));
    for (let at = 0; at < deliveries.length; at += DELIVERY_LIMITS.sendMax) {
      await delivery.send(deliveries.slice(at, at + DELIVERY_LIMITS.sendMax));
    }
    const dimensions = { TopicName: topic.name };
    const count = { namespace: 'AWS/SNS', dimensions, unit: 'Count' } as const;
    metrics.put({ ...count, name: 'NumberOfMessagesPublished', value: messages.length });
  }
}
