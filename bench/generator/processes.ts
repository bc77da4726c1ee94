import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { residentBytesOf } from './cpu.ts';
import type { RequestLoad } from './http-client.worker.ts';
import type { HttpResult } from './http-load.ts';
import type { CrowdLoad, Load, LoadResult, SecureTarget } from './load.ts';
import type { ObjectLoad, ObjectResult } from './objects-client.worker.ts';
import type { BareRates, HouseKind } from './tables.worker.ts';
import type { TableLoad, TableResult } from './tables-client.worker.ts';

/** A broker under load. */
export interface BrokerProcess extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  /** Memory that it holds in RAM now, bytes; `undefined` where /proc does not tell. */
  residentBytes(): number | undefined;
}

/** One that has a listener with TLS too. */
export interface SecureBrokerProcess extends BrokerProcess {
  readonly secure: SecureTarget;
}

/** Clients that are connected until it is disposed of. */
export interface Crowd extends AsyncDisposable {
  readonly result: LoadResult;
}

/** Core of the broker and core of the generator; both are the only one where there is one. */
const BROKER_CORE = 0;
const GENERATOR_CORE = cpus().length > 1 ? 1 : 0;

/** Runs the load in a process of its own on its own core. */
export async function runLoad(load: Load): Promise<LoadResult> {
  const child = spawnOn(GENERATOR_CORE, process.execPath, [here('generator.worker.ts'), JSON.stringify(load)]);
  const line = await firstLine(child);
  return JSON.parse(line) as LoadResult;
}

/** Has the clients come; resolves when all are there. */
export async function gather(load: CrowdLoad): Promise<Crowd> {
  const child = spawnOn(GENERATOR_CORE, process.execPath, [here('generator.worker.ts'), JSON.stringify(load)]);
  const result = JSON.parse(await firstLine(child)) as LoadResult;
  return { result, [Symbol.asyncDispose]: () => stopped(child) };
}

/** Our broker; what is published below `bench/` is made durable in a stream. */
export async function startMillrace(nodeFlags: readonly string[] = []): Promise<SecureBrokerProcess> {
  const child = spawnOn(BROKER_CORE, process.execPath, [...nodeFlags, here('broker.worker.ts')]);
  const { port, secure } = JSON.parse(await firstLine(child)) as { port: number; secure: SecureTarget };
  return { ...brokerOf(child, port, () => stopped(child)), secure };
}

/** Something that serves tables, on the core of brokers: see `tables.worker.ts`. */
export async function startTables(
  kind: HouseKind,
  directory: string,
  core: number | 'any' = BROKER_CORE,
): Promise<BrokerProcess> {
  const child = spawnOn(core, process.execPath, [here('tables.worker.ts'), kind, directory]);
  const { port } = JSON.parse(await firstLine(child)) as { port: number };
  return brokerOf(child, port, () => stopped(child));
}

/** The same work without tables and without a wire, on the same core. */
export async function bareTables(directory: string): Promise<BareRates> {
  const child = spawnOn(BROKER_CORE, process.execPath, [here('tables.worker.ts'), 'bare', directory]);
  return JSON.parse(await firstLine(child)) as BareRates;
}

/** Runs the load on tables in a process of its own on its own core. */
export async function runTableLoad(load: TableLoad): Promise<TableResult> {
  const child = spawnOn(GENERATOR_CORE, process.execPath, [here('tables-client.worker.ts'), JSON.stringify(load)]);
  return JSON.parse(await firstLine(child)) as TableResult;
}

/** A whole node that checks signatures, on the core of brokers; what it starts stays there too. */
export const startWholeNode = (directory: string): Promise<BrokerProcess> => startTables('node', directory);

/** Node's HTTP server before processes that echo, on the same core: see `http-floor.worker.ts`. */
export async function startHttpFloor(processes: number): Promise<BrokerProcess> {
  const child = spawnOn(BROKER_CORE, process.execPath, [here('http-floor.worker.ts'), String(processes)]);
  const { port } = JSON.parse(await firstLine(child)) as { port: number };
  return brokerOf(child, port, () => stopped(child));
}

/** Node's sockets with next to nothing between them, on the core of brokers: see `socket-loop.worker.ts`. */
export async function startSocketLoop(): Promise<BrokerProcess> {
  const child = spawnOn(BROKER_CORE, process.execPath, [here('socket-loop.worker.ts')]);
  const { port } = JSON.parse(await firstLine(child)) as { port: number };
  return brokerOf(child, port, () => stopped(child));
}

/** What writes bodies to files and gives them back, on any core: see `bare-objects.worker.ts`. */
export async function startBareObjects(directory: string): Promise<BrokerProcess> {
  const child = spawnOn('any', process.execPath, [here('bare-objects.worker.ts'), directory]);
  const { port } = JSON.parse(await firstLine(child)) as { port: number };
  return brokerOf(child, port, () => stopped(child));
}

/** Sends one request over and over, from a process of its own on its own core. */
export async function runRequestLoad(load: RequestLoad): Promise<HttpResult> {
  const child = spawnOn(GENERATOR_CORE, process.execPath, [here('http-client.worker.ts'), JSON.stringify(load)]);
  return JSON.parse(await firstLine(child)) as HttpResult;
}

/** Runs the load on objects in a process of its own on its own core. */
export async function runObjectLoad(load: ObjectLoad): Promise<ObjectResult> {
  const child = spawnOn(GENERATOR_CORE, process.execPath, [here('objects-client.worker.ts'), JSON.stringify(load)]);
  return JSON.parse(await firstLine(child)) as ObjectResult;
}

function brokerOf(child: ChildProcess, port: number, dispose: () => Promise<void>): BrokerProcess {
  const pid = child.pid!;
  return { port, pid, residentBytes: () => residentBytesOf(pid), [Symbol.asyncDispose]: dispose };
}

/** Debian's mosquitto, without persistence; `undefined` where it is not installed. */
export async function startMosquitto(): Promise<BrokerProcess | undefined> {
  if (!isInstalled('mosquitto')) return undefined;
  const directory = await mkdtemp(join(tmpdir(), 'millrace-mosquitto-'));
  const port = await freePort();
  const config = join(directory, 'mosquitto.conf');
  await writeFile(config, `listener ${port} 127.0.0.1\nallow_anonymous true\nlog_type error\n`);
  const child = spawnOn(BROKER_CORE, 'mosquitto', ['-c', config]);
  await listening(port);
  return brokerOf(child, port, async () => {
    await stopped(child);
    await rm(directory, { recursive: true, force: true });
  });
}

/** Files that a process may have open, sockets among them. */
export function openFilesMax(): number {
  return Number(execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' })) || Number.POSITIVE_INFINITY;
}

const here = (name: string) => join(import.meta.dirname, name);

function isInstalled(command: string): boolean {
  try {
    execFileSync('which', [command], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Starts a command on one core, where the system can do that. */
function spawnOn(core: number | 'any', command: string, args: readonly string[]): ChildProcess {
  const stdio = ['ignore', 'pipe', 'inherit'] as const;
  if (core === 'any' || !isInstalled('taskset')) return spawn(command, args, { stdio: [...stdio] });
  return spawn('taskset', ['-c', String(core), command, ...args], { stdio: [...stdio] });
}

async function firstLine(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stdout! })) return line;
  throw new Error(`${child.spawnargs.join(' ')} ended without an answer`);
}

/** Ends a process that was started here, and waits until it has ended. */
export async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await gone;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function listening(port: number): Promise<void> {
  const { createConnection } = await import('node:net');
  for (let attempt = 0; attempt < 100; attempt++) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = createConnection({ port, host: '127.0.0.1' }, () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing listens on port ${port}`);
}
