import type { Clock, Random } from '../../../base/index.ts';
import type { Records } from '../../../store/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import type { Operation } from '../../index.ts';
import { tableOperations } from '../operations/tables.ts';
import { Administration } from './administration.ts';
import type { ChangeStreams } from './ports.ts';
import { Tables } from './tables.ts';

export interface TableServicesDependencies {
  /** The tables' own store. */
  readonly records: Records;
  /** Opens the streams, once: only a node with tables has them open. */
  readonly openStreams: () => Promise<ChangeStreams>;
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
  const { records, openStreams, clock, random, logger } = dependencies;
  let opened: ChangeStreams | undefined;
  const streams = async (): Promise<ChangeStreams> => {
    opened ??= await openStreams();
    return opened;
  };
  const definitions = await Tables.read(records);
  if (definitions.size > 0) await streams();
  const tables = new Tables(definitions, {
    records,
    clock,
    logger,
    followersOf: ({ definition }) => (definition.stream ? [opened!.follower(definition.stream.arn)] : []),
  });
  const administration = new Administration({ tables, streams, clock, random });
  return {
    tables,
    operations: { ...tableOperations({ tables, administration, clock }) },
    resume: async () => {
      await opened?.reconcile(new Set([...tables.all()].flatMap(({ definition: { stream } }) => stream?.arn ?? [])));
      if (tables.size > 0) tables.garbage.collect();
    },
    [Symbol.asyncDispose]: () => tables[Symbol.asyncDispose](),
  };
}
