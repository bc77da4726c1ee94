/**
 * The generator of the tables' benchmark as a process of its own: so many connections, one request under way on each. Takes a
 * `TableLoad` as JSON argument, prints a `TableResult` as JSON.
 */
import { type HttpLoad, type HttpResult, runHttpLoad } from './http-load.ts';
import { bodyOf, signedRequest, type TableOperation } from './table-requests.ts';

export interface TableLoad extends HttpLoad {
  readonly table: string;
  readonly operation: TableOperation;
  /** Numbers of items (or of batches) that are called upon are below it. */
  readonly items: number;
}

export type TableResult = HttpResult;

/** Distinct requests that are signed in advance; they are sent in turns. */
const REQUESTS = 20_000;

const load = JSON.parse(process.argv[2]!) as TableLoad;
const host = `127.0.0.1:${load.port}`;
let sent = 0;
const requests = load.each
  ? []
  : Array.from({ length: REQUESTS }, () => requestFor(Math.floor(Math.random() * load.items)));

function requestFor(number: number): Buffer {
  return signedRequest(host, load.operation, bodyOf(load.operation, load.table, number));
}

/** The next request; `undefined` when there is none. */
function next(): Buffer | undefined {
  const number = sent++;
  if (!load.each) return requests[number % REQUESTS];
  return number < load.items ? requestFor(number) : undefined;
}

process.stdout.write(`${JSON.stringify(await runHttpLoad(load, next))}\n`);
process.exit(0);
