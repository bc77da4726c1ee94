import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Random } from '../base/index.ts';
import {
  EmbeddedLog,
  type Log,
  lockDirectory,
  type Objects,
  openEmbeddedObjects,
  openEmbeddedRecords,
  openEmbeddedSeries,
  type Records,
  type Series,
} from '../store/index.ts';
import type { Logger, Metrics } from '../telemetry/index.ts';

/** The four stores of a node, and the lock on their folder. */
export interface Stores extends AsyncDisposable {
  readonly log: Log;
  readonly records: Records;
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
  const objects = scope.use(
    await openEmbeddedObjects({ directory: join(directory, 'objects'), records, clock, random, logger }),
  );
  const series = scope.use(
    await openEmbeddedSeries({ directory: join(directory, 'series'), log, records, clock, logger }),
  );
  const owned = scope.move();
  return { log, records, objects, series, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
