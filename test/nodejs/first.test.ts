import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FirstInvocation } from '../../src/runtime/environments/load-config.ts';
import { Bootstrap } from './bootstrap.ts';

const FIRST: FirstInvocation = {
  requestId: 'id-first',
  traceHeader: 'Root=1-first',
  invokedFunctionArn: 'arn:first',
  clientContext: Buffer.from('{"custom":{"a":1}}').toString('base64'),
  payload: '{"n":"ä"}',
  timeoutMs: 20_000,
};
const ECHO = `async (event, context) => ({
  event, id: context.awsRequestId, arn: context.invokedFunctionArn, client: context.clientContext,
  trace: process.env._X_AMZN_TRACE_ID, left: context.getRemainingTimeInMillis(),
})`;

test('an invocation that comes with the code runs without being asked for, with all of its time', async () => {
  const slow = 'const end = Date.now() + 300; while (Date.now() < end);';
  await using process = await Bootstrap.load(`${slow} exports.handler = ${ECHO}`, { first: FIRST });
  assert.equal(process.begun, true);
  const { left, ...rest } = await process.answer(0);
  assert.deepEqual(rest, {
    event: { n: 'ä' },
    id: 'id-first',
    arn: 'arn:first',
    client: { custom: { a: 1 } },
    trace: 'Root=1-first',
  });
  // Init took 300 ms of nothing.
  assert.ok(left > 19_700 && left <= 20_000, `${left} ms are left`);
  process.invoke(1, {});
  assert.equal((await process.answer(1)).id, 'id-1');
});

for (const [what, file, code] of [
  ['an ES module', 'index.mjs', `export const handler = ${ECHO}`],
  ['a module that exports a promise', 'index.js', `module.exports = Promise.resolve({ handler: ${ECHO} });`],
] as const) {
  test(`the invocation that comes with ${what} waits until it is asked for`, async () => {
    await using process = await Bootstrap.load(code, { file, first: FIRST });
    assert.equal(process.begun, false);
    process.invoke(0, { n: 2 });
    const { event, id } = await process.answer(0);
    assert.deepEqual([event, id], [{ n: 2 }, 'id-0']);
  });
}

test('an environment that runs several invocations waits for each of them', async () => {
  await using process = await Bootstrap.load(`exports.handler = ${ECHO}`, { first: FIRST, concurrency: 2 });
  assert.equal(process.begun, false);
  process.invoke(0, {});
  assert.equal((await process.answer(0)).id, 'id-0');
});
