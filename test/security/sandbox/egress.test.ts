import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock, systemRandom } from '../../../src/base/index.ts';
import { type Egress, openSandbox } from '../../../src/runtime/index.ts';
import { ENGINES } from '../../lambda/engines.ts';
import { RuntimeHouse } from '../../lambda/runtime-house.ts';
import { openScene, type Scene } from './house.ts';

/** To another machine: a process in a network namespace of its own, with two addresses. */
const LINK = `far${process.pid % 100_000}`;
const run = (...argv: string[]) => spawnSync(argv[0]!, argv.slice(1), { encoding: 'utf8' });
const ip = (line: string) => {
  const { status, stderr } = run('ip', ...line.split(' '));
  assert.equal(status, 0, `ip ${line}: ${stderr}`);
};
const namespace = ENGINES.find(({ engine }) => engine === 'namespace')!.skip;
const tools = run('slirp4netns', '--version').status === 0 && run('ip', '-V').status === 0;
const skip =
  namespace ||
  (process.getuid!() !== 0 && 'needs root, to make another machine') ||
  (!tools && 'needs slirp4netns and ip');
/** Where clouds hand out a machine's credentials. */
const METADATA = ['169.254.169.254', '168.63.129.16', '100.100.100.200', '192.0.0.192'];
/** Node's own sockets name no interface. */
const perl = run('/usr/bin/perl', '-v').status !== 0 && 'needs perl';

const statOf = (pid: string) => {
  const [state, parent] = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)!.split(' ');
  return { name: readFileSync(`/proc/${pid}/comm`, 'latin1').trim(), state, parent: parent! };
};

function isAlive(pid: string): boolean {
  try {
    return statOf(pid).state !== 'Z';
  } catch {
    return false;
  }
}

/** Kills all networks of this process; resolves when they are dead. */
async function killNetworks(): Promise<void> {
  const killed: string[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const { name, state, parent } = statOf(pid);
      if (name !== 'slirp4netns' || state === 'Z' || statOf(parent).parent !== String(process.pid)) continue;
      process.kill(Number(pid), 'SIGKILL');
      killed.push(pid);
    } catch {
      // It has ended meanwhile.
    }
  }
  assert.notEqual(killed.length, 0);
  while (killed.some(isAlive)) await delay(1);
}

describe('egress in engine namespace', { skip }, () => {
  let scene: Scene & AsyncDisposable;
  let server: ChildProcess;
  before(async () => {
    const listen =
      'for (const port of [80, 81]) require("net").createServer((s) => s.end("far")).listen(port, "0.0.0.0", () => console.log(port));';
    server = spawn('unshare', ['--net', process.execPath, '-e', listen], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(server.stdout!, 'data');
    ip(`link add ${LINK} type veth peer name far netns ${server.pid}`);
    ip(`address add 198.51.100.1/24 dev ${LINK}`);
    ip(`link set ${LINK} up`);
    for (const line of [
      'address add 198.51.100.2/24 dev far',
      'address add 198.51.100.3/24 dev far',
      'link set far up',
    ]) {
      run('nsenter', '--target', String(server.pid), '--net', 'ip', ...line.split(' '));
    }
    scene = await openScene('namespace');
  });
  after(async () => {
    await scene[Symbol.asyncDispose]();
    // The wire goes with the namespace.
    server.kill();
  });

  /** What each target answers. */
  async function dial(egress: Egress, targets: readonly (readonly [host: string, port: number])[]): Promise<string[]> {
    return scene.run('return Promise.all(e.map(([host, port]) => dial({ host, port })));', targets, { egress });
  }
  const FAR_TARGETS = [
    ['198.51.100.2', 80],
    ['198.51.100.2', 81],
    ['198.51.100.3', 80],
  ] as const;

  test('all reaches other machines, and of this one nothing', async () => {
    assert.deepEqual(await dial({ kind: 'all' }, FAR_TARGETS), ['far', 'far', 'far']);
    const own = ['198.51.100.1', scene.ownAddress, '10.0.2.2', '10.0.2.3', '127.0.0.1', ...METADATA];
    const answers = await dial(
      { kind: 'all' },
      own.map((host) => [host, scene.mqttPort]),
    );
    assert.ok(
      answers.every((answer) => /^E(NETUNREACH|HOSTUNREACH|CONNREFUSED)$/.test(answer)),
      answers.join(' '),
    );
  });

  test('addresses that the machine has got since a blank sandbox was built are closed to who gets it, and so are those of loopback', async () => {
    const reached = '203.0.113.9';
    await using house = await RuntimeHouse.open({ engine: 'namespace', blanks: 2, blanksAfterMs: 0 });
    const dialling = (egress: Egress) =>
      house.spec(
        `exports.handler = (e) => new Promise((done) => require('node:net').connect({ ...e, timeout: 2_000 })
           .on('data', (bytes) => done(String(bytes))).on('error', ({ code }) => done(code)).on('timeout', () => done('timeout')));`,
        { egress },
      );
    const target = { host: reached, port: scene.mqttPort };
    const list: Egress = { kind: 'allowlist', destinations: [reached] };
    await house.invoke(dialling({ kind: 'all' }), target);
    while (!house.runtime.blanksFull) await delay(50);
    ip(`address add ${reached}/32 dev lo`);
    try {
      await delay(2_500);
      const answers = [
        await house.invoke(dialling({ kind: 'all' }), target),
        await house.invoke(dialling(list), target),
      ];
      assert.deepEqual(
        answers.map(({ value }) => value),
        ['ENETUNREACH', 'ENETUNREACH'],
      );
    } finally {
      ip(`address del ${reached}/32 dev lo`);
    }
  });

  test('a network that is killed is there again: under a blank sandbox before a function gets it, else soon', async () => {
    await using house = await RuntimeHouse.open({ engine: 'namespace', blanks: 2, blanksAfterMs: 0 });
    const dialling = (egress: Egress) =>
      house.spec(
        `exports.handler = (targets) => Promise.all(targets.map(([host, port]) => new Promise((done) =>
           require('node:net').connect({ host, port, timeout: 2_000 }).on('data', (bytes) => done(String(bytes)))
             .on('error', ({ code }) => done(code)).on('timeout', () => done('timeout')))));`,
        { egress, timeoutMs: 30_000 },
      );
    const all = dialling({ kind: 'all' });
    const list = dialling({ kind: 'allowlist', destinations: ['198.51.100.2:80'] });
    const closed = 'ENETUNREACH';
    await house.invoke(dialling({ kind: 'none' }), []);
    while (!house.runtime.blanksFull) await delay(50);
    await killNetworks();
    assert.deepEqual((await house.invoke(all, FAR_TARGETS)).value, ['far', 'far', 'far']);
    assert.deepEqual((await house.invoke(list, FAR_TARGETS)).value, ['far', closed, closed]);
    await killNetworks();
    for (const [spec, expected] of [
      [all, ['far', 'far', 'far']],
      [list, ['far', closed, closed]],
    ] as const) {
      let { value } = await house.invoke(spec, FAR_TARGETS);
      while (value[0] !== 'far') {
        await delay(50);
        ({ value } = await house.invoke(spec, FAR_TARGETS));
      }
      assert.deepEqual(value, expected);
    }
    const own = [[scene.ownAddress, scene.mqttPort]];
    assert.deepEqual((await house.invoke(all, own)).value, [closed]);
  });

  test('none reaches nothing but the doors', async () => {
    assert.deepEqual(await dial({ kind: 'none' }, FAR_TARGETS), ['ENETUNREACH', 'ENETUNREACH', 'ENETUNREACH']);
    const door = await scene.run(
      "const { port } = new URL(process.env.AWS_ENDPOINT_URL); return dial({ host: '127.0.0.1', port, say: 'GET / HTTP/1.0\\r\\n\\r\\n' });",
      {},
      { egress: { kind: 'none' } },
    );
    assert.match(door, /^HTTP\/1\.1 \d+/);
  });

  test('an allowlist reaches its addresses, ports and networks, and no name server', async () => {
    const list = (...destinations: string[]): Egress => ({ kind: 'allowlist', destinations });
    const closed = 'ENETUNREACH';
    assert.deepEqual(await dial(list('198.51.100.2:80', '198.51.100.3'), FAR_TARGETS), ['far', closed, 'far']);
    assert.deepEqual(await dial(list('198.51.100.0/24:81'), FAR_TARGETS), [closed, 'far', closed]);
    assert.deepEqual(await dial(list('198.51.100.2', '198.51.100.2', '0.0.0.0/0'), FAR_TARGETS), ['far', 'far', 'far']);
    assert.deepEqual(await dial(list(`${scene.ownAddress}`), [[scene.ownAddress, scene.mqttPort]]), [closed]);
    assert.deepEqual(
      await dial(
        list(...METADATA, '0.0.0.0/0'),
        METADATA.map((host) => [host, 80]),
      ),
      METADATA.map(() => closed),
    );
    assert.deepEqual(
      await dial(list('198.51.100.2'), [
        ['10.0.2.3', 53],
        ['198.51.100.3', 80],
      ]),
      [closed, closed],
    );
  });

  test('an allowlist is none that a socket leaves by naming the interface', { skip: perl }, async () => {
    const intruder = `
      use Socket;
      socket(my $out, AF_INET, SOCK_DGRAM, 17) or die $!;
      setsockopt($out, SOL_SOCKET, 25, "tap0\\0") or die "SO_BINDTODEVICE: $!";
      my $question = pack("n6", 1, 256, 1, 0, 0, 0) . "\\x07example\\x03com\\0" . pack("n2", 1, 1);
      send($out, $question, 0, sockaddr_in(53, inet_aton($_))) for ("10.0.2.3", "198.51.100.3");
      select(undef, undef, undef, 0.3);
      open(my $neighbours, "/proc/net/arp"); print grep { / 0x2 / } <$neighbours>;`;
    const { status, stdout } = await scene.run(
      "const { status, stdout } = cp.spawnSync('perl', ['-e', e], { encoding: 'utf8' }); return { status, stdout };",
      intruder,
      { egress: { kind: 'allowlist', destinations: ['198.51.100.2'] } },
    );
    assert.equal(status, 0);
    assert.doesNotMatch(stdout, /10\.0\.2\.3/, 'the resolver has been asked');
  });

  test('a name of an allowlist is looked up by the node, and is in the hosts of the sandbox', async () => {
    const hosts = await scene.run(
      "return fs.readFileSync('/etc/hosts', 'utf8');",
      {},
      {
        egress: { kind: 'allowlist', destinations: ['localhost:80', 'nowhere.invalid'] },
      },
    );
    assert.match(hosts, /^127\.0\.0\.1 localhost$/m);
    assert.doesNotMatch(hosts, /nowhere/);
  });

  test('a list with an entry that is none fails the function, in words', async () => {
    const answer = await scene.run(
      'return 1;',
      {},
      { egress: { kind: 'allowlist', destinations: ['http://example.com'] } },
    );
    assert.deepEqual(
      [answer.errorType, /no host name, IPv4 address/.test(answer.errorMessage)],
      ['Sandbox.Failure', true],
    );
  });

  test('nobody inside changes the routes', async () => {
    const said = await scene.run(
      `return ['ip rule flush', 'ip route add default dev lo', 'ip link set lo down', 'ip rule del pref 100'].map((line) => cp.spawnSync('sh', ['-c', line]).status);`,
      {},
      { egress: { kind: 'none' } },
    );
    assert.ok(said.every((status: number) => status !== 0));
  });
});

test('an engine that is demanded and cannot be had is refused with the reason and what to do', async () => {
  const path = process.env.PATH;
  process.env.PATH = '/nonexistent';
  try {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-refused-'));
    const options = { directory, clock: systemClock, random: systemRandom } as const;
    await assert.rejects(openSandbox({ ...options, engine: 'namespace' }), (error: any) => {
      assert.equal(error.code, 'sandbox-unavailable');
      assert.match(error.message, /not installed.*apt-get install bubblewrap/);
      return true;
    });
    const { sandbox, weakerBecause } = await openSandbox({ ...options, engine: 'auto' });
    assert.equal(sandbox.engine, 'process');
    assert.match(weakerBecause!, /bubblewrap/);
    rmSync(directory, { recursive: true, force: true });
  } finally {
    process.env.PATH = path;
  }
});
