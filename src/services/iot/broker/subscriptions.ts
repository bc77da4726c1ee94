import type * as mqtt from '../../../codec/mqtt/index.ts';
import type { CommitGroup } from './commit-group.ts';
import type { Publisher, RoutedMessage } from './message.ts';
import { parseShared, SharedGroup } from './shared-group.ts';
import { TopicTrie } from './trie.ts';

/** A connection, or anything else that receives messages. */
export interface Subscriber extends Publisher {
  /**
   * Takes a message over, at once: it must neither throw nor wait. A subscriber that cannot keep up drops or disconnects by
   * its own limits, so that it costs bounded memory.
   *
   * @returns the group that makes the message durable for the subscriber; `undefined` when nothing of it is kept
   */
  deliver(message: RoutedMessage, receiver: Receiver): CommitGroup | undefined;
  /** It would drop or queue what came now: a shared subscription gives it to another. */
  readonly isCongested: boolean;
}

/** What a client has asked for; one per client and filter. */
export interface Subscription {
  readonly subscriber: Subscriber;
  readonly filter: string;
  readonly qos: mqtt.Qos;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly identifier?: number;
}

/** All subscriptions of one subscriber that match a topic, as one: it gets one copy with the highest QoS (3.3.4). */
export interface Receiver {
  readonly subscriber: Subscriber;
  readonly qos: mqtt.Qos;
  readonly retainAsPublished: boolean;
  readonly identifiers: readonly number[];
  /** What it receives of its own messages, where no-local makes a difference; `none` is nothing. */
  readonly own?: Receiver | 'none';
}

/** Who has subscribed to what. */
export class Subscriptions {
  readonly #trie = new TopicTrie<Subscription | SharedGroup>();
  readonly #bySubscriber = new Map<Subscriber, Map<string, Subscription>>();
  /** By the whole filter, `$share/GROUP/FILTER`. */
  readonly #groups = new Map<string, SharedGroup>();
  #size = 0;

  /** Changes with every change: a cached result of {@link receivers} of another version is stale. */
  get version(): number {
    return this.#trie.version;
  }

  /** All of them together. */
  get size(): number {
    return this.#size;
  }

  /** Adds the subscription or replaces the one with the same filter; tells whether there was one [MQTT-3.8.4-3]. */
  add(subscription: Subscription): boolean {
    const { subscriber, filter } = subscription;
    const own = this.#bySubscriber.get(subscriber) ?? new Map<string, Subscription>();
    this.#bySubscriber.set(subscriber, own);
    const previous = own.get(filter);
    if (previous) this.#leave(previous);
    own.set(filter, subscription);
    if (!previous) this.#size++;
    this.#join(subscription);
    return previous !== undefined;
  }

  /** False when there was no such subscription. */
  remove(subscriber: Subscriber, filter: string): boolean {
    const own = this.#bySubscriber.get(subscriber);
    const subscription = own?.get(filter);
    if (!own || !subscription) return false;
    own.delete(filter);
    this.#size--;
    if (own.size === 0) this.#bySubscriber.delete(subscriber);
    this.#leave(subscription);
    return true;
  }

  removeAll(subscriber: Subscriber): void {
    const own = this.#bySubscriber.get(subscriber);
    if (!own) return;
    this.#bySubscriber.delete(subscriber);
    this.#size -= own.size;
    for (const subscription of own.values()) this.#leave(subscription);
  }

  countOf(subscriber: Subscriber): number {
    return this.#bySubscriber.get(subscriber)?.size ?? 0;
  }

  /** Those of a client, by its id; looks through all subscribers. */
  ofClient(clientId: string): readonly Subscription[] {
    for (const [subscriber, own] of this.#bySubscriber) if (subscriber.clientId === clientId) return [...own.values()];
    return [];
  }

  /** Who receives what is published to the topic with these levels. */
  receivers(levels: readonly string[]): readonly Receiver[] {
    const matches = this.#trie.match(levels);
    if (matches.length === 0) return NOBODY;
    const subscriptions = matches.filter((match): match is Subscription => !(match instanceof SharedGroup));
    const bySubscriber = Map.groupBy(subscriptions, ({ subscriber }) => subscriber);
    const shared = matches.filter((match): match is SharedGroup => match instanceof SharedGroup);
    return [...[...bySubscriber.values()].map(toReceiver), ...shared.map(groupReceiver)];
  }

  #join(subscription: Subscription): void {
    const shared = parseShared(subscription.filter);
    if (!shared) return this.#trie.add(subscription.filter, subscription);
    let group = this.#groups.get(subscription.filter);
    if (!group) {
      group = new SharedGroup();
      this.#groups.set(subscription.filter, group);
      this.#trie.add(shared.filter, group);
    }
    group.add(subscription);
  }

  #leave(subscription: Subscription): void {
    const { filter } = subscription;
    const shared = parseShared(filter);
    if (!shared) return void this.#trie.delete(filter, subscription);
    const group = this.#groups.get(filter)!;
    group.remove(subscription);
    if (!group.isEmpty) return;
    this.#groups.delete(filter);
    this.#trie.delete(shared.filter, group);
  }
}

/** The group as one receiver; its member's own subscription says what that one gets. */
function groupReceiver(subscriber: SharedGroup): Receiver {
  return { subscriber, qos: 2, retainAsPublished: true, identifiers: [] };
}

const NOBODY: readonly Receiver[] = Object.freeze([]);

function toReceiver(subscriptions: readonly Subscription[]): Receiver {
  const receiver = merge(subscriptions);
  if (!subscriptions.some(({ noLocal }) => noLocal)) return receiver;
  const others = subscriptions.filter(({ noLocal }) => !noLocal);
  return { ...receiver, own: others.length === 0 ? 'none' : merge(others) };
}

function merge(subscriptions: readonly Subscription[]): Receiver {
  const [first] = subscriptions;
  return {
    subscriber: first!.subscriber,
    qos: Math.max(...subscriptions.map(({ qos }) => qos)) as mqtt.Qos,
    retainAsPublished: subscriptions.some(({ retainAsPublished }) => retainAsPublished),
    identifiers: subscriptions.flatMap(({ identifier }) => identifier ?? []),
  };
}
