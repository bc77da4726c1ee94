import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { SimulatedClock } from '../../src/base/index.ts';
import type { NodeDoor, RuntimeOptions } from '../../src/runtime/index.ts';
import { RUNTIME_LIMITS } from '../../src/runtime/limits.ts';
import { descendantsOf } from '../../src/runtime/sandbox/namespace/descendants.ts';
import { NODE_FLAGS } from '../../src/runtime/starts/nodejs-image.ts';
import { until } from '../support/eventually.ts';
import { ENGINES, isFrozen, isGone, pidOf } from './engines.ts';
import { RuntimeHouse } from './runtime-house.ts';

/** Answers a name that its process goes by on the machine, and no other environment has. */
const NAME =
  'const title = process.title = "environment-" + process.env.AWS_LAMBDA_LOG_STREAM_NAME.slice(-20); exports.handler = async () => title;';
const LINUX = { skip: existsSync('/proc/self/stat') ? false : 'needs /proc' };
const DEATH_SIGNAL = {
  skip: spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status === 0 ? false : 'needs setpriv (util-linux)',
};

/** Finds in its package how often it was started before; the first `slow` starts never end. */
const SLOW_INIT = (slow: number) => `
  const fs = require('node:fs');
  const starts = 1 + fs.readdirSync(process.env.LAMBDA_TASK_ROOT).filter((name) => name.startsWith('start-')).length;
  console.log('start ' + starts);
  if (starts <= ${slow}) for (;;);
  exports.handler = async (e, c) => ({ starts, left: c.getRemainingTimeInMillis() });
`;

for (const { engine, skip } of ENGINES) {
  describe(`engine ${engine}`, { skip }, () => {
    const open = (options: Partial<RuntimeOptions> = {}) => RuntimeHouse.open({ engine, ...options });

    test(
      'an idle environment is frozen after it has lingered, and serves on when it is called',
      DEATH_SIGNAL,
      async () => {
        await using house = await open();
        const spec = house.spec(NAME);
        const { value: name } = await house.invoke(spec);
        await until(() => isFrozen(pidOf(name)!));
        const again = await house.invoke(spec);
        assert.equal(again.value, name);
        assert.equal(again.metering.start, 'warm');
      },
    );

    test('nothing of the function runs between two invocations', async () => {
      await using house = await open();
      const spec = house.spec(
        'let ticks = 0; setInterval(() => ticks++, 1); exports.handler = async () => { const t = ticks; await new Promise((r) => setTimeout(r, 20)); return [t, ticks]; };',
      );
      const [, before] = (await house.invoke(spec)).value;
      const start = performance.now();
      await until(() => performance.now() - start > 60);
      const [after, later] = (await house.invoke(spec)).value;
      assert.ok(after <= before + 2, `${after - before} ticks while idle`);
      assert.ok(later > after, 'and timers go on with the next one');
    });

    test('environments that are not used are shut down, and the function scales out of zero again', LINUX, async () => {
      const clock = new SimulatedClock();
      await using house = await open({ clock });
      const spec = house.spec(NAME);
      const pid = pidOf((await house.invoke(spec)).value)!;
      assert.equal(house.runtime.pools()[0]!.idle, 1);
      await clock.advance(11 * 60_000);
      assert.equal(house.runtime.pools()[0]!.idle, 0);
      await until(() => isGone(pid));
      assert.equal((await house.invoke(spec)).metering.start, 'cold');
    });

    test('an environment whose credentials could expire under the next invocation is replaced', async () => {
      const clock = new SimulatedClock();
      let asked = 0;
      const credentials = async () => {
        const expiresAt = clock.now() + 200_000;
        return { accessKeyId: `key${++asked}`, secretAccessKey: 's', sessionToken: 't', expiresAt };
      };
      await using house = await open({ clock, credentials });
      const spec = house.spec('exports.handler = async () => process.env.AWS_ACCESS_KEY_ID;', { timeoutMs: 10_000 });
      assert.equal((await house.invoke(spec)).value, 'key1');
      await clock.advance(129_000);
      assert.equal((await house.invoke(spec)).value, 'key1');
      await clock.advance(1_000);
      assert.equal((await house.invoke(spec)).value, 'key2');
    });

    test('an environment that has served for long enough is replaced', async () => {
      const limits = RUNTIME_LIMITS as { invocationsMax: number };
      const before = limits.invocationsMax;
      limits.invocationsMax = 3;
      try {
        await using house = await open();
        const spec = house.spec('let served = 0; exports.handler = async () => ++served;');
        const served = [];
        for (let i = 0; i < 7; i++) served.push((await house.invoke(spec)).value);
        assert.deepEqual(served, [1, 2, 3, 1, 2, 3, 1]);
      } finally {
        limits.invocationsMax = before;
      }
    });

    test('a line of more than 256 KB is cut, over the channel and past it', async () => {
      await using house = await open();
      const code = `
        const { spawnSync } = require('node:child_process');
        exports.handler = async () => {
          console.log('x'.repeat(600_000));
          spawnSync('sh', ['-c', 'head -c 600000 /dev/zero | tr "\\\\0" x; echo'], { stdio: ['ignore', 'inherit', 'inherit'] });
        };`;
      await house.invoke(house.spec(code));
      await house[Symbol.asyncDispose]();
      const long = house.lines.filter((line) => line.includes('xxx'));
      assert.ok(long.length >= 3, `${long.length} lines`);
      for (const line of long) assert.ok(Buffer.byteLength(line) <= 256 * 1024, `${Buffer.byteLength(line)} bytes`);
    });

    test('an environment that cannot be told what to load fails its invocation, and nothing else', async () => {
      const endpoint = () => {
        throw new Error('no endpoint');
      };
      const credentials = { accessKeyId: 'a', secretAccessKey: 'b', sessionToken: 'c' };
      for (const given of [credentials, Promise.resolve(credentials)]) {
        await using house = await open({ endpoint, credentials: () => given });
        const { value } = await house.invoke(house.spec(NAME));
        assert.deepEqual(value, { errorType: 'Sandbox.Failure', errorMessage: 'no endpoint' });
      }
    });

    test('an invocation fails with the reason when there are no credentials, and the next one asks again', async () => {
      let there = false;
      const credentials = async () => {
        if (!there) throw new Error('no such role');
        return { accessKeyId: 'key', secretAccessKey: 's', sessionToken: 't' };
      };
      await using house = await open({ credentials });
      const spec = house.spec('exports.handler = async () => process.env.AWS_ACCESS_KEY_ID;');
      const refused = await house.invoke(spec);
      assert.deepEqual([refused.kind, refused.value.errorType], ['error', 'AccessDeniedException']);
      there = true;
      assert.equal((await house.invoke(spec)).value, 'key');
    });

    test('credentials that cannot be had fail a snapshot and an invocation, however that is told, and nothing else', async () => {
      const refuse = () => {
        throw new Error('no such role');
      };
      for (const credentials of [refuse, async () => refuse()]) {
        await using house = await open({ credentials });
        for (const [runtime, handler, file] of [
          ['nodejs24.x', 'exports.handler = async () => 1;', 'index.js'],
          ['python3.12', 'def handler(event, context): return 1', 'index.py'],
        ] as const) {
          const spec = house.spec(handler, { runtime, version: '1', snapStart: true }, file);
          await assert.rejects(house.runtime.snapshot(spec), /no such role/);
          assert.equal((await house.invoke(spec)).value.errorType, 'AccessDeniedException');
        }
      }
    });

    test('as many environments as invocations at once; one alone is used again', async () => {
      await using house = await open();
      const spec = house.spec(
        'exports.handler = async (e) => { await new Promise((r) => setTimeout(r, e.ms)); return process.env.AWS_LAMBDA_LOG_STREAM_NAME; };',
      );
      const names = await Promise.all([1, 2, 3].map(async () => (await house.invoke(spec, { ms: 300 })).value));
      assert.equal(new Set(names).size, 3);
      assert.ok(names.includes((await house.invoke(spec, { ms: 0 })).value));
      assert.deepEqual(house.runtime.pools()[0], {
        functionArn: spec.arn,
        busy: 0,
        idle: 3,
        coldStarts: 3,
        invocations: 4,
        errors: 0,
      });
    });

    test('when places are short, a function with one caller does not wait behind a function with many', async () => {
      await using house = await open({ accountConcurrency: 1 });
      const noisy = house.spec('exports.handler = async () => "noisy";');
      const quiet = house.spec('exports.handler = async () => "quiet";');
      const order: string[] = [];
      const held = await house.runtime.reserve(noisy, { wait: true });
      const calls = [noisy, noisy, noisy, noisy, quiet].map(async (spec) =>
        order.push((await house.invoke(spec)).value),
      );
      await assert.rejects(house.runtime.reserve(quiet, { wait: false }), {
        code: 'concurrency-limit',
        remedy: 'retry',
      });
      held[Symbol.dispose]();
      await Promise.all(calls);
      assert.ok(order.indexOf('quiet') <= 2, order.join(' '));
    });

    test('waiting ends with the signal, and leaves nothing behind', async () => {
      await using house = await open({ accountConcurrency: 1 });
      const spec = house.spec(NAME);
      const held = await house.runtime.reserve(spec, { wait: true });
      const abort = new AbortController();
      const waiting = house.runtime.reserve(spec, { wait: true, signal: abort.signal });
      abort.abort();
      await assert.rejects(waiting, { name: 'AbortError' });
      held[Symbol.dispose]();
      assert.equal((await house.invoke(spec)).kind, 'success');
    });

    test('payloads of megabytes pass whole, both ways', async () => {
      await using house = await open();
      const spec = house.spec('exports.handler = async (e) => e;', { memoryMb: 1024 });
      const event = { rows: Array.from({ length: 50_000 }, (_, n) => ({ n, text: `Zeile ${n} – ü` })) };
      for (let i = 0; i < 3; i++) assert.deepEqual((await house.invoke(spec, event)).value, event);
    });

    test('a runtime that is not here is refused by name', async () => {
      await using house = await open();
      const spec = house.spec('', { runtime: 'ruby3.4' });
      await assert.rejects(house.runtime.reserve(spec, { wait: true }), { code: 'runtime-unknown', remedy: 'never' });
    });

    test('garbage of a function with little memory does not end it', async () => {
      await using house = await open();
      const spec = house.spec(
        'exports.handler = async (e) => JSON.stringify(e.rows.map((row) => ({ ...row, at: new Date(row.n).toISOString() }))).length;',
        { memoryMb: 128 },
      );
      const rows = Array.from({ length: 500 }, (_, n) => ({ n, text: 'x'.repeat(200) }));
      for (let i = 0; i < 200; i++) {
        const { kind, metering } = await house.invoke(spec, { rows });
        assert.equal(kind, 'success');
        assert.ok(metering.memoryUsedMb < 110, `${metering.memoryUsedMb} MB`);
      }
    });

    test('an environment that begins what it was not given is ended', async () => {
      await using house = await open();
      // An `initialised` of its own that says so; where several may run nothing goes along with the code.
      const forged = 'require("fs").writeSync(3, Buffer.from([2, 0, 0, 0, 17, 1]));';
      const spec = house.spec(`${forged} exports.handler = async () => "real";`, { environmentConcurrency: 2 });
      const { kind, value } = await house.invoke(spec);
      assert.equal(kind, 'error');
      assert.equal(value.errorType, 'Runtime.ExitError');
    });

    test('a function that is changed while it starts still answers the call that it was started for', async () => {
      await using house = await open();
      const spec = house.spec(
        'const end = Date.now() + 100; while (Date.now() < end); exports.handler = async () => "old";',
      );
      const first = house.invoke(spec);
      await until(() => house.lines.some((line) => line.startsWith('INIT_START')));
      house.runtime.retire(spec.arn);
      const next = house.invoke({ ...spec, revision: '2' });
      assert.equal((await first).value, 'old');
      assert.equal((await next).metering.start, 'cold');
    });

    test('a place that is given up while it is in use is free only when the invocation has ended', async () => {
      await using house = await open({ accountConcurrency: 1 });
      const spec = house.spec(
        'exports.handler = async () => { await new Promise((r) => setTimeout(r, 100)); return 1; };',
      );
      const slot = await house.runtime.reserve(spec, { wait: true });
      const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: false };
      const running = slot.invoke({ requestId: 'id', payload: Buffer.from('{}'), trace });
      slot[Symbol.dispose]();
      await assert.rejects(house.runtime.reserve(spec, { wait: false }), { code: 'concurrency-limit' });
      assert.equal((await running).kind, 'success');
      assert.equal((await house.invoke(spec)).kind, 'success');
    });

    test('no descriptor of the node is open in an environment', LINUX, async () => {
      await using house = await open();
      const file = openSync(join(house.directory, 'secret'), 'w');
      const server = createServer().listen(0);
      await once(server, 'listening');
      const spec = house.spec(
        'const fs = require("fs"); exports.handler = async () => fs.readdirSync("/proc/self/fd").map((fd) => { try { return fs.readlinkSync("/proc/self/fd/" + fd); } catch { return "gone"; } });',
      );
      const { value } = await house.invoke(spec);
      server.close();
      assert.ok(file > 2);
      assert.deepEqual(
        value.filter((path: string) => path.startsWith(house.directory)),
        [],
      );
      // The channel and the two outputs, and in `namespace` an input whose other end is closed; the event loop's own are anonymous.
      assert.equal(value.filter((path: string) => path.startsWith('socket:')).length, engine === 'process' ? 3 : 4);
    });

    test('what a handler has started dies with its timeout', LINUX, async () => {
      await using house = await open();
      const spec = house.spec(
        'const { spawn } = require("child_process"); exports.handler = async () => { spawn("sleep", ["1000.25"], { stdio: "inherit" }); console.log("started"); for (;;); };',
        { timeoutMs: 500 },
      );
      const result = house.invoke(spec);
      await until(() => pidOf('sleep 1000.25') !== undefined);
      assert.equal((await result).value.errorType, 'Sandbox.Timedout');
      await until(() => pidOf('sleep 1000.25') === undefined);
    });

    test('a function that writes nonsense to the channel ends its own environment and nothing else', async () => {
      await using house = await open();
      const spec = house.spec(
        'exports.handler = async (e) => { if (e.evil) { require("fs").writeSync(3, Buffer.alloc(64, 255)); await new Promise((r) => setTimeout(r, 3000)); } return "fine"; };',
      );
      assert.equal((await house.invoke(spec, { evil: true })).value.errorType, 'Runtime.ExitError');
      assert.equal((await house.invoke(spec)).value, 'fine');
    });

    test('an answer to another invocation is not taken', async () => {
      await using house = await open();
      const forged =
        'const b = Buffer.alloc(15); b.writeUInt32LE(11, 0); b[4] = 19; b.writeUInt32LE(99, 5); b.write("42", 13);';
      const spec = house.spec(
        `exports.handler = async () => { ${forged} require("fs").writeSync(3, b); return "real"; };`,
      );
      assert.equal((await house.invoke(spec)).value.errorType, 'Runtime.ExitError');
    });

    test('the code cache is made after the first invocation, used by the next start, and refused when it is not ours', async () => {
      await using house = await open();
      const spec = house.spec(
        `${'// padding\n'.repeat(600)}exports.handler = async () => require.main !== module && "cached";`,
      );
      assert.equal((await house.invoke(spec)).value, 'cached');
      const root = join(house.directory, 'code-cache');
      await until(
        () =>
          existsSync(root) &&
          readdirSync(root).length === 1 &&
          readdirSync(join(root, readdirSync(root)[0]!)).length === 1,
      );
      const folder = join(root, readdirSync(root)[0]!);
      await until(() => readdirSync(folder).includes('index.js'));
      house.runtime.retire(spec.arn);
      assert.equal((await house.invoke(spec)).value, 'cached');
      writeFileSync(join(folder, 'index.js'), 'nonsense');
      house.runtime.retire(spec.arn);
      const again = await house.invoke(spec);
      assert.deepEqual([again.value, again.metering.start], ['cached', 'cold']);
    });

    test('NODE_OPTIONS of the function are honoured by a process of its own', async () => {
      await using house = await open({ blanks: 1, blanksAfterMs: 0 });
      const spec = house.spec(
        'exports.handler = async () => process.execArgv.length + (process.env.NODE_OPTIONS ?? "");',
        {
          environment: { NODE_OPTIONS: '--enable-source-maps' },
        },
      );
      assert.equal((await house.invoke(spec)).value, `${NODE_FLAGS.length}--enable-source-maps`);
    });

    test('closing lets a running invocation end, and refuses new ones', async () => {
      const house = await open();
      const spec = house.spec(
        'exports.handler = async () => { await new Promise((r) => setTimeout(r, 200)); return "ended"; };',
      );
      const running = house.invoke(spec);
      await until(() => house.lines.some((line) => line.startsWith('START')));
      const closed = house[Symbol.asyncDispose]();
      await assert.rejects(house.runtime.reserve(spec, { wait: true }), { code: 'runtime-closed' });
      assert.equal((await running).value, 'ended');
      await closed;
    });

    test('environments die with a node that is killed, the stopped ones too', DEATH_SIGNAL, async () => {
      const script = join(import.meta.dirname, 'abandoned-node.ts');
      const node = spawn(process.execPath, [script, engine], { stdio: ['ignore', 'pipe', 'inherit'] });
      const [line] = (await once(node.stdout, 'data')) as [Buffer];
      const { frozen, busy, directory } = JSON.parse(line.toString()) as {
        frozen: number;
        busy: number;
        directory: string;
      };
      assert.ok(isFrozen(frozen));
      const others = descendantsOf(node.pid!);
      node.kill('SIGKILL');
      await once(node, 'exit');
      await until(() => isGone(frozen) && isGone(busy));
      // What runs beside it for the node: launcher, network.
      await until(() => others.every(isGone));
      spawnSync('rm', ['-rf', directory]);
    });

    test('an environment reaches the node over the network, as its SDKs must', async () => {
      const server = createServer((socket) => socket.end('hello')).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as { port: number };
      const nodeDoor: NodeDoor = {
        address: () => ({ port, hostAddress: `127.0.0.1:${port}` }),
        accept: (socket) => void server.emit('connection', socket),
      };
      await using house = await open({ nodeDoor });
      const spec = house.spec(
        'const net = require("net"); exports.handler = () => new Promise((ok, no) => net.connect(new URL(process.env.AWS_ENDPOINT_URL).port, "127.0.0.1").on("data", (d) => ok(String(d))).on("error", no));',
      );
      assert.equal((await house.invoke(spec)).value, 'hello');
      server.close();
    });

    test('init that has timed out is repeated within the invocation, and the environment serves on', async () => {
      const clock = new SimulatedClock();
      await using house = await open({ clock });
      const spec = house.spec(SLOW_INIT(1), { timeoutMs: 5_000 });
      const answer = house.invoke(spec);
      await until(() => house.lines.some((line) => line.endsWith('start 1')));
      writeFileSync(join(spec.codeDirectory, 'start-1'), '');
      await clock.advance(10_000);
      const { kind, value, metering } = await answer;
      assert.deepEqual([kind, value.starts, metering.start, metering.initMs], ['success', 2, 'cold', undefined]);
      assert.ok(metering.billedMs <= 5_000, 'the init that timed out is not billed with the invocation');
      const of = (word: string) => house.lines.filter((line) => line.startsWith(word));
      assert.match(of('INIT_REPORT')[0]!, /^INIT_REPORT Init Duration: 10000\.00 ms\tPhase: init\tStatus: timeout$/);
      assert.deepEqual([of('INIT_REPORT').length, of('START').length, of('REPORT').length], [1, 1, 1]);
      assert.doesNotMatch(of('REPORT')[0]!, /Init Duration/);
      assert.equal((await house.invoke(spec)).metering.start, 'warm');
    });

    test('a repeated init that takes longer than the timeout of the function ends the invocation', async () => {
      const clock = new SimulatedClock();
      await using house = await open({ clock });
      const spec = house.spec(SLOW_INIT(2), { timeoutMs: 2_000 });
      const answer = house.invoke(spec);
      await until(() => house.lines.some((line) => line.endsWith('start 1')));
      writeFileSync(join(spec.codeDirectory, 'start-1'), '');
      await clock.advance(10_000);
      await until(() => house.lines.some((line) => line.endsWith('start 2')));
      await clock.advance(2_000);
      const { value, metering } = await answer;
      assert.equal(value.errorType, 'Sandbox.Timedout');
      assert.match(value.errorMessage, /Task timed out after 2\.00 seconds$/);
      assert.deepEqual([metering.durationMs, metering.start], [2_000, 'cold']);
      assert.ok(house.lines.includes('INIT_REPORT Init Duration: 2000.00 ms\tPhase: invoke\tStatus: timeout'));
    });

    test(
      'memory of what a handler starts counts as its own, also when the one who started it has ended',
      LINUX,
      async () => {
        await using house = await open();
        const eat = 'const a = []; setInterval(() => a.push(Buffer.alloc(4e6, 1)), 2);';
        const child = `spawn(process.execPath, ['-e', ${JSON.stringify(eat)}], { stdio: 'ignore' })`;
        const orphan = `spawn('sh', ['-c', \`"$0" -e '\${eat}' &\`, process.execPath], { stdio: 'ignore' })`;
        for (const start of [child, orphan]) {
          const spec = house.spec(
            `const { spawn } = require('node:child_process'); const eat = ${JSON.stringify(eat)};
       exports.handler = async () => { ${start}; await new Promise((r) => setTimeout(r, 8_000)); return 'survived'; };`,
            { memoryMb: 256 },
          );
          const { value, metering } = await house.invoke(spec);
          assert.equal(value.errorType, 'Runtime.OutOfMemory', JSON.stringify(value));
          assert.equal(metering.memoryUsedMb, 256);
          assert.ok(metering.durationMs < 7_000);
        }
      },
    );
  });
}
