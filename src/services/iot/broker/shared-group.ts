import type { CommitGroup } from './commit-group.ts';
import type { RoutedMessage } from './message.ts';
import type { Receiver, Subscriber, Subscription } from './subscriptions.ts';

/** A shared subscription taken apart: `$share/GROUP/FILTER` (4.8.2). */
export interface SharedFilter {
  readonly group: string;
  readonly filter: string;
}

/** Reads a shared filter; `undefined` for an ordinary one. Whether its parts are valid is for {@link isValidGroup} to say. */
export function parseShared(filter: string): SharedFilter | undefined {
  if (!filter.startsWith('$share/')) return undefined;
  const slash = filter.indexOf('/', 7);
  return slash < 0
    ? { group: filter.slice(7), filter: '' }
    : { group: filter.slice(7, slash), filter: filter.slice(slash + 1) };
}

/** A share name has at least one character and no wildcard [MQTT-4.8.2-1, -2]. */
export function isValidGroup(group: string): boolean {
  return group.length > 0 && !/[+#]/.test(group);
}

/** One of a group; its members stand in a circle, in the order of their turns. */
class Member {
  readonly receiver: Receiver;
  next: Member = this;
  #previous: Member = this;

  constructor(receiver: Receiver) {
    this.receiver = receiver;
  }

  /** Alone until now. */
  joinBefore(member: Member): void {
    this.next = member;
    this.#previous = member.#previous;
    this.#previous.next = this;
    member.#previous = this;
  }

  leave(): void {
    this.#previous.next = this.next;
    this.next.#previous = this.#previous;
  }
}

/**
 * Those who share a subscription: each message goes to one of them, in turns, past those who cannot take more now or are not let have it.
 * While somebody is there, nothing is queued for those who are away: they may never come back.
 * To the routes it is one subscriber. One comes or goes without a look at the others: a group may be a fleet, which leaves at once.
 */
export class SharedGroup implements Subscriber {
  readonly clientId = undefined;
  readonly principal = undefined;
  /** `$share/GROUP/FILTER` */
  readonly filter: string;
  readonly #members = new Map<Subscription, Member>();
  /** Whose turn it is; there is one while there are members. */
  #turn: Member | undefined;

  constructor(filter: string) {
    this.filter = filter;
  }

  get isEmpty(): boolean {
    return this.#members.size === 0;
  }

  /** Whether nobody can take more. */
  get isCongested(): boolean {
    return this.#members.values().every(({ receiver }) => receiver.subscriber.isCongested);
  }

  mayReceive(topic: string): boolean {
    return this.#members.values().some(({ receiver }) => receiver.subscriber.mayReceive(topic));
  }

  /** Its turn comes after everybody else's. */
  add(subscription: Subscription): void {
    const { subscriber, qos, retainAsPublished, identifier } = subscription;
    const identifiers = identifier === undefined ? [] : [identifier];
    const member = new Member({ subscriber, qos, retainAsPublished, identifiers, group: this });
    this.#members.set(subscription, member);
    if (this.#turn) member.joinBefore(this.#turn);
    else this.#turn = member;
  }

  /** @param subscription  one that was added */
  remove(subscription: Subscription): void {
    const member = this.#members.get(subscription)!;
    this.#members.delete(subscription);
    if (this.#turn === member) this.#turn = this.isEmpty ? undefined : member.next;
    member.leave();
  }

  deliver(message: RoutedMessage): CommitGroup | undefined {
    const receiver = this.#choose(message.packet.topic);
    return receiver?.subscriber.deliver(message, receiver);
  }

  /**
   * Gives what a member has left undone, as its session has ended, to another (4.8.2): to one that can take it now, else to one that
   * keeps it on disk. To no others: a group that does not keep up would be disconnected one by one by the same messages. False when there
   * is none.
   */
  redeliver(message: RoutedMessage): boolean {
    const receiver = this.#next(message.packet.topic, isFree) ?? this.#next(message.packet.topic, hasQueueRoom);
    receiver?.subscriber.deliver(message, receiver);
    return receiver !== undefined;
  }

  /** The next one that can take more now, else the next one that is there, else the next one. */
  #choose(topic: string): Receiver | undefined {
    return this.#next(topic, isFree) ?? this.#next(topic, canWait) ?? this.#next(topic, anyone);
  }

  /** In turns; past those who are not let have it. */
  #next(topic: string, isWanted: (subscriber: Subscriber) => boolean): Receiver | undefined {
    for (let left = this.#members.size; left > 0; left--) {
      const { receiver, next }: Member = this.#turn!;
      this.#turn = next;
      if (isWanted(receiver.subscriber) && receiver.subscriber.mayReceive(topic)) return receiver;
    }
    return undefined;
  }
}

const isFree = ({ isCongested }: Subscriber) => !isCongested;
const canWait = ({ canWait: can = false }: Subscriber) => can;
const hasQueueRoom = ({ hasQueueRoom: hasRoom = false }: Subscriber) => hasRoom;
const anyone = () => true;
