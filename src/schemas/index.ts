/** schemas: tables generated from AWS's published models (shapes, bindings, constraints); no hand edits in `tables/`. */
import { readFileSync } from 'node:fs';
import type { ServiceTable } from '../codec/aws/index.ts';

/** A service's table without its shapes: what routing needs to know of services that were never called. */
export type CatalogEntry = Omit<ServiceTable, 'shapes' | 'operations'> & {
  /** Names of all operations AWS has, sorted. */
  readonly operations: readonly string[];
};

const loaded = new Map<string, unknown>();

/** Every service there is a table of, by its name. */
export function serviceCatalog(): Readonly<Record<string, CatalogEntry>> {
  return load('catalog') as Readonly<Record<string, CatalogEntry>>;
}

/** The table of one service, read from disk when first asked for: 0.4 to 3 ms, as JSON half of what a module takes. */
export function serviceTable(name: string): ServiceTable {
  if (!Object.hasOwn(serviceCatalog(), name)) throw new Error(`there is no schema table ${name}`);
  return load(name) as ServiceTable;
}

function load(name: string): unknown {
  const known = loaded.get(name);
  if (known !== undefined) return known;
  const table: unknown = JSON.parse(readFileSync(new URL(`./tables/${name}.json`, import.meta.url), 'utf8'));
  loaded.set(name, table);
  return table;
}
