import { readFile } from 'node:fs/promises';
import { UsageError } from '../command.ts';

/** A recording that devices replay: rows in order of time, columns by the payload field that they fill. */
export interface Recording {
  readonly rows: number;
  /** Epoch milliseconds of each row. */
  readonly times: Float64Array;
  readonly fields: Readonly<Record<string, Float64Array>>;
}

/**
 * Reads a CSV file with a header row and numbers in the columns asked for. Times without a zone are read as UTC; fields are
 * not quoted.
 *
 * @throws UsageError  the file or a column is missing, or a row is no number
 */
export async function readRecording(
  file: string,
  mapping: { readonly time: string; readonly columns: Readonly<Record<string, string>> },
): Promise<Recording> {
  const text = await readFile(file, 'utf8').catch(() => {
    throw new UsageError(`there is no recording at ${file}`);
  });
  const [header, ...lines] = text.split(/\r?\n/).filter((line) => line !== '');
  const names = header?.split(',') ?? [];
  const indexOf = (name: string) => {
    const index = names.indexOf(name);
    if (index < 0) throw new UsageError(`${file} has no column "${name}"; it has ${names.join(', ')}`);
    return index;
  };
  if (lines.length === 0) throw new UsageError(`${file} has no rows`);
  const cells = lines.map((line) => line.split(','));
  return {
    rows: lines.length,
    times: column(cells, indexOf(mapping.time), file, utc),
    fields: Object.fromEntries(
      Object.entries(mapping.columns).map(([field, name]) => [field, column(cells, indexOf(name), file, Number)]),
    ),
  };
}

function column(
  cells: readonly (readonly string[])[],
  index: number,
  file: string,
  read: (text: string) => number,
): Float64Array {
  return Float64Array.from(cells, (row, line) => {
    const value = read(row[index] ?? '');
    // The header is line 1.
    if (Number.isNaN(value)) throw new UsageError(`${file}:${line + 2}: cannot read "${row[index] ?? ''}"`);
    return value;
  });
}

function utc(text: string): number {
  return Date.parse(/[zZ]|[+-]\d\d:?\d\d$/.test(text) ? text : `${text.replace(' ', 'T')}Z`);
}
