import { timingSafeEqual } from 'node:crypto';
import { ACCOUNT_ID, type Clock, type Random, Turns, uuid } from '../../base/index.ts';
import { type Records, Registry } from '../../store/index.ts';
import { topicOfSubscription } from './arns.ts';
import { invalid, SnsError, subscriptionNotFound } from './errors.ts';
import { type Ended, type Protocol, SNS_LIMITS, type Subscription, type Topic } from './model.ts';
import { type Route, routeOf } from './routes.ts';
import { changedAttributes, checkEndpoint } from './subscription-attributes.ts';

type Settings = Readonly<Record<string, string>>;

/** What came of a call of Subscribe. */
export interface Subscribed {
  readonly subscription: Subscription;
  /** Its endpoint is to be asked: it has just begun to wait, or may be asked once more. */
  readonly ask: boolean;
}

/**
 * Subscriptions of a node and the rules they keep.
 *
 *     subscribe -> waits for its token -> confirmed -> ended -> restored with a token, for two days
 *         '----- needs no token ----------^   ^-----------------'
 *
 * V1. One subscription of a topic, protocol and endpoint: whoever asks for it again gets it. (`#byEndpoint`)
 * V2. Routes of a topic are worked out again after each change of it or of its subscriptions, never a message. (`#routes`)
 * V3. Changes of the subscriptions of one topic take effect one after the other. (`#turns`)
 */
export class Subscriptions {
  readonly #subscriptions: Registry<Subscription>;
  readonly #ended: Registry<Ended>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #turns = new Turns();
  readonly #byEndpoint = new Map<string, string>();
  readonly #routes = new Map<string, { readonly topic: Topic; readonly routes: readonly Route[] }>();

  private constructor(
    subscriptions: Registry<Subscription>,
    ended: Registry<Ended>,
    { clock, random }: { readonly clock: Clock; readonly random: Random },
  ) {
    this.#subscriptions = subscriptions;
    this.#ended = ended;
    this.#clock = clock;
    this.#random = random;
    for (const one of subscriptions.list()) this.#byEndpoint.set(endpointKey(one), one.arn);
  }

  static async open(records: Records, ground: { readonly clock: Clock; readonly random: Random }) {
    const subscriptions = await Registry.open<Subscription>(records, 'sns/subscriptions');
    return new Subscriptions(subscriptions, await Registry.open<Ended>(records, 'sns/ended'), ground);
  }

  of(topicArn: string): readonly Subscription[] {
    return this.#subscriptions.list(`${topicArn}:`);
  }

  inRegion(region: string): readonly Subscription[] {
    return this.#subscriptions.list(`arn:aws:sns:${region}:`);
  }

  /** @throws parameter-invalid: no ARN of a subscription; not-found */
  get(arn: string): Subscription {
    const found = this.#subscriptions.get(arn);
    if (found) return found;
    topicOfSubscription(arn);
    throw subscriptionNotFound();
  }

  /** Confirmed subscriptions of a topic, ready to be sent to. */
  routes(topic: Topic): readonly Route[] {
    const known = this.#routes.get(topic.arn);
    // A topic that was changed is another value.
    if (known?.topic === topic) return known.routes;
    const routes = this.of(topic.arn)
      .filter(({ token }) => token === undefined)
      .map((one) => routeOf(one, topic));
    this.#routes.set(topic.arn, { topic, routes });
    return routes;
  }

  /**
   * Subscribes an endpoint; the same again is the same subscription.
   * @param confirmed  false makes it wait for its token
   * @throws parameter-invalid, subscription-limit, filter-limit
   */
  async subscribe(
    topic: Topic,
    protocol: string,
    endpoint: string,
    attributes: Settings,
    confirmed: boolean,
  ): Promise<Subscribed> {
    checkEndpoint(protocol, endpoint, topic);
    const settings = changedAttributes({}, attributes, { protocol, endpoint, topic }, 'create');
    return this.#turns.run(topic.arn, async () => {
      const arn = this.#byEndpoint.get(endpointKey({ topicArn: topic.arn, protocol, endpoint }));
      if (arn !== undefined) return this.#again(this.get(arn), settings);
      this.#checkLimits(topic, settings);
      const now = this.#clock.now();
      const subscription: Subscription = {
        ...{ arn: `${topic.arn}:${uuid(this.#random)}`, topicArn: topic.arn, protocol, endpoint },
        ...{ owner: ACCOUNT_ID, createdAt: now },
        ...(confirmed ? { authenticated: true } : { token: newToken(this.#random), asked: { times: 1, at: now } }),
        attributes: settings,
      };
      await this.#put(subscription);
      return { subscription, ask: !confirmed };
    });
  }

  async #again(existing: Subscription, settings: Settings): Promise<Subscribed> {
    const differ = Object.keys(settings).some((name) => existing.attributes[name] !== settings[name]);
    if (differ) throw invalid('Attributes Reason: Subscription already exists with different attributes');
    const { token, asked = { times: 0, at: 0 } } = existing;
    if (token === undefined) return { subscription: existing, ask: false };
    const now = this.#clock.now();
    const often = asked.times >= SNS_LIMITS.confirmationsMax;
    const sinceMs = now - asked.at;
    // A clock that was ahead has asked later than now: that must not keep the endpoint waiting until then.
    const justNow = sinceMs >= 0 && sinceMs < SNS_LIMITS.confirmationIntervalMs;
    if (often || justNow) return { subscription: existing, ask: false };
    const subscription = { ...existing, asked: { times: asked.times + 1, at: now } };
    await this.#put(subscription);
    return { subscription, ask: true };
  }

  #checkLimits(topic: Topic, { FilterPolicy }: Settings): void {
    const all = this.of(topic.arn);
    const fifo = topic.attributes.FifoTopic === 'true';
    const most = fifo ? SNS_LIMITS.subscriptionsPerFifoTopicMax : SNS_LIMITS.subscriptionsPerTopicMax;
    if (all.length >= most) throw new SnsError('subscription-limit', `The topic has ${most} subscriptions already`);
    if (FilterPolicy !== undefined) this.#checkFilters(all);
  }

  #checkFilters(all: readonly Subscription[]): void {
    const most = SNS_LIMITS.filterPoliciesPerTopicMax;
    if (all.filter(({ attributes }) => attributes.FilterPolicy !== undefined).length < most) return;
    throw new SnsError('filter-limit', `The topic has ${most} filter policies already`);
  }

  /**
   * Takes a token back: of a subscription that waits, or of one that was ended.
   * @param strict  true, from a signed request, keeps unsigned ones from ending it
   * @throws parameter-invalid
   */
  async confirm(topicArn: string, token: string, strict: boolean): Promise<Subscription> {
    if (!/^[0-9a-f]{256}$/.test(token)) throw new SnsError('parameter-invalid', 'Invalid token');
    return this.#turns.run(topicArn, async () => {
      const waiting = this.of(topicArn).find((one) => one.token !== undefined && same(one.token, token));
      const confirmed = waiting ?? this.#endedBy(topicArn, token)?.subscription;
      if (!confirmed) throw invalid('Token');
      const { token: _, asked: __, ...rest } = confirmed;
      const subscription = { ...rest, ...(strict && { authenticateOnUnsubscribe: true as const }) };
      await this.#put(subscription);
      if (!waiting) await this.#ended.delete(subscription.arn);
      return subscription;
    });
  }

  #endedBy(topicArn: string, token: string): Ended | undefined {
    const oldest = this.#clock.now() - SNS_LIMITS.tokenMs;
    const found = this.#ended.list(`${topicArn}:`).find((one) => one.endedAt > oldest && same(one.token, token));
    // V1: whoever has subscribed the endpoint again since has nothing to restore.
    return found && !this.#byEndpoint.has(endpointKey(found.subscription)) ? found : undefined;
  }

  async setAttribute(arn: string, topic: Topic, name: string, value: string): Promise<void> {
    await this.#turns.run(topic.arn, async () => {
      const subscription = this.get(arn);
      const { attributes } = subscription;
      const changed = changedAttributes(attributes, { [name]: value }, { ...subscription, topic }, 'set');
      if (changed.FilterPolicy !== undefined && attributes.FilterPolicy === undefined) {
        this.#checkFilters(this.of(topic.arn));
      }
      await this.#put({ ...subscription, attributes: changed });
    });
  }

  /**
   * Ends a subscription; one that is not there is no error.
   * @param allowed  asked about the subscription; it throws when the caller may not end it
   * @returns what may restore it; `undefined` when there was nothing to end
   */
  async end(arn: string, allowed: (subscription: Subscription) => void): Promise<Ended | undefined> {
    return this.#turns.run(topicOfSubscription(arn), async () => {
      const subscription = this.#subscriptions.get(arn);
      if (!subscription) return undefined;
      allowed(subscription);
      const ended = { subscription, token: newToken(this.#random), endedAt: this.#clock.now() };
      if (restorable(subscription)) await this.#keep(ended);
      await this.#remove(subscription);
      return ended;
    });
  }

  async #keep(ended: Ended): Promise<void> {
    if (this.#ended.size >= SNS_LIMITS.endedMax) {
      const [oldest] = this.#ended.list().toSorted((a, b) => a.endedAt - b.endedAt);
      await this.#ended.delete(oldest!.subscription.arn);
    }
    await this.#ended.put(ended.subscription.arn, ended);
  }

  /** Removes all subscriptions of a topic, those that could be restored too. */
  async removeAll(topicArn: string): Promise<void> {
    await this.#turns.run(topicArn, async () => {
      for (const subscription of this.of(topicArn)) await this.#remove(subscription);
      for (const { subscription } of this.#ended.list(`${topicArn}:`)) await this.#ended.delete(subscription.arn);
    });
    this.#routes.delete(topicArn);
  }

  /** Forgets what was not confirmed, or not restored, in time. */
  async sweep(): Promise<void> {
    const oldest = this.#clock.now() - SNS_LIMITS.tokenMs;
    for (const { arn, topicArn, token, createdAt } of this.#subscriptions.list()) {
      if (token === undefined || createdAt === undefined || createdAt > oldest) continue;
      await this.#turns.run(topicArn, async () => {
        const still = this.#subscriptions.get(arn);
        if (still?.token !== undefined) await this.#remove(still);
      });
    }
    for (const { subscription, endedAt } of this.#ended.list()) {
      if (endedAt <= oldest) await this.#ended.delete(subscription.arn);
    }
  }

  async #put(subscription: Subscription): Promise<void> {
    await this.#subscriptions.put(subscription.arn, subscription);
    this.#byEndpoint.set(endpointKey(subscription), subscription.arn);
    this.#routes.delete(subscription.topicArn);
  }

  async #remove(subscription: Subscription): Promise<void> {
    await this.#subscriptions.delete(subscription.arn);
    this.#byEndpoint.delete(endpointKey(subscription));
    this.#routes.delete(subscription.topicArn);
  }
}

/** Whose owner is not the account, and may have been unsubscribed by somebody else. */
export function restorable({ protocol, token }: Subscription): boolean {
  return token === undefined && (MUST_CONFIRM as readonly string[]).includes(protocol);
}

/** Endpoints that must say themselves that they want to be subscribed. */
export const MUST_CONFIRM = ['http', 'https', 'email', 'email-json'] as const satisfies readonly Protocol[];

function endpointKey({
  topicArn,
  protocol,
  endpoint,
}: Pick<Subscription, 'topicArn' | 'protocol' | 'endpoint'>): string {
  return `${topicArn} ${protocol} ${endpoint}`;
}

function newToken(random: Random): string {
  return random.bytes(128).toString('hex');
}

function same(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
