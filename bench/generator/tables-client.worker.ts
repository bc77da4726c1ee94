/**
 * The generator of the tables' benchmark as a process of its own: so many connections, one request under way on each. Takes a
 * `TableLoad` as JSON argument, prints a `TableResult` as JSON.
 */
import { connect, type Socket } from 'node:net';
import { threadCpuMsOf } from './cpu.ts';
import { Latencies } from './measure.ts';
import { bodyOf, signedRequest, type TableOperation } from './table-requests.ts';

export interface TableLoad {
  readonly port: number;
  /** Process whose time is taken; absent takes none. */
  readonly pid?: number;
  readonly table: string;
  readonly operation: TableOperation;
  /** Numbers of items (or of batches) that are called upon are below it. */
  readonly items: number;
  readonly clients: number;
  /** Numbers go up one by one, each once, and the load ends with the last; otherwise they are drawn, for a time. */
  readonly each?: boolean;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

export interface TableResult {
  /** Answers a second. */
  readonly rate: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time of the node an operation, microseconds: of its main thread, and of all its threads. */
  readonly mainMicros: number;
  readonly cpuMicros: number;
}

/** Distinct requests that are signed in advance; they are sent in turns. */
const REQUESTS = 20_000;

const load = JSON.parse(process.argv[2]!) as TableLoad;
const host = `127.0.0.1:${load.port}`;
let sent = 0;
let answered = 0;
let latencies = new Latencies();
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

/** Sends one request after the other; resolves when there are no more. */
function client(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(load.port, '127.0.0.1');
    socket.setNoDelay(true);
    let received: Buffer = Buffer.alloc(0);
    let at = 0;
    const send = () => {
      const request = next();
      if (!request) return void socket.end(resolve);
      at = performance.now();
      socket.write(request);
    };
    socket.once('connect', send).on('error', reject);
    socket.on('close', () => reject(new Error('the node closed the connection')));
    socket.on('data', (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const length = answerLength(received);
      if (length === undefined || received.length < length) return;
      if (received.length > length) return reject(new Error('more than one answer'));
      if (received[9] !== 0x32) return reject(new Error(received.toString('utf8', 0, 1000)));
      received = EMPTY;
      answered++;
      latencies.add(performance.now() - at);
      send();
    });
  });
}

const EMPTY = Buffer.alloc(0);

/** Bytes of the answer that begins here, head and body; `undefined` while that is not known. */
function answerLength(bytes: Buffer): number | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = bytes.toString('latin1', 0, end).toLowerCase();
  const at = head.indexOf('content-length: ');
  if (at < 0) throw new Error(`an answer without a length: ${head}`);
  return end + 4 + Number.parseInt(head.slice(at + 16, at + 26), 10);
}

async function measured(): Promise<TableResult> {
  const clients = Promise.all(Array.from({ length: load.clients }, client));
  const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  if (!load.each) await Promise.race([delay(load.warmUpMs), clients]);
  const [first, cpu, start] = [answered, threadCpuMsOf(load.pid), performance.now()];
  latencies = new Latencies();
  await Promise.race([...(load.each ? [] : [delay(load.measureMs)]), clients]);
  const [count, after, elapsedMs] = [answered - first, threadCpuMsOf(load.pid), performance.now() - start];
  const micros = (thread: 'main' | 'all') => (((after?.[thread] ?? 0) - (cpu?.[thread] ?? 0)) * 1000) / count;
  return {
    rate: (count * 1000) / elapsedMs,
    p50Ms: latencies.quantile(0.5),
    p99Ms: latencies.quantile(0.99),
    mainMicros: micros('main'),
    cpuMicros: micros('all'),
  };
}

process.stdout.write(`${JSON.stringify(await measured())}\n`);
process.exit(0);
