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

/** Refusals that are nobody's mistake. */
const THROTTLED: ReadonlySet<string> = new Set(['throughput-exceeded', 'records-busy']);

export type ItemMetersDependencies = { readonly metrics: Metrics; readonly clock: Clock };

/** Counts what is done with items, in the namespace `AWS/DynamoDB`. */
export class ItemMeters {
  readonly #metrics: Metrics;
  readonly #clock: Clock;
  readonly #meters = new Map<string, Meter>();

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

  #meter(name: keyof typeof METRICS, TableName?: string, Operation?: string, GlobalSecondaryIndexName?: string): Meter {
    const line = `${name} ${TableName} ${Operation} ${GlobalSecondaryIndexName}`;
    const known = this.#meters.get(line);
    if (known) return known;
    const dimensions = {
      ...(TableName !== undefined && { TableName }),
      ...(GlobalSecondaryIndexName !== undefined && { GlobalSecondaryIndexName }),
      ...(Operation !== undefined && { Operation }),
    };
    const meter = this.#metrics.meter({ namespace: 'AWS/DynamoDB', name, dimensions, unit: METRICS[name] });
    // Tables come and go.
    if (this.#meters.size >= ITEM_LIMITS.metersMax) this.#meters.clear();
    this.#meters.set(line, meter);
    return meter;
  }
}

/** `undefined` for operations on several tables. */
function tableNameOf({ TableName }: { readonly TableName?: unknown }): string | undefined {
  return typeof TableName === 'string' ? TableName.slice(TableName.lastIndexOf('/') + 1) : undefined;
}
