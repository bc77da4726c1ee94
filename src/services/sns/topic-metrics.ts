import { parseArn } from '../../base/index.ts';
import type { Delivered, DeliveryService, GivenUp } from '../../delivery/index.ts';
import type { Meter, Metrics, Unit } from '../../telemetry/index.ts';
import type { Verdict } from './filter.ts';

/** AWS's metrics of topics. @see Amazon SNS developer guide, "Available Amazon SNS metrics" */
const METRICS = {
  NumberOfMessagesPublished: 'Count',
  PublishSize: 'Bytes',
  NumberOfNotificationsDelivered: 'Count',
  NumberOfNotificationsFailed: 'Count',
  NumberOfNotificationsFilteredOut: 'Count',
  'NumberOfNotificationsFilteredOut-MessageAttributes': 'Count',
  'NumberOfNotificationsFilteredOut-NoMessageAttributes': 'Count',
  'NumberOfNotificationsFilteredOut-InvalidAttributes': 'Count',
  'NumberOfNotificationsFilteredOut-MessageBody': 'Count',
  'NumberOfNotificationsFilteredOut-InvalidMessageBody': 'Count',
  NumberOfNotificationsRedrivenToDlq: 'Count',
  NumberOfNotificationsFailedToRedriveToDlq: 'Count',
} as const satisfies Record<string, Unit>;

type Name = keyof typeof METRICS;
type Meters = Record<Name, Meter>;

/** Topics whose meters are kept at hand; the others cost a look-up each. */
const TOPICS_MAX = 1000;

/** Counts what is published, and what becomes of it, in the namespace `AWS/SNS`. */
export class TopicMetrics {
  readonly #metrics: Metrics;
  readonly #meters = new Map<string, Meters>();

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  /** Counts from now on what the outbox says of topics' deliveries; returns the way to stop. */
  watch(delivery: Pick<DeliveryService, 'onDelivered' | 'onGivenUp'>): () => void {
    const stops = [
      delivery.onDelivered((one) => this.#delivered(one)),
      delivery.onGivenUp((one) => this.#givenUp(one)),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }

  published(topicArn: string, sizeBytes: number): void {
    const meters = this.#of(topicArn);
    meters.NumberOfMessagesPublished.put(1);
    meters.PublishSize.put(sizeBytes);
  }

  filteredOut(topicArn: string, why: Exclude<Verdict, 'taken'>): void {
    const meters = this.#of(topicArn);
    meters.NumberOfNotificationsFilteredOut.put(1);
    meters[`NumberOfNotificationsFilteredOut-${why}`].put(1);
  }

  failed(topicArn: string): void {
    this.#of(topicArn).NumberOfNotificationsFailed.put(1);
  }

  #delivered({ delivery }: Delivered): void {
    if (parseTopic(delivery.source) === undefined) return;
    const name = isDeadLetter(delivery) ? 'NumberOfNotificationsRedrivenToDlq' : 'NumberOfNotificationsDelivered';
    this.#of(delivery.source)[name].put(1);
  }

  #givenUp({ delivery }: GivenUp): void {
    if (parseTopic(delivery.source) === undefined) return;
    const name = isDeadLetter(delivery) ? 'NumberOfNotificationsFailedToRedriveToDlq' : 'NumberOfNotificationsFailed';
    this.#of(delivery.source)[name].put(1);
  }

  #of(topicArn: string): Meters {
    const known = this.#meters.get(topicArn);
    if (known) return known;
    const dimensions = { TopicName: parseTopic(topicArn) ?? topicArn };
    const meters = Object.fromEntries(
      Object.entries(METRICS).map(([name, unit]) => [
        name,
        this.#metrics.meter({ namespace: 'AWS/SNS', name, dimensions, unit }),
      ]),
    ) as Meters;
    if (this.#meters.size >= TOPICS_MAX) this.#meters.clear();
    this.#meters.set(topicArn, meters);
    return meters;
  }
}

function parseTopic(arn: string): string | undefined {
  if (!arn.startsWith('arn:aws:sns:')) return undefined;
  return parseArn(arn)?.resource;
}

/** A dead letter says where it comes from. */
function isDeadLetter({ attributes, idempotencyKey }: Delivered['delivery']): boolean {
  return attributes?.deadLetter !== undefined || idempotencyKey?.startsWith('dead-letter ') === true;
}
