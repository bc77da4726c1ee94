import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Random } from '../base/index.ts';
import {
  EmbeddedLog,
  type Log,
  lazyEmbeddedRecords,
  lockDirectory,
  type Objects,
  openEmbeddedObjects,
  openEmbeddedRecords,
  openEmbeddedSeries,
  type Records,
  type Series,
} from '../store/index.ts';
import type { Logger, Metrics } from '../telemetry/index.ts';

/** The stores of a node, one a port and one more for tables, and the lock on their folder. */
export interface Stores extends AsyncDisposable {
  readonly log: Log;
  /** The platform's own. */
  readonly records: Records;
  /** Users' tables: in a file and a thread of their own, so that neither can starve the other. Opened when it is first needed. */
  readonly tables: Records;
  readonly objects: Objects;
  readonly series: Series;
}

/** Opens the embedded engines, a folder each. @throws DomainError `directory-locked`, `format-too-new`, `log-damaged` */
export async function openStores(options: {
  readonly directory: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}): Promise<Stores> {
  const { directory, clock, random, logger, metrics } = options;
  await using scope = new AsyncDisposableStack();
  // Secrets of users and sessions stand in it: for the node's own user alone.
  await mkdir(directory, { recursive: true, mode: 0o700 });
  scope.use(await lockDirectory(directory));
  // The one is in a worker, the other reads files: both at once start in the time of the slower.
  const opening = [
    EmbeddedLog.open({ directory: join(directory, 'log'), clock, random, logger, metrics }),
    openEmbeddedRecords({ directory: join(directory, 'records') }),
  ] as const;
  await Promise.allSettled(opening);
  const log = scope.use(await opening[0]);
  const records = scope.use(await opening[1]);
  const tables = scope.use(lazyEmbeddedRecords({ directory: join(directory, 'tables') }));
  const objects = scope.use(
    await openEmbeddedObjects({ directory: join(directory, 'objects'), records, clock, random, logger }),
  );
  const series = scope.use(
    await openEmbeddedSeries({ directory: join(directory, 'series'), log, records, clock, logger }),
  );
  const owned = scope.move();
  return { log, records, tables, objects, series, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
