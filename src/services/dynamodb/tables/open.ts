import type { Clock, Random } from '../../../base/index.ts';
import type { Records } from '../../../store/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import type { Operation } from '../../index.ts';
import { Backups } from '../history/backups.ts';
import { Exports } from '../history/exports.ts';
import { Histories } from '../history/histories.ts';
import { Imports } from '../history/imports.ts';
import type { Buckets, CheckRead } from '../history/objects-port.ts';
import { Restores } from '../history/restores.ts';
import { backupOperations } from '../operations/backups.ts';
import { exportOperations } from '../operations/exports.ts';
import { globalTableOperations } from '../operations/global-tables.ts';
import { importOperations } from '../operations/imports.ts';
import { insightOperations } from '../operations/insights.ts';
import { policyOperations } from '../operations/policies.ts';
import { tableOperations } from '../operations/tables.ts';
import { tagOperations } from '../operations/tags.ts';
import { ttlOperations } from '../operations/ttl.ts';
import { Administration } from './administration.ts';
import { type ExpiredDeleter, Expiry, ExpiryFollower } from './expiry.ts';
import { IndexBuilds } from './index-builds.ts';
import type { LiveTable } from './live-table.ts';
import type { ChangeStreams } from './ports.ts';
import { Sizes } from './sizes.ts';
import { Tables } from './tables.ts';

export interface TableServicesDependencies {
  /** The tables' own store. */
  readonly records: Records;
  /** Opens the streams, once: only a node with tables has them open. */
  readonly openStreams: () => Promise<ChangeStreams>;
  /** The way in which items are written. */
  readonly deleter: ExpiredDeleter;
  readonly buckets: Buckets;
  readonly checkRead: CheckRead;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Tables, and all that is done with them as wholes. */
export interface TableServices extends AsyncDisposable {
  readonly tables: Tables;
  readonly operations: Readonly<Record<string, Operation>>;
  /** Takes up what a stop of the node has cut off. */
  resume(): Promise<void>;
}

/** Opens the tables over their store. Nothing runs before {@link TableServices.resume} or a request. */
export async function openTables(dependencies: TableServicesDependencies): Promise<TableServices> {
  const { records, openStreams, deleter, buckets, checkRead, clock, random, logger } = dependencies;
  await using scope = new AsyncDisposableStack();
  let opened: ChangeStreams | undefined;
  const streams = async (): Promise<ChangeStreams> => {
    opened ??= await openStreams();
    return opened;
  };
  const definitions = await Tables.read(records);
  if (definitions.size > 0) await streams();
  const histories = scope.use(await Histories.open({ records, clock, random, logger }, definitions.list()));
  let sizes: Sizes | undefined;
  const followersOf = (table: LiveTable) => {
    const { stream, timeToLive } = table.definition;
    const undo = histories.follower(table);
    const mark = sizes?.follower(table);
    return [
      ...(timeToLive ? [new ExpiryFollower(table.id, timeToLive)] : []),
      ...(stream ? [opened!.follower(stream.arn)] : []),
      ...(opened?.feedsOf(table.id) ?? []),
      ...(undo ? [undo] : []),
      ...(mark ? [mark] : []),
    ];
  };
  const tables = scope.use(new Tables(definitions, { records, clock, logger, followersOf }));
  sizes = new Sizes(records, tables.chores, clock);
  for (const table of tables.all()) table.followAnew();
  const builds = new IndexBuilds(tables);
  const expiry = scope.use(new Expiry({ tables, deleter, clock, logger }));
  const administration = new Administration({ tables, builds, history: histories, streams, clock, random });
  const parts = { records, tables, histories, administration, buckets, checkRead, clock, random, logger };
  const backups = await Backups.open(parts);
  const exports = await Exports.open(parts);
  const imports = await Imports.open(parts);
  const restores = new Restores({ ...parts, backups });
  // At once: the moments that they read must be held before anybody can let go of them.
  for (const cutOff of [backups, exports, imports, restores]) await cutOff.resume();
  const owned = scope.move();
  return {
    tables,
    operations: {
      ...tableOperations({ tables, administration, sizes, clock }),
      ...ttlOperations({ tables, expiry, random }),
      ...tagOperations(tables),
      ...policyOperations(tables, clock),
      ...insightOperations(tables, clock),
      ...globalTableOperations(tables),
      ...backupOperations({ tables, backups, restores, histories, clock }),
      ...exportOperations({ tables, exports, restores, clock }),
      ...importOperations(imports),
    },
    resume: async () => {
      await opened?.reconcile(new Set([...tables.all()].flatMap(({ definition: { stream } }) => stream?.arn ?? [])));
      tables.garbage.collect();
      for (const table of tables.all()) builds.start(table);
      histories.start(tables);
      expiry.start();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
