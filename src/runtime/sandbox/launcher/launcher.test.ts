import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { systemRandom } from '../../../base/index.ts';
import { limited } from '../limited.ts';
import { Launcher } from './launcher.ts';

const DESCRIPTORS = ['--userns-block-fd', '7', '--info-fd', '5'];

/** @returns why bubblewrap makes no namespaces here */
function contains(): string | false {
  const { status } = spawnSync('bwrap', ['--unshare-user', '--unshare-pid', '--ro-bind', '/', '/', 'true']);
  return status === 0 ? false : 'needs bubblewrap and user namespaces';
}

function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ');
  } catch {
    return false;
  }
}

const launching = async () => {
  const launcher = await Launcher.open(systemRandom);
  const sh = (script: string) =>
    launcher.launch({
      command: limited(['sh', '-c', script], ['GREETING=hello']),
      environment: { PATH: process.env.PATH! },
      directory: '/',
      hasDoors: false,
    });
  return { launcher, sh, [Symbol.asyncDispose]: () => launcher.close() };
};

/** The launchers of this process, and the sockets that they listen on. */
function launchers(): readonly { readonly pid: number; readonly path: string }[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      const parent = /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${name}/status`, 'latin1'))?.[1];
      const words = readFileSync(`/proc/${name}/cmdline`, 'latin1').split('\0');
      const at = words.findIndex((word) => word.includes('launcher.worker'));
      return Number(parent) === process.pid && at > 0 ? [{ pid: Number(name), path: words[at + 1]! }] : [];
    } catch {
      return [];
    }
  });
}

test('a process speaks with the node over its channel and outputs, and nothing of it is lost', async () => {
  await using house = await launching();
  const process = house.sh(
    'read -r line <&3; echo "$GREETING $line"; head -c 300000 /dev/zero >&3; echo complaint >&2; exit 7',
  );
  // Before it runs.
  process.channel.write('world\n');
  const [out, err, channel] = await Promise.all([...process.outputs, process.channel].map((stream) => text(stream)));
  assert.deepEqual([out, err, channel!.length], ['hello world\n', 'complaint\n', 300_000]);
  assert.deepEqual(await process.exited, { code: 7, signal: null });
});

test('a process has its limits, an empty input and the variables that it was given', async () => {
  await using house = await launching();
  const process = house.sh('ulimit -n; ulimit -c; cat; unset PWD; env | grep -v ^PATH=');
  process.channel.resume();
  assert.equal(await text(process.outputs[0]!), '1024\n0\nGREETING=hello\n');
});

test('a launcher keeps what it compiles where the node does, and its processes do not know of that', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-compiled-'));
  const before = process.env.NODE_COMPILE_CACHE;
  process.env.NODE_COMPILE_CACHE = directory;
  try {
    await using house = await launching();
    assert.doesNotMatch(await text(house.sh('env').outputs[0]!), /COMPILE_CACHE/);
    await house.launcher.close();
    assert.notDeepEqual(readdirSync(directory), []);
  } finally {
    if (before === undefined) delete process.env.NODE_COMPILE_CACHE;
    else process.env.NODE_COMPILE_CACHE = before;
    rmSync(directory, { recursive: true });
  }
});

test('a process that is killed before it runs ends, and so does one that cannot be started', async () => {
  await using house = await launching();
  const killed = house.sh('sleep 1000');
  killed.kill();
  const impossible = house.launcher.launch({
    command: ['/dev/null'],
    environment: {},
    directory: '/',
    hasDoors: false,
  });
  for (const stream of [...killed.outputs, killed.channel, ...impossible.outputs, impossible.channel]) stream.resume();
  assert.deepEqual(await killed.exited, { code: null, signal: 'SIGKILL' });
  assert.deepEqual(await impossible.exited, { code: null, signal: null });
});

test('a launcher that was killed takes its processes with it, and is replaced', async () => {
  await using house = await launching();
  const process_ = house.sh('echo runs; sleep 1000');
  await once(process_.outputs[0]!, 'data');
  // One whose number the node does not know yet dies by its death signal alone, which this one does not have.
  while (process_.pid === undefined) await turn();
  const { pid } = launchers()[0]!;
  process.kill(pid, 'SIGKILL');
  for (const stream of [...process_.outputs, process_.channel]) stream.resume();
  assert.deepEqual(await process_.exited, { code: null, signal: 'SIGKILL' });
  for (;;) {
    const next = house.sh('echo runs');
    next.channel.resume();
    // Until there is one, what is started ends at once.
    if ((await text(next.outputs[0]!).catch(() => '')) === 'runs\n') break;
    await turn();
  }
});

test('a sandbox that is being built when the node ends is ended', { skip: contains() }, async () => {
  const launcher = await Launcher.open(systemRandom);
  const { promise: contained, resolve: onContained } = Promise.withResolvers<number>();
  const order = {
    command: ['bwrap', '--unshare-user', '--unshare-pid', ...DESCRIPTORS, '--ro-bind', '/', '/', 'sleep', '1000'],
    environment: { PATH: process.env.PATH! },
    directory: '/',
    hasDoors: false,
    bubblewrap: { info: 5, seccomp: 6, block: 7, filterFile: '/dev/null' },
  };
  launcher.launch(order, { onContained });
  const first = await contained;
  await launcher.close();
  while (isAlive(first)) await turn();
});

/** Hands a listener over when it is told to by a connection, and says so there. */
const DOOR = `
  const { createServer, connect } = require('node:net');
  const listener = createServer().listen(0, () => {
    const socket = connect(Number(process.argv[1]), '127.0.0.1').once('close', () => process.exit());
    socket.once('data', () => process.send({ door: 'late' }, listener, () => socket.write('sent')));
  });`;

test('a launcher ends with its node, whatever the node has not acknowledged', async () => {
  await using server = createServer().listen(0, '127.0.0.1');
  const connected = once(server, 'connection') as Promise<[Socket]>;
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const node = spawn(process.execPath, ['--input-type=module', '--eval', nodeWithDoor(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const launcherPid = Number(await once(node.stdout, 'data'));
  const [door] = await connected;
  process.kill(node.pid!, 'SIGSTOP');
  door.write('now');
  await once(door, 'data');
  process.kill(node.pid!, 'SIGKILL');
  while (isAlive(launcherPid)) await turn();
  door.destroy();
});

/** A node that has a launcher and in it a process with a door to come; it prints the launcher's process id. */
function nodeWithDoor(port: number): string {
  return `
    import { readdirSync, readFileSync } from 'node:fs';
    import { systemRandom } from '${import.meta.resolve('../../../base/index.ts')}';
    import { Launcher } from '${import.meta.resolve('./launcher.ts')}';
    const launcher = await Launcher.open(systemRandom);
    launcher.launch({
      command: ['${process.execPath}', '-e', ${JSON.stringify(DOOR)}, '${port}'],
      environment: { NODE_CHANNEL_FD: '4' },
      directory: '/',
      hasDoors: true,
    });
    const own = readdirSync('/proc').filter((name) => {
      try {
        return readFileSync('/proc/' + name + '/status', 'latin1').includes('PPid:\\t' + process.pid + '\\n');
      } catch {
        return false;
      }
    });
    process.stdout.write(own[0]);`;
}

test('a connection without the token is closed, and gets into no process', async () => {
  await using house = await launching();
  const { path } = launchers()[0]!;
  const intruder = connect(path).on('error', () => {});
  intruder.write(Buffer.alloc(64));
  const closed = once(intruder.resume(), 'close');
  const process = house.sh('echo runs');
  process.channel.resume();
  assert.equal(await text(process.outputs[0]!), 'runs\n');
  await closed;
});
