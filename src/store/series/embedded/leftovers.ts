import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../log/index.ts';
import type { Registry } from '../../records/index.ts';
import { databaseOf } from './files.ts';
import { type Configuration, databaseOfPartition, partitionOf } from './known-database.ts';

/** Partitions and files whose database is gone, which a crash left behind: a new one of that name must not find them. */
export async function removeLeftovers(
  directory: string,
  log: Log,
  configurations: Registry<Configuration>,
): Promise<void> {
  for (const partition of log.partitions()) {
    const database = databaseOfPartition(partition);
    if (database !== undefined && !configurations.has(database)) await log.dropPartition(partition);
  }
  for (const file of await readdir(directory)) {
    const database = databaseOf(file);
    if (database !== undefined && !configurations.has(database)) await rm(join(directory, file), { force: true });
  }
  for (const { name } of configurations.list()) await log.createPartition(partitionOf(name));
}
