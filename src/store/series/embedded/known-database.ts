import type { RetentionPolicy } from '../series.ts';
import type { Feed } from './feed.ts';
import type { MeasurementSchema } from './schema.ts';

const PARTITION = 'series/';

/** Partition of a database in the log. */
export function partitionOf(database: string): string {
  return `${PARTITION}${database}`;
}

/** The database of a partition; `undefined` for those of others. */
export function databaseOfPartition(partition: string): string | undefined {
  return partition.startsWith(PARTITION) ? partition.slice(PARTITION.length) : undefined;
}

/** A database as the records store has it. */
export interface Configuration {
  readonly name: string;
  readonly policy: RetentionPolicy;
}

/** A database as the node knows it, whether the worker has it open or not. */
export class Database {
  readonly name: string;
  readonly partition: string;
  /** Columns by measurement, with those that are not durable yet. */
  readonly schemas: Map<string, MeasurementSchema>;
  /** Measurements whose columns are not durable yet: no point that needs them is written before. */
  readonly unsaved = new Set<string>();
  saving: Promise<void> | undefined;
  backlogBytes = 0;
  maintainedAt: number;
  feed: Promise<Feed> | undefined;

  constructor(name: string, schemas: Map<string, MeasurementSchema>, now: number) {
    this.name = name;
    this.partition = partitionOf(name);
    this.schemas = schemas;
    this.maintainedAt = now;
  }
}
