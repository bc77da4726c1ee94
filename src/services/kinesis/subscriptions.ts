import { ACCOUNT_ID, type Clock, onAbort } from '../../base/index.ts';
import type { LogRecord, Offset } from '../../store/index.ts';
import { KinesisError } from './errors.ts';
import { KINESIS_LIMITS } from './limits.ts';
import { childShards, millisBehind } from './reading.ts';
import type { KinesisRecord, Shard } from './shard.ts';
import type { Stream } from './stream.ts';

/** What a subscription sends. */
export interface SubscribeToShardEvent {
  readonly Records: readonly KinesisRecord[];
  readonly ContinuationSequenceNumber: string;
  readonly MillisBehindLatest: number;
  readonly ChildShards?: ReturnType<typeof childShards>;
}

interface Subscription {
  readonly since: number;
  readonly end: AbortController;
}

/** The open subscriptions of the node: one for each consumer and shard. */
export class Subscriptions {
  readonly #clock: Clock;
  readonly #open = new Map<string, Subscription>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Opens a subscription from `from` on. It ends after five minutes, when the client goes, when the shard ends (the last event
   * names the children), when the stream is deleted, or when the same consumer subscribes again.
   *
   * @throws in-use: the consumer has subscribed to the shard within the last five seconds
   */
  open(
    stream: Stream,
    shard: Shard,
    consumerArn: string,
    from: Offset,
    signal: AbortSignal,
  ): AsyncIterable<{ readonly SubscribeToShardEvent: SubscribeToShardEvent }> {
    const key = `${consumerArn}/${shard.id}`;
    const now = this.#clock.monotonic();
    const other = this.#open.get(key);
    if (other && now - other.since < KINESIS_LIMITS.subscriptionTakeoverMs) {
      throw new KinesisError(
        'in-use',
        `Another active subscription exists for this consumer: ${ACCOUNT_ID}:${stream.name}:${shard.id}:${consumerArn}`,
      );
    }
    other?.end.abort();
    const mine: Subscription = { since: now, end: new AbortController() };
    this.#open.set(key, mine);
    return this.#events(stream, shard, from, mine, signal, () => {
      if (this.#open.get(key) === mine) this.#open.delete(key);
    });
  }

  /** Ends all: for a node that drains. */
  endAll(): void {
    for (const { end } of this.#open.values()) end.abort();
  }

  async *#events(
    stream: Stream,
    shard: Shard,
    from: Offset,
    { end }: Subscription,
    signal: AbortSignal,
    onEnd: () => void,
  ): AsyncGenerator<{ readonly SubscribeToShardEvent: SubscribeToShardEvent }> {
    const timer = this.#clock.timer(KINESIS_LIMITS.subscriptionMsMax, () => end.abort());
    const forget = onAbort(signal, () => end.abort());
    let next = from;
    // The first event comes at once, with or without records: it tells the client that the subscription stands.
    let due = true;
    try {
      while (!end.signal.aborted && !stream.isDeleted) {
        const finished = shard.isFinishedAt(next);
        const records = finished ? [] : await read(shard, next);
        next = records.length > 0 ? records.at(-1)!.offset + 1 : next;
        if (due || finished || records.length > 0) {
          yield { SubscribeToShardEvent: toEvent(stream, shard, next, records, this.#clock.now()) };
        }
        if (finished) return;
        due = records.length === 0 && (await this.#pause(shard, next, end.signal)) === 'idle';
      }
    } finally {
      timer.cancel();
      forget();
      onEnd();
    }
  }

  /** Until there is something to read, or it is time to say that there is nothing. */
  async #pause(shard: Shard, next: Offset, signal: AbortSignal): Promise<'idle' | 'woken'> {
    const over = new AbortController();
    const timer = this.#clock.timer(KINESIS_LIMITS.subscriptionIdleMs, () => over.abort());
    const forget = onAbort(signal, () => over.abort());
    try {
      await shard.wait(next, over.signal);
      return 'woken';
    } catch (error) {
      if (!over.signal.aborted) throw error;
      return 'idle';
    } finally {
      timer.cancel();
      forget();
    }
  }
}

function read(shard: Shard, from: Offset): readonly LogRecord[] | Promise<readonly LogRecord[]> {
  return shard.read(from, KINESIS_LIMITS.recordsPerSubscriptionEventMax, KINESIS_LIMITS.bytesPerSubscriptionEventMax);
}

function toEvent(
  stream: Stream,
  shard: Shard,
  next: Offset,
  records: readonly LogRecord[],
  now: number,
): SubscribeToShardEvent {
  const behind = millisBehind(shard, next, records, now);
  shard.counts.noteRead(records, behind);
  const children = shard.isFinishedAt(next) ? childShards(stream, shard) : undefined;
  return {
    Records: records.map((record) => shard.toRecord(record)),
    // The number of the last record before `next`: a new subscription goes on AFTER it.
    ContinuationSequenceNumber: shard.sequence.of(next - 1),
    MillisBehindLatest: behind,
    ...(children && { ChildShards: children }),
  };
}
