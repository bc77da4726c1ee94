/** sns: topics and their subscriptions. */
import type { Clock, Random } from '../../base/index.ts';
import type { DeliveryService, Target } from '../../delivery/index.ts';
import { type Records, Sequence } from '../../store/index.ts';
import type { Logger, Metrics } from '../../telemetry/index.ts';
import type { Service } from '../index.ts';
import { SNS_ANSWERS } from './errors.ts';
import type { Subscription } from './model.ts';
import { publishOperations } from './operations/publish.ts';
import { subscriptionOperations } from './operations/subscriptions.ts';
import { topicOperations } from './operations/topics.ts';
import { Publisher } from './publisher.ts';
import { SnsTarget } from './target.ts';
import { Topics } from './topics.ts';

export { SnsError, type SnsErrorCode } from './errors.ts';
export { SNS_LIMITS, type Subscription, type Topic } from './model.ts';

export interface SnsDependencies {
  readonly records: Records;
  readonly delivery: Pick<DeliveryService, 'send'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Base of the URLs in messages that no client's request has caused, `http://host:port`. */
  readonly endpoint: () => string;
  /** Webhooks on loopback must confirm like all others (default true); `dev` may spare them. */
  readonly confirmLoopback?: boolean;
  /** URLs that take text messages and mobile push as JSON; a protocol without one cannot be subscribed to. */
  readonly webhooks?: { readonly sms?: string; readonly push?: string };
}

/** The topics of a node. */
export interface Sns extends AsyncDisposable {
  readonly service: Service;
  /** Takes deliveries to topic ARNs. */
  readonly target: Target;
  /** All subscriptions of a region, for the flow picture. */
  subscriptions(region: string): readonly Subscription[];
}

/** Opens the service over its store; what it sends is the outbox's. */
export async function openSns(dependencies: SnsDependencies): Promise<Sns> {
  const { records, random, endpoint, confirmLoopback = true } = dependencies;
  const topics = await Topics.open(records, random);
  const sequence = await Sequence.open(records, 'sns/sequence');
  const publisher = new Publisher({ ...dependencies, topics, sequence });
  return {
    service: {
      name: 'sns',
      operations: {
        ...topicOperations(topics),
        ...subscriptionOperations({ ...dependencies, topics, confirmLoopback }),
        ...publishOperations(topics, publisher),
      },
      errors: SNS_ANSWERS,
    },
    target: new SnsTarget(topics, publisher, endpoint),
    subscriptions: (region) => topics.allSubscriptions(region),
    [Symbol.asyncDispose]: async () => {},
  };
}
