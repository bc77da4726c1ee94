/** What the devices panel asks of the series API. The dialect is DuckDB's; times come as text or nanoseconds. */
import { ApiError, listDatabases, named, querySql, quoted, type Row, timeOf } from '../api.ts';

/** A measurement with a `device` tag and at least one number, and where alerts are kept, if anywhere. */
export interface Source {
  readonly database: string;
  readonly table: string;
  readonly fields: readonly string[];
  readonly hasAlerts: boolean;
}

export interface Alert {
  readonly device: string;
  readonly time: number;
  readonly score: number;
  readonly message: string;
}

/** Columns as uPlot takes them: times in seconds, then the field's mean, then its baseline. */
export interface Readings {
  readonly times: number[];
  readonly values: (number | null)[];
  readonly baseline: (number | null)[] | undefined;
}

const ALERTS = 'alerts';
/** Measurements that are about the work of a function rather than about a device. */
const INTERNAL = /_state$/;
const NUMERIC = /^(DOUBLE|FLOAT|REAL|BIGINT|U?BIGINT|INTEGER|Float64|Int64|UInt64)/i;
const POINTS = 480;

/** Finds what can be charted; `undefined` when no device has written anything yet. */
export async function findSource(signal: AbortSignal): Promise<Source | undefined> {
  for (const database of await listDatabases(signal)) {
    const source = await sourceIn(database, signal);
    if (source) return source;
  }
  return undefined;
}

async function sourceIn(database: string, signal: AbortSignal): Promise<Source | undefined> {
  const columns = await orNothing(
    querySql(database, 'SELECT table_name, column_name, data_type FROM information_schema.columns', signal),
  );
  const tables = Map.groupBy(columns, (row) => String(row.table_name));
  const candidates = [...tables].filter(
    ([name, rows]) => name !== ALERTS && !INTERNAL.test(name) && rows.some((row) => row.column_name === 'device'),
  );
  for (const [table, rows] of candidates) {
    const fields = rows.filter((row) => NUMERIC.test(String(row.data_type))).map((row) => String(row.column_name));
    const own = fields.filter((field) => field !== 'time');
    if (own.length > 0) return { database, table, fields: mainFirst(own), hasAlerts: tables.has(ALERTS) };
  }
  return undefined;
}

/** What was measured before what was worked out from it. */
function mainFirst(fields: readonly string[]): string[] {
  const rank = (field: string) => (/^(score|.*baseline.*)$/.test(field) ? 1 : 0);
  return [...fields].sort((a, b) => rank(a) - rank(b));
}

/** A database or table that is not there yet has no rows; everything else is an error. */
async function orNothing(rows: Promise<readonly Row[]>): Promise<readonly Row[]> {
  return rows.catch((error: unknown) => {
    if (error instanceof ApiError && (error.status === 404 || /does not exist/i.test(error.message))) return [];
    throw error;
  });
}

export async function listDevices({ database, table }: Source, signal: AbortSignal): Promise<string[]> {
  const rows = await querySql(
    database,
    `SELECT DISTINCT device FROM ${named(table)} ORDER BY device LIMIT 20000`,
    signal,
  );
  return rows.map(({ device }) => String(device));
}

/** The newest alerts, of one device or of all. */
export async function listAlerts(
  { database, hasAlerts }: Source,
  device: string | undefined,
  signal: AbortSignal,
): Promise<Alert[]> {
  if (!hasAlerts) return [];
  const only = device === undefined ? '' : `WHERE device = ${quoted(device)}`;
  const rows = await orNothing(
    querySql(
      database,
      `SELECT device, time, score, message FROM ${ALERTS} ${only} ORDER BY time DESC LIMIT 50`,
      signal,
    ),
  );
  return rows.map(({ device: of, time, score, message }) => ({
    device: String(of),
    time: timeOf(time),
    score: Number(score),
    message: String(message),
  }));
}

/** Readings of a device over the last `rangeMs`, thinned to about 480 points by their mean. */
export async function readReadings(
  source: Source,
  field: string,
  device: string,
  rangeMs: number,
  signal: AbortSignal,
): Promise<Readings> {
  const bucketMs = Math.max(100, Math.round(rangeMs / POINTS));
  const baseline = field === 'temperature_c' && source.fields.includes('baseline_c') ? 'baseline_c' : undefined;
  const since = new Date(Date.now() - rangeMs).toISOString();
  const rows = await querySql(
    source.database,
    `SELECT time_bucket(INTERVAL '${bucketMs} milliseconds', time) AS slot, avg(${named(field)}) AS value
     ${baseline ? `, avg(${baseline}) AS baseline` : ''} FROM ${named(source.table)}
     WHERE device = ${quoted(device)} AND time >= TIMESTAMP '${since.slice(0, 23).replace('T', ' ')}' GROUP BY slot ORDER BY slot`,
    signal,
  );
  const number = (value: unknown) => (value === null || value === undefined ? null : Number(value));
  return {
    times: rows.map(({ slot }) => timeOf(slot) / 1000),
    values: rows.map(({ value }) => number(value)),
    baseline: baseline ? rows.map((row) => number(row.baseline)) : undefined,
  };
}
