import assert from 'node:assert/strict';
import { existsSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Bootstrap } from './bootstrap.ts';

const HANDLER = `require('node:fs').writeFileSync('loaded', '');
  exports.handler = async (event) => [event.n, process.env.AWS_LAMBDA_FUNCTION_NAME];`;

const FIRST = {
  requestId: 'first',
  traceHeader: '',
  invokedFunctionArn: 'arn',
  clientContext: '',
  payload: '{"n":1}',
  timeoutMs: 10_000,
};

test('a process that has been told what it will run makes itself ready, and runs none of it before it may', async () => {
  await using bootstrap = await Bootstrap.load(HANDLER, {
    first: FIRST,
    prepared: async (pid, folder) => {
      while (readlinkSync(`/proc/${pid}/cwd`) !== folder) await turn();
      assert.equal(existsSync(join(folder, 'loaded')), false);
    },
  });
  assert.ok(bootstrap.begun);
  assert.deepEqual(await bootstrap.answer(0), [1, 'f']);
});

test('frames that come in the same bytes are taken one after the other', async () => {
  await using bootstrap = await Bootstrap.load(HANDLER, { first: FIRST, prepared: 'at once' });
  assert.deepEqual(await bootstrap.answer(0), [1, 'f']);
  bootstrap.invoke(1, { n: 2 });
  assert.deepEqual(await bootstrap.answer(1), [2, 'f']);
});

test('an exec wrapper gets what its process was told, and nothing was made ready in its place', async () => {
  await using bootstrap = await Bootstrap.load(HANDLER, {
    first: FIRST,
    prepared: 'at once',
    variables: { AWS_LAMBDA_EXEC_WRAPPER: '/usr/bin/env' },
  });
  bootstrap.invoke(0, { n: 3 });
  assert.deepEqual(await bootstrap.answer(0), [3, 'f']);
});
