/**
 * A lean HTTP client for the Invoke benchmark, in a process of its own: it sends the same signed request over a few
 * connections, one at a time on each, and reports how long each took. What it costs itself is not what is measured.
 */
import { connect, type Socket } from 'node:net';

export interface InvokeLoad {
  readonly port: number;
  /** A whole HTTP/1.1 request, signed, base64. */
  readonly request: string;
  /** A request that goes ahead of them on each connection and is not timed: it pays for the connection. */
  readonly warmUp?: string;
  readonly connections: number;
  readonly requests: number;
}

process.on('message', async (load: InvokeLoad) => {
  const latencies: number[] = [];
  const start = performance.now();
  await Promise.all(Array.from({ length: load.connections }, () => runConnection(load, latencies)));
  process.send!({ latencies, elapsedMs: performance.now() - start });
});

function runConnection(load: InvokeLoad, latencies: number[]): Promise<void> {
  const { port, request, warmUp, connections, requests } = load;
  const bytes = Buffer.from(request, 'base64');
  let ahead = warmUp === undefined ? undefined : Buffer.from(warmUp, 'base64');
  let left = Math.floor(requests / connections);
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, '127.0.0.1');
    let sentAt = 0;
    let received = '';
    const send = () => {
      if (ahead) return void socket.write(ahead);
      if (left-- === 0) {
        socket.end();
        return resolve();
      }
      sentAt = performance.now();
      socket.write(bytes);
    };
    socket.setNoDelay(true);
    socket.on('connect', send);
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      if (!isWhole(received)) return;
      if (!/^HTTP\/1\.1 20[02]/.test(received)) return reject(new Error(received.slice(0, 500)));
      if (!ahead) latencies.push(performance.now() - sentAt);
      ahead = undefined;
      received = '';
      send();
    });
  });
}

function isWhole(text: string): boolean {
  const head = text.indexOf('\r\n\r\n');
  const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1];
  return head >= 0 && length !== undefined && text.length >= head + 4 + Number(length);
}
