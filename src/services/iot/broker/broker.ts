import type { Clock, Timer } from '../../../base/index.ts';
import type * as mqtt from '../../../codec/mqtt/index.ts';
import type { Counter, Metrics } from '../../../telemetry/index.ts';
import { IOT_LIMITS } from '../limits.ts';
import type { CompiledRule, RuleEngine } from '../rules/engine.ts';
import type { Sessions } from '../sessions/sessions.ts';
import { type CommitGroup, type GroupCommit, joined } from './commit-group.ts';
import { forwardedProperties, ownPacket, type Publisher, RoutedMessage } from './message.ts';
import { type ReservedTopicHandler, ReservedTopics } from './reserved.ts';
import type { Retained, RetainedMessages } from './retained.ts';
import type { Receiver, Subscriber, Subscription, Subscriptions } from './subscriptions.ts';
import type { SystemTopics, SystemValue } from './system-topics.ts';

/** Where the messages of one topic go, as long as neither subscriptions nor rules change. */
interface Route {
  readonly levels: readonly string[];
  readonly handler: ReservedTopicHandler | undefined;
  receivers: readonly Receiver[];
  receiversVersion: number;
  rules: readonly CompiledRule[];
  rulesVersion: number;
}

/** Topics that lead to one rule without passing the subscribers: `$aws/rules/RULE/rest`. */
const BASIC_INGEST = '$aws/rules/';

/** Topics of the node's own events: a few messages each and one or more for each client, so that keeping routes would not pay. */
const EVENTS = '$aws/events/';

/** Told of a message that a client has published; its payload is the listener's only until it returns. */
export type PublishListener = (packet: mqtt.PublishPacket, clientId: string) => void;

/** The message broker: routes publishes to subscribers and rules. */
export interface Broker {
  /** Sessions that outlive their connections. */
  readonly sessions: Sessions;

  /**
   * Routes a message: subscribers get it at once, rules run, a retained one is kept. Synchronous and without a promise; the payload
   * may change when it has returned.
   *
   * @param source  where the packet was decoded from, if it is unchanged since: spares encoding it again
   * @returns the group whose commit makes durable what the message has caused; `undefined` when nothing is to be waited for
   */
  publish(packet: mqtt.PublishPacket, publisher: Publisher, source?: mqtt.PacketSource): CommitGroup | undefined;

  /**
   * Delivers a message to one client alone, by its own subscriptions: what a service answers to a request, which others that
   * subscribe to the same topic must not see.
   *
   * @param to  who has published the request
   */
  answer(packet: mqtt.PublishPacket, to: Publisher): CommitGroup | undefined;

  /** Adds or replaces; tells whether the client had this filter before (for retain handling 1). */
  subscribe(subscription: Subscription): boolean;
  /** False when there was no such subscription. */
  unsubscribe(subscriber: Subscriber, filter: string): boolean;
  /** Takes a subscriber out whole. */
  detach(subscriber: Subscriber): void;
  subscriptionsOf(subscriber: Subscriber): number;
  isSubscribed(subscriber: Subscriber, filter: string): boolean;
  /** Whether the node lets the subscriber's principal have one more subscription. */
  hasRoomFor(subscriber: Subscriber, filter: string): boolean;
  /** Subscriptions of a client, for those who show them: looks through all clients. */
  subscriptionsOfClient(clientId: string): readonly Subscription[];

  /** Has one listener told what clients publish, before anyone else gets it; `undefined` ends it. It must neither throw nor wait. */
  watchPublishes(listener: PublishListener | undefined): void;

  /** Whether clients may publish to a topic that begins with `$`: not to those of the server itself, as AWS has it. */
  takesFromClients(topic: string): boolean;

  /** Whether a service takes the topic over and answers whoever is connected; others have nothing to publish there. */
  answersClients(topic: string): boolean;

  /** Has a service take what clients publish to topics that begin so: see {@link ReservedTopicHandler}. */
  reserve(prefix: string, handler: ReservedTopicHandler): void;

  /** Retained messages that a new subscription gets; see {@link Retained}. */
  retained(filter: string): Retained;

  /** Someone is subscribed to this topic. */
  hasSubscribers(topic: string): boolean;

  /** Whether a message to a topic that begins with these levels and goes on may reach someone: one that cannot need not be made. */
  reachesBelow(levels: readonly string[]): boolean;

  /** Adds values to the `$SYS/broker/` topics, by the names behind that. */
  tell(values: Readonly<Record<string, SystemValue>>): void;

  /** Resolves when nothing waits for a commit. */
  drain(): Promise<void>;
}

export class RoutingBroker implements Broker {
  readonly sessions: Sessions;
  readonly #subscriptions: Subscriptions;
  readonly #retained: RetainedMessages;
  readonly #rules: RuleEngine;
  readonly #commit: GroupCommit;
  readonly #system: SystemTopics;
  readonly #reserved = new ReservedTopics();
  readonly #routes = new Map<string, Route>();
  readonly #clock: Clock;
  /** Set while a subscriber has gone that routes may still name. */
  #sweep: Timer | undefined;
  #listener: PublishListener | undefined;
  readonly #published: Counter;
  readonly #retainedRefused: Counter;

  constructor(parts: {
    readonly subscriptions: Subscriptions;
    readonly retained: RetainedMessages;
    readonly rules: RuleEngine;
    readonly commit: GroupCommit;
    readonly system: SystemTopics;
    readonly sessions: Sessions;
    readonly clock: Clock;
    readonly metrics: Metrics;
  }) {
    this.#clock = parts.clock;
    this.sessions = parts.sessions;
    this.#subscriptions = parts.subscriptions;
    this.#retained = parts.retained;
    this.#rules = parts.rules;
    this.#commit = parts.commit;
    this.#system = parts.system;
    this.#published = parts.metrics.counter('millrace_iot_messages_total', 'Messages published to the broker');
    this.#retainedRefused = parts.metrics.counter(
      'millrace_iot_retained_refused_total',
      'Retained messages not kept because a limit was reached',
    );
  }

  publish(packet: mqtt.PublishPacket, publisher: Publisher, source?: mqtt.PacketSource): CommitGroup | undefined {
    this.#published.add();
    if (this.#listener !== undefined && publisher.clientId !== undefined) this.#listener(packet, publisher.clientId);
    const { topic } = packet;
    if (topic.startsWith(BASIC_INGEST)) return this.#basicIngest(packet, publisher);
    const route = this.#route(topic);
    if (route.handler && publisher.clientId !== undefined) return route.handler(ownPacket(packet), publisher);
    let group: CommitGroup | undefined;
    if (packet.retain) group = this.#keep(packet);
    if (route.receivers.length > 0)
      group = joined(group, deliver(new RoutedMessage(packet, source), publisher, route.receivers));
    if (route.rules.length > 0) group = joined(group, this.#rules.run(route.rules, packet, route.levels, publisher));
    return group;
  }

  answer(packet: mqtt.PublishPacket, to: Publisher): CommitGroup | undefined {
    const own = this.#route(packet.topic).receivers.filter(({ subscriber }) => subscriber === to);
    return deliver(new RoutedMessage(packet), NODE, own);
  }

  subscribe(subscription: Subscription): boolean {
    return this.#subscriptions.add(subscription);
  }

  unsubscribe(subscriber: Subscriber, filter: string): boolean {
    return this.#subscriptions.remove(subscriber, filter);
  }

  detach(subscriber: Subscriber): void {
    this.#subscriptions.removeAll(subscriber);
    this.#sweep ??= this.#clock.timer(IOT_LIMITS.routeSweepMs, () => this.#forgetReceivers());
  }

  subscriptionsOf(subscriber: Subscriber): number {
    return this.#subscriptions.countOf(subscriber);
  }

  isSubscribed(subscriber: Subscriber, filter: string): boolean {
    return this.#subscriptions.has(subscriber, filter);
  }

  hasRoomFor(subscriber: Subscriber, filter: string): boolean {
    return this.#subscriptions.hasRoom(subscriber, filter);
  }

  subscriptionsOfClient(clientId: string): readonly Subscription[] {
    return this.#subscriptions.ofClient(clientId);
  }

  watchPublishes(listener: PublishListener | undefined): void {
    this.#listener = listener;
  }

  takesFromClients(topic: string): boolean {
    if (topic.startsWith('$SYS/')) return false;
    if (!topic.startsWith('$aws/') || topic.startsWith(BASIC_INGEST)) return true;
    return this.answersClients(topic);
  }

  answersClients(topic: string): boolean {
    return this.#reserved.find(topic) !== undefined;
  }

  reserve(prefix: string, handler: ReservedTopicHandler): void {
    this.#reserved.reserve(prefix, handler);
    this.#routes.clear();
  }

  retained(filter: string): Retained {
    return filter.startsWith('$SYS/') ? this.#system.matching(filter) : this.#retained.matching(filter);
  }

  hasSubscribers(topic: string): boolean {
    return this.#route(topic).receivers.length > 0;
  }

  reachesBelow(levels: readonly string[]): boolean {
    return this.#subscriptions.leadsBelow(levels) || this.#rules.leadsBelow(levels);
  }

  tell(values: Readonly<Record<string, SystemValue>>): void {
    this.#system.add(values);
  }

  drain(): Promise<void> {
    return this.#commit.drain();
  }

  #keep(packet: mqtt.PublishPacket): CommitGroup | undefined {
    if (this.#retained.set(packet, forwardedProperties(packet.properties))) return this.#commit.retain();
    this.#retainedRefused.add();
    return undefined;
  }

  /** Routes that are not used any more let go of those they led to: a connection that is over would stay in memory with them. */
  #forgetReceivers(): void {
    this.#sweep = undefined;
    for (const route of this.#routes.values()) {
      if (route.receiversVersion === this.#subscriptions.version) continue;
      route.receivers = NOBODY;
      route.receiversVersion = -1;
    }
  }

  /** Basic Ingest reaches one rule by its name; the prefix is no part of the topic that the rule sees. */
  #basicIngest(packet: mqtt.PublishPacket, publisher: Publisher): CommitGroup | undefined {
    const [name, ...levels] = packet.topic.slice(BASIC_INGEST.length).split('/');
    const rule = this.#rules.enabled(name!);
    if (!rule) return undefined;
    return this.#rules.run([rule], { ...packet, topic: levels.join('/') }, levels, publisher);
  }

  #route(topic: string): Route {
    let route = this.#routes.get(topic);
    if (route === undefined) {
      if (this.#routes.size >= IOT_LIMITS.routesMax) this.#routes.clear();
      const handler = this.#reserved.find(topic);
      route = {
        levels: topic.split('/'),
        handler,
        receivers: NOBODY,
        receiversVersion: -1,
        rules: [],
        rulesVersion: -1,
      };
      if (!topic.startsWith(EVENTS)) this.#routes.set(topic, route);
    }
    if (route.receiversVersion !== this.#subscriptions.version) {
      route.receivers = this.#subscriptions.receivers(route.levels);
      route.receiversVersion = this.#subscriptions.version;
    }
    if (route.rulesVersion !== this.#rules.version) {
      route.rules = this.#rules.match(route.levels);
      route.rulesVersion = this.#rules.version;
    }
    return route;
  }
}

const NOBODY: readonly Receiver[] = Object.freeze([]);

/** Nobody of the clients. */
const NODE: Publisher = { clientId: undefined, principal: undefined };

function deliver(
  message: RoutedMessage,
  publisher: Publisher,
  receivers: readonly Receiver[],
): CommitGroup | undefined {
  let group: CommitGroup | undefined;
  for (const receiver of receivers) {
    const { own } = receiver;
    const chosen = own === undefined || receiver.subscriber !== publisher ? receiver : own;
    if (chosen !== 'none') group = joined(group, chosen.subscriber.deliver(message, chosen));
  }
  return group;
}
