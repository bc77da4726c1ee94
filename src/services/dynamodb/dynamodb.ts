import type { Clock, Random } from '../../base/index.ts';
import type { StreamSource } from '../../pollers/index.ts';
import type { Objects, Records } from '../../store/index.ts';
import type { Logger, Metrics } from '../../telemetry/index.ts';
import { opening, type Service } from '../index.ts';
import { DYNAMODB_ANSWERS, streamNotFound } from './errors.ts';
import type { CheckRead } from './history/objects-port.ts';
import { ItemMeters } from './items/meters.ts';
import { Tokens } from './items/tokens.ts';
import { Writer } from './items/writer.ts';
import { batchOperations } from './operations/batch.ts';
import { itemOperations } from './operations/items.ts';
import { partiqlOperations } from './operations/partiql.ts';
import { queryOperations } from './operations/query.ts';
import { streamingDestinationOperations } from './operations/streaming-destinations.ts';
import { tableStreamsService } from './operations/streams.ts';
import { transactionOperations } from './operations/transactions.ts';
import type { FindTable } from './permissions/index.ts';
import { Destinations, type KinesisPort } from './streams/destinations.ts';
import { TableStreamSource } from './streams/source.ts';
import { TableStreams } from './streams/streams.ts';
import type { ExpiredDeleter } from './tables/expiry.ts';
import { openTables } from './tables/open.ts';

export interface DynamodbDependencies {
  /** The tables' own store: it is opened by the first table. */
  readonly records: Records;
  /** Where tables are exported to and imported from. */
  readonly objects: Pick<Objects, 'get' | 'put' | 'list'>;
  /** Whether somebody may read an object that is imported in their name; absent asks nobody. */
  readonly checkRead?: CheckRead;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Where changes of tables go that have a streaming destination. */
  readonly kinesis: KinesisPort;
}

/** The tables of a node. */
export interface Dynamodb extends AsyncDisposable {
  /** `dynamodb` and `dynamodbstreams`. */
  readonly services: readonly Service[];
  /** For rights on tables. */
  readonly findTable: FindTable;
  /** A table's stream as pollers read it. */
  source(streamArn: string): StreamSource;
  /** Takes up what a stop of the node has cut off. */
  resume(): Promise<void>;
}

/** Opens the service over its store; as long as there are no tables, neither the store nor streams are opened. */
export async function openWhole({
  records,
  objects,
  checkRead = async () => {},
  kinesis,
  clock,
  random,
  logger,
  metrics,
}: DynamodbDependencies): Promise<Dynamodb> {
  await using scope = new AsyncDisposableStack();
  const scoped = scope.use(new AsyncDisposableStack());
  const ground = { clock, random, logger };
  let streams: TableStreams | undefined;
  const openStreams = opening(async () => {
    streams = scoped.use(await TableStreams.open({ records, ...ground }));
    return streams;
  });
  const openDestinations = opening(async () => {
    return scoped.use(await Destinations.open({ records, streams: await openStreams(), kinesis, ...ground }));
  });
  let writer: Writer | undefined;
  const deleter: ExpiredDeleter = { deleteExpired: (...call) => writer!.deleteExpired(...call) };
  const { tables, operations, resume } = scope.use(
    await openTables({ records, openStreams, deleter, buckets: objects, checkRead, ...ground }),
  );
  const meters = new ItemMeters({ metrics, clock });
  writer = new Writer({
    ...{ directory: tables, records, now: () => clock.now() },
    wrote: (table, units) => meters.wrote(table, units),
  });
  const tokens = new Tokens(records, () => clock.now());
  scope.defer(() => tokens.close());
  const parts = { tables, records, writer, tokens, meters };
  const onItems = {
    ...itemOperations(parts),
    ...batchOperations(parts),
    ...queryOperations(parts),
    ...transactionOperations(parts),
    ...partiqlOperations(parts),
  };
  const watched = Object.entries(onItems).map(([name, work]) => [name, meters.watched(name, work)] as const);
  const service: Service = {
    name: 'dynamodb',
    operations: {
      ...operations,
      ...streamingDestinationOperations(tables, openDestinations),
      ...Object.fromEntries(watched),
    },
    errors: DYNAMODB_ANSWERS,
  };
  const owned = scope.move();
  return {
    services: [service, tableStreamsService(() => streams, clock)],
    findTable: (nameOrArn, region) => tables.find(nameOrArn, region),
    source: (arn) =>
      new TableStreamSource(
        arn,
        () => {
          if (!streams) throw streamNotFound(arn);
          return streams;
        },
        () => clock.now(),
      ),
    resume: async () => {
      await resume();
      if (tables.size > 0) await (await openDestinations()).start();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
