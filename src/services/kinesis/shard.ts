import { onAbort } from '../../base/index.ts';
import type { Log, LogRecord, Offset } from '../../store/index.ts';
import { Counts } from './counts.ts';
import { dataStart, partitionKeyOf } from './envelope.ts';
import { parseSequenceNumber, SequenceNumbers } from './sequence-number.ts';
import { isOpen, partitionName, type ShardState, type StreamState, shardId } from './state.ts';
import type { ShardThrottle } from './throttle.ts';

/** A shard of a living stream: its stored state and its partition of the log. */
export class Shard {
  readonly id: string;
  readonly partition: string;
  readonly sequence: SequenceNumbers;
  readonly throttle: ShardThrottle | undefined;
  state: ShardState;
  counts = new Counts();
  /** Arrival of the newest record, epoch milliseconds; 0 when none came since the start. */
  newestAt = 0;
  /** Closed, and records taken before that are not durable yet: the end is not known. */
  #draining = false;
  readonly #log: Log;
  readonly #closeListeners = new Set<() => void>();

  constructor(
    stream: Pick<StreamState, 'region' | 'name' | 'id'>,
    state: ShardState,
    log: Log,
    throttle?: ShardThrottle,
  ) {
    this.state = state;
    this.id = shardId(state.index);
    this.partition = partitionName(stream, state.index);
    this.sequence = new SequenceNumbers(state.generation, state.index);
    this.throttle = throttle;
    this.#log = log;
  }

  /** Oldest offset retained. */
  get first(): Offset {
    return this.#log.state(this.partition).first;
  }

  /** Offset that the next durable record gets. */
  get next(): Offset {
    return this.#log.state(this.partition).next;
  }

  get isClosed(): boolean {
    return !isOpen(this.state);
  }

  /** No record will ever be read at or after `offset`. */
  isFinishedAt(offset: Offset): boolean {
    return this.isClosed && !this.#draining && offset >= this.next;
  }

  /** Sequence number after its last record; `undefined` while it is open. */
  get endingSequenceNumber(): string | undefined {
    return this.isClosed && !this.#draining ? this.sequence.of(this.next) : undefined;
  }

  /** Takes the state in which it is closed; it counts as finished once what it has taken is durable. */
  close(state: ShardState): void {
    this.state = state;
    this.#draining = true;
    const done = () => {
      this.#draining = false;
      for (const listener of this.#closeListeners) listener();
      this.#closeListeners.clear();
    };
    // A failed commit ends the draining as well: its records were refused, so the end is what is durable.
    this.#log.committed().then(done, done);
  }

  /** Resolves when there is a record at `offset`, or there will never be one. @throws the signal's reason */
  async wait(offset: Offset, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.isFinishedAt(offset)) return;
    const woken = new AbortController();
    const wake = () => woken.abort();
    this.#closeListeners.add(wake);
    const forget = onAbort(signal, wake);
    try {
      await this.#log.wait(this.partition, offset, woken.signal);
    } catch (error) {
      if (!woken.signal.aborted) throw error;
    } finally {
      forget();
      this.#closeListeners.delete(wake);
    }
    signal.throwIfAborted();
  }

  /** Durable records from `from`, or from the oldest retained one if that is newer; without a promise when they are in memory. */
  read(from: Offset, recordsMax: number, bytesMax: number): readonly LogRecord[] | Promise<readonly LogRecord[]> {
    const start = Math.max(from, this.first);
    return (
      this.#log.readNow(this.partition, start, recordsMax, bytesMax) ??
      this.#log.read(this.partition, start, recordsMax, bytesMax)
    );
  }

  offsetAt(timestamp: number): Promise<Offset> {
    return this.#log.offsetAt(this.partition, timestamp);
  }

  /** Offset of a sequence number of this shard, its starting and ending ones included; `undefined` when it is none. */
  offsetOf(sequenceNumber: string): Offset | undefined {
    const parts = parseSequenceNumber(sequenceNumber);
    if (parts?.generation !== this.state.generation || parts.shardIndex !== this.state.index) return undefined;
    return parts.offset <= this.next ? parts.offset : undefined;
  }

  /** A record as `GetRecords` and `SubscribeToShard` give it. */
  toRecord({ offset, timestamp, payload }: LogRecord): KinesisRecord {
    const envelope = payload as Buffer;
    return {
      SequenceNumber: this.sequence.of(offset),
      ApproximateArrivalTimestamp: new Date(timestamp),
      Data: envelope.subarray(dataStart(envelope)),
      PartitionKey: partitionKeyOf(envelope),
    };
  }
}

export interface KinesisRecord {
  readonly SequenceNumber: string;
  readonly ApproximateArrivalTimestamp: Date;
  readonly Data: Uint8Array;
  readonly PartitionKey: string;
}
