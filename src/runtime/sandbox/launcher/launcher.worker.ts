/**
 * The launcher: a small process that starts the processes of sandboxes for the node. Starting one copies the page tables of who
 * starts it, which takes a node of much memory 17 ms on its event loop, and this process less than 1.
 *
 * Arguments: path of the socket to listen on, token as hexadecimal digits. Ends with the node, and its processes with it.
 */
import { type ChildProcess, type SendHandle, spawn } from 'node:child_process';
import { Socket as DatagramSocket } from 'node:dgram';
import { closeSync, openSync, rmSync } from 'node:fs';
import { createServer, Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import {
  CHANNEL,
  DOORS,
  type Event,
  HEADER_BYTES,
  type Order,
  STREAMS,
  type StartOrder,
  TOKEN_BYTES,
} from './orders.ts';

/** What bubblewrap says of itself is some 200 bytes. */
const INFO_LENGTH_MAX = 4096;

interface Started {
  readonly child: ChildProcess;
  readonly block: number | undefined;
  /** Child of bubblewrap that waits, and would go on waiting for ever without bubblewrap. */
  waiting: number | undefined;
}

const [, , path = '', token = ''] = process.argv;
const orders = new Map<number, StartOrder>();
/** Connections that came for a process, by its descriptors. */
const connections = new Map<number, Map<number, Socket>>();
const started = new Map<number, Started>();

const tell = (event: Event, handle?: SendHandle, sent?: () => void) => process.send!(event, handle, {}, sent);

function onConnection(socket: Socket): void {
  socket.on('error', () => {});
  const onReadable = () => {
    const header: Buffer | null = socket.read(HEADER_BYTES);
    if (!header) return;
    socket.off('readable', onReadable);
    if (header.toString('hex', 0, TOKEN_BYTES) !== token) return void socket.destroy();
    const id = header.readUInt32LE(TOKEN_BYTES);
    const sockets = connections.get(id) ?? new Map<number, Socket>();
    connections.set(id, sockets.set(header[TOKEN_BYTES + 4]!, socket));
    startWhole(id);
  };
  socket.on('readable', onReadable);
}

/** Starts a process when its order and all its connections are there. */
function startWhole(id: number): void {
  const order = orders.get(id);
  const sockets = connections.get(id);
  if (!order || sockets?.size !== STREAMS.length) return;
  orders.delete(id);
  connections.delete(id);
  start(order, sockets);
  // The process has its own; with these the other ends would never close.
  for (const socket of sockets.values()) socket.destroy();
}

function start(order: StartOrder, sockets: ReadonlyMap<number, Socket>): void {
  const { id, command, environment, directory, hasDoors, bubblewrap } = order;
  const channel = sockets.get(CHANNEL)!;
  // What is given as input is made to block, as programs expect it of their descriptors; so the channel is, being the same.
  const stdio: (Socket | 'ignore' | 'ipc' | 'pipe' | number)[] = [channel, sockets.get(1)!, sockets.get(2)!, channel];
  stdio[DOORS] = hasDoors ? 'ipc' : 'ignore';
  let filter: number | undefined;
  try {
    if (bubblewrap) {
      filter = openSync(bubblewrap.filterFile, 'r');
      stdio[bubblewrap.info] = 'pipe';
      stdio[bubblewrap.seccomp] = filter;
      stdio[bubblewrap.block] = 'pipe';
    }
    const options = { cwd: directory, env: environment, detached: true, stdio };
    const child = spawn(command[0]!, command.slice(1), options);
    follow(id, { child, block: bubblewrap?.block, waiting: undefined }, bubblewrap?.info);
  } catch {
    tell({ kind: 'ended', id, code: null, signal: null });
  } finally {
    if (filter !== undefined) closeSync(filter);
  }
}

function follow(id: number, process: Started, infoDescriptor: number | undefined): void {
  const { child, block } = process;
  started.set(id, process);
  const ended = (code: number | null, signal: string | null) => {
    if (started.delete(id)) tell({ kind: 'ended', id, code, signal });
  };
  child.on('error', () => child.pid === undefined && ended(null, null)).once('exit', ended);
  if (child.pid === undefined) return;
  tell({ kind: 'started', id, pid: child.pid });
  child.on('message', (message: { door?: unknown } | null, handle) => {
    if (handle instanceof Server || handle instanceof DatagramSocket)
      tell({ kind: 'door', id, name: message?.door }, handle, () => handle.close());
  });
  if (block === undefined || infoDescriptor === undefined) return;
  const descriptors: readonly unknown[] = child.stdio;
  (descriptors[block] as Writable).on('error', () => {});
  readInfo(descriptors[infoDescriptor] as Readable, (first) => {
    process.waiting = first;
    tell({ kind: 'contained', id, first });
  });
}

function readInfo(info: Readable, take: (first: number) => void): void {
  let text = '';
  info.on('error', () => {});
  info.on('data', (chunk: Buffer) => {
    if (text.includes('}') || text.length > INFO_LENGTH_MAX) return;
    text += chunk.toString('latin1');
    if (text.includes('}')) take(Number(/"child-pid":\s*(\d+)/.exec(text)?.[1]));
  });
}

function onOrder(order: Order): void {
  if (order.kind === 'start') {
    orders.set(order.id, order);
    return startWhole(order.id);
  }
  const process = started.get(order.id);
  if (!process) return;
  const { child, block } = process;
  if (order.kind === 'shut-doors') {
    if (child.connected) child.disconnect();
    return;
  }
  process.waiting = undefined;
  const descriptors: readonly unknown[] = child.stdio;
  (descriptors[block!] as Writable).end('.');
}

/** The node is gone. What has been let go on dies with this process; what waits for the node's word dies with nobody. */
function onNodeGone(): void {
  for (const { waiting } of started.values()) {
    try {
      if (waiting !== undefined) process.kill(waiting, 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
  rmSync(dirname(path), { recursive: true, force: true });
  process.exit();
}

// A service manager tells all processes of a service to end: the node ends its sandboxes in its own order.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
process.on('disconnect', onNodeGone);
// Node keeps 'disconnect' back until the peer has acknowledged the last handle, for ever when it has died meanwhile: the input ends too.
process.stdin.on('close', onNodeGone).resume();
process.on('message', onOrder);
createServer(onConnection).listen(path, () => tell({ kind: 'listening' }));
