/**
 * The generator of the objects' benchmark as a process of its own: so many connections, one request under way on each. Takes an
 * `ObjectLoad` as JSON argument, prints an `ObjectResult` as JSON.
 */
import { connect, type Socket } from 'node:net';
import { crc32 } from 'node:zlib';
import { threadCpuMsOf } from './cpu.ts';
import { Latencies } from './measure.ts';
import { BUCKET, signedHead } from './object-requests.ts';

export interface ObjectLoad {
  readonly port: number;
  /** Process whose time is taken; absent takes none. */
  readonly pid?: number;
  readonly operation: 'PUT' | 'GET' | 'LIST';
  /** Keys are this and a number. */
  readonly prefix: string;
  /** Of one object. */
  readonly sizeBytes: number;
  /** Numbers of keys are below it. */
  readonly keys: number;
  readonly clients: number;
  /** Every number once; otherwise they are drawn, for a time. */
  readonly each?: boolean;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

export interface ObjectResult {
  /** Answers a second. */
  readonly rate: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time of the process under test an operation, all its threads, microseconds. */
  readonly cpuMicros: number;
}

/** Distinct requests that are signed in advance; they are sent in turns. */
const REQUESTS = 10_000;
/** Bodies are written in pieces of at most so many bytes. */
const PIECE_BYTES = 1024 * 1024;
const PAGE = 1000;

const load = JSON.parse(process.argv[2]!) as ObjectLoad;
const host = `127.0.0.1:${load.port}`;
const piece = Buffer.alloc(Math.min(PIECE_BYTES, load.sizeBytes), 'millrace ');
const bodyBytes = load.operation === 'PUT' ? load.sizeBytes : 0;
const sum = Buffer.alloc(4);
for (let at = 0, crc = 0; at < bodyBytes; at += piece.length) {
  crc = crc32(piece.subarray(0, Math.min(piece.length, bodyBytes - at)), crc);
  sum.writeUInt32BE(crc);
}
let sent = 0;
let answered = 0;
let latencies = new Latencies();
const requests = load.each
  ? []
  : Array.from({ length: Math.min(REQUESTS, load.keys) }, () => requestFor(Math.floor(Math.random() * load.keys)));

function requestFor(number: number): Buffer {
  const key = `${load.prefix}${String(number).padStart(8, '0')}`;
  if (load.operation === 'LIST') {
    const query = `list-type=2&max-keys=${PAGE}&start-after=${encodeURIComponent(key)}`;
    return signedHead({ host, method: 'GET', path: `/${BUCKET}`, query });
  }
  const path = `/${BUCKET}/${encodeURIComponent(key).replaceAll('%2F', '/')}`;
  const body = load.operation === 'PUT' && { bodyBytes, crc32: sum.toString('base64') };
  return signedHead({ host, method: load.operation, path, ...body });
}

/** The next head; `undefined` when there is none. */
function next(): Buffer | undefined {
  const number = sent++;
  if (!load.each) return requests[number % requests.length];
  return number < load.keys ? requestFor(number) : undefined;
}

/** Sends one request after the other; resolves when there are no more. */
function client(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(load.port, '127.0.0.1');
    socket.setNoDelay(true);
    let head: Buffer = EMPTY;
    /** Bytes of the answer that are still to come; `undefined` before its head is whole. */
    let left: number | undefined;
    let unsent = 0;
    let at = 0;
    const pump = () => {
      while (unsent > 0) {
        const part = piece.subarray(0, Math.min(piece.length, unsent));
        unsent -= part.length;
        if (!socket.write(part)) return;
      }
    };
    const send = () => {
      const request = next();
      if (!request) return void socket.end(resolve);
      at = performance.now();
      unsent = bodyBytes;
      socket.cork();
      socket.write(request);
      if (unsent <= piece.length) pump();
      socket.uncork();
      pump();
    };
    socket.once('connect', send).on('error', reject).on('drain', pump);
    socket.on('close', () => reject(new Error('the node closed the connection')));
    socket.on('data', (chunk: Buffer) => {
      let bytes = chunk.length;
      if (left === undefined) {
        head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
        const end = head.indexOf('\r\n\r\n');
        if (end < 0) return;
        if (head[9] !== 0x32) return reject(new Error(head.toString('utf8', 0, 1000)));
        bytes = head.length - end - 4;
        left = lengthIn(head.toString('latin1', 0, end));
        head = EMPTY;
      }
      left -= bytes;
      if (left > 0) return;
      left = undefined;
      answered++;
      latencies.add(performance.now() - at);
      send();
    });
  });
}

const EMPTY = Buffer.alloc(0);

function lengthIn(head: string): number {
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (length === undefined) throw new Error(`an answer without a length: ${head}`);
  return Number(length);
}

async function measured(): Promise<ObjectResult> {
  const clients = Promise.all(Array.from({ length: load.clients }, client));
  const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  if (!load.each) await Promise.race([delay(load.warmUpMs), clients]);
  const [first, cpu, start] = [answered, threadCpuMsOf(load.pid), performance.now()];
  latencies = new Latencies();
  await Promise.race([...(load.each ? [] : [delay(load.measureMs)]), clients]);
  const [count, after, elapsedMs] = [answered - first, threadCpuMsOf(load.pid), performance.now() - start];
  return {
    rate: (count * 1000) / elapsedMs,
    p50Ms: latencies.quantile(0.5),
    p99Ms: latencies.quantile(0.99),
    cpuMicros: (((after?.all ?? 0) - (cpu?.all ?? 0)) * 1000) / count,
  };
}

process.stdout.write(`${JSON.stringify(await measured())}\n`);
process.exit(0);
