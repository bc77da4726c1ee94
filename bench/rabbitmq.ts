/**
 * Debian's RabbitMQ as a peer: a broker of its own on free ports of loopback, with its own node name, cookie, name server
 * (epmd) and data folder, so that it meets no other on the machine. Queues and messages are durable, publishers confirm.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join, resolve } from 'node:path';
import { freePort, stopped } from './generator/processes.ts';

export interface RabbitMq extends AsyncDisposable {
  /** `amqp://guest:guest@127.0.0.1:PORT` */
  readonly url: string;
  readonly version: string;
  readonly pid: number | undefined;
}

/** How long a broker may take to start: Erlang loads for some seconds on a busy machine. */
const START_MS_MAX = 60_000;

/** Starts a broker; `undefined` where the package is not installed. */
export async function startRabbitMq(): Promise<RabbitMq | undefined> {
  const script = globSync('/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server')[0];
  if (script === undefined || !existsSync('/usr/bin/epmd')) return undefined;
  await using scope = new AsyncDisposableStack();
  // On the disk of the checkout: `/tmp` may be memory.
  const parent = resolve(import.meta.dirname, '../.bench');
  await mkdir(parent, { recursive: true });
  const directory = await mkdtemp(join(parent, 'rabbitmq-'));
  scope.defer(() => rm(directory, { recursive: true, force: true }));
  const [port, distribution, names] = [await freePort(), await freePort(), await freePort()];
  const plugins = join(directory, 'plugins');
  await writeFile(plugins, '[].\n');
  const epmd = spawn('/usr/bin/epmd', ['-address', '127.0.0.1', '-port', String(names)], { stdio: 'ignore' });
  scope.defer(() => stopped(epmd));
  await listening(names, epmd);
  const server = spawn(script, [], {
    stdio: 'ignore',
    env: {
      ...{ PATH: process.env.PATH, HOME: directory, LANG: 'C.UTF-8' },
      ...{ ERL_EPMD_PORT: String(names), ERL_EPMD_ADDRESS: '127.0.0.1' },
      RABBITMQ_NODENAME: `bench-${process.pid}@localhost`,
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      RABBITMQ_NODE_PORT: String(port),
      RABBITMQ_DIST_PORT: String(distribution),
      RABBITMQ_MNESIA_BASE: join(directory, 'data'),
      RABBITMQ_LOG_BASE: join(directory, 'log'),
      RABBITMQ_ENABLED_PLUGINS_FILE: plugins,
      RABBITMQ_CONF_ENV_FILE: join(directory, 'none'),
      RABBITMQ_CONFIG_FILE: join(directory, 'none'),
      RABBITMQ_FEATURE_FLAGS_FILE: join(directory, 'feature-flags'),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    },
  });
  // The script hands SIGTERM on to the broker, and ends after it.
  scope.defer(() => stopped(server));
  await listening(port, server);
  const owned = scope.move();
  const version = /rabbitmq_server-([\d.]+)/.exec(script)?.[1] ?? '?';
  const url = `amqp://guest:guest@127.0.0.1:${port}`;
  return { url, version, pid: server.pid, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function listening(port: number, child: ChildProcess): Promise<void> {
  for (const end = performance.now() + START_MS_MAX; performance.now() < end; ) {
    if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended with ${child.exitCode}`);
    if (await accepts(port)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${child.spawnfile} does not listen on port ${port}`);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    socket.once('connect', () => socket.end(() => resolve(true)));
    socket.once('error', () => resolve(false));
  });
}
