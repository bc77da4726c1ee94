import assert from 'node:assert/strict';
import { once as event } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { SimulatedClock } from '../../src/base/index.ts';
import type { FunctionSpec, InvocationResult, Slot } from '../../src/runtime/index.ts';
import { ENGINES } from '../lambda/engines.ts';
import { RuntimeHouse } from '../lambda/runtime-house.ts';
import { until } from '../support/eventually.ts';
import { BOTO3, PYTHON, pythonSpec } from './support.ts';

type Result = InvocationResult & { readonly value: any };

/** A published version with SnapStart. */
const versionOf = (house: RuntimeHouse, code: string, more: Partial<FunctionSpec> = {}) =>
  pythonSpec(house, code, { snapStart: true, version: '1', memoryMb: 512, ...more });

/** Invokes in as many environments at once, each held until the end. */
async function inEnvironments(house: RuntimeHouse, spec: FunctionSpec, count: number): Promise<Result[]> {
  const results: Result[] = [];
  const slots: Slot[] = [];
  for (let index = 0; index < count; index++) {
    const slot = await house.runtime.reserve(spec, { wait: true });
    slots.push(slot);
    const trace = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), sampled: false } as never;
    const result = await slot.invoke({ requestId: `r${index}`, payload: Buffer.from('{}'), trace });
    results.push({ ...result, value: JSON.parse(Buffer.from(result.payload).toString()) });
  }
  for (const slot of slots) slot[Symbol.dispose]();
  return results;
}

function isGone(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]![0] === 'Z';
  } catch {
    return true;
  }
}

test('environments of a version with SnapStart start after init, each with what is its own', PYTHON, async () => {
  await using house = await RuntimeHouse.open({ blanks: 0 });
  const spec = versionOf(
    house,
    `
import os, random, secrets, ssl, time, uuid
started = time.time(); time.sleep(0.5); print('init', os.environ['AWS_LAMBDA_INITIALIZATION_TYPE'])
def handler(event, context):
    return dict(pid=os.getpid(), random=random.random(), secret=secrets.token_hex(8), uuid=str(uuid.uuid4()), uuid1=str(uuid.uuid1()),
                ssl=ssl.RAND_bytes(8).hex(), stream=context.log_stream_name, variable=os.environ['AWS_LAMBDA_LOG_STREAM_NAME'],
                init=started, age=time.time() - started, type=os.environ['AWS_LAMBDA_INITIALIZATION_TYPE'])
`,
  );
  await house.runtime.snapshot(spec);
  const results = await inEnvironments(house, spec, 3);
  for (const { metering } of results) {
    assert.equal(metering.start, 'restored');
    assert.equal(metering.initMs, undefined);
    assert.ok(metering.restoreMs! < 450, `restored in ${metering.restoreMs} ms`);
  }
  const values = results.map(({ value }) => value);
  for (const name of ['pid', 'random', 'secret', 'uuid', 'uuid1', 'ssl', 'stream']) {
    assert.equal(new Set(values.map((value) => value[name])).size, 3, `${name} is unique`);
  }
  for (const value of values) {
    assert.equal(value.init, values[0].init, 'init has run once');
    assert.ok(value.age >= 0.5, 'clocks have gone on');
    assert.deepEqual([value.type, value.variable], ['snap-start', value.stream]);
  }
  assert.equal(house.lines.filter((line) => line.startsWith('INIT_START')).length, 1);
  assert.equal(house.lines.filter((line) => line.startsWith('RESTORE_START')).length, 3);
  assert.match(house.lines.at(-1)!, /Restore Duration: [\d.]+ ms\tBilled Restore Duration: \d+ ms/);
  assert.ok(house.lines.includes('init snap-start'));
});

test('hooks run in the order that Lambda documents, in the environment that they are for', PYTHON, async () => {
  await using house = await RuntimeHouse.open({ blanks: 0 });
  const spec = versionOf(
    house,
    `
import os
from snapshot_restore_py import register_after_restore, register_before_snapshot
order = []
@register_before_snapshot
def first(): order.append(['before 1', os.getpid()])
register_before_snapshot(lambda *a, **k: order.append([a, k]), 'before 2', at=2)
@register_after_restore
def restored(): order.append(['after 1', os.getpid()])
register_after_restore(order.append, 'after 2')
def handler(event, context): return [order, os.getpid()]
`,
  );
  await house.runtime.snapshot(spec);
  const [one, two] = await inEnvironments(house, spec, 2);
  for (const { value } of [one!, two!]) {
    const [order, pid] = value;
    assert.deepEqual(order[0], [['before 2'], { at: 2 }]);
    assert.equal(order[1][0], 'before 1');
    assert.notEqual(order[1][1], pid);
    assert.deepEqual(order.slice(2), [['after 1', pid], 'after 2']);
  }
});

test('a hook that fails: no snapshot before; after, init is repeated without it', PYTHON, async () => {
  await using house = await RuntimeHouse.open({ blanks: 0 });
  const hook = (when: string) =>
    versionOf(
      house,
      `
from snapshot_restore_py import register_${when}
@register_${when}
def hook(): raise ValueError('not ready')
def handler(event, context): return 1
`,
    );
  await assert.rejects(house.runtime.snapshot(hook('before_snapshot')), {
    code: 'snapshot-init-failed',
    message: 'init has failed: ValueError: not ready',
  });
  const spec = hook('after_restore');
  await house.runtime.snapshot(spec);
  assert.equal((await house.invoke(spec)).value, 1);
  assert.ok(house.lines.some((line) => /^\[ERROR\] ValueError: not ready\n.*in hook/s.test(line)));
  assert.ok(
    house.lines.some((line) => /^INIT_REPORT .*Phase: restore\tStatus: error\tError Type: ValueError$/.test(line)),
  );
});

test('init that fails makes no snapshot, and says why', PYTHON, async () => {
  await using house = await RuntimeHouse.open({ blanks: 0 });
  const failures: readonly [code: string, message: RegExp][] = [
    ['import nope', /Runtime\.ImportModuleError: Unable to import module 'index'/],
    ['import sys; sys.exit(3)', /the process has ended \(3\)/],
  ];
  for (const [code, message] of failures) {
    const spec = versionOf(house, `${code}\ndef handler(event, context): return 1`);
    await assert.rejects(house.runtime.snapshot(spec), { code: 'snapshot-init-failed', message });
  }
});

test(
  'a function whose init leaves threads or processes behind starts as others do, and is told why',
  PYTHON,
  async () => {
    await using house = await RuntimeHouse.open({ blanks: 0 });
    const left: readonly [code: string, reason: string][] = [
      [
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), name='pump', daemon=True).start()",
        'init has left threads behind: pump',
      ],
      ["import subprocess\nsubprocess.Popen(['sleep', '60'])", 'init has left processes behind'],
    ];
    for (const [code, reason] of left) {
      const spec = versionOf(house, `${code}\ndef handler(event, context): return 1`);
      assert.deepEqual(await house.runtime.snapshot(spec), { kind: 'off', reason });
      assert.equal((await house.invoke(spec)).metering.start, 'cold');
      assert.ok(house.lines.some((line) => line.startsWith('SNAPSHOT_NOTICE') && line.endsWith(reason)));
    }
  },
);

test('connections of init are closed in every environment, and event loops are its own', PYTHON, async () => {
  const server = createServer((request, response) => response.end(`${request.socket.remotePort}`));
  server.listen(0, '127.0.0.1');
  await event(server, 'listening');
  await using house = await RuntimeHouse.open({ engine: 'process', blanks: 0 });
  const spec = versionOf(
    house,
    `
import asyncio, http.client
connection = http.client.HTTPConnection('127.0.0.1', ${(server.address() as AddressInfo).port})
def ask():
    connection.request('GET', '/'); return connection.getresponse().read().decode()
first = ask()
loop = asyncio.new_event_loop()
def handler(event, context):
    try:
        old = ask()
    except Exception as error:
        old = type(error).__name__
        connection.close()
    in_thread = loop.run_until_complete(loop.run_in_executor(None, lambda: 'woken'))
    return [old, first, ask(), in_thread]
`,
  );
  try {
    await house.runtime.snapshot(spec);
    const results = await inEnvironments(house, spec, 2);
    const ports = results.map(({ value: [old, first, fresh, woken] }) => {
      assert.ok(old !== first, 'the connection of init is not used');
      assert.equal(woken, 'woken');
      return fresh;
    });
    assert.equal(new Set(ports).size, 2, 'each has a connection of its own');
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test('clients of boto3 that init has made sign with the credentials of their environment', BOTO3, async () => {
  const signers: string[] = [];
  const server = createServer((request, response) => {
    signers.push(/Credential=([^/]+)/.exec(request.headers.authorization ?? '')?.[1] ?? 'none');
    response.setHeader('content-type', 'application/x-amz-json-1.0').end('{"TableNames":[]}');
  });
  server.listen(0, '127.0.0.1');
  await event(server, 'listening');
  let asked = 0;
  const clock = new SimulatedClock();
  await clock.advance(Date.now() - clock.now());
  const credentials = () => ({
    accessKeyId: `KEY${asked++}`,
    secretAccessKey: 's',
    sessionToken: 't',
    // Those of init are about to end; the environment's own are not.
    expiresAt: clock.now() + (asked === 1 ? 60_000 : 3_600_000),
  });
  await using house = await RuntimeHouse.open({ engine: 'process', blanks: 0, clock, credentials });
  const spec = versionOf(
    house,
    `
import boto3
client = boto3.client('dynamodb', endpoint_url='http://127.0.0.1:${(server.address() as AddressInfo).port}')
def handler(event, context): return client.list_tables()['TableNames']
`,
    { timeoutMs: 20_000 },
  );
  try {
    await house.runtime.snapshot(spec);
    const results = await inEnvironments(house, spec, 2);
    assert.deepEqual(
      results.map(({ value }) => value),
      [[], []],
    );
    assert.deepEqual(signers, ['KEY1', 'KEY2']);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test('each environment of a snapshot times out, dies and is measured for itself', PYTHON, async () => {
  await using house = await RuntimeHouse.open({ blanks: 0 });
  const spec = versionOf(
    house,
    `
import os, signal, sys, time
kept = []
def handler(event, context):
    if event == 'pid': return os.getpid()
    if event == 'loop':
        while True: pass
    if event == 'exit': sys.exit(7)
    if event == 'crash': os.kill(os.getpid(), signal.SIGSEGV)
    while True: kept.append(bytearray(b'x' * 16_000_000)); time.sleep(0.01)
`,
    { timeoutMs: 1_000, memoryMb: 128 },
  );
  await house.runtime.snapshot(spec);
  using survivor = await house.runtime.reserve(spec, { wait: true });
  const trace = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), sampled: false } as never;
  const pid = async () => {
    const result = await survivor.invoke({ requestId: 'r', payload: Buffer.from('"pid"'), trace });
    return Number(Buffer.from(result.payload).toString());
  };
  const first = await pid();
  const ends: readonly [event: string, type: string, message: RegExp][] = [
    ['loop', 'Sandbox.Timedout', /timed out after 1.00 seconds$/],
    ['exit', 'Runtime.ExitError', /exit status 7$/],
    ['crash', 'Runtime.ExitError', /signal: segmentation fault$/],
    ['memory', 'Runtime.OutOfMemory', /signal: killed$/],
  ];
  for (const [payload, type, message] of ends) {
    const { value, metering } = await house.invoke(spec, payload);
    assert.equal(value.errorType, type);
    assert.match(value.errorMessage, message);
    assert.equal(metering.start, 'restored');
  }
  assert.equal(await pid(), first, 'the others are not touched');
});

test('an environment of a snapshot is frozen when it is idle, and goes when the version does', PYTHON, async () => {
  await using house = await RuntimeHouse.open({ engine: 'process', blanks: 0 });
  const spec = versionOf(house, 'import os\ndef handler(e, c): return [os.getpid(), os.getppid()]');
  await house.runtime.snapshot(spec);
  const { value: pids } = await house.invoke(spec);
  await until(() => readFileSync(`/proc/${pids[0]}/stat`, 'utf8').split(') ')[1]![0] === 'T');
  assert.deepEqual((await house.invoke(spec)).value, pids);
  house.runtime.retire(spec.arn);
  await until(() => isGone(pids[0]) && isGone(pids[1]));
});

test('a version without its snapshot starts as others do, and gets it meanwhile', PYTHON, async () => {
  await using house = await RuntimeHouse.open({ blanks: 0 });
  const spec = versionOf(house, 'import os\ndef handler(e, c): return os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]');
  using first = await house.runtime.reserve(spec, { wait: true });
  const trace = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), sampled: false } as never;
  const result = await first.invoke({ requestId: 'r', payload: Buffer.from('{}'), trace });
  assert.deepEqual([Buffer.from(result.payload).toString(), result.metering.start], ['"on-demand"', 'cold']);
  // The one that is under way, not another.
  await house.runtime.snapshot(spec);
  const [second] = await inEnvironments(house, spec, 1);
  assert.deepEqual([second!.value, second!.metering.start], ['snap-start', 'restored']);
  assert.equal(house.lines.filter((line) => line.startsWith('INIT_START')).length, 2);
});

test('nothing of a snapshot outlives the node', PYTHON, async () => {
  const house = await RuntimeHouse.open({ engine: 'process', blanks: 0 });
  const spec = versionOf(house, 'import os\ndef handler(e, c): return [os.getpid(), os.getppid()]');
  await house.runtime.snapshot(spec);
  const { value: pids } = await house.invoke(spec);
  await house[Symbol.asyncDispose]();
  assert.ok(pids.every(isGone));
});

test(
  'blank environments are forked from one template, each with a private folder and an end of its own',
  PYTHON,
  async () => {
    await using house = await RuntimeHouse.open({ engine: 'process', blanks: 2 });
    const code = `
import os, subprocess, sys, tempfile
def handler(event, context):
    subprocess.run(['sh', '-c', 'echo from a child; echo to stderr >&2'])
    return [os.getpid(), os.getppid(), tempfile.gettempdir(), 'boto3' in sys.modules]
`;
    await house.invoke(pythonSpec(house, code));
    await until(() => house.runtime.blanksReady >= 2);
    const one = (await house.invoke(pythonSpec(house, code))).value;
    const two = (await house.invoke(pythonSpec(house, code))).value;
    assert.equal(one[1], two[1], 'one parent');
    assert.notEqual(one[1], process.pid);
    assert.notEqual(one[2], two[2]);
    assert.ok(house.lines.includes('from a child') && house.lines.includes('to stderr'));
    const exit = await house.invoke(pythonSpec(house, 'import sys\ndef handler(e, c): sys.exit(5)'));
    assert.match(exit.value.errorMessage, /exit status 5$/);
    await house.runtime[Symbol.asyncDispose]();
    assert.ok([one[0], two[0], one[1]].every(isGone));
    assert.deepEqual(readdirSync(`${house.directory}/sandboxes`), []);
  },
);

const NAMESPACES = { skip: PYTHON.skip || ENGINES.find(({ engine }) => engine === 'namespace')!.skip };

test('in namespaces an environment of a snapshot takes all that it has started with it', NAMESPACES, async () => {
  await using house = await RuntimeHouse.open({ blanks: 0, engine: 'namespace' });
  const spec = versionOf(
    house,
    `
import glob, os, subprocess, time
def running(): return sum(open(p, 'rb').read() == b'sleep\\0004711\\0' for p in glob.glob('/proc/[0-9]*/cmdline'))
def handler(event, context):
    if event == 'look': return running()
    subprocess.run(['sh', '-c', 'setsid sleep 4711 &'])
    while running() == 0: time.sleep(0.01)
    if event == 'loop':
        while True: pass
    return running()
`,
    // Long enough for a look at every process of a busy machine.
    { timeoutMs: 3_000 },
  );
  await house.runtime.snapshot(spec);
  using survivor = await house.runtime.reserve(spec, { wait: true });
  const trace = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), sampled: false } as never;
  const look = async () => {
    const result = await survivor.invoke({ requestId: 'r', payload: Buffer.from('"look"'), trace });
    return Number(Buffer.from(result.payload).toString());
  };
  assert.equal(await look(), 0);
  const { value } = await house.invoke(spec, 'loop');
  assert.equal(value.errorType, 'Sandbox.Timedout');
  const end = performance.now() + 5_000;
  let left = await look();
  while (left > 0 && performance.now() < end) left = await look();
  assert.equal(left, 0);
});
