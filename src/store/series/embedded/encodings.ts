import type { QueryFormat } from '../series.ts';
import type { WorkerRows } from './protocol.ts';

/** Rows as text. */
export function encodeRows(rows: WorkerRows, format: Exclude<QueryFormat, 'parquet'>): Buffer {
  if (format === 'csv') return Buffer.from(csv(rows));
  const objects = jsonObjects(rows);
  if (format === 'jsonl') return Buffer.from(objects.map((line) => `${line}\n`).join(''));
  return Buffer.from(`[${objects.join(',')}]`);
}

function jsonObjects({ columns, values, rowCount }: WorkerRows): string[] {
  const keys = columns.map(({ name }, index) => `${index === 0 ? '' : ','}${JSON.stringify(name)}:`);
  const objects = new Array<string>(rowCount);
  for (let row = 0; row < rowCount; row++) {
    let text = '{';
    for (let column = 0; column < keys.length; column++) text += keys[column]! + json(values[column]![row]);
    objects[row] = `${text}}`;
  }
  return objects;
}

/** JSON with integers of any size as digits, as InfluxDB writes them. */
function json(value: unknown): string {
  if (typeof value === 'number') return String(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(json).join(',')}]`;
  return `{${Object.entries(value)
    .map(([key, one]) => `${JSON.stringify(key)}:${json(one)}`)
    .join(',')}}`;
}

/** RFC 4180 with line feeds; null is empty. */
function csv({ columns, values, rowCount }: WorkerRows): string {
  const lines = [columns.map(({ name }) => csvField(name)).join(',')];
  for (let row = 0; row < rowCount; row++) lines.push(values.map((column) => csvField(column[row])).join(','));
  return `${lines.join('\n')}\n`;
}

function csvField(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? json(value) : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
