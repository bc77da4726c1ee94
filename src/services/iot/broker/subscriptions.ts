import type * as mqtt from '../../../codec/mqtt/index.ts';
import { IOT_LIMITS } from '../limits.ts';
import { Shares } from '../shares.ts';
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
  /** It is there, and what comes now may wait for it: its turn comes. */
  readonly canWait?: boolean;
  /** What comes now is kept for it on disk, even while it is away. */
  readonly hasQueueRoom?: boolean;
  /** Whether it is let have messages of a topic, as far as that can be said now: a shared subscription gives it to another. */
  mayReceive(topic: string): boolean;
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
  /** The group that has chosen it, which gives to another what it leaves undone. */
  readonly group?: SharedGroup;
  /** What it receives of its own messages, where no-local makes a difference; `none` is nothing. */
  readonly own?: Receiver | 'none';
}

/** What stands in the trie: a subscription, or a group of those who share one. */
interface Entry {
  /** As it receives if nothing else of its subscriber matches: made once, not for every topic. */
  readonly receiver: Receiver;
  /** Absent for a group. */
  readonly subscription: Subscription | undefined;
}

interface Owned extends Entry {
  readonly subscription: Subscription;
  /** Whose share it is taken from: its subscriber may become another's. */
  readonly principal: string | undefined;
}

interface Group extends Entry {
  readonly members: SharedGroup;
}

/** Who has subscribed to what. Most clients have one subscription, which costs no map of its own. */
export class Subscriptions {
  readonly #trie = new TopicTrie<Entry>();
  readonly #bySubscriber = new Map<Subscriber, Owned | Map<string, Owned>>();
  /** By the whole filter, `$share/GROUP/FILTER`. */
  readonly #groups = new Map<string, Group>();
  readonly #shares = new Shares(IOT_LIMITS.subscriptionsBytesMax);
  #size = 0;

  /** Changes with every change: a cached result of {@link receivers} of another version is stale. */
  get version(): number {
    return this.#trie.version;
  }

  /** All of them together. */
  get size(): number {
    return this.#size;
  }

  /** Whether there is room for one more of the subscriber's principal; one that replaces another takes no more. */
  hasRoom({ principal }: Subscriber, filter: string): boolean {
    return this.#shares.mayTake(principal, bytesOf(filter));
  }

  /** Adds the subscription or replaces the one with the same filter, whether there is room or not; tells whether there was one [MQTT-3.8.4-3]. */
  add(subscription: Subscription): boolean {
    const previous = this.#find(subscription.subscriber, subscription.filter);
    if (previous) this.#leave(previous);
    else this.#size++;
    const { principal } = subscription.subscriber;
    const entry = { subscription, receiver: toReceiver([subscription]), principal };
    this.#own(entry);
    this.#join(entry);
    return previous !== undefined;
  }

  /** False when there was no such subscription. */
  remove(subscriber: Subscriber, filter: string): boolean {
    const entry = this.#find(subscriber, filter);
    if (!entry) return false;
    const own = this.#bySubscriber.get(subscriber);
    if (!(own instanceof Map)) this.#bySubscriber.delete(subscriber);
    else if (own.delete(filter) && own.size === 0) this.#bySubscriber.delete(subscriber);
    this.#size--;
    this.#leave(entry);
    return true;
  }

  removeAll(subscriber: Subscriber): void {
    const own = this.#bySubscriber.get(subscriber);
    if (!own) return;
    this.#bySubscriber.delete(subscriber);
    this.#size -= countOf(own);
    if (!(own instanceof Map)) this.#leave(own);
    else for (const entry of own.values()) this.#leave(entry);
  }

  has(subscriber: Subscriber, filter: string): boolean {
    return this.#find(subscriber, filter) !== undefined;
  }

  countOf(subscriber: Subscriber): number {
    return countOf(this.#bySubscriber.get(subscriber));
  }

  /** Those of a client, by its id; looks through all subscribers. */
  ofClient(clientId: string): readonly Subscription[] {
    for (const [subscriber, own] of this.#bySubscriber) {
      if (subscriber.clientId !== clientId) continue;
      const entries = own instanceof Map ? [...own.values()] : [own];
      return entries.map(({ subscription }) => subscription);
    }
    return [];
  }

  /** Those who share `$share/GROUP/FILTER`, while there are any. */
  group(filter: string): SharedGroup | undefined {
    return this.#groups.get(filter)?.members;
  }

  /** Who receives what is published to the topic with these levels. */
  receivers(levels: readonly string[]): readonly Receiver[] {
    const entries = this.#trie.match(levels);
    if (entries.length === 0) return NOBODY;
    if (areDistinct(entries)) return entries.map(({ receiver }) => receiver);
    const subscriptions = entries.flatMap(({ subscription }) => subscription ?? []);
    const groups = entries.filter(({ subscription }) => subscription === undefined);
    const bySubscriber = Map.groupBy(subscriptions, ({ subscriber }) => subscriber);
    return [...[...bySubscriber.values()].map(toReceiver), ...groups.map(({ receiver }) => receiver)];
  }

  /** Whether someone may have subscribed to topics that begin with these levels and go on. */
  leadsBelow(levels: readonly string[]): boolean {
    return this.#trie.leadsBelow(levels);
  }

  #find(subscriber: Subscriber, filter: string): Owned | undefined {
    const own = this.#bySubscriber.get(subscriber);
    if (own instanceof Map) return own.get(filter);
    return own?.subscription.filter === filter ? own : undefined;
  }

  #own(entry: Owned): void {
    const { subscriber, filter } = entry.subscription;
    const own = this.#bySubscriber.get(subscriber);
    if (own instanceof Map) own.set(filter, entry);
    else if (own === undefined || own.subscription.filter === filter) this.#bySubscriber.set(subscriber, entry);
    else this.#bySubscriber.set(subscriber, new Map([own, entry].map((one) => [one.subscription.filter, one])));
  }

  #join(entry: Owned): void {
    const { filter } = entry.subscription;
    this.#shares.add(entry.principal, bytesOf(filter));
    const shared = parseShared(filter);
    if (!shared) return this.#trie.add(filter, entry);
    let group = this.#groups.get(filter);
    if (!group) {
      const members = new SharedGroup(filter);
      group = { members, receiver: groupReceiver(members), subscription: undefined };
      this.#groups.set(filter, group);
      this.#trie.add(shared.filter, group);
    }
    group.members.add(entry.subscription);
  }

  #leave(entry: Owned): void {
    const { filter } = entry.subscription;
    this.#shares.remove(entry.principal, bytesOf(filter));
    const shared = parseShared(filter);
    if (!shared) return void this.#trie.delete(filter, entry);
    const group = this.#groups.get(filter)!;
    group.members.remove(entry.subscription);
    if (!group.members.isEmpty) return;
    this.#groups.delete(filter);
    this.#trie.delete(shared.filter, group);
  }
}

/** Of the objects that hold a subscription, and of those that each level of its filter may cost. */
const SUBSCRIPTION_BYTES = 300;
const LEVEL_BYTES = 110;

/** What a subscription takes, roughly, if it has no level in common with others. */
function bytesOf(filter: string): number {
  let levels = 1;
  for (let at = filter.indexOf('/'); at >= 0; at = filter.indexOf('/', at + 1)) levels++;
  return SUBSCRIPTION_BYTES + filter.length + levels * LEVEL_BYTES;
}

function countOf(own: Owned | Map<string, Owned> | undefined): number {
  if (own === undefined) return 0;
  return own instanceof Map ? own.size : 1;
}

/** So few are compared with each other; more are counted. */
const COMPARED_MAX = 8;

/** No subscriber is among them twice. */
function areDistinct(entries: readonly Entry[]): boolean {
  if (entries.length > COMPARED_MAX) {
    return new Set(entries.map(({ receiver }) => receiver.subscriber)).size === entries.length;
  }
  for (let i = 1; i < entries.length; i++) {
    for (let j = 0; j < i; j++) if (entries[i]!.receiver.subscriber === entries[j]!.receiver.subscriber) return false;
  }
  return true;
}

/** The group as one receiver; its member's own subscription says what that one gets. */
function groupReceiver(subscriber: SharedGroup): Receiver {
  return { subscriber, qos: 2, retainAsPublished: true, identifiers: NO_IDENTIFIERS };
}

const NOBODY: readonly Receiver[] = Object.freeze([]);
const NO_IDENTIFIERS: readonly number[] = Object.freeze([]);

function toReceiver(subscriptions: readonly Subscription[]): Receiver {
  const receiver = merge(subscriptions);
  if (!subscriptions.some(({ noLocal }) => noLocal)) return receiver;
  const others = subscriptions.filter(({ noLocal }) => !noLocal);
  return { ...receiver, own: others.length === 0 ? 'none' : merge(others) };
}

function merge(subscriptions: readonly Subscription[]): Receiver {
  const [first] = subscriptions;
  const identifiers = subscriptions.flatMap(({ identifier }) => identifier ?? []);
  return {
    subscriber: first!.subscriber,
    qos: Math.max(...subscriptions.map(({ qos }) => qos)) as mqtt.Qos,
    retainAsPublished: subscriptions.some(({ retainAsPublished }) => retainAsPublished),
    identifiers: identifiers.length === 0 ? NO_IDENTIFIERS : identifiers,
  };
}
