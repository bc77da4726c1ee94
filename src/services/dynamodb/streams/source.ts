import { DomainError } from '../../../base/index.ts';
import type { Backlog, SourceBatch, SourceRecord, SourceShard, StreamSource } from '../../../pollers/index.ts';
import { TABLE_STREAM_LIMITS } from './limits.ts';
import type { RecordWriter } from './record.ts';
import { sequenceText } from './sequence-number.ts';
import { shardId, shardOf } from './state.ts';
import type { StreamRecord, TableStream } from './stream.ts';
import type { TableStreams } from './streams.ts';

/** A table's stream as pollers read it. Positions are sequence numbers in decimal: of the next record. */
export class TableStreamSource implements StreamSource {
  readonly kind = 'stream';
  readonly eventSource = 'aws:dynamodb';
  readonly batchInfo = 'DDBStreamBatchInfo';
  readonly streamArn: string;
  readonly #find: () => TableStreams;
  readonly #now: () => number;

  /**
   * @param streams  asked anew at each call; throws while there are none
   * @throws resource-not-found: there is no such stream now
   */
  constructor(streamArn: string, streams: () => TableStreams, now: () => number) {
    this.streamArn = streamArn;
    this.#find = streams;
    this.#now = now;
    this.#stream();
  }

  identity(): string {
    return this.#stream().state.id;
  }

  async shards(): Promise<readonly SourceShard[]> {
    const { state } = this.#stream();
    return Array.from({ length: TABLE_STREAM_LIMITS.shards }, (_, shard) => ({
      id: shardId(state, shard),
      parents: [],
    }));
  }

  async start(shard: string, position: Parameters<StreamSource['start']>[1]): Promise<string> {
    const stream = this.#stream();
    switch (position.kind) {
      case 'TRIM_HORIZON':
        return String(stream.first(this.#shard(stream, shard)));
      case 'LATEST':
        return String(stream.next);
      case 'AT_TIMESTAMP':
        return String(await stream.sequenceAt(this.#shard(stream, shard), position.at));
    }
  }

  async read(shard: string, position: string, recordsMax: number, bytesMax: number): Promise<SourceBatch | undefined> {
    const stream = this.#stream();
    const from = Number(position);
    // Asked before: what is written before the stream ends is there to be read.
    const { closed } = stream.state;
    const records = await stream.read(this.#shard(stream, shard), from, recordsMax, bytesMax);
    if (records.length === 0 && closed) return undefined;
    return {
      records: records.map((record) => new TableStreamRecord(record, stream.writer)),
      next: String(records.length > 0 ? records.at(-1)!.sequence + 1 : from),
    };
  }

  async wait(shard: string, position: string, signal: AbortSignal): Promise<void> {
    const stream = this.#stream();
    await stream.wait(this.#shard(stream, shard), Number(position), signal);
  }

  async backlog(shard: string, position: string): Promise<Backlog> {
    const stream = this.#stream();
    const { records, oldestAt } = await stream.backlog(this.#shard(stream, shard), Number(position));
    return { records, ageMs: oldestAt === undefined ? 0 : Math.max(0, this.#now() - oldestAt) };
  }

  #stream(): TableStream {
    return this.#find().get(this.streamArn);
  }

  #shard(stream: TableStream, text: string): number {
    const shard = shardOf(stream.state, text);
    if (shard !== undefined) return shard;
    throw new DomainError('resource-not-found', `Stream ${this.streamArn} has no shard ${text}.`);
  }
}

class TableStreamRecord implements SourceRecord {
  readonly #record: StreamRecord;
  readonly #writer: RecordWriter;

  constructor(record: StreamRecord, writer: RecordWriter) {
    this.#record = record;
    this.#writer = writer;
  }

  get id(): string {
    return sequenceText(this.#record.sequence);
  }

  /** The whole key: order holds for each item. */
  get orderingKey(): string {
    return this.#record.row.keys;
  }

  get arrivedAt(): number {
    return this.#record.row.at;
  }

  get sizeBytes(): number {
    const { keys, newImage = '', oldImage = '' } = this.#record.row;
    return keys.length + newImage.length + oldImage.length;
  }

  /** What criteria name `dynamodb`. */
  get body(): Uint8Array {
    return Buffer.from(this.#writer.toBody(this.#record.sequence, this.#record.row));
  }

  toEvent(): string {
    return this.#writer.toEvent(this.#record.sequence, this.#record.row);
  }
}
