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
  SealedRecords,
  type Series,
} from '../store/index.ts';
import type { Logger, Metrics } from '../telemetry/index.ts';
import type { NodeConfig } from './config.ts';
import { tablesPageCacheBytes } from './page-cache.ts';

/** The stores of a node, one a port and one more for tables, and the lock on their folder. */
export interface Stores extends AsyncDisposable {
  readonly log: Log;
  /** The platform's own. */
  readonly records: Records;
  /** The same store for those who have secrets: some of its spaces are sealed on disk. */
  readonly secrets: SealedRecords;
  /** Users' tables: in a file and a thread of their own, so that neither can starve the other. Opened when it is first needed. */
  readonly tables: Records;
  readonly objects: Objects;
  readonly series: Series;
}

/** Spaces of the records store that hold what nobody may read from the disk: keys that prove who one is, and users' secrets. */
const SEALED_SPACES = [
  'iam-access-keys',
  'sts-sessions',
  'iot.authority',
  'sns/certificates',
  'secretsmanager/values',
  'ssm/values',
];

/** Where the keys stand that they are sealed with, unless the configuration says otherwise. */
const KEY_FILE = 'sealing.key';

/** Opens the embedded engines, a folder each. @throws DomainError `directory-locked`, `format-too-new`, `log-damaged`, KeyFileErrorCode */
export async function openStores(options: {
  readonly directory: string;
  readonly encryption?: NodeConfig['encryption'];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}): Promise<Stores> {
  const { directory, encryption, clock, random, logger, metrics } = options;
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
  const secrets = scope.use(
    await SealedRecords.open({
      ...{ records, clock, random, spaces: SEALED_SPACES, keyFile: encryption?.keyFile ?? join(directory, KEY_FILE) },
      ...(encryption?.passphrase !== undefined && { passphrase: encryption.passphrase }),
    }),
  );
  const tables = scope.use(
    lazyEmbeddedRecords({ directory: join(directory, 'tables'), pageCacheBytes: tablesPageCacheBytes() }),
  );
  const objects = scope.use(
    await openEmbeddedObjects({ directory: join(directory, 'objects'), records, clock, random, logger }),
  );
  const series = scope.use(
    await openEmbeddedSeries({ directory: join(directory, 'series'), log, records, clock, logger }),
  );
  const owned = scope.move();
  return { log, records, secrets, tables, objects, series, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
