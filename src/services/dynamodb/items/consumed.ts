/* What answers say of capacity. */
import type { ConsumedCapacity } from '@aws-sdk/client-dynamodb';
import type { Table } from '../model/table.ts';
import type { CapacityWish } from './capacity.ts';

/** Units that a request took of one table: of its items, and of its indexes by name. */
export interface Units {
  readonly table: number;
  readonly indexes: ReadonlyMap<string, number>;
}

/** Units of several changes or reads of one table. */
export class UnitsSum implements Units {
  table = 0;
  readonly indexes = new Map<string, number>();

  add({ table, indexes }: Units): void {
    this.table += table;
    for (const [name, units] of indexes) this.indexes.set(name, (this.indexes.get(name) ?? 0) + units);
  }
}

/** `ConsumedCapacity` of an answer; `undefined` when nobody has asked for it. */
export function shownCapacity(table: Table, units: Units, wish: CapacityWish): ConsumedCapacity | undefined {
  if (wish === undefined || wish === 'NONE') return undefined;
  let total = units.table;
  for (const count of units.indexes.values()) total += count;
  const shown: ConsumedCapacity = { TableName: table.name, CapacityUnits: total };
  if (wish === 'TOTAL') return shown;
  return { ...shown, Table: { CapacityUnits: units.table }, ...indexesOf(table, units) };
}

function indexesOf({ indexes }: Table, units: Units): ConsumedCapacity {
  const of = (kind: 'global' | 'local') => {
    const all = [...units.indexes].filter(([name]) => indexes.get(name)?.kind === kind);
    return Object.fromEntries(all.map(([name, count]) => [name, { CapacityUnits: count }]));
  };
  const [global, local] = [of('global'), of('local')];
  return {
    ...(Object.keys(global).length > 0 && { GlobalSecondaryIndexes: global }),
    ...(Object.keys(local).length > 0 && { LocalSecondaryIndexes: local }),
  };
}

export const isCounted = (wish: CapacityWish): boolean => wish === 'TOTAL' || wish === 'INDEXES';
