import { type Clock, DomainError } from '../../../base/index.ts';
import type { Meter, Metrics, Unit } from '../../../telemetry/index.ts';
import type { Operation } from '../../index.ts';
import type { Index, Table } from '../model/table.ts';
import type { WriteUnits } from './capacity.ts';
import { ITEM_LIMITS } from './limits.ts';

/** AWS's metrics of tables. @see Amazon DynamoDB developer guide, "DynamoDB Metrics and dimensions" */
const METRICS = {
  ConsumedReadCapacityUnits: 'Count',
  ConsumedWriteCapacityUnits: 'Count',
  SuccessfulRequestLatency: 'Milliseconds',
  ReturnedItemCount: 'Count',
  ConditionalCheckFailedRequests: 'Count',
  ThrottledRequests: 'Count',
  UserErrors: 'Count',
} as const satisfies Record<string, Unit>;

type MetricName = keyof typeof METRICS;

/** Refusals that are nobody's mistake. */
const THROTTLED: ReadonlySet<string> = new Set(['throughput-exceeded', 'records-busy']);

export type ItemMetersDependencies = { readonly metrics: Metrics; readonly clock: Clock };

/** Counts what is done with items, in the namespace `AWS/DynamoDB`. */
export class ItemMeters {
  readonly #metrics: Metrics;
  readonly #clock: Clock;
  /** By metric, table, and operation or index: every call looks for two, and should not have to put a name together. */
  readonly #meters = new Map<MetricName, Map<string | undefined, Map<string | undefined, Meter>>>();
  #count = 0;

  constructor({ metrics, clock }: ItemMetersDependencies) {
    this.#metrics = metrics;
    this.#clock = clock;
  }

  read({ name }: Table, units: number, index?: Index): void {
    const globalIndex = index?.kind === 'global' ? index.name : undefined;
    this.#meter('ConsumedReadCapacityUnits', name, undefined, globalIndex).put(units);
  }

  wrote({ name, indexes }: Table, units: WriteUnits): void {
    let ofTable = units.table;
    for (const [index, count] of units.indexes) {
      if (indexes.get(index)?.kind !== 'global') ofTable += count;
      else this.#meter('ConsumedWriteCapacityUnits', name, undefined, index).put(count);
    }
    this.#meter('ConsumedWriteCapacityUnits', name).put(ofTable);
  }

  /** The operation, counted: how long it took, what it found, and why it was refused. */
  watched(operation: string, work: Operation): Operation {
    return async (input, context) => {
      const began = this.#clock.monotonic();
      const table = tableNameOf(input);
      try {
        const output = await work(input, context);
        if (table !== undefined) this.#succeeded(table, operation, this.#clock.monotonic() - began, output);
        return output;
      } catch (error) {
        if (error instanceof DomainError) this.#refused(table, operation, error.code);
        throw error;
      }
    };
  }

  #succeeded(table: string, operation: string, ms: number, output: { readonly Count?: number }): void {
    this.#meter('SuccessfulRequestLatency', table, operation).put(ms);
    if (output.Count !== undefined) this.#meter('ReturnedItemCount', table, operation).put(output.Count);
  }

  #refused(table: string | undefined, operation: string, code: string): void {
    if (code === 'condition-failed' && table !== undefined) {
      this.#meter('ConditionalCheckFailedRequests', table).put(1);
    } else if (THROTTLED.has(code)) this.#meter('ThrottledRequests', table, operation).put(1);
    else if (code !== 'records-full') this.#meter('UserErrors').put(1);
  }

  #meter(name: MetricName, TableName?: string, Operation?: string, GlobalSecondaryIndexName?: string): Meter {
    const part = Operation ?? GlobalSecondaryIndexName;
    const known = this.#meters.get(name)?.get(TableName)?.get(part);
    if (known) return known;
    const dimensions = {
      ...(TableName !== undefined && { TableName }),
      ...(GlobalSecondaryIndexName !== undefined && { GlobalSecondaryIndexName }),
      ...(Operation !== undefined && { Operation }),
    };
    const meter = this.#metrics.meter({ namespace: 'AWS/DynamoDB', name, dimensions, unit: METRICS[name] });
    // Tables come and go.
    if (this.#count >= ITEM_LIMITS.metersMax) {
      this.#meters.clear();
      this.#count = 0;
    }
    this.#count++;
    within(within(this.#meters, name), TableName).set(part, meter);
    return meter;
  }
}

/** The map that stands in another under a key, made when it is not there. */
function within<Key, Inner, Value>(maps: Map<Key, Map<Inner, Value>>, key: Key): Map<Inner, Value> {
  const found = maps.get(key) ?? new Map<Inner, Value>();
  maps.set(key, found);
  return found;
}

/** `undefined` for operations on several tables. */
function tableNameOf({ TableName }: { readonly TableName?: unknown }): string | undefined {
  return typeof TableName === 'string' ? TableName.slice(TableName.lastIndexOf('/') + 1) : undefined;
}
