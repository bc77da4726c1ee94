import { RawJson } from '../../../codec/aws/index.ts';
import type { Records } from '../../../store/index.ts';
import { invalid } from '../errors.ts';
import type { DocumentPath } from '../expressions/bindings.ts';
import { valueAt } from '../expressions/compare.ts';
import { projectionOf } from '../expressions/projection.ts';
import type { Units } from '../items/consumed.ts';
import { fingerprintOf } from '../items/fingerprint.ts';
import { ITEM_LIMITS } from '../items/limits.ts';
import { readPage } from '../items/page.ts';
import {
  isWithin,
  type Readable,
  type RowRange,
  rangeAfter,
  rangeOf,
  readable,
  startKeyNames,
} from '../items/range.ts';
import { mustFetch } from '../items/selection.ts';
import { itemsThat } from '../items/slices.ts';
import type { Attributes } from '../model/attribute-value.ts';
import { indexRowKey, itemRowKey } from '../model/key.ts';
import { keyNames, pick } from '../model/projection.ts';
import type { StoredItem, Table } from '../model/table.ts';
import type { BoundStatement } from './bind.ts';
import { planOf, type ReadPlan } from './plan.ts';
import type { Action } from './statement.ts';

/** How a SELECT is read. */
export interface SelectWish {
  /** Rows looked at. */
  readonly limit: number | undefined;
  readonly consistent: boolean;
  /** `NextToken` of the page before. */
  readonly token: string | undefined;
  /** What the token belongs to. */
  readonly fingerprint: string;
}

export interface Selected {
  readonly items: RawJson | readonly Attributes[];
  readonly nextToken?: string;
  /** Key of the last row that was looked at, when there may be more. */
  readonly lastKey?: Attributes;
  readonly units: Units;
}

type Select = Extract<Action, { kind: 'select' }>;

/** Reads a page of a SELECT. @throws DynamodbError `validation-failed`, `throughput-exceeded` */
export async function select(
  records: Records,
  table: Table,
  bound: BoundStatement,
  wish: SelectWish,
): Promise<Selected> {
  const action = bound.action as Select;
  const source = sourceOf(table, action, wish);
  const columns = action.columns?.map((path) => bound.bindings.path(path, 'Statement'));
  const plan = planOf(action.where, action.order, source.key, bound.bindings);
  if (plan.hashes) checkFilter(source, bound);
  const fetches = mustFetch(source, undefined, columns && projectionOf(columns));
  const rows = await readRows(records, source, plan, fetches, wish);
  const { where } = bound;
  const kept = where
    ? await itemsThat(rows.items, where.paths.length, ({ attributes }) => where.evaluate(attributes))
    : rows.items;
  const { table: own, index } = source;
  (index?.kind === 'global' ? index : own).throughput.read(rows.source + rows.fetched);
  const units = {
    table: index ? rows.fetched : rows.source,
    indexes: new Map(index ? [[index.name, rows.source]] : []),
  };
  return { items: shown(kept, columns), units, ...rows.next };
}

function sourceOf(table: Table, { source: { index } }: Select, { consistent }: SelectWish): Readable {
  if (index !== undefined && !table.indexes.has(index)) throw invalid('The table does not have the specified index');
  refuseSeveral(table, index);
  const source = readable(table, index);
  if (consistent && source.index?.kind === 'global')
    throw invalid('Strongly consistent read is not supported on Global Secondary Indexes');
  return source;
}

/** AWS has no PartiQL over them. @throws DynamodbError `validation-failed`: an index whose key has several attributes */
export function refuseSeveral({ indexes }: Table, index: string | undefined): void {
  const key = index === undefined ? undefined : indexes.get(index)?.key;
  if (!key?.moreHash && !key?.moreRange) return;
  throw invalid(
    'PartiQL statements cannot be executed on tables with multi-attribute HASH keys or multi-attribute RANGE keys.',
  );
}

/** A read by the index's key asks nothing of what the index has not; a scan of it finds nothing there. */
function checkFilter({ table, index }: Readable, { where, action }: BoundStatement): void {
  if (!index || index.projection.type === 'ALL' || (action as Select).where?.kind === 'or') return;
  const names = index.projection.type === 'INCLUDE' ? index.projection.names : [];
  const has = new Set([...keyNames(table.key), ...keyNames(index.key), ...names]);
  const missing = [...new Set(where?.paths.map((path) => String(path[0])))].filter((name) => !has.has(name));
  if (missing.length === 0) return;
  throw invalid(
    `One or more parameter values were invalid: Secondary index ${index.name} does not project one or more filter attributes: [${missing.join(', ')}]`,
  );
}

/** Where a page ended: the number of a range, and the row; without one the range is not begun. */
interface Position {
  readonly range: number;
  readonly row?: Buffer;
}

interface Rows {
  readonly items: readonly StoredItem[];
  readonly source: number;
  readonly fetched: number;
  readonly next: { readonly nextToken?: string; readonly lastKey?: Attributes };
}

async function readRows(
  records: Records,
  source: Readable,
  plan: ReadPlan,
  fetches: boolean,
  wish: SelectWish,
): Promise<Rows> {
  const { limit, consistent, token, fingerprint } = wish;
  const { reverse } = plan;
  const ranges = rangesOf(source, plan);
  const start: Position = token === undefined ? { range: 0 } : positionOf(token, fingerprint, ranges);
  const sum = { items: [] as StoredItem[], source: 0, fetched: 0 };
  for (let at = start.range; at < ranges.length; at++) {
    if (isFull(sum.source, consistent)) return { ...sum, next: { nextToken: tokenOf({ range: at }, fingerprint) } };
    const range = at === start.range && start.row ? rangeAfter(ranges[at]!, start.row, reverse) : ranges[at]!;
    const rest = limit === undefined ? undefined : limit - sum.items.length;
    const page = await readPage(records, { source, range, reverse, limit: rest, consistent, fetches });
    sum.items.push(...page.items);
    sum.source += page.units.source;
    sum.fetched += page.units.fetched;
    if (page.last) return { ...sum, next: nextOf(source, at, page.last, fingerprint) };
  }
  return { ...sum, next: {} };
}

function rangesOf({ key }: Readable, { hashes, range }: ReadPlan): readonly RowRange[] {
  return hashes?.map((hash) => rangeOf(key, { hash, ...(range && { range }) })) ?? [{}];
}

/** Whether several ranges together have come to a page. */
function isFull(units: number, consistent: boolean): boolean {
  return (units * ITEM_LIMITS.readUnitBytes) / (consistent ? 1 : 0.5) >= ITEM_LIMITS.pageBytesMax;
}

function nextOf(source: Readable, range: number, { attributes }: StoredItem, fingerprint: string): Rows['next'] {
  const { table, index } = source;
  const row = index ? indexRowKey(index.key, table.key, attributes)! : itemRowKey(table.key, attributes);
  return {
    nextToken: tokenOf({ range, row: Buffer.from(row) }, fingerprint),
    lastKey: pick(attributes, startKeyNames(source)),
  };
}

/** What makes statements the same to a token. */
export function statementFingerprint(...parts: readonly unknown[]): string {
  return fingerprintOf(parts).toString('base64url').slice(0, 22);
}

function tokenOf({ range, row }: Position, fingerprint: string): string {
  return Buffer.from(JSON.stringify([fingerprint, range, row?.toString('base64url')])).toString('base64url');
}

/** @throws DynamodbError `validation-failed`: the token is none of this statement */
function positionOf(token: string, fingerprint: string, ranges: readonly RowRange[]): Position {
  const [given, range, text] = parsedToken(token);
  const row = typeof text === 'string' ? Buffer.from(text, 'base64url') : undefined;
  const whole = typeof range === 'number' ? ranges[range] : undefined;
  if (given !== fingerprint || whole === undefined || (row && !isWithin(whole, row)))
    throw invalid('NextToken does not match request');
  return { range: range as number, ...(row && { row }) };
}

function parsedToken(token: string): readonly unknown[] {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return [];
  }
}

function shown(items: readonly StoredItem[], columns: readonly DocumentPath[] | undefined): Selected['items'] {
  if (columns) return items.map(({ attributes }) => columnsOf(attributes, columns));
  return new RawJson(`[${items.map(({ json }) => json).join()}]`);
}

/** Columns of an item; each has the name of the last member of its path. */
export function columnsOf(attributes: Attributes, columns: readonly DocumentPath[]): Attributes {
  return Object.fromEntries(
    columns.flatMap((path) => {
      const value = valueAt(attributes, path);
      return value === undefined ? [] : [[columnName(path), value] as const];
    }),
  );
}

function columnName(path: DocumentPath): string {
  const last = path.at(-1)!;
  return typeof last === 'string' ? last : `${columnName(path.slice(0, -1))}[${last}]`;
}
