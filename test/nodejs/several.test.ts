import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { RuntimeHouse } from '../lambda/runtime-house.ts';
import { Bootstrap } from './bootstrap.ts';

test('invocations run side by side and end in any order, each with its own request id in the log', async () => {
  await using bootstrap = await Bootstrap.load(
    `const waiting = [];
     exports.handler = async (event, context) => {
       if (event.release) { for (const go of waiting.splice(0).reverse()) go(); return 'released'; }
       await new Promise((go) => waiting.push(go));
       console.log('line of', event.n);
       return [event.n, context.awsRequestId, awslambda.InvokeStore.getRequestId(), awslambda.InvokeStore.getXRayTraceId(), process.env._X_AMZN_TRACE_ID];
     };`,
    { concurrency: 10 },
  );
  for (let n = 0; n < 5; n++) bootstrap.invoke(n, { n });
  bootstrap.invoke(5, { release: true });
  assert.equal(await bootstrap.answer(5), 'released');
  for (const n of [4, 0, 3, 1, 2]) {
    assert.deepEqual(await bootstrap.answer(n), [n, `id-${n}`, `id-${n}`, `Root=1-${n}`, null]);
    const { line } = await bootstrap.next('log', (log) => log.line.includes(`line of ${n}`));
    assert.equal(line.split('\t')[1], `id-${n}`);
  }
});

test('a payload of megabytes comes whole beside small ones', async () => {
  await using bootstrap = await Bootstrap.load('exports.handler = async (event) => event.text.length;', {
    concurrency: 4,
  });
  bootstrap.invoke(0, { text: 'x'.repeat(5_000_000) });
  bootstrap.invoke(1, { text: 'y' });
  assert.equal(await bootstrap.answer(0), 5_000_000);
  assert.equal(await bootstrap.answer(1), 1);
});

test('an exception outside of any handler fails all that run, and says that the process ends', async () => {
  await using bootstrap = await Bootstrap.load(
    `exports.handler = (event) => new Promise(() => { if (event.boom) setImmediate(() => { throw new RangeError('boom'); }); });`,
    { concurrency: 4 },
  );
  for (let n = 0; n < 3; n++) bootstrap.invoke(n, { boom: n === 2 });
  const fatal: boolean[] = [];
  for (let n = 0; n < 3; n++) {
    const frame = await bootstrap.next('error', ({ sequence }) => sequence === n);
    assert.equal(frame.errorType, 'RangeError');
    fatal.push(frame.fatal);
  }
  assert.deepEqual(fatal, [false, false, true]);
  assert.equal(await bootstrap.exit(), 129);
});

test('streamed responses of several invocations do not mix', async () => {
  await using bootstrap = await Bootstrap.load(
    `exports.handler = awslambda.streamifyResponse(async (event, stream) => {
       for (let i = 0; i < 20; i++) { stream.write(String(event.n).repeat(50_000)); await new Promise(setImmediate); }
       stream.end();
     });`,
    { concurrency: 4 },
  );
  for (let n = 0; n < 3; n++) bootstrap.invoke(n, { n });
  for (let n = 0; n < 3; n++) await bootstrap.next('stream-end', ({ sequence }) => sequence === n);
  for (let n = 0; n < 3; n++) {
    const chunks = bootstrap.frames.flatMap((frame) =>
      frame.kind === 'stream-chunk' && frame.sequence === n ? [frame.bytes] : [],
    );
    assert.equal(Buffer.concat(chunks).toString(), String(n).repeat(1_000_000));
  }
});

test('an invocation that runs out of time fails alone: those beside it end well, and the next one gets another process', async () => {
  await using house = await RuntimeHouse.open({ engine: 'process' });
  const go = join(house.directory, 'go');
  const spec = house.spec(
    `const { existsSync } = require('node:fs');
     exports.handler = async (event) => {
       if (event.hang) await new Promise(() => {});
       while (event.wait && !existsSync(event.wait)) await new Promise((resolve) => setTimeout(resolve, 5));
       return process.pid;
     };`,
    { environmentConcurrency: 10, timeoutMs: 2_000 },
  );
  const { value: pid } = await house.invoke(spec);
  const hanging = house.invoke(spec, { hang: true });
  const since = performance.now();
  while (performance.now() - since < 1_000) await turn();
  const beside = house.invoke(spec, { wait: go });
  assert.match((await hanging).value.errorMessage, /Task timed out after 2.00 seconds/);
  writeFileSync(go, '');
  assert.deepEqual([(await beside).value, (await beside).kind], [pid, 'success']);
  assert.notEqual((await house.invoke(spec)).value, pid);
});
