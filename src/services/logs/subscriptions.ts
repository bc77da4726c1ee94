import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { ACCOUNT_ID, type Clock, parseArn, type Random, type Timer } from '../../base/index.ts';
import { encodeKey } from '../../codec/index.ts';
import type { Delivery, DeliveryService, RetryPolicy } from '../../delivery/index.ts';
import type { Records } from '../../store/index.ts';
import { type Logger, newTrace } from '../../telemetry/index.ts';
import { compilePattern } from './filter-pattern.ts';
import { type LogGroup, SUBSCRIPTIONS } from './group.ts';
import type { Groups } from './groups.ts';
import { type GroupRecord, LOGS_LIMITS, type Position, type StoredEvent, type SubscriptionFilter } from './model.ts';
import { groupArn, tokenNumber } from './operations/shapes.ts';
import type { AskSubscriber } from './subscribers.ts';

/** AWS tries for a day. */
const RETRY: RetryPolicy = {
  attemptsMax: 100_000,
  ageMsMax: 24 * 3_600_000,
  backoffMsBase: 1_000,
  backoffMsMax: 60_000,
};

const compress = promisify(gzip);

export interface SubscriptionDependencies {
  readonly groups: Groups;
  readonly delivery: Pick<DeliveryService, 'send'>;
  readonly askSubscriber: AskSubscriber;
  readonly records: Records;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Sends on what subscription filters let through. Each filter reads its group from a checkpoint of its own, and the outbox has what it
 * sends before the checkpoint moves: what a group has taken is sent at least once, whenever the node stops.
 */
export class Subscriptions implements AsyncDisposable {
  readonly #dependencies: SubscriptionDependencies;
  /** By the name of the filter; gone with the group. */
  readonly #positions = new WeakMap<LogGroup, Map<string, Position>>();
  /** Groups that are read. */
  readonly #working = new Map<string, Promise<void>>();
  /** Those that have got more meanwhile. */
  readonly #woken = new Set<string>();
  /** Filters that wait; the others of their group go on. */
  readonly #paused = new Map<string, Timer>();
  #runs = false;

  constructor(dependencies: SubscriptionDependencies) {
    this.#dependencies = dependencies;
  }

  /** Goes on where the node has stopped. Call it once destinations can be reached. */
  resume(): void {
    this.#runs = true;
    for (const record of this.#dependencies.groups.all()) this.wake(record);
  }

  /** A group has taken events, or was given a filter. Does not wait. */
  wake(record: GroupRecord): void {
    const { id, region, name, subscriptionFilters = [] } = record;
    if (!this.#runs || subscriptionFilters.length === 0) return;
    if (this.#working.has(id)) {
      this.#woken.add(id);
      return;
    }
    const work = this.#readAll(region, name).finally(() => {
      this.#working.delete(id);
      if (this.#woken.delete(id)) this.#wakeByName(region, name);
    });
    this.#working.set(id, work);
  }

  /** A filter is there no more. */
  async forget({ id }: GroupRecord, filterName: string): Promise<void> {
    this.#paused.get(keyOf(id, filterName))?.cancel();
    this.#paused.delete(keyOf(id, filterName));
    const key = encodeKey([id, filterName]);
    await this.#dependencies.records.commit({ writes: [{ kind: 'delete', space: SUBSCRIPTIONS, key }] });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#runs = false;
    for (const timer of this.#paused.values()) timer.cancel();
    await Promise.all(this.#working.values());
  }

  #wakeByName(region: string, name: string): void {
    const record = this.#dependencies.groups.list(region, name).find((one) => one.name === name);
    if (record) this.wake(record);
  }

  /** The outbox may be full, or a role lack its right: nothing is lost, it is read again. */
  #pause({ id, region, name }: GroupRecord, filter: string, error: unknown): void {
    if (!this.#runs) return;
    const { clock, logger } = this.#dependencies;
    logger.warn('log-subscription-paused', { logGroup: name, filter, error });
    const key = keyOf(id, filter);
    const timer = clock.timer(LOGS_LIMITS.subscriptionPauseMs, () => {
      this.#paused.delete(key);
      this.#wakeByName(region, name);
    });
    this.#paused.set(key, timer);
  }

  async #readAll(region: string, name: string): Promise<void> {
    const { groups } = this.#dependencies;
    for (let more = true; more && this.#runs; ) {
      const record = groups.list(region, name).find((one) => one.name === name);
      if (!record) return;
      more = false;
      for (const filter of record.subscriptionFilters ?? []) {
        if (!this.#paused.has(keyOf(record.id, filter.name))) more = (await this.#readOrPause(record, filter)) || more;
      }
    }
  }

  async #readOrPause(record: GroupRecord, filter: SubscriptionFilter): Promise<boolean> {
    try {
      return await this.#read(record, await this.#dependencies.groups.get(record.region, record.name), filter);
    } catch (error) {
      this.#pause(record, filter.name, error);
      return false;
    }
  }

  /** Sends the next events of one filter. @returns whether it has come any further */
  async #read(record: GroupRecord, group: LogGroup, filter: SubscriptionFilter): Promise<boolean> {
    const { delivery, records } = this.#dependencies;
    const from = await this.#position(record, group, filter);
    const limits = { eventsMax: LOGS_LIMITS.answerEventsMax };
    const { events, after } = await group.since(from, compilePattern(filter.pattern), limits);
    if (after.offset === from.offset && after.index === from.index) return false;
    if (events.length > 0) await this.#checkLetIn(record, filter);
    const messages = messagesOf(events);
    for (let at = 0; at < messages.length; at += LOGS_LIMITS.subscriptionSendMax) {
      const some = messages.slice(at, at + LOGS_LIMITS.subscriptionSendMax);
      await delivery.send(await Promise.all(some.map((one) => this.#delivery(record, filter, one))));
    }
    const value = Buffer.from(JSON.stringify(after));
    const checkpoint = { space: SUBSCRIPTIONS, key: encodeKey([record.id, filter.name]), value };
    await records.commit({ writes: [{ kind: 'put', ...checkpoint }] });
    this.#positionsOf(group).set(filter.name, after);
    return true;
  }

  /** Roles are asked here, where they are taken on; policies of functions are asked at every call. */
  async #checkLetIn(record: GroupRecord, { destinationArn, roleArn, name }: SubscriptionFilter): Promise<void> {
    if (roleArn === undefined) return;
    const answer = await this.#dependencies.askSubscriber(destinationArn, sourceOf(record), roleArn);
    if (answer !== 'open') throw new Error(`the destination of the filter ${name} is ${answer}`);
  }

  /** Never before the filter was made: what is known may be of one of its name that was deleted while it was sending. */
  async #position({ id }: GroupRecord, group: LogGroup, { name, from }: SubscriptionFilter): Promise<Position> {
    const position = this.#positionsOf(group).get(name) ?? (await this.#stored(id, name));
    return position && position.offset >= from ? position : { offset: from, index: 0 };
  }

  async #stored(id: string, name: string): Promise<Position | undefined> {
    const stored = await this.#dependencies.records.get(SUBSCRIPTIONS, encodeKey([id, name]));
    return stored && (JSON.parse(Buffer.from(stored.value).toString()) as Position);
  }

  #positionsOf(group: LogGroup): Map<string, Position> {
    const known = this.#positions.get(group);
    if (known) return known;
    const positions = new Map<string, Position>();
    this.#positions.set(group, positions);
    return positions;
  }

  async #delivery(record: GroupRecord, filter: SubscriptionFilter, events: readonly StoredEvent[]): Promise<Delivery> {
    const { stream } = events[0]!;
    const { random } = this.#dependencies;
    const message = {
      messageType: 'DATA_MESSAGE',
      owner: ACCOUNT_ID,
      logGroup: record.name,
      logStream: stream,
      subscriptionFilters: [filter.name],
      logEvents: events.map(({ position, timestamp, message: text }) => ({
        id: tokenNumber(position),
        timestamp,
        message: text,
      })),
    };
    const data = await compress(JSON.stringify(message));
    const toFunction = parseArn(filter.destinationArn)?.service === 'lambda';
    const partitionKey = filter.distribution === 'Random' ? random.bytes(16).toString('hex') : stream.slice(0, 256);
    return {
      arn: filter.destinationArn,
      payload: toFunction ? Buffer.from(JSON.stringify({ awslogs: { data: data.toString('base64') } })) : data,
      ...(!toFunction && { attributes: { partitionKey } }),
      policy: RETRY,
      source: sourceOf(record),
      trace: newTrace(random),
    };
  }
}

/** Events of one stream together, as many as one message holds. */
function messagesOf(events: readonly StoredEvent[]): readonly (readonly StoredEvent[])[] {
  const messages: StoredEvent[][] = [];
  const open = new Map<string, { readonly events: StoredEvent[]; bytes: number }>();
  for (const event of events) {
    const size = Buffer.byteLength(event.message) + LOGS_LIMITS.eventOverheadBytes;
    const current = open.get(event.stream);
    if (current && current.bytes + size <= LOGS_LIMITS.subscriptionBytesMax) {
      current.events.push(event);
      current.bytes += size;
    } else {
      const message = { events: [event], bytes: size };
      open.set(event.stream, message);
      messages.push(message.events);
    }
  }
  return messages;
}

/** For whom it delivers, as policies name it. */
export function sourceOf(record: GroupRecord): string {
  return `${groupArn(record)}:*`;
}

const keyOf = (groupId: string, filterName: string) => `${groupId}/${filterName}`;
