/*
 * Tells destinations of changes of objects: at least once each, across crashes too.
 *
 *     put -> [object and change, one commit] -> change read -> outbox (durable) -> change forgotten
 *
 * N1  a change is forgotten only when what follows from it is with the outbox: a crash between the two sends it twice, none loses it.
 * N2  changes are taken in the order of their commits; destinations get them at the same time, as on S3.
 */
import type { Clock, Random } from '../../../base/index.ts';
import { DEFAULT_REGION, onAbort } from '../../../base/index.ts';
import type { Delivery, DeliveryService, RetryPolicy } from '../../../delivery/index.ts';
import type { ObjectChange, Objects } from '../../../store/index.ts';
import { type Logger, newTrace, type TraceContext } from '../../../telemetry/index.ts';
import type { NotificationRule, Settings } from '../settings.ts';
import { type NotedRule, notedRule } from './notes.ts';
import { eventMessage, testMessage } from './records.ts';

/**
 * Whether S3 may send a bucket's events there.
 * - `missing`: there is nothing of that ARN; - `fifo`: it keeps an order, which S3 does not; - `refused`: its policy does not let S3.
 */
export type DestinationState = 'open' | 'missing' | 'fifo' | 'refused';

/** What is known of destinations: who owns the queues, topics and functions is asked. */
export type AskDestination = (arn: string, bucketArn: string) => Promise<DestinationState>;

export interface NotifierDependencies {
  readonly objects: Objects;
  readonly settings: Settings;
  readonly delivery: Pick<DeliveryService, 'send'>;
  readonly ask: AskDestination;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Changes that are taken at once: each is one delivery at most, since no two rules are for one event. */
const BATCH_MAX = 500;
/** Pause after the outbox, or the store, has failed. */
const PAUSE_MS = 1000;

/** S3 does not say for how long it tries. What is given up is kept as a lost letter. */
const RETRY: RetryPolicy = { attemptsMax: 1000, ageMsMax: 24 * 3600_000, backoffMsBase: 500, backoffMsMax: 300_000 };

const SUBJECT = 'Amazon S3 Notification';

export class Notifier implements AsyncDisposable {
  readonly #dependencies: NotifierDependencies;
  readonly #closing = new AbortController();
  #running: Promise<void> | undefined;
  #isMore = false;

  constructor(dependencies: NotifierDependencies) {
    this.#dependencies = dependencies;
  }

  /** Goes on with what an earlier run has left, now that destinations are there to take it. */
  start(): void {
    this.#dependencies.objects.onChange(() => this.#wake());
    this.#wake();
  }

  /** Tells a new destination that it is one; durable when it resolves. Functions are told nothing, as on S3. */
  async sendTest(bucket: string, rule: NotificationRule, requestId: string): Promise<void> {
    if (rule.kind === 'LambdaFunction') return;
    const { clock, random, delivery } = this.#dependencies;
    const text = testMessage(bucket, requestId, clock.now());
    await delivery.send([deliveryOf(bucket, rule, text, newTrace(random))]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  #wake(): void {
    this.#isMore = true;
    if (this.#closing.signal.aborted) return;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#isMore) this.#wake();
    });
  }

  async #run(): Promise<void> {
    while (this.#isMore && !this.#closing.signal.aborted) {
      this.#isMore = false;
      try {
        if (await this.#take()) this.#isMore = true;
      } catch (error) {
        this.#dependencies.logger.warn('events-not-sent', { error });
        this.#isMore = true;
        await this.#pause();
      }
    }
  }

  /** @returns whether there may be more */
  async #take(): Promise<boolean> {
    const { objects, delivery } = this.#dependencies;
    const changes = await objects.changes(0, BATCH_MAX);
    if (changes.length === 0) return false;
    const deliveries = (await Promise.all(changes.map((change) => this.#deliveryFor(change)))).flat();
    if (deliveries.length > 0) await delivery.send(deliveries);
    await objects.forgetChanges(changes.at(-1)!.sequence);
    return true;
  }

  async #deliveryFor(change: ObjectChange): Promise<readonly Delivery[]> {
    const { settings, random, ask, logger } = this.#dependencies;
    const { bucket, type } = change;
    const rule = notedRule(settings, change);
    if (!rule) return [];
    // What it may be changes after the rule was set: a policy that no longer lets S3 in ends it.
    if ((await ask(rule.arn, arnOf(bucket))) === 'refused') {
      logger.warn('event-refused', { bucket, destination: rule.arn, event: type });
      return [];
    }
    const region = settings.peek(bucket, 'region') ?? DEFAULT_REGION;
    return [deliveryOf(bucket, rule, eventMessage(change, rule.id, region), newTrace(random))];
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#dependencies.clock.timer(PAUSE_MS, () => {
        forget();
        resolve();
      });
      const forget = onAbort(this.#closing.signal, () => {
        timer.cancel();
        resolve();
      });
    });
  }
}

function deliveryOf(bucket: string, { kind, arn }: NotedRule, text: string, trace: TraceContext): Delivery {
  return {
    arn,
    payload: Buffer.from(text),
    ...(kind === 'Topic' && { attributes: { subject: SUBJECT } }),
    policy: RETRY,
    source: arnOf(bucket),
    trace,
  };
}

const arnOf = (bucket: string) => `arn:aws:s3:::${bucket}`;
