/** sns: topics and their subscriptions. */
import type { Clock, Random, Timer } from '../../base/index.ts';
import type { DeliveryService, Target } from '../../delivery/index.ts';
import { type Records, Sequence } from '../../store/index.ts';
import type { Logger, Metrics } from '../../telemetry/index.ts';
import type { Service } from '../index.ts';
import { Asker } from './asker.ts';
import { SNS_ANSWERS } from './errors.ts';
import { defaultPolicy } from './grants.ts';
import { SNS_LIMITS, type Subscription } from './model.ts';
import { Once } from './once.ts';
import { platformOperations } from './operations/platforms.ts';
import { publishOperations } from './operations/publish.ts';
import { smsOperations } from './operations/sms.ts';
import { subscriptionOperations } from './operations/subscriptions.ts';
import { topicOperations } from './operations/topics.ts';
import { snsPermissions } from './permissions.ts';
import { Platforms } from './platform.ts';
import { Publisher } from './publisher.ts';
import { Signer } from './signing.ts';
import { TextMessages } from './sms.ts';
import { Subscriptions } from './subscriptions.ts';
import { SnsTarget } from './target.ts';
import { TopicMetrics } from './topic-metrics.ts';
import { Topics } from './topics.ts';

export { SnsError, type SnsErrorCode } from './errors.ts';
export { SNS_LIMITS, type Subscription, type Topic } from './model.ts';

export interface SnsDependencies {
  readonly records: Records;
  readonly delivery: Pick<DeliveryService, 'send' | 'onDelivered' | 'onGivenUp'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Base of the URLs in messages that no client's request has caused, `http://host:port`. */
  readonly endpoint: () => string;
  /** Base of the URLs in all messages, as others reach the node; unless given, as whoever published or subscribed did. */
  readonly linkBase?: string;
  /** Webhooks on loopback must confirm like all others (default true); `dev` may spare them. */
  readonly confirmLoopback?: boolean;
  /** Where text messages and push notifications go: URLs. Without one, what needs it is refused by name. */
  readonly webhooks?: { readonly sms?: string; readonly push?: string };
}

/** The topics of a node. */
export interface Sns extends AsyncDisposable {
  readonly service: Service;
  /** Takes deliveries to topic ARNs. */
  readonly target: Target;
  /** What its policy says of who may use a topic; `undefined` when there is none of that ARN. */
  access(topicArn: string): { readonly fifo: boolean; readonly policy: string } | undefined;
  /** Paths that begin with it are those of the certificates that messages are signed with. */
  readonly certificatePrefix: string;
  /** The certificate at a path, PEM; `undefined` when there is none. */
  certificateAt(path: string): string | undefined;
  /** Takes what a phone has answered: a word like STOP ends text messages to it. @returns whether it was one. @throws parameter-invalid */
  answered(phoneNumber: string, text: string): Promise<boolean>;
  /** All subscriptions of a region, for the flow picture. */
  subscriptions(region: string): readonly Subscription[];
}

/** Opens the service over its store; what it sends is the outbox's. */
export async function openSns(dependencies: SnsDependencies): Promise<Sns> {
  const { records, random, clock, logger, delivery, endpoint, confirmLoopback = true, webhooks = {} } = dependencies;
  const { linkBase } = dependencies;
  const topics = await Topics.open(records);
  const subscriptions = await Subscriptions.open(records, dependencies);
  const platforms = await Platforms.open(records, random);
  const textMessages = await TextMessages.open(records, dependencies);
  const signer = await Signer.open(records, clock, random);
  const once = new Once(records, clock);
  const topicMetrics = new TopicMetrics(dependencies.metrics);
  const asker = new Asker({ delivery, signer, clock, random, linkBase });
  const publisher = new Publisher({
    ...{ subscriptions, delivery, once, signer, topicMetrics, clock, random, logger, webhooks, textMessages, linkBase },
    sequence: await Sequence.open(records, 'sns/sequence'),
    device: (arn) => platforms.target(arn),
  });
  const sweepers = [
    new Sweeper(clock, logger, SNS_LIMITS.sweepMs, () => subscriptions.sweep()),
    new Sweeper(clock, logger, SNS_LIMITS.deduplicationSweepMs, () => once.sweep()),
  ];
  const unwatch = topicMetrics.watch(delivery);
  const phones = { platforms, textMessages, webhooks, delivery, random };
  return {
    service: {
      name: 'sns',
      operations: {
        ...topicOperations(topics, subscriptions),
        ...subscriptionOperations({ topics, subscriptions, platforms, asker, webhooks, confirmLoopback }),
        ...publishOperations({ topics, publisher, ...phones }),
        ...platformOperations(platforms),
        ...smsOperations(phones),
      },
      open: new Set(['ConfirmSubscription', 'Unsubscribe']),
      permissions: snsPermissions(topics),
      errors: SNS_ANSWERS,
    },
    target: new SnsTarget(topics, publisher, endpoint),
    access: (arn) => {
      const attributes = topics.find(arn)?.attributes;
      return attributes && { fifo: attributes.FifoTopic === 'true', policy: attributes.Policy ?? defaultPolicy(arn) };
    },
    certificatePrefix: Signer.prefix,
    certificateAt: (path) => signer.certificateAt(path),
    answered: (phoneNumber, text) => textMessages.answered(phoneNumber, text),
    subscriptions: (region) => subscriptions.inRegion(region),
    [Symbol.asyncDispose]: async () => {
      unwatch();
      await Promise.all(sweepers.map((sweeper) => sweeper[Symbol.asyncDispose]()));
    },
  };
}

/** Forgets now and then what has expired. */
class Sweeper implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #everyMs: number;
  readonly #work: () => Promise<void>;
  #timer: Timer | undefined;
  #running: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(clock: Clock, logger: Logger, everyMs: number, work: () => Promise<void>) {
    this.#clock = clock;
    this.#logger = logger;
    this.#everyMs = everyMs;
    this.#work = work;
    this.#later();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#running;
  }

  #later(): void {
    this.#timer = this.#clock.timer(this.#everyMs, () => {
      this.#running = this.#work()
        .catch((error: unknown) => this.#logger.warn('topics-not-swept', { error }))
        .finally(() => {
          if (!this.#closed) this.#later();
        });
    });
  }
}
