import type { Backlog, SourceBatch, SourceRecord, SourceShard, StreamSource } from '../../pollers/index.ts';
import type { LogRecord } from '../../store/index.ts';
import type { TraceContext } from '../../telemetry/index.ts';
import { dataStart, partitionKeyOf, sampledTraceOf } from './envelope.ts';
import { KinesisError } from './errors.ts';
import type { Shard } from './shard.ts';
import { shardId, shardIndex } from './state.ts';
import type { Stream } from './stream.ts';

/** A stream as pollers read it. Positions are offsets in decimal. */
export class KinesisSource implements StreamSource {
  readonly kind = 'stream';
  readonly eventSource = 'aws:kinesis';
  readonly batchInfo = 'KinesisBatchInfo';
  readonly streamArn: string;
  readonly #find: () => Stream;
  readonly #now: () => number;
  readonly #identityArn: string;
  /** The stream that `identity` told of: positions of another one mean nothing. */
  #id: string | undefined;

  /**
   * @param stream  finds the stream anew at each call; throws when it is gone
   * @param identityArn  goes into the events as `invokeIdentityArn`: the role of the function that reads
   */
  constructor(stream: () => Stream, now: () => number, identityArn: string) {
    this.streamArn = stream().arn;
    this.#find = stream;
    this.#now = now;
    this.#identityArn = identityArn;
  }

  identity(): string {
    this.#id = this.#find().state.id;
    return this.#id;
  }

  /** @throws stream-not-found: it is gone, or another one has its name */
  #stream(): Stream {
    const stream = this.#find();
    if (this.#id === undefined || stream.state.id === this.#id) return stream;
    throw new KinesisError('stream-not-found', `Stream ${stream.name} has been deleted and made anew.`);
  }

  async shards(): Promise<readonly SourceShard[]> {
    const { shards } = this.#stream();
    return [...shards.values()].map(({ id, state }) => ({
      id,
      // A parent that has expired was read to its end or lost to retention: nothing to wait for.
      parents: [state.parent, state.adjacentParent]
        .filter((index) => index !== undefined && shards.has(index))
        .map((index) => shardId(index!)),
    }));
  }

  async start(shard: string, position: Parameters<StreamSource['start']>[1]): Promise<string> {
    const found = this.#stream().shard(shard);
    switch (position.kind) {
      case 'TRIM_HORIZON':
        return String(found.first);
      case 'LATEST':
        return String(found.next);
      case 'AT_TIMESTAMP':
        return String(await found.offsetAt(position.at));
    }
  }

  async read(shard: string, position: string, recordsMax: number, bytesMax: number): Promise<SourceBatch | undefined> {
    const stream = this.#stream();
    const found = shardOf(stream, shard);
    if (!found) return undefined;
    const from = Number(position);
    if (found.isFinishedAt(from)) return undefined;
    const read = found.read(from, recordsMax, bytesMax);
    const records = Array.isArray(read) ? (read as readonly LogRecord[]) : await read;
    if (records.length > 0) found.counts.noteRead(records, this.#now() - records.at(-1)!.timestamp);
    const writer = new EventWriter(stream, found, this.#identityArn);
    return {
      records: records.map((record) => new KinesisSourceRecord(record, writer)),
      next: String(records.length > 0 ? records.at(-1)!.offset + 1 : Math.max(from, found.first)),
    };
  }

  async wait(shard: string, position: string, signal: AbortSignal): Promise<void> {
    await shardOf(this.#stream(), shard)?.wait(Number(position), signal);
  }

  async backlog(shard: string, position: string): Promise<Backlog> {
    const found = shardOf(this.#stream(), shard);
    const from = Math.max(Number(position), found?.first ?? 0);
    if (!found || from >= found.next) return { records: 0, ageMs: 0 };
    const [oldest] = await found.read(from, 1, 1);
    return { records: found.next - from, ageMs: oldest ? Math.max(0, this.#now() - oldest.timestamp) : 0 };
  }
}

/** A shard whose records have all expired is gone; reading it ends. */
function shardOf(stream: Stream, shard: string): Shard | undefined {
  return stream.shards.get(shardIndex(shard) ?? -1);
}

/** The parts of an event that are the same for all records of a shard. */
class EventWriter {
  readonly shard: Shard;
  readonly afterTime: string;
  readonly tail: string;

  constructor(stream: Stream, shard: Shard, identityArn: string) {
    this.shard = shard;
    this.afterTime = `},"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":"${shard.id}:`;
    this.tail =
      `","eventName":"aws:kinesis:record","invokeIdentityArn":"${identityArn}",` +
      `"awsRegion":"${stream.state.region}","eventSourceARN":"${stream.arn}"}`;
  }
}

/** Parts are decoded when asked for: a poller that filters nothing asks for the event only. */
class KinesisSourceRecord implements SourceRecord {
  readonly #record: LogRecord;
  readonly #writer: EventWriter;

  constructor(record: LogRecord, writer: EventWriter) {
    this.#record = record;
    this.#writer = writer;
  }

  get id(): string {
    return this.#writer.shard.sequence.of(this.#record.offset);
  }

  get orderingKey(): string {
    return partitionKeyOf(this.#record.payload as Buffer);
  }

  get arrivedAt(): number {
    return this.#record.timestamp;
  }

  get sizeBytes(): number {
    return this.#record.payload.length;
  }

  get body(): Uint8Array {
    return this.#record.payload.subarray(dataStart(this.#record.payload));
  }

  get trace(): TraceContext | undefined {
    return sampledTraceOf(this.#record.payload as Buffer);
  }

  toEvent(): string {
    const envelope = this.#record.payload as Buffer;
    const { shard, afterTime, tail } = this.#writer;
    const sequence = shard.sequence.of(this.#record.offset);
    const data = envelope.toString('base64', dataStart(envelope));
    return (
      `{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":${JSON.stringify(partitionKeyOf(envelope))}` +
      `,"sequenceNumber":"${sequence}","data":"${data}","approximateArrivalTimestamp":${seconds(this.#record.timestamp)}` +
      `${afterTime}${sequence}${tail}`
    );
  }
}

/** Epoch seconds with milliseconds, without the rounding of a division: `1763712845.987`. */
function seconds(timestamp: number): string {
  const digits = String(timestamp);
  return digits.length > 3 ? `${digits.slice(0, -3)}.${digits.slice(-3)}` : String(timestamp / 1000);
}
