const ENDING = '.duckdb';

/** File of a database: file systems that ignore case must not bring two together, so capitals are escaped. */
export function fileOf(database: string): string {
  return `${database.replace(/[A-Z]/g, (capital) => `%${capital.toLowerCase()}`)}${ENDING}`;
}

/** The database of a file or its log; `undefined` for other files. */
export function databaseOf(file: string): string | undefined {
  const match = /^([a-z0-9_%-]+)\.duckdb(\.wal)?$/.exec(file);
  return match?.[1]?.replace(/%([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
