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
  readonly #positions = new Map<string, Position>();
  /** Groups that are read. */
  readonly #working = new Map<string, Promise<void>>();
  /** Those that have got more meanwhile. */
  readonly #woken = new Set<string>();
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
    if (!this.#runs || subscriptionFilters.length === 0 || this.#paused.has(id)) return;
    if (this.#working.has(id)) {
      this.#woken.add(id);
      return;
    }
    const work = this.#readAll(region, name)
      .catch((error: unknown) => this.#pause(record, error))
      .finally(() => {
        this.#working.delete(id);
        if (this.#woken.delete(id)) this.#wakeByName(region, name);
      });
    this.#working.set(id, work);
  }

  /** A filter is there no more. */
  async forget({ id }: GroupRecord, filterName: string): Promise<void> {
    this.#positions.delete(keyOf(id, filterName));
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
  #pause({ id, region, name }: GroupRecord, error: unknown): void {
    if (!this.#runs || this.#paused.has(id)) return;
    const { clock, logger } = this.#dependencies;
    logger.warn('log-subscription-paused', { logGroup: name, error });
    const timer = clock.timer(LOGS_LIMITS.subscriptionPauseMs, () => {
      this.#paused.delete(id);
      this.#wakeByName(region, name);
    });
    this.#paused.set(id, timer);
  }

  async #readAll(region: string, name: string): Promise<void> {
    const { groups } = this.#dependencies;
    for (let more = true; more && this.#runs; ) {
      const record = groups.list(region, name).find((one) => one.name === name);
      if (!record) return;
      const group = await groups.get(region, name);
      more = false;
      for (const filter of record.subscriptionFilters ?? []) more = (await this.#read(record, group, filter)) || more;
    }
  }

  /** Sends the next events of one filter. @returns whether it has come any further */
  async #read(record: GroupRecord, group: LogGroup, filter: SubscriptionFilter): Promise<boolean> {
    const { delivery, records } = this.#dependencies;
    const from = await this.#position(record, filter);
    const limits = { eventsMax: LOGS_LIMITS.answerEventsMax };
    const { events, after } = await group.filter(from, () => true, compilePattern(filter.pattern), limits);
    if (after.offset === from.offset && after.index === from.index) return false;
    if (events.length > 0 && !(await this.#isLetIn(record, filter))) return false;
    const deliveries = await Promise.all(messagesOf(events).map((one) => this.#delivery(record, filter, one)));
    if (deliveries.length > 0) await delivery.send(deliveries);
    const value = Buffer.from(JSON.stringify(after));
    const checkpoint = { space: SUBSCRIPTIONS, key: encodeKey([record.id, filter.name]), value };
    await records.commit({ writes: [{ kind: 'put', ...checkpoint }] });
    this.#positions.set(keyOf(record.id, filter.name), after);
    return true;
  }

  /** Roles are asked here, where they are taken on; policies of functions are asked at every call. */
  async #isLetIn(record: GroupRecord, { destinationArn, roleArn, name }: SubscriptionFilter): Promise<boolean> {
    if (roleArn === undefined) return true;
    const answer = await this.#dependencies.askSubscriber(destinationArn, sourceOf(record), roleArn);
    if (answer !== 'open') this.#pause(record, new Error(`the destination of the filter ${name} is ${answer}`));
    return answer === 'open';
  }

  async #position({ id }: GroupRecord, { name, from }: SubscriptionFilter): Promise<Position> {
    const known = this.#positions.get(keyOf(id, name));
    if (known) return known;
    const stored = await this.#dependencies.records.get(SUBSCRIPTIONS, encodeKey([id, name]));
    const position = stored && (JSON.parse(Buffer.from(stored.value).toString()) as Position);
    return position ?? { offset: from, index: 0 };
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
    const size = event.message.length + LOGS_LIMITS.eventOverheadBytes;
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
