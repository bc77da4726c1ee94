/**
 * What disk and loopback do by themselves: a process that keeps each body which comes as a file, and gives files back. It promises what a
 * store promises and no more: a body takes the place of the one before it whole, and is durable with its name when it is acknowledged (new
 * file, sync, rename, sync of the folder). It knows of HTTP where a head ends and how long the body is, and checks nothing. Takes its folder,
 * prints its port.
 */
import { mkdirSync } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';

const [folder] = process.argv.slice(2) as [string];
mkdirSync(folder, { recursive: true });
const PIECE_BYTES = 256 * 1024;
const names = await open(folder, 'r');
let takenCount = 0;

async function serve(socket: Socket): Promise<void> {
  let rest: Buffer = Buffer.alloc(0);
  const source = socket[Symbol.asyncIterator]();
  const more = async () => {
    const { done, value } = await source.next();
    return done ? undefined : (value as Buffer);
  };
  for (;;) {
    let end = rest.indexOf('\r\n\r\n');
    while (end < 0) {
      const chunk = await more();
      if (!chunk) return;
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      end = rest.indexOf('\r\n\r\n');
    }
    const head = rest.toString('latin1', 0, end);
    const path = join(folder, /\/([^/?]+) HTTP/.exec(head)![1]!);
    rest = rest.subarray(end + 4);
    if (head.startsWith('GET')) await give(socket, path);
    else rest = await take(path, Number(/content-length: (\d+)/.exec(head)![1]), rest, more, socket);
  }
}

async function take(
  path: string,
  bodyBytes: number,
  first: Buffer,
  more: () => Promise<Buffer | undefined>,
  socket: Socket,
): Promise<Buffer> {
  const unnamed = `${path}.${takenCount++}`;
  await using file = await open(unnamed, 'wx');
  let [waiting, size, taken]: [Buffer[], number, number] = [[first], first.length, first.length];
  let writing: Promise<unknown> = Promise.resolve();
  while (taken < bodyBytes) {
    const chunk = (await more())!;
    waiting.push(chunk);
    size += chunk.length;
    taken += chunk.length;
    if (size < PIECE_BYTES && taken < bodyBytes) continue;
    await writing;
    writing = file.writev(waiting);
    [waiting, size] = [[], 0];
  }
  await writing;
  if (size > 0) await file.writev(waiting);
  await file.datasync();
  await rename(unnamed, path);
  await names.sync();
  socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
  return Buffer.alloc(0);
}

async function give(socket: Socket, path: string): Promise<void> {
  await using file: FileHandle = await open(path, 'r');
  const { size } = await file.stat();
  socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n`);
  for (let at = 0; at < size; ) {
    const piece = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, size - at));
    const { bytesRead } = await file.read(piece, 0, piece.length, at);
    at += bytesRead;
    if (socket.write(piece.subarray(0, bytesRead))) continue;
    await new Promise<void>((resolve) => {
      socket.once('drain', resolve).once('close', resolve);
    });
    if (socket.destroyed) return;
  }
}

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => {});
  serve(socket).catch(() => socket.destroy());
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: (server.address() as { port: number }).port })}\n`);
});
process.on('SIGTERM', () => process.exit(0));
