import { type Clock, onAbort, parseArn, type Random, type Timer, uuid } from '../../../base/index.ts';
import type { Properties } from '../../../codec/mqtt/index.ts';
import type { Backlog, LeasedRecord, QueueSource } from '../../../pollers/index.ts';
import { parseTraceparent, type TraceContext } from '../../../telemetry/index.ts';
import type { Arrived } from './inbox.ts';
import { BRIDGE_LIMITS } from './limits.ts';

/** The session that a source reads from. */
export interface SourceLink extends AsyncDisposable {
  start(): void;
  settle(arrived: Arrived): void;
  readonly problem: string | undefined;
}

/**
 * Topics of a foreign broker as pollers read them: a queue whose messages are ours for as long as we are connected.
 *
 * - M1 a message is acknowledged when the function is through with it; until then the broker has it.
 * - M2 messages of one topic are handed over in order: while one of them is in flight, or waits to be tried again, those behind
 *   it wait too. A batch may hold several of them.
 * - M3 the session outlives the connection: what comes while we are away waits in the broker.
 */
export class ForeignSource implements QueueSource {
  readonly kind = 'queue';
  readonly eventSource = 'millrace:mqtt';
  readonly #arn: string;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #link: SourceLink;
  /** In order of arrival. */
  readonly #messages = new Set<ForeignMessage>();
  readonly #waiters = new Set<() => void>();
  #retryTimer: Timer | undefined;

  constructor(options: {
    readonly arn: string;
    readonly clock: Clock;
    readonly random: Random;
    /** Makes the session; nothing is dialled before somebody waits for messages. */
    readonly link: (onMessage: (arrived: Arrived) => void) => SourceLink;
  }) {
    this.#arn = options.arn;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#link = options.link((arrived) => {
      this.#messages.add(new ForeignMessage(uuid(this.#random), this.#arn, arrived));
      this.#wake();
    });
  }

  async wait(signal: AbortSignal): Promise<void> {
    this.#link.start();
    while (this.#receivable(1).length === 0) {
      signal.throwIfAborted();
      await new Promise<void>((resolve, reject) => {
        const wake = () => {
          forget();
          resolve();
        };
        this.#waiters.add(wake);
        const forget = onAbort(signal, (reason) => {
          this.#waiters.delete(wake);
          reject(reason);
        });
      });
    }
  }

  /** The broker takes a message back only when we go. */
  leaseMs(): number {
    return Number.POSITIVE_INFINITY;
  }

  async receive(recordsMax: number, batch?: readonly LeasedRecord[]): Promise<readonly LeasedRecord[]> {
    const received = this.#receivable(recordsMax, new Set(batch));
    for (const message of received) message.lease();
    return received;
  }

  async delete(records: readonly LeasedRecord[]): Promise<void> {
    for (const message of records as readonly ForeignMessage[]) {
      if (this.#messages.delete(message)) this.#link.settle(message.arrived);
    }
    this.#wake();
  }

  async release(records: readonly LeasedRecord[]): Promise<void> {
    for (const message of records as readonly ForeignMessage[]) message.release();
    this.#wake();
  }

  retryLater(records: readonly LeasedRecord[]): void {
    const { retryMsBase, retryMsMax } = BRIDGE_LIMITS;
    const now = this.#clock.monotonic();
    for (const message of records as readonly ForeignMessage[]) {
      const longest = Math.min(retryMsMax, retryMsBase * 2 ** Math.min(message.receives - 1, 30));
      message.putOff(now + longest * this.#random.next());
    }
    this.#wake();
  }

  backlog(): Backlog {
    const [first, ...rest] = this.#receivable(Number.POSITIVE_INFINITY);
    if (!first) return { records: 0, ageMs: 0 };
    return { records: rest.length + 1, ageMs: Math.max(0, this.#clock.now() - first.arrivedAt) };
  }

  problem(): string | undefined {
    return this.#link.problem;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#retryTimer?.cancel();
    await this.#link[Symbol.asyncDispose]();
  }

  /** M2. */
  #receivable(max: number, batch: ReadonlySet<LeasedRecord> = NONE): ForeignMessage[] {
    const now = this.#clock.monotonic();
    const blocked = new Set<string>();
    const found: ForeignMessage[] = [];
    for (const message of this.#messages) {
      if (found.length >= max) break;
      if (batch.has(message)) continue;
      const { orderingKey: topic } = message;
      if (!blocked.has(topic) && message.isWaiting(now)) found.push(message);
      else blocked.add(topic);
    }
    return found;
  }

  /** Tells those who wait, now or when the first message that was put off is due. */
  #wake(): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const wake of waiters) wake();
    this.#retryTimer?.cancel();
    this.#retryTimer = undefined;
    const now = this.#clock.monotonic();
    let next = Number.POSITIVE_INFINITY;
    for (const { waitsUntil } of this.#messages) if (waitsUntil > now) next = Math.min(next, waitsUntil);
    if (Number.isFinite(next)) this.#retryTimer = this.#clock.timer(next - now, () => this.#wake());
  }
}

const NONE: ReadonlySet<LeasedRecord> = new Set();

class ForeignMessage implements LeasedRecord {
  readonly id: string;
  readonly arrived: Arrived;
  readonly leasedUntil = Number.POSITIVE_INFINITY;
  /** How often a function was given it. */
  receives = 0;
  /** Monotonic milliseconds; infinite while it is leased. */
  waitsUntil = 0;
  readonly #sourceArn: string;

  constructor(id: string, sourceArn: string, arrived: Arrived) {
    this.id = id;
    this.#sourceArn = sourceArn;
    this.arrived = arrived;
  }

  lease(): void {
    this.receives++;
    this.waitsUntil = Number.POSITIVE_INFINITY;
  }

  /** It was not tried. */
  release(): void {
    this.receives--;
    this.waitsUntil = 0;
  }

  putOff(until: number): void {
    this.waitsUntil = until;
  }

  isWaiting(now: number): boolean {
    return this.waitsUntil <= now;
  }

  get orderingKey(): string {
    return this.arrived.packet.topic;
  }

  get arrivedAt(): number {
    return this.arrived.arrivedAt;
  }

  get sizeBytes(): number {
    return this.arrived.packet.payload.length;
  }

  get body(): Uint8Array {
    return this.arrived.packet.payload;
  }

  get trace(): TraceContext | undefined {
    const property = this.arrived.packet.properties.userProperties?.find(([name]) => name === 'traceparent');
    const trace = property && parseTraceparent(property[1]);
    return trace?.sampled ? trace : undefined;
  }

  toEvent(): string {
    const { topic, payload, qos, retain, dup, properties } = this.arrived.packet;
    return JSON.stringify({
      messageId: this.id,
      topic,
      data: payload.toString('base64'),
      qos,
      retain,
      duplicate: dup || this.receives > 1,
      timestamp: this.arrivedAt,
      properties: eventProperties(properties),
      eventSource: 'millrace:mqtt',
      eventSourceARN: this.#sourceArn,
      awsRegion: parseArn(this.#sourceArn)!.region,
    });
  }
}

/** Properties of MQTT 5 as events show them. */
function eventProperties({
  payloadFormatIndicator,
  contentType,
  responseTopic,
  correlationData,
  messageExpiryInterval,
  userProperties,
}: Properties) {
  return {
    ...(payloadFormatIndicator !== undefined && { payloadFormatIndicator }),
    ...(contentType !== undefined && { contentType }),
    ...(responseTopic !== undefined && { responseTopic }),
    ...(correlationData && { correlationData: correlationData.toString('base64') }),
    ...(messageExpiryInterval !== undefined && { messageExpiryInterval }),
    ...(userProperties && { userProperties: userProperties.map(([name, value]) => ({ [name]: value })) }),
  };
}
