import assert from 'node:assert/strict';
import { chmodSync, cpSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RuntimeHouse } from '../lambda/runtime-house.ts';
import { collector, invokeWith, onEngines } from './support.ts';

/** Where `scripts/setup.mjs --clients` has built it. */
const CLIENT = join(import.meta.dirname, '../../node_modules/.millrace-clients/aws-lambda-ric-4.0.2/node_modules');
const RIC: { readonly skip: string | false } = {
  skip: existsSync(join(CLIENT, 'aws-lambda-ric/rapid-client.node'))
    ? false
    : 'needs aws-lambda-ric, which `node scripts/setup.mjs --clients` builds where cmake and g++ are',
};

const HANDLER = `
  let count = 0;
  exports.handler = async (event, context) => {
    count++;
    if (event.fail) throw new TypeError('asked for');
    if (event.exit) process.exit(3);
    if (event.hang) await new Promise((resolve) => setTimeout(resolve, 60_000));
    if (event.context) {
      const left = context.getRemainingTimeInMillis();
      return { ...context, inTime: left > 0 && left <= 10_000, trace: process.env._X_AMZN_TRACE_ID };
    }
    console.log('serving', count);
    return { count, event };
  };
  exports.stream = awslambda.streamifyResponse(async (event, stream) => {
    stream.setContentType('text/x-parts');
    stream.write('first ');
    await new Promise((resolve) => setTimeout(resolve, 30));
    if (event.fail) throw new RangeError('half way');
    stream.end('second');
  });`;

/** A function that brings the published client as its runtime, unmodified. */
function withClient(house: RuntimeHouse, code: string, handler = 'index.handler', timeoutMs = 10_000) {
  const spec = house.spec(code, { runtime: 'provided.al2023', handler, timeoutMs });
  for (const name of ['aws-lambda-ric', '@aws/lambda-invoke-store']) {
    const filter = (from: string) => !from.includes('/deps/');
    cpSync(join(CLIENT, name), join(spec.codeDirectory, 'node_modules', name), { recursive: true, filter });
  }
  const bootstrap = join(spec.codeDirectory, 'bootstrap');
  writeFileSync(
    bootstrap,
    `#!/bin/sh\nexec ${process.execPath} $LAMBDA_TASK_ROOT/node_modules/aws-lambda-ric/index.mjs\n`,
  );
  chmodSync(bootstrap, 0o755);
  return spec;
}

onEngines("AWS's own client serves many invocations, errors and the context as on Lambda", RIC, async (engine) => {
  await using house = await engine.open();
  const spec = withClient(house, HANDLER);
  for (let i = 1; i <= 50; i++) {
    assert.deepEqual(JSON.parse((await invokeWith(house, spec, { i })).text), { count: i, event: { i } });
  }
  const failed = await invokeWith(house, spec, { fail: true });
  assert.ok(failed.kind === 'error' && failed.errorType === 'TypeError');
  const { errorType, errorMessage, trace } = JSON.parse(failed.text);
  assert.deepEqual([errorType, errorMessage], ['TypeError', 'asked for']);
  assert.match(trace[0], /TypeError: asked for/);
  const clientContext = Buffer.from('{"custom":{"a":"ä"}}').toString('base64');
  const { text, requestId } = await invokeWith(house, spec, { context: true }, { clientContext });
  const context = JSON.parse(text);
  assert.equal(context.awsRequestId, requestId);
  assert.equal(context.functionName, spec.name);
  assert.equal(context.functionVersion, '$LATEST');
  assert.equal(context.memoryLimitInMB, '256');
  assert.equal(context.invokedFunctionArn, spec.arn);
  assert.equal(context.logGroupName, spec.logGroup);
  assert.deepEqual(context.clientContext, { custom: { a: 'ä' } });
  assert.equal(context.inTime, true);
  assert.match(context.trace, /^Root=1-/);
  assert.ok(
    house.lines.some((line) => /INFO\tserving 50$/.test(line)),
    house.lines.slice(-3).join('\n'),
  );
  assert.equal(house.runtime.pools()[0]!.coldStarts, 1);
});

onEngines("AWS's own client streams, and says in trailers that a stream broke", RIC, async (engine) => {
  await using house = await engine.open();
  const spec = withClient(house, HANDLER, 'index.stream');
  const stream = collector();
  const { kind } = await invokeWith(house, spec, {}, { stream });
  assert.equal(kind, 'success');
  assert.deepEqual([stream.contentType, stream.chunks.join('')], ['text/x-parts', 'first second']);
  const broken = await invokeWith(house, spec, { fail: true }, { stream: collector() });
  assert.ok(broken.kind === 'error' && /RangeError/.test(broken.errorType), broken.text);
  assert.match(broken.text, /half way/);
  assert.equal((await invokeWith(house, spec, {})).text, 'first second');
});

onEngines("what goes wrong under AWS's own client is named as on Lambda", RIC, async (engine) => {
  await using house = await engine.open();
  const spec = withClient(house, HANDLER, 'index.handler', 1_000);
  const exited = await invokeWith(house, spec, { exit: true });
  assert.ok(exited.kind === 'error' && exited.errorType === 'Runtime.ExitError');
  assert.match(exited.text, /Runtime exited with error: exit status 3/);
  const late = await invokeWith(house, spec, { hang: true });
  assert.ok(late.kind === 'error' && late.errorType === 'Sandbox.Timedout');
  const missing = await invokeWith(house, withClient(house, HANDLER, 'other.handler'), {});
  assert.ok(missing.kind === 'error' && missing.errorType === 'Runtime.ImportModuleError', missing.text);
  const thrown = await invokeWith(house, withClient(house, "throw new EvalError('at init');"), {});
  assert.ok(thrown.kind === 'error' && thrown.errorType === 'EvalError', thrown.text);
});

onEngines("AWS's own client serves several invocations at once in one environment", RIC, async (engine) => {
  await using house = await engine.open();
  const code = `
    const { threadId } = require('node:worker_threads');
    exports.handler = async (event) => {
      await new Promise((resolve) => setTimeout(resolve, 200));
      return { ...event, threadId, pid: process.pid };
    };`;
  const spec = {
    ...withClient(house, code),
    environmentConcurrency: 4,
    environment: { AWS_LAMBDA_NODEJS_WORKER_COUNT: '4' },
  };
  const first = JSON.parse((await invokeWith(house, spec, { i: -1 })).text);
  const started = performance.now();
  const all = await Promise.all([0, 1, 2, 3].map((i) => invokeWith(house, spec, { i })));
  const answers = all.map(({ text }) => JSON.parse(text));
  assert.deepEqual(
    answers.map(({ i }) => i),
    [0, 1, 2, 3],
  );
  assert.deepEqual([...new Set(answers.map(({ pid }) => pid))], [first.pid], 'one process served them all');
  assert.ok(performance.now() - started < 700, 'at once');
});
