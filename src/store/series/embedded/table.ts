import {
  type DuckDBAppender,
  DuckDBDataChunk,
  DuckDBTimestampNanosecondsValue,
  type DuckDBType,
  type DuckDBValue,
  TIMESTAMP_NS,
} from '@duckdb/node-api';

/** Rows of one data chunk: DuckDB's vector size. */
const CHUNK_ROWS = 2048;

/** Columns of a table beside `time`, in the table's order. */
export type Table = Map<string, { readonly type: DuckDBType; readonly isTag: boolean }>;

/** Appends rows, given column by column: three times as fast as value by value. */
export function appendColumns(
  appender: DuckDBAppender,
  table: Table,
  times: readonly bigint[],
  columns: ReadonlyMap<string, readonly (DuckDBValue | undefined)[]>,
): void {
  const types = [TIMESTAMP_NS, ...[...table.values()].map(({ type }) => type)];
  for (let start = 0; start < times.length; start += CHUNK_ROWS) {
    const count = Math.min(CHUNK_ROWS, times.length - start);
    const chunk = DuckDBDataChunk.create(types, count);
    const stamps = new Array<DuckDBValue>(count);
    for (let i = 0; i < count; i++) stamps[i] = new DuckDBTimestampNanosecondsValue(times[start + i]!);
    chunk.setColumnValues(0, stamps);
    let index = 1;
    for (const name of table.keys()) chunk.setColumnValues(index++, slice(columns.get(name), start, count));
    appender.appendDataChunk(chunk);
  }
  appender.closeSync();
}

function slice(values: readonly (DuckDBValue | undefined)[] | undefined, start: number, count: number): DuckDBValue[] {
  const part = new Array<DuckDBValue>(count);
  for (let i = 0; i < count; i++) part[i] = values?.[start + i] ?? null;
  return part;
}
