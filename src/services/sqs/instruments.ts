import type { Meter, Metrics, Unit } from '../../telemetry/index.ts';
import type { Outgoing } from './message.ts';
import type { Queue } from './queue.ts';

/**
 * What CloudWatch knows of a queue, under AWS's names.
 * @see Amazon SQS developer guide, "Available CloudWatch metrics for Amazon SQS"
 */
export class QueueInstruments {
  readonly #metrics: Metrics;
  readonly #dimensions: { readonly QueueName: string };
  readonly #sent: Meter;
  readonly #size: Meter;
  readonly #received: Meter;
  readonly #empty: Meter;
  readonly #deleted: Meter;
  readonly #deduplicated: Meter | undefined;

  constructor(metrics: Metrics, queueName: string) {
    this.#metrics = metrics;
    this.#dimensions = { QueueName: queueName };
    this.#sent = this.#meter('NumberOfMessagesSent');
    this.#size = this.#meter('SentMessageSize', 'Bytes');
    this.#received = this.#meter('NumberOfMessagesReceived');
    this.#empty = this.#meter('NumberOfEmptyReceives');
    this.#deleted = this.#meter('NumberOfMessagesDeleted');
    this.#deduplicated = queueName.endsWith('.fifo') ? this.#meter('NumberOfDeduplicatedSentMessages') : undefined;
  }

  sent(messages: readonly Outgoing[], deduplicated: number): void {
    this.#sent.put(messages.length);
    for (const { sizeBytes } of messages) this.#size.put(sizeBytes);
    if (deduplicated > 0) this.#deduplicated?.put(deduplicated);
  }

  received(messages: number): void {
    this.#received.put(messages);
  }

  receivedNothing(): void {
    this.#empty.put(1);
  }

  deleted(messages: number): void {
    this.#deleted.put(messages);
  }

  /** Puts what holds now: once a minute. */
  look(queue: Queue, now: number): void {
    const { visible, inFlight, delayed } = queue.counts;
    const { inFlight: groups, noisy, quietReady, quietInFlight, quietSince } = queue.groups;
    this.#put('ApproximateNumberOfMessagesVisible', visible);
    this.#put('ApproximateNumberOfMessagesNotVisible', inFlight);
    this.#put('ApproximateNumberOfMessagesDelayed', delayed);
    this.#put('ApproximateAgeOfOldestMessage', Math.floor(queue.oldestAgeMs / 1000), 'Seconds');
    if (queue.settings.fifo) return this.#put('ApproximateNumberOfGroupsWithInflightMessages', groups);
    this.#put('ApproximateNumberOfNoisyGroups', noisy);
    this.#put('ApproximateNumberOfMessagesVisibleInQuietGroups', quietReady);
    this.#put('ApproximateNumberOfMessagesNotVisibleInQuietGroups', quietInFlight);
    const quietAgeMs = quietSince === Number.POSITIVE_INFINITY ? 0 : Math.max(0, now - quietSince);
    this.#put('ApproximateAgeOfOldestMessageInQuietGroups', Math.floor(quietAgeMs / 1000), 'Seconds');
  }

  #put(name: string, value: number, unit: Unit = 'Count'): void {
    this.#metrics.put({ namespace: 'AWS/SQS', name, dimensions: this.#dimensions, value, unit });
  }

  #meter(name: string, unit: Unit = 'Count'): Meter {
    return this.#metrics.meter({ namespace: 'AWS/SQS', name, dimensions: this.#dimensions, unit });
  }
}
