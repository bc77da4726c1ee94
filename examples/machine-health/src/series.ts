import type { DetectorState } from './detector.ts';

/** What is kept of a machine between batches: the detector's state, and which reading it has seen last. */
export interface Machine {
  readonly seq: number;
  readonly ts: number;
  readonly detector: DetectorState;
}

/** A point in InfluxDB's line protocol, without its line end. */
export type Line = string;

/** `name,device=... field=1.5,count=2i,flag=true TS`, the timestamp in milliseconds. */
export function line(measurement: string, device: string, fields: Readonly<Record<string, string>>, ts: number): Line {
  let text = '';
  for (const name in fields) text += `${text && ','}${name}=${fields[name]}`;
  return `${measurement},device=${device.replace(/[,= \\]/g, '\\$&').replace(/\n/g, '\\n')} ${text} ${ts}`;
}

export const float = (value: number) => String(value);
export const integer = (value: number) => `${value}i`;
export const text = (value: string) => `"${value.replace(/["\\]/g, '\\$&')}"`;

/** The row that {@link SeriesClient.machines} reads again. */
export function stateLine(device: string, { seq, ts, detector }: Machine): Line {
  const fields = {
    seq: integer(seq),
    readings: integer(detector.readings),
    baseline: float(detector.baseline),
    variance: float(detector.variance),
    level: float(detector.level),
    unusual: integer(detector.unusual),
    usual: integer(detector.usual),
    alerting: String(detector.alerting),
    alerted_at: integer(detector.alertedAt),
    since: integer(detector.since),
    until: integer(detector.time),
    ts: integer(ts),
  };
  return line('detector_state', device, fields, ts);
}

/** Writes points and reads them back over InfluxDB's HTTP API. */
export class SeriesClient {
  readonly #endpoint: string;
  readonly #database: string;
  readonly #headers: Readonly<Record<string, string>>;

  /** @param token  sent as InfluxDB has it, so that the database knows who writes; absent where it asks for none */
  constructor(endpoint: string, database: string, token?: string) {
    this.#endpoint = endpoint.replace(/\/$/, '');
    this.#database = database;
    this.#headers = token ? { authorization: `Token ${token}` } : {};
  }

  /** Writes all or throws. */
  async write(lines: readonly Line[]): Promise<void> {
    const url = `${this.#endpoint}/api/v2/write?bucket=${encodeURIComponent(this.#database)}&precision=ms`;
    const response = await fetch(url, { method: 'POST', headers: this.#headers, body: lines.join('\n') });
    if (!response.ok) throw new Error(`series write: ${response.status} ${await response.text()}`);
    await response.arrayBuffer();
  }

  /** Rows of one SQL statement; none when the database or the table is not there yet. */
  async query(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const response = await fetch(`${this.#endpoint}/api/v3/query_sql?db=${encodeURIComponent(this.#database)}`, {
      method: 'POST',
      headers: { ...this.#headers, 'content-type': 'application/json' },
      body: JSON.stringify({ db: this.#database, q: sql, format: 'json' }),
    });
    const body = await response.text();
    if (response.ok) return JSON.parse(body) as Record<string, unknown>[];
    if (response.status < 500 && /not found|does not exist|not exist/i.test(body)) return [];
    throw new Error(`series query: ${response.status} ${body}`);
  }

  /**
   * The state after the last reading of each of these devices; devices without one are missing from the answer.
   *
   * @param since  epoch milliseconds: older states are of no use, and the table of all states is long
   */
  async machines(devices: readonly string[], since: number): Promise<ReadonlyMap<string, Machine>> {
    const list = devices.map((device) => `'${device.replaceAll("'", "''")}'`).join(', ');
    const rows = await this.query(
      `SELECT s.* FROM detector_state s JOIN (SELECT device, max(time) AS time FROM detector_state WHERE device IN (${list})
       AND time >= TIMESTAMP '${new Date(since).toISOString().slice(0, 23).replace('T', ' ')}' GROUP BY device) latest ON s.device = latest.device AND s.time = latest.time`,
    );
    return new Map(rows.map((row) => [String(row.device), machineOf(row)]));
  }
}

/** Integers of 64 bits may come as text in JSON. */
function machineOf(row: Readonly<Record<string, unknown>>): Machine {
  const number = (name: string) => Number(row[name]);
  return {
    seq: number('seq'),
    ts: number('ts'),
    detector: {
      readings: number('readings'),
      baseline: number('baseline'),
      variance: number('variance'),
      level: number('level'),
      unusual: number('unusual'),
      usual: number('usual'),
      alerting: row.alerting === true || row.alerting === 'true',
      alertedAt: number('alerted_at'),
      since: number('since'),
      time: number('until'),
    },
  };
}
