import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isFrozen, pidOf } from '../../lambda/engines.ts';
import { NODE_RUNTIME } from '../../runtime-api/fixtures.ts';
import { aMoment } from '../../support/eventually.ts';
import type { Scene } from './house.ts';

/** One way out, or over the limits. */
export interface Attack {
  /** As docs/sandboxes.md lists it. */
  readonly name: string;
  /** Engines that do not close it; the documentation says the same. */
  readonly openIn: readonly 'process'[];
  /** What the machine must have. */
  readonly needs?: string;
  /** @returns whether the intruder got through */
  attempt(scene: Scene): Promise<boolean>;
}

const HAS_PYTHON = spawnSync('python3', ['--version']).status === 0;
const HAS_PERL = spawnSync('perl', ['-v']).status === 0;
/** Numbers of system calls. */
const INOTIFY_INIT1: Readonly<Partial<Record<NodeJS.Architecture, string>>> = { x64: '294', arm64: '26' };
const MQ_OPEN: typeof INOTIFY_INIT1 = { x64: '240', arm64: '180' };
const MQ_UNLINK: typeof INOTIFY_INIT1 = { x64: '241', arm64: '181' };
const IO_SETUP: typeof INOTIFY_INIT1 = { x64: '206', arm64: '0' };
const NEIGHBOURS = '/proc/net/stat/ndisc_cache';
/** Neighbours that the machine knows: one table for all network namespaces. */
const knownNeighbours = () => Number.parseInt(readFileSync(NEIGHBOURS, 'latin1').split('\n')[1]!, 16);
/** Asks for a thousand neighbours by IPv6, as soon as its interface has an address to ask with. */
const ASK_FOR_NEIGHBOURS = `
  use Socket qw(:all);
  my $interface;
  for (1 .. 100) {
    open(my $addresses, "/proc/net/if_inet6"); my ($own) = grep { / tap0$/ } <$addresses>; last unless $own;
    my @fields = split " ", $own; $interface = hex $fields[1]; last unless hex($fields[4]) & 0x40;
    select(undef, undef, undef, 0.05);
  }
  my @sockets;
  for my $n (1 .. 1000) {
    if ($n % 20 == 1) { socket(my $socket, AF_INET6, SOCK_DGRAM, 17) or die $!; push @sockets, $socket; }
    send($sockets[-1], "x", 0x40, pack_sockaddr_in6(9, inet_pton(AF_INET6, sprintf("fe80::%x", $n)), $interface // 2, 0));
  }`;
/** More than the memory of a function of 128 MB and its `/tmp`. */
const FILLED_BYTES = 660e6;
/** Writes to connections on loopback that nobody reads from. */
const FILL_SOCKETS = `
  use Socket; use Fcntl;
  my $address = pack_sockaddr_in(7777, INADDR_LOOPBACK);
  socket(my $server, AF_INET, SOCK_STREAM, 6); bind($server, $address) or die $!; listen($server, 1000);
  my ($filled, @open) = (0); my $bytes = "x" x 1_000_000;
  for (1 .. 400) {
    last if $filled >= ${FILLED_BYTES};
    socket(my $client, AF_INET, SOCK_STREAM, 6) or last; connect($client, $address) or last; accept(my $accepted, $server);
    push @open, $client, $accepted; fcntl($client, F_SETFL, O_NONBLOCK);
    while (my $count = syswrite($client, $bytes)) { $filled += $count }
  }
  print $filled;`;
const RT_SIGQUEUEINFO: typeof INOTIFY_INIT1 = { x64: '129', arm64: '138' };
/** What of root's share is left: it takes all for a moment. */
const LEFT_OF_ROOT = `
  my ($inotify, $open, $unlink) = map { $_ + 0 } @ARGV;
  my ($watchers, $queues, $name) = (0, 0, "millrace-$$");
  $watchers++ while $watchers < 1000 && syscall($inotify, 0) >= 0;
  $queues++ while $queues < 1000 && syscall($open, $name, 0302, 0600, 0) >= 0 && syscall($unlink, $name) == 0;
  print "$watchers $queues";`;
/** Holds 4 watchers, all message queues that it gets, and 2,000 pending signals, until it is killed. */
const HOLD_SHARES = `
  use POSIX; $| = 1; $0 = $ARGV[0];
  my (undef, $inotify, $open, $unlink, $queue) = map { $_ + 0 } @ARGV;
  my $name = "millrace-$$";
  syscall($inotify, 0) for 1 .. 4;
  my $n = 0; $n++ while $n < 1000 && syscall($open, $name, 0302, 0600, 0) >= 0 && syscall($unlink, $name) == 0;
  POSIX::sigprocmask(SIG_BLOCK, POSIX::SigSet->new(40));
  my $info = pack("l3 x116", 40, 0, -1);
  syscall($queue, $$, 40, $info) for 1 .. 2000;
  print "held"; sleep 600;`;
let serial = 0;

/** A process of the function that leaves its group and session, and goes on for as long as nobody stops it. */
async function leaveBehind({ house }: Scene): Promise<{ readonly title: string; readonly arn: string }> {
  const title = `sleep 7${process.pid}.${serial++}`;
  const spec = house.spec(
    `const cp = require('node:child_process');
     exports.handler = async () => { cp.spawn('sleep', [${JSON.stringify(title.slice(6))}], { detached: true, stdio: 'ignore' }).unref(); };`,
  );
  await house.invoke(spec);
  await until(() => pidOf(title) !== undefined, 'the child never ran');
  return { title, arn: spec.arn };
}

async function until(condition: () => boolean, complaint: string): Promise<void> {
  const end = performance.now() + 3_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(complaint);
    await aMoment();
  }
}

async function happens(condition: () => boolean): Promise<boolean> {
  return until(condition, '').then(
    () => true,
    () => false,
  );
}

export const ATTACKS: readonly Attack[] = [
  {
    name: 'reading the data directory',
    openIn: ['process'],
    attempt: async ({ run, secretFile, secrets }) =>
      (await run("return attempt(() => fs.readFileSync(e, 'utf8'));", secretFile)) === secrets.file,
  },
  {
    name: 'symbolic and hard links out of `/tmp`',
    openIn: ['process'],
    attempt: async ({ run, secretFile, secrets }) => {
      const read = await run(
        `fs.symlinkSync(e, '/tmp/link-' + process.pid);
         const soft = attempt(() => fs.readFileSync('/tmp/link-' + process.pid, 'utf8'));
         fs.unlinkSync('/tmp/link-' + process.pid);
         const hard = attempt(() => { fs.linkSync(e, '/tmp/hard-' + process.pid); return fs.readFileSync('/tmp/hard-' + process.pid, 'utf8'); });
         attempt(() => fs.unlinkSync('/tmp/hard-' + process.pid));
         return [soft, hard];`,
        secretFile,
      );
      return read.includes(secrets.file);
    },
  },
  {
    name: "reading another function's code",
    openIn: ['process'],
    attempt: async ({ run, victim, secrets }) =>
      String(
        await run("return attempt(() => fs.readFileSync(path.join(e, 'index.js'), 'utf8'));", victim.codeDirectory),
      ).includes(secrets.code),
  },
  {
    name: 'writing to its own code',
    openIn: ['process'],
    attempt: async ({ run }) =>
      run(
        `const root = process.env.LAMBDA_TASK_ROOT;
         return [() => fs.writeFileSync(path.join(root, 'new'), ''), () => fs.writeFileSync(path.join(root, 'index.js'), ''),
           () => fs.chmodSync(path.join(root, 'index.js'), 0o777), () => fs.renameSync(path.join(root, 'index.js'), '/tmp/gone')]
           .some((act) => attempt(() => { act(); return 'done'; }) === 'done');`,
      ),
  },
  {
    name: "reading the node's environment in `/proc`",
    openIn: ['process'],
    attempt: async ({ run, secrets }) =>
      run(
        "return others().some((pid) => attempt(() => fs.readFileSync('/proc/' + pid + '/environ', 'latin1')).includes(e));",
        secrets.node,
      ),
  },
  {
    name: "reading another function's memory",
    openIn: ['process'],
    attempt: async ({ run, victim, secrets, house }) => {
      await house.invoke(victim);
      return run(
        `const seen = (pid) => {
           const file = fs.openSync('/proc/' + pid + '/mem', 'r');
           for (const line of fs.readFileSync('/proc/' + pid + '/maps', 'latin1').split('\\n')) {
             const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
             if (!from) continue;
             const start = parseInt(from, 16), bytes = Buffer.alloc(Math.min(parseInt(to, 16) - start, 16e6));
             try { fs.readSync(file, bytes, 0, bytes.length, start); } catch { continue; }
             if (bytes.includes(e)) return true;
           }
         };
         return others().filter((pid) => attempt(() => fs.readFileSync('/proc/' + pid + '/cmdline', 'latin1')).startsWith('victim'))
           .some((pid) => attempt(() => seen(pid)) === true);`,
        secrets.victim,
        { timeoutMs: 30_000, memoryMb: 1024 },
      );
    },
  },
  {
    name: 'signals to other processes',
    openIn: ['process'],
    // The first process of a sandbox is no prize: the kernel drops what would end or stop it.
    attempt: async ({ run }) =>
      run("return others().some((pid) => pid !== '1' && attempt(() => process.kill(Number(pid), 0)) === true);"),
  },
  {
    name: 'connecting to other ports of the node on loopback',
    openIn: ['process'],
    attempt: async ({ run, mqttPort }) =>
      (await run("return dial({ host: '127.0.0.1', port: e });", mqttPort)) === 'mqtt',
  },
  {
    name: "connecting to the machine's own addresses",
    openIn: ['process'],
    attempt: async ({ run, mqttPort, ownAddress }) => {
      const hosts = [ownAddress, '10.0.2.2', '10.0.2.3', '0.0.0.0', '255.255.255.255'];
      return (
        await run('return Promise.all(e.hosts.map((host) => dial({ host, port: e.port })));', { hosts, port: mqttPort })
      ).includes('mqtt');
    },
  },
  {
    name: "reading the node's metrics and admin endpoints",
    openIn: ['process'],
    attempt: async ({ run }) =>
      String(
        await run(
          "const { port } = new URL(process.env.AWS_ENDPOINT_URL); return dial({ host: '127.0.0.1', port, say: 'GET /metrics HTTP/1.1\\r\\nhost: localhost\\r\\nconnection: close\\r\\n\\r\\n' });",
        ),
      ).includes('200 OK'),
  },
  {
    name: 'abstract Unix sockets of other programs',
    openIn: ['process'],
    attempt: async ({ run, abstract }) => (await run('return dial({ path: e });', abstract)) === 'abstract',
  },
  {
    name: 'namespaces, mounts, ptrace and kernel interfaces by system call',
    openIn: ['process'],
    ...(HAS_PYTHON ? {} : { needs: 'python3' }),
    attempt: async ({ run }) => {
      const script = `
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
calls = dict(x86_64=dict(unshare=272, setns=308, mount=165, ptrace=101, bpf=321, io_uring_setup=425, keyctl=250, userfaultfd=323,
  perf_event_open=298, process_vm_readv=310, open_by_handle_at=304, clone3=435, pivot_root=155, chroot=161, kexec_load=246, fsopen=430, pidfd_getfd=438),
  aarch64=dict(unshare=97, setns=268, mount=40, ptrace=117, bpf=280, io_uring_setup=425, keyctl=219, userfaultfd=282,
  perf_event_open=241, process_vm_readv=270, open_by_handle_at=265, clone3=435, pivot_root=41, chroot=51, kexec_load=104, fsopen=430, pidfd_getfd=438))
refused = (1, 38)
got = []
for name, number in calls[os.uname().machine].items():
  first = 0x10000000 if name == 'unshare' else 0
  if os.fork() == 0:
    ctypes.set_errno(0)
    result = libc.syscall(number, first, 0, 0, 0, 0, 0)
    os._exit(0 if result == -1 and ctypes.get_errno() in refused else 1)
  if os.wait()[1] != 0: got.append(name)
for family in (38, 40):
  try:
    import socket
    socket.socket(family, socket.SOCK_STREAM if family == 40 else socket.SOCK_SEQPACKET)
    got.append('socket %d' % family)
  except OSError: pass
print(','.join(got))`;
      const got = await run("return cp.spawnSync('python3', ['-c', e], { encoding: 'utf8' });", script);
      if (got.status !== 0) throw new Error(JSON.stringify(got));
      return got.stdout.trim() !== '';
    },
  },
  {
    name: 'becoming root, or getting a capability',
    openIn: process.getuid!() === 0 ? ['process'] : [],
    attempt: async ({ run }) => {
      const status = await run(
        `attempt(() => process.setuid(0)); attempt(() => process.setgid(0));
         const su = cp.spawnSync('su', ['-c', 'id -u'], { encoding: 'utf8' }).stdout;
         return { status: fs.readFileSync('/proc/self/status', 'latin1'), uid: process.getuid(), su };`,
      );
      return status.uid === 0 || /Cap(Prm|Eff|Amb):\t0*[1-9a-f]/.test(status.status) || status.su?.trim() === '0';
    },
  },
  {
    name: 'kernel settings below `/proc/sys` and `/sys`',
    openIn: process.getuid!() === 0 ? ['process'] : [],
    attempt: async ({ run }) =>
      run(
        `return ['/proc/sys/kernel/core_pattern', '/proc/sys/vm/drop_caches', '/proc/sysrq-trigger', '/sys/fs/cgroup/cgroup.procs', '/sys/kernel/uevent_helper', '/sys/fs/cgroup/pids/cgroup.procs']
           .some((file) => attempt(() => { fs.closeSync(fs.openSync(file, 'r+')); return 'open'; }) === 'open');`,
      ),
  },
  {
    name: 'writing to devices and system folders',
    openIn: process.getuid!() === 0 ? ['process'] : [],
    attempt: async ({ run }) =>
      run(
        `return ['/usr/bin', '/etc', '/dev', '/', '/var', '/opt', '/proc'].some((folder) => attempt(() => {
           const file = folder + '/millrace-intruder-' + process.pid; fs.writeFileSync(file, ''); fs.unlinkSync(file); return 'written'; }) === 'written');`,
      ),
  },
  {
    name: 'descriptors of the node',
    openIn: [],
    attempt: async ({ run, secretFile, house }) => {
      const links: string[] = await run(
        "return fs.readdirSync('/proc/self/fd').map((fd) => attempt(() => fs.readlinkSync('/proc/self/fd/' + fd)));",
      );
      return links.some((link) => link === secretFile || link.startsWith(house.directory));
    },
  },
  {
    name: "Node's channel for the doors, after the start",
    openIn: [],
    attempt: async ({ run }) =>
      run(
        `return process.connected === true || process.channel != null || 'MILLRACE_DOORS' in process.env
           || Object.keys(process.env).some((name) => name.startsWith('NODE_CHANNEL')) || attempt(() => fs.readlinkSync('/proc/self/fd/4')).startsWith('socket:');`,
      ),
  },
  {
    name: 'taking over the listener of a door',
    openIn: [],
    attempt: async ({ run, engine }) => {
      if (engine === 'process') return false;
      const bound = await run(
        `const { port } = new URL(process.env.AWS_ENDPOINT_URL);
         return new Promise((resolve) => net.createServer().listen({ port: Number(port), host: '127.0.0.1', reusePort: true }, () => resolve('bound')).on('error', (error) => resolve(error.code)));`,
      );
      return bound === 'bound';
    },
  },
  {
    name: 'forging the answer to another invocation',
    openIn: [],
    attempt: async ({ run, house, victim }) => {
      const forged = `for (let n = 0; n < 4; n++) { const b = Buffer.alloc(15); b.writeUInt32LE(11, 0); b[4] = 19; b.writeUInt32LE(n + 1, 5); b.write('42', 13); fs.writeSync(3, b); }`;
      const answer = await run(`${forged} return 'real';`);
      return answer === 42 || (await house.invoke(victim, 'mine')).value !== 'mine';
    },
  },
  {
    name: "taking another function's invocations over its Runtime API",
    openIn: ['process'],
    attempt: async ({ run, house }) => {
      const [mark, secret] = [randomUUID(), randomUUID()];
      const own = { runtime: 'provided.al2023', handler: 'a.b', timeoutMs: 3_000, environment: { MARK: mark } };
      const spec = house.spec(NODE_RUNTIME, own, 'bootstrap');
      chmodSync(join(spec.codeDirectory, 'bootstrap'), 0o755);
      await house.invoke(spec, 'first');
      const intruding = run(
        `const environ = others().map((pid) => attempt(() => fs.readFileSync('/proc/' + pid + '/environ', 'latin1'))).find((text) => text.includes(e)) ?? '';
         const address = /AWS_LAMBDA_RUNTIME_API=([\\d.:]+)/.exec(environ)?.[1] ?? process.env.AWS_LAMBDA_RUNTIME_API;
         // Its own runtime is stopped by then, and asks no more.
         await new Promise((resolve) => setTimeout(resolve, 300));
         const stolen = fetch('http://' + address + '/2018-06-01/runtime/invocation/next', { signal: AbortSignal.timeout(5_000) });
         await new Promise((resolve) => setTimeout(resolve, 100));
         console.log('the intruder waits');
         return stolen.then((answer) => answer.text(), String);`,
        mark,
        { timeoutMs: 10_000 },
      );
      await until(() => house.lines.some((line) => line.endsWith('the intruder waits')), 'the intruder never waited');
      const [stolen] = await Promise.all([intruding, house.invoke(spec, secret)]);
      return stolen === JSON.stringify(secret);
    },
  },
  {
    name: "poisoning the runtime's prototypes",
    openIn: [],
    attempt: async ({ house, victim }) => {
      const spec = house.spec(`
        const fs = require('node:fs');
        const evil = () => { throw new Error('poisoned'); };
        Object.prototype.then = undefined; Object.prototype.kind = 'load'; Object.prototype.sequence = 99;
        JSON.stringify = () => '"forged"'; JSON.parse = () => ({ forged: true });
        for (const name of ['push', 'map', 'subarray', 'slice', 'concat']) { Array.prototype[name] = evil; Buffer.prototype[name] = evil; }
        Buffer.alloc = Buffer.from = Buffer.allocUnsafe = evil; Promise.prototype.then = evil; fs.writeSync = fs.readSync = evil;
        exports.handler = async () => 'first';`);
      await house.invoke(spec);
      await house.invoke(spec);
      const { value, metering } = await house.invoke(victim, { n: 1 });
      const fresh = await house.invoke(house.spec('exports.handler = async (e) => JSON.stringify(e);'), { n: 2 });
      return value.n !== 1 || metering.memoryUsedMb < 1 || fresh.value !== '{"n":2}';
    },
  },
  {
    name: 'running on between two invocations',
    openIn: [],
    attempt: async ({ house }) => {
      const spec = house.spec(
        'let ticks = 0; setInterval(() => ticks++, 1); exports.handler = async () => { const t = ticks; await new Promise((r) => setTimeout(r, 20)); return [t, ticks]; };',
      );
      const [, before] = (await house.invoke(spec)).value;
      const start = performance.now();
      await until(() => performance.now() - start > 200, '');
      return (await house.invoke(spec)).value[0] > before + 5;
    },
  },
  {
    name: 'a process that left its session and runs while the function is frozen',
    openIn: ['process'],
    attempt: async (scene) => {
      const { title, arn } = await leaveBehind(scene);
      const frozen = await happens(() => isFrozen(pidOf(title)!));
      scene.house.runtime.retire(arn);
      await endLeftover(title);
      return !frozen;
    },
  },
  {
    name: 'a process that left its session and outlives its environment',
    openIn: ['process'],
    attempt: async (scene) => {
      const { title, arn } = await leaveBehind(scene);
      scene.house.runtime.retire(arn);
      const gone = await happens(() => pidOf(title) === undefined);
      await endLeftover(title);
      return !gone;
    },
  },
  {
    name: 'fork bomb',
    openIn: ['process'],
    attempt: async ({ run }) => {
      const started = await run(
        "return Number(cp.spawnSync('sh', ['-c', 'n=0; while [ $n -lt 1200 ]; do sleep 20 >/dev/null 2>&1 & n=$((n+1)); done 2>/dev/null; echo $n'], { encoding: 'utf8' }).stdout.trim().split('\\n').at(-1)) || 0;",
        {},
        { timeoutMs: 30_000, memoryMb: 1024 },
      );
      return started >= 1200;
    },
  },
  {
    name: 'memory bomb',
    openIn: [],
    attempt: async ({ run }) => {
      const result = await run(
        'const a = []; for (;;) { a.push(Buffer.alloc(8e6, 1)); await null; }',
        {},
        { timeoutMs: 20_000, memoryMb: 256 },
      );
      return result.errorType !== 'Runtime.OutOfMemory';
    },
  },
  {
    name: 'memory bomb in a process that left its session',
    openIn: ['process'],
    attempt: async ({ run }) => {
      const eat =
        'const a = []; const t = setInterval(() => { a.push(Buffer.alloc(2e7, 1)); if (a.length > 40) process.exit(); }, 5);';
      const result = await run(
        `await new Promise((resolve) => cp.spawn(process.execPath, ['-e', ${JSON.stringify(eat)}], { detached: true, stdio: 'ignore' }).on('exit', resolve)); return 'survived';`,
        {},
        { timeoutMs: 20_000, memoryMb: 256 },
      );
      return result === 'survived';
    },
  },
  {
    name: 'memory bomb in buffers of sockets',
    openIn: ['process'],
    ...(HAS_PERL ? {} : { needs: 'perl' }),
    attempt: async ({ run, engine }) => {
      // It would be the share of TCP that the whole machine has.
      if (engine === 'process') return true;
      const filled = await run(
        "return Number(cp.spawnSync('perl', ['-e', e], { encoding: 'utf8' }).stdout);",
        FILL_SOCKETS,
        { timeoutMs: 30_000, memoryMb: 128 },
      );
      return filled >= FILLED_BYTES;
    },
  },
  {
    name: 'filling the disk through `/tmp`',
    openIn: ['process'],
    attempt: async ({ run }) => {
      const written = await run(
        `const bytes = Buffer.alloc(8e6); const file = require('node:os').tmpdir() + '/flood'; let sum = 0;
         const ended = attempt(() => { while (sum < 600e6) { fs.appendFileSync(file, bytes); sum += bytes.length; } return 'all'; });
         attempt(() => fs.unlinkSync(file)); return ended;`,
        {},
        { timeoutMs: 60_000, memoryMb: 128 },
      );
      if (written !== 'all' && written !== 'ENOSPC') throw new Error(JSON.stringify(written));
      return written === 'all';
    },
  },
  {
    name: 'descriptor flood',
    openIn: [],
    attempt: async ({ run }) =>
      (await run(
        "const open = []; return attempt(() => { while (open.length < 5_000) open.push(fs.openSync('/dev/null')); return 'all'; });",
      )) !== 'EMFILE',
  },
  {
    name: 'taking all file watches of the machine',
    openIn: ['process'],
    ...(HAS_PERL ? {} : { needs: 'perl' }),
    // Node has one watcher for all that a process watches: another language asks the kernel itself.
    attempt: async ({ run }) =>
      (await run(
        "return Number(cp.spawnSync('perl', ['-e', 'my $n = 0; $n++ while $n < 1000 && syscall($ARGV[0], 0) >= 0; print $n', e], { encoding: 'utf8' }).stdout);",
        INOTIFY_INIT1[process.arch],
      )) > 32,
  },
  {
    name: 'file watches, message queues and pending signals of root, by several functions together',
    openIn: ['process'],
    ...(HAS_PERL ? (process.getuid!() === 0 ? {} : { needs: 'root' }) : { needs: 'perl' }),
    attempt: async ({ house }) => {
      const numbers = [INOTIFY_INIT1, MQ_OPEN, MQ_UNLINK, RT_SIGQUEUEINFO].map((of) => of[process.arch]!);
      const left = () => {
        const { stdout } = spawnSync('perl', ['-e', LEFT_OF_ROOT, ...numbers], { encoding: 'utf8' });
        const [watchers = 0, queues = 0] = stdout.split(' ').map(Number);
        // Those that other programs of root have pending are few.
        const signals = Number(/^SigQ:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'latin1'))![1]);
        return { watchers, queues, signals };
      };
      const before = left();
      const titles = Array.from({ length: 6 }, () => `shares-${process.pid}-${serial++}`);
      const specs = titles.map((title) =>
        house.spec(
          `exports.handler = (argv) => new Promise((held) => require('node:child_process')
             .spawn('perl', ['-e', ...argv], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] }).stdout.once('data', (bytes) => held(String(bytes))));`,
          { name: title, timeoutMs: 30_000 },
        ),
      );
      try {
        for (const [index, title] of titles.entries())
          if ((await house.invoke(specs[index]!, [HOLD_SHARES, title, ...numbers])).value !== 'held')
            throw new Error('not held');
        const now = left();
        return (
          before.watchers - now.watchers > 12 || now.queues < before.queues || now.signals > before.signals + 1_000
        );
      } finally {
        for (const { arn } of specs) house.runtime.retire(arn);
        for (const title of titles) await endLeftover(title);
      }
    },
  },
  {
    name: 'taking all contexts of asynchronous I/O (AIO) of the machine',
    openIn: ['process'],
    ...(HAS_PERL ? {} : { needs: 'perl' }),
    attempt: async ({ run }) =>
      (await run(
        `return cp.spawnSync('perl', ['-e', 'my $context = pack("Q", 0); print syscall($ARGV[0] + 0, 64, $context)', e], { encoding: 'utf8' }).stdout;`,
        IO_SETUP[process.arch],
      )) === '0',
  },
  {
    name: "filling the machine's table of IPv6 neighbours",
    openIn: ['process'],
    ...(HAS_PERL && existsSync(NEIGHBOURS) ? {} : { needs: 'perl and IPv6' }),
    attempt: async ({ run, engine }) => {
      // It would be the machine's own interface.
      if (engine === 'process') return true;
      const before = knownNeighbours();
      await run("return cp.spawnSync('perl', ['-e', e]).status;", ASK_FOR_NEIGHBOURS, { timeoutMs: 20_000 });
      return knownNeighbours() > before + 500;
    },
  },
  {
    name: 'log flood',
    openIn: [],
    attempt: async ({ run, house, victim }) => {
      const flood = run(
        "for (let n = 0; n < 20_000; n++) console.log('x'.repeat(1_000)); return 'done';",
        {},
        { timeoutMs: 30_000 },
      );
      const start = performance.now();
      const { value } = await house.invoke(victim, 'served');
      const took = performance.now() - start;
      house.lines.length = 0;
      return (await flood) !== 'done' || value !== 'served' || took > 5_000;
    },
  },
];

/** The test does not leave behind what an engine did. */
async function endLeftover(title: string): Promise<void> {
  const pid = pidOf(title);
  if (pid !== undefined) process.kill(pid, 'SIGKILL');
}
