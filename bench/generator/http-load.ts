import { connect, type Socket } from 'node:net';
import { threadCpuMsOf } from './cpu.ts';
import { delay, Latencies } from './measure.ts';

/** Requests over so many connections, one under way on each. */
export interface HttpLoad {
  readonly port: number;
  /** Process whose time is taken; absent takes none. */
  readonly pid?: number;
  readonly clients: number;
  /** Numbers go up one by one, each once, and the load ends with the last; otherwise it ends with the time. */
  readonly each?: boolean;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

export interface HttpResult {
  /** Answers a second. */
  readonly rate: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time of the process an answer, microseconds: of its main thread, and of all its threads. */
  readonly mainMicros: number;
  readonly cpuMicros: number;
}

const EMPTY = Buffer.alloc(0);

/**
 * Warms up and measures.
 *
 * @param next  the next request, whole; `undefined` when there are no more
 * @throws Error  an answer other than 2xx, or a connection that broke
 */
export async function runHttpLoad(load: HttpLoad, next: () => Buffer | undefined): Promise<HttpResult> {
  let answered = 0;
  let latencies = new Latencies();
  const onAnswer = (ms: number) => {
    answered++;
    latencies.add(ms);
  };
  const clients = Promise.all(Array.from({ length: load.clients }, () => client(load.port, next, onAnswer)));
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

/** Sends one request after the other; resolves when there are no more. */
function client(port: number, next: () => Buffer | undefined, onAnswer: (ms: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, '127.0.0.1');
    socket.setNoDelay(true);
    let received: Buffer = EMPTY;
    let at = 0;
    const send = () => {
      const request = next();
      if (!request) return void socket.end(resolve);
      at = performance.now();
      socket.write(request);
    };
    socket.once('connect', send).on('error', reject);
    socket.on('close', () => reject(new Error('the connection was closed')));
    socket.on('data', (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const length = answerLength(received);
      if (length === undefined || received.length < length) return;
      if (received.length > length) return reject(new Error('more than one answer'));
      if (received[9] !== 0x32) return reject(new Error(received.toString('utf8', 0, 1000)));
      received = EMPTY;
      onAnswer(performance.now() - at);
      send();
    });
  });
}

/** Bytes of the answer that begins here, head and body; `undefined` while that is not known. */
function answerLength(bytes: Buffer): number | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = bytes.toString('latin1', 0, end).toLowerCase();
  const at = head.indexOf('content-length: ');
  if (at < 0) throw new Error(`an answer without a length: ${head}`);
  return end + 4 + Number.parseInt(head.slice(at + 16, at + 26), 10);
}
