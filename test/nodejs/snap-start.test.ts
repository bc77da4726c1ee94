import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { FunctionSpec } from '../../src/runtime/index.ts';
import { NODE_FLAGS } from '../../src/runtime/starts/nodejs-image.ts';
import { ENGINES } from '../lambda/engines.ts';
import { RuntimeHouse } from '../lambda/runtime-house.ts';
import { until } from '../support/eventually.ts';

/** A published version that starts from a snapshot. */
const SNAP: Partial<FunctionSpec> = { snapStart: true, version: '1', timeoutMs: 20_000 };
const filesOf = (house: RuntimeHouse) => readdirSync(join(house.directory, 'snapshots'));

/** Invokes in environments that are all new. */
async function inNew(house: RuntimeHouse, spec: FunctionSpec, count: number) {
  const results = [];
  for (let i = 0; i < count; i++) {
    house.runtime.retire(spec.arn);
    results.push(await house.invoke(spec, { i }));
  }
  return results;
}

for (const { engine, skip } of ENGINES) {
  test(`${engine}: init runs once, for the snapshot; environments go on with hooks, variables and log of their own`, {
    skip,
  }, async () => {
    await using house = await RuntimeHouse.open({ engine });
    const spec = house.spec(
      `const helper = require('./helper/index.js');
       console.log('init as', process.env.AWS_LAMBDA_INITIALIZATION_TYPE, process.env.OWN);
       const order = [];
       awslambda.snapStart.registerBeforeSnapshot(async (text) => { await null; order.push(text); }, 'before 1');
       awslambda.snapStart.registerBeforeSnapshot(() => order.push('before 2'));
       awslambda.snapStart.registerAfterRestore(async () => { await new Promise(setImmediate); order.push('after 1'); });
       awslambda.snapStart.registerAfterRestore(() => order.push('after 2'));
       exports.handler = async (event, context) => {
         console.log('handled', event.i);
         return { order, helper, root: process.cwd(), stream: context.logStreamName, env: process.env.AWS_LAMBDA_LOG_STREAM_NAME, type: process.env.AWS_LAMBDA_INITIALIZATION_TYPE, id: context.awsRequestId, flags: process.execArgv };
       };`,
      { ...SNAP, environment: { OWN: 'own' } },
    );
    mkdirSync(join(spec.codeDirectory, 'helper'));
    writeFileSync(join(spec.codeDirectory, 'helper', 'index.js'), 'exports.folder = __dirname;');
    assert.deepEqual(await house.runtime.snapshot(spec), { kind: 'on' });
    assert.deepEqual(await house.runtime.snapshot(spec), { kind: 'on' });
    const [first, second] = await inNew(house, spec, 2);
    assert.equal(house.lines.filter((line) => line.endsWith('init as snap-start own')).length, 1);
    assert.deepEqual(first!.value.order, ['before 2', 'before 1', 'after 1', 'after 2']);
    assert.deepEqual(first!.value.helper, { folder: `${first!.value.root}/helper` });
    assert.equal(first!.value.stream, first!.value.env);
    assert.deepEqual(first!.value.flags.slice(0, NODE_FLAGS.length), NODE_FLAGS);
    assert.notEqual(first!.value.stream, second!.value.stream);
    assert.notEqual(first!.value.id, second!.value.id);
    assert.equal(first!.value.type, 'snap-start');
    assert.equal(first!.metering.start, 'restored');
    assert.ok(first!.metering.restoreMs! > 0 && first!.metering.initMs === undefined);
    assert.ok(house.lines.some((line) => line.startsWith('RESTORE_START Runtime Version: nodejs:')));
    assert.ok(
      house.lines.some((line) => /^REPORT .*\tRestore Duration: [\d.]+ ms\tBilled Restore Duration: \d+ ms/.test(line)),
    );
    assert.ok(house.lines.some((line) => line.includes(`\t${second!.value.id}\tINFO\thandled 1`)));
    assert.equal(filesOf(house).length, 1);
  });

  test(`${engine}: nothing that must be unique is shared by environments of one snapshot`, { skip }, async () => {
    await using house = await RuntimeHouse.open({ engine });
    const spec = house.spec(
      `const crypto = require('node:crypto');
       const drawn = [crypto.randomUUID(), crypto.randomInt(1e9), Math.random()];
       const made = Date.now();
       exports.handler = async () => ({
         drawn, made, now: Date.now(), monotonic: performance.now(),
         unique: [crypto.randomUUID(), globalThis.crypto.randomUUID(), crypto.randomInt(2 ** 40), Math.random(), crypto.randomBytes(8).toString('hex'), crypto.getRandomValues(new Uint32Array(2)).join()],
       });`,
      SNAP,
    );
    await house.runtime.snapshot(spec);
    const values = (await inNew(house, spec, 4)).map(({ value }) => value);
    for (const { drawn, made } of values) assert.deepEqual([drawn, made], [values[0].drawn, values[0].made]);
    for (let i = 0; i < values[0].unique.length; i++) {
      const drawn = values.map(({ unique }) => unique[i]);
      assert.equal(new Set(drawn).size, 4, `${i}: ${drawn}`);
    }
    for (const { now, monotonic } of values) assert.ok(Math.abs(now - Date.now()) < 20_000 && monotonic < 20_000);
  });
}

test('modules that no snapshot can hold are there afterwards: http, tls, import() and what is required late', async () => {
  await using house = await RuntimeHouse.open({ engine: 'process' });
  const spec = house.spec(
    `const http = require('http');
     const { METHODS } = http;
     const https = require('node:https');
     const agent = new http.Agent({ keepAlive: true });
     const early = agent instanceof http.Agent && !(agent instanceof https.Agent);
     exports.handler = async () => {
       const server = http.createServer((request, response) => response.end('served'));
       await new Promise((go) => server.listen(0, '127.0.0.1', go));
       const text = await new Promise((resolve) => http.get({ agent, port: server.address().port, host: '127.0.0.1' }, (response) => response.on('data', (data) => resolve(String(data)))));
       agent.destroy(); server.close();
       const os = await import('node:os');
       return [text, early, agent instanceof http.Agent, METHODS.includes('GET'), typeof https.Agent, typeof os.EOL, require('./late.js'), typeof (await import('./module.mjs')).default, typeof fetch];
     };`,
    SNAP,
  );
  writeFileSync(join(spec.codeDirectory, 'late.js'), 'module.exports = "late";');
  writeFileSync(join(spec.codeDirectory, 'module.mjs'), 'export default () => {};');
  assert.deepEqual(await house.runtime.snapshot(spec), { kind: 'on' });
  const [result] = await inNew(house, spec, 1);
  assert.deepEqual(result!.value, ['served', true, true, true, 'function', 'string', 'late', 'function', 'function']);
  assert.equal(result!.metering.start, 'restored');
  assert.ok(!house.lines.some((line) => line.includes('Warning')), house.lines.join('\n'));
});

for (const { engine, skip } of ENGINES) {
  test(`${engine}: ES modules of the function are in its snapshot, with their places and what they import`, {
    skip,
  }, async () => {
    await using house = await RuntimeHouse.open({ engine });
    const spec = house.spec(
      `import https, { Agent } from 'node:https';
       import { readFileSync } from 'node:fs';
       import plain from 'plain';
       import { x, count } from './lib/x.mjs';
       import * as own from './own.js';
       const agent = new Agent({ keepAlive: true });
       console.log('init');
       export const handler = async () => {
         const os = await import('node:os');
         return [x, count(), count(), own.default, own.named, plain, import.meta.url === 'file://' + process.cwd() + '/index.js', import.meta.dirname === process.cwd(), typeof https.request, agent instanceof Agent, typeof readFileSync, os.EOL];
       };`,
      SNAP,
    );
    const put = (file: string, text: string) => {
      mkdirSync(join(spec.codeDirectory, file, '..'), { recursive: true });
      writeFileSync(join(spec.codeDirectory, file), text);
    };
    put('package.json', '{"type":"module"}');
    put('lib/x.mjs', 'export const x = "x"; let n = 0; export const count = () => ++n; count();');
    put('own.js', 'export default "default"; export const named = "named";');
    put('node_modules/plain/package.json', '{"main":"main.js"}');
    put('node_modules/plain/main.js', 'module.exports = "plain";');
    assert.deepEqual(await house.runtime.snapshot(spec), { kind: 'on' });
    const [result] = await inNew(house, spec, 1);
    assert.deepEqual(result!.value, [
      'x',
      2,
      3,
      'default',
      'named',
      'plain',
      true,
      true,
      'function',
      true,
      'function',
      '\n',
    ]);
    assert.equal(result!.metering.start, 'restored');
    assert.equal(house.lines.filter((line) => line.endsWith('init')).length, 1);
  });
}

test('packages are found as Node finds them', async () => {
  await using house = await RuntimeHouse.open({ engine: 'process' });
  const spec = house.spec(
    `exports.handler = async () => [require('plain'), require('@scope/mapped'), require('@scope/mapped/deep/x'), require('#inner'), require('./data')];
     exports.handler();`,
    SNAP,
  );
  const put = (file: string, text: string) => {
    mkdirSync(join(spec.codeDirectory, file, '..'), { recursive: true });
    writeFileSync(join(spec.codeDirectory, file), text);
  };
  put('package.json', '{"name":"self","imports":{"#inner":"./inner.cjs"}}');
  put('inner.cjs', 'module.exports = "inner";');
  put('data.json', '{"a":1}');
  put('node_modules/plain/package.json', '{"main":"lib"}');
  put('node_modules/plain/lib/index.js', 'module.exports = "plain";');
  const map = { '.': { import: './x.mjs', require: './main.cjs' }, './deep/*': { default: './lib/*.js' } };
  put('node_modules/@scope/mapped/package.json', JSON.stringify({ exports: map }));
  put('node_modules/@scope/mapped/main.cjs', 'module.exports = "mapped";');
  put('node_modules/@scope/mapped/lib/x.js', 'module.exports = "deep";');
  assert.deepEqual(await house.runtime.snapshot(spec), { kind: 'on' });
  assert.deepEqual((await inNew(house, spec, 1))[0]!.value, ['plain', 'mapped', 'deep', 'inner', { a: 1 }]);
});

const UNSUPPORTED: Readonly<Record<string, readonly [code: string, reason: RegExp, file?: string]>> = {
  'an ES module that awaits': [
    'await null; export const handler = async () => "served";',
    /is an ES module/,
    'index.mjs',
  ],
  'a connection': [
    `const s = require('net').connect(1, '127.0.0.1'); s.on('error', () => {}); exports.handler = async () => "served";`,
    /opens a connection/,
  ],
  'a connection whose failure is caught': [
    `try { require('http').globalAgent; } catch {} exports.handler = async () => "served";`,
    /init uses node:http/,
  ],
  fetch: [`fetch('http://127.0.0.1:1').catch(() => {}); exports.handler = async () => "served";`, /init calls fetch/],
  'a timer that never ends': [
    `setInterval(() => {}, 100); exports.handler = async () => "served";`,
    /leaves something open that does not end: Timeout/,
  ],
  'what Node cannot write down': [
    `require('worker_threads'); new (require('inspector').Session)().connect(); exports.handler = async () => "served";`,
    /cannot write down|Snapshot/,
  ],
};
for (const [what, [code, reason, file]] of Object.entries(UNSUPPORTED)) {
  test(`init that holds ${what} has no snapshot, is told why, and starts as others do`, async () => {
    await using house = await RuntimeHouse.open({ engine: 'process' });
    const spec = house.spec(code, SNAP, file);
    const outcome = await house.runtime.snapshot(spec);
    assert.equal(outcome.kind, 'off');
    assert.match(outcome.kind === 'off' ? outcome.reason : '', reason);
    assert.ok(house.lines.some((line) => line.startsWith('SNAPSHOT_NOTICE')));
    const { value, metering } = await house.invoke(spec);
    assert.deepEqual([value, metering.start], ['served', 'cold']);
    assert.deepEqual(filesOf(house), []);
  });
}

test('init that fails, and a hook that does, fail the version with their own error', async () => {
  await using house = await RuntimeHouse.open({ engine: 'process' });
  await assert.rejects(house.runtime.snapshot(house.spec(`throw new TypeError('mine');`, SNAP)), {
    code: 'snapshot-init-failed',
    message: 'TypeError: mine',
  });
  const hook = `awslambda.snapStart.registerBeforeSnapshot(() => { throw new Error('mine'); }); exports.handler = async () => 1;`;
  await assert.rejects(house.runtime.snapshot(house.spec(hook, SNAP)), {
    message: 'Runtime.BeforeCheckpointError: mine',
  });
  const missing = house.spec(`exports.other = 1;`, SNAP);
  await assert.rejects(house.runtime.snapshot(missing), {
    message: /^Runtime.HandlerNotFound: index.handler is undefined/,
  });
  assert.deepEqual(filesOf(house), []);
});

test('a hook that fails after the restore fails the invocation, and init is repeated without the snapshot', async () => {
  await using house = await RuntimeHouse.open({ engine: 'process' });
  const spec = house.spec(
    `awslambda.snapStart.registerAfterRestore(() => { throw new Error('mine'); }); exports.handler = async () => 'served';`,
    SNAP,
  );
  await house.runtime.snapshot(spec);
  assert.equal((await house.invoke(spec)).value, 'served');
  assert.ok(house.lines.some((line) => line.includes('Runtime.AfterRestoreError')));
});

test('a snapshot that no process starts from is dropped, and the invocation is served all the same', async () => {
  await using house = await RuntimeHouse.open({ engine: 'process' });
  const spec = house.spec(`exports.handler = async () => 'served';`, SNAP);
  await house.runtime.snapshot(spec);
  writeFileSync(join(house.directory, 'snapshots', filesOf(house)[0]!, 'heap.snapshot'), 'damaged');
  assert.equal((await house.invoke(spec)).value, 'served');
  assert.deepEqual(filesOf(house), []);
});

const NAMESPACE = ENGINES.find(({ engine }) => engine === 'namespace')!;
test('a namespace that stands already takes the snapshot, and serves as one that was made for it', {
  skip: NAMESPACE.skip,
}, async () => {
  await using house = await RuntimeHouse.open({ engine: 'namespace', blanks: 1, blanksAfterMs: 0 });
  const spec = house.spec(
    `const made = Math.random();
     exports.handler = async (event) => { console.log('line', event.i); return [made, process.env.OWN, process.env.MILLRACE_LOAD ?? 'gone', process.pid]; };`,
    { ...SNAP, environment: { OWN: 'own' } },
  );
  await house.runtime.snapshot(spec);
  const made = new Set();
  for (const i of [1, 2]) {
    await until(() => house.runtime.blanksReady > 0);
    const [{ value, metering }] = (await inNew(house, spec, 1)) as [Awaited<ReturnType<RuntimeHouse['invoke']>>];
    assert.deepEqual([value.slice(1, 3), metering.start], [['own', 'gone'], 'restored'], `start ${i}`);
    made.add(value[0]);
    assert.equal((await house.invoke(spec, { i: 'again' })).value[3], value[3]);
  }
  assert.equal(made.size, 1);
  assert.ok(house.lines.some((line) => line.endsWith('line again')));
});

test('a restored environment streams, and serves several invocations as any other', async () => {
  await using house = await RuntimeHouse.open({ engine: 'process' });
  const spec = house.spec(
    `exports.handler = awslambda.streamifyResponse(async (event, stream) => { stream.end('streamed'); });`,
    SNAP,
  );
  await house.runtime.snapshot(spec);
  for (const start of ['restored', 'warm']) {
    const { body, result } = await house.stream(spec);
    assert.deepEqual([body.toString(), result.metering.start], ['streamed', start]);
  }
});
