/**
 * services/kinesis: Kinesis Data Streams over the log.
 *
 * A stream is an entry in a registry, a shard a partition of the log, a record an envelope (key, trace, data) in it. Nothing else is
 * stored: a sequence number is an offset in another dress, an iterator says where it points.
 *
 * Known differences from AWS:
 * - changes are done when they are answered: a stream is never seen `CREATING`, `UPDATING` or `DELETING`;
 * - per-shard throttles (1,000 records or 1 MiB in, 5 reads a second) are off unless asked for; shards are for order, not for speed;
 * - on-demand streams have four shards and do not scale by themselves;
 * - records are not encrypted by the service (`StartStreamEncryption` is not built), channels and account settings neither;
 * - retention is applied once a minute, and the disk gives space back in pieces of a segment.
 */
import { ACCOUNT_ID, type Clock, DEFAULT_REGION, type Random } from '../../base/index.ts';
import type { Target } from '../../delivery/index.ts';
import type { StreamSource } from '../../pollers/index.ts';
import { type Log, type Records, Registry } from '../../store/index.ts';
import type { Logger, Metrics, TraceContext } from '../../telemetry/index.ts';
import type { Service } from '../index.ts';
import { KINESIS_ANSWERS, KinesisError, streamNotFound } from './errors.ts';
import type { Throttles } from './limits.ts';
import { consumerOf, consumerOperations } from './operations/consumers.ts';
import { recordOperations } from './operations/records.ts';
import { settingOperations } from './operations/settings.ts';
import { shardOperations } from './operations/shards.ts';
import { streamOperations } from './operations/streams.ts';
import { tagOperations } from './operations/tags.ts';
import { kinesisPermissions } from './permissions.ts';
import { Retention } from './retention.ts';
import { KinesisSource } from './source.ts';
import type { StreamState } from './state.ts';
import type { Placement, Stream } from './stream.ts';
import { StreamMetrics } from './stream-metrics.ts';
import { Streams } from './streams.ts';
import { Subscriptions } from './subscriptions.ts';
import { KinesisTarget } from './target.ts';

export { KinesisError, type KinesisErrorCode } from './errors.ts';
export { AWS_THROTTLES, KINESIS_LIMITS, type Throttles } from './limits.ts';
export type { Shard } from './shard.ts';
export type { Placement, Stream } from './stream.ts';

export interface KinesisDependencies {
  readonly log: Log;
  readonly records: Records;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** `AWS_THROTTLES` for AWS's per-shard limits; none by default: a stream is as fast as the machine. */
  readonly throttles?: Throttles;
}

/** Kinesis Data Streams: the service, and the ways in and out for the other rooms. */
export interface Kinesis extends AsyncDisposable {
  readonly service: Service;
  /** Takes deliveries to stream ARNs. */
  readonly target: Target;

  /**
   * The fast way in: `stream(name)?.enqueue(partitionKey, data)` for each record of a turn, then one `committed()` in that turn.
   * Keep a stream for the turn only, or check `isDeleted`.
   */
  stream(name: string, region?: string): Stream | undefined;

  /**
   * The same by name, for rules: takes one record, synchronously; it is durable once `committed`, called in the same turn of the
   * loop, resolves. Copies `data`.
   *
   * @throws stream-not-found, validation (size, key), throughput-exceeded, log-busy, log-failed: nothing was taken
   */
  appendRecord(streamName: string, partitionKey: string, data: Uint8Array, trace?: TraceContext): Placement;

  /** Resolves when all that this turn has enqueued is durable (one promise for a whole group commit). @throws log-full, log-failed */
  committed(): Promise<void>;

  /** All streams, for those who show them. */
  streams(): Iterable<Stream>;

  /** A stream as pollers read it, by its ARN or that of a consumer. @throws stream-not-found, consumer-not-found */
  source(streamArn: string, options?: { readonly invokeIdentityArn?: string }): StreamSource;
}

const DEFAULT_IDENTITY = `arn:aws:iam::${ACCOUNT_ID}:role/lambda`;

/** Opens the service over its stores; disposing it ends subscriptions and background work, and leaves the stores open. */
export async function openKinesis(dependencies: KinesisDependencies): Promise<Kinesis> {
  const { log, records, clock, random, logger, metrics } = dependencies;
  const streams = new Streams(await Registry.open<StreamState>(records, 'kinesis/streams'), dependencies);
  await streams.load();
  const subscriptions = new Subscriptions(clock);
  const retention = new Retention({ streams, trim: (partition, before) => log.trim(partition, before), clock, logger });
  const streamMetrics = new StreamMetrics(streams, metrics, clock);
  retention.start();
  streamMetrics.start();
  const parts = { streams, subscriptions, log, clock };
  return {
    service: {
      name: 'kinesis',
      operations: {
        ...streamOperations(parts),
        ...recordOperations(parts),
        ...shardOperations(parts),
        ...consumerOperations(parts),
        ...tagOperations(parts),
        ...settingOperations(parts),
      },
      permissions: kinesisPermissions(streams),
      errors: KINESIS_ANSWERS,
    },
    target: new KinesisTarget(streams, log, random),
    stream: (name, region = DEFAULT_REGION) => streams.find(region, name),
    appendRecord: (streamName, partitionKey, data, trace) => {
      const stream = streams.find(DEFAULT_REGION, streamName);
      if (!stream) throw streamNotFound(streamName);
      return stream.enqueue(partitionKey, data, trace);
    },
    committed: () => log.committed(),
    streams: () => streams.all(),
    source: (streamArn, { invokeIdentityArn = DEFAULT_IDENTITY } = {}) => {
      const isConsumer = streamArn.includes('/consumer/');
      const find = () => {
        const stream = streams.byArn(streamArn);
        if (!stream) throw streamNotFound(streamArn);
        if (isConsumer && !consumerOf(stream, streamArn)) {
          throw new KinesisError('consumer-not-found', `Consumer ${streamArn} not found.`);
        }
        return stream;
      };
      return new KinesisSource(find, () => clock.now(), invokeIdentityArn);
    },
    async [Symbol.asyncDispose]() {
      subscriptions.endAll();
      streamMetrics.stop();
      await retention.stop();
    },
  };
}
