import type { DuckDBConnection } from '@duckdb/node-api';
import type { WorkerRollup } from './protocol.ts';
import { literal, quote } from './sql.ts';

/** Points that come so late still move the periods they belong to. */
const LATENESS_MS = 10 * 60_000;
const NS_PER_MS = 1_000_000n;

/**
 * Brings a rollup up to the last whole period before `now`, from some periods before where it ended last time, so that late points
 * count. Within the caller's transaction. @param state  the table that says where rollups have ended
 */
export async function rollUp(
  connection: DuckDBConnection,
  state: string,
  rollup: WorkerRollup,
  now: number,
): Promise<void> {
  const everyNs = BigInt(rollup.everyMs) * NS_PER_MS;
  const end = (BigInt(now) * NS_PER_MS) / everyNs;
  const start = await startOf(connection, state, rollup, everyNs);
  if (start === undefined || start >= end) return;
  const period = `time >= make_timestamp_ns(${start * everyNs}) AND time < make_timestamp_ns(${end * everyNs})`;
  await connection.run(`DELETE FROM ${quote(rollup.into)} WHERE ${period}`);
  await connection.run(insertion(rollup, everyNs, period));
  const name = literal(`rollup:${rollup.into}`);
  await connection.run(`DELETE FROM ${state} WHERE name = ${name}`);
  await connection.run(`INSERT INTO ${state} VALUES (${name}, ${end * everyNs})`);
}

/** Number of the period to begin with; `undefined` when there are no points. */
async function startOf(
  connection: DuckDBConnection,
  state: string,
  { into, from, everyMs }: WorkerRollup,
  everyNs: bigint,
): Promise<bigint | undefined> {
  const [ended] = await numbers(connection, `SELECT value FROM ${state} WHERE name = ${literal(`rollup:${into}`)}`);
  if (ended !== undefined) {
    return (ended - BigInt(Math.max(LATENESS_MS, 2 * everyMs)) * NS_PER_MS) / everyNs;
  }
  const [first] = await numbers(connection, `SELECT epoch_ns(min(time)) FROM ${quote(from)} HAVING count(*) > 0`);
  return first === undefined ? undefined : first / everyNs;
}

function insertion({ into, from, schema }: WorkerRollup, everyNs: bigint, period: string): string {
  const tags: string[] = [];
  const targets: string[] = [];
  const values: string[] = [];
  for (const [name, type] of Object.entries(schema)) {
    const column = quote(name);
    if (type === 'tag') tags.push(column);
    if (type !== 'float' && type !== 'integer') continue;
    targets.push(column, quote(`${name}_min`), quote(`${name}_max`), quote(`${name}_count`));
    values.push(`avg(${column})`, `min(${column})::DOUBLE`, `max(${column})::DOUBLE`, `count(${column})`);
  }
  const at = `make_timestamp_ns((epoch_ns(time) // ${everyNs}) * ${everyNs})`;
  return `INSERT INTO ${quote(into)} (${['time', ...tags, ...targets].join(', ')})
    SELECT ${[`${at} AS period`, ...tags, ...values].join(', ')}
    FROM ${quote(from)} WHERE ${period} GROUP BY ${['period', ...tags].join(', ')}`;
}

async function numbers(connection: DuckDBConnection, sql: string): Promise<bigint[]> {
  const rows = (await connection.runAndReadAll(sql)).getRows();
  return rows.map(([value]) => value as bigint);
}
