/**
 * What calling functions by HTTP takes at the least: Node's own HTTP server that passes 600 bytes, as large as an event, to one of a
 * few processes that only echo, waits for them, and answers. Takes the number of processes, prints its port.
 */
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';

const EVENT = Buffer.alloc(600, 'x');
const echo = join(import.meta.dirname, '../invoke-echo.js');
const children = Array.from({ length: Number(process.argv[2]) }, () =>
  spawn(process.execPath, [echo], { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] }),
);
const idle = children.map(({ stdio }) => stdio[3] as Duplex);

const server = createServer((_request, response) => {
  const channel = idle.pop();
  if (!channel) return void response.writeHead(503).end();
  channel.once('data', () => {
    idle.push(channel);
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '11' }).end('{"ok":true}');
  });
  channel.write(EVENT);
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as { port: number };
  process.stdout.write(`${JSON.stringify({ port })}\n`);
});
process.on('SIGTERM', () => {
  for (const { stdio } of children) (stdio[3] as Duplex).end();
  process.exit(0);
});
