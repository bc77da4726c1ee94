import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LambdaHouse } from './support.ts';

let house: LambdaHouse;

before(async () => {
  house = await LambdaHouse.open();
});
after(() => house[Symbol.asyncDispose]());

/** Makes a function of this body and invokes it once. */
async function run(name: string, code: string, more: Record<string, unknown> = {}, event: unknown = {}) {
  await house.create(name, code, more);
  return house.invoke(name, event, { LogType: 'Tail' });
}
const tailOf = ({ LogResult }: any) => Buffer.from(LogResult, 'base64').toString();

test('an answer carries version, payload and the tail of the log', async () => {
  const answer = await run(
    'good',
    'exports.handler = async (e) => { console.log("seen", e.n); return e.n + 1; };',
    {},
    { n: 41 },
  );
  assert.deepEqual(
    [answer.StatusCode, answer.FunctionError, answer.ExecutedVersion, answer.payload],
    [200, undefined, '$LATEST', 42],
  );
  const tail = tailOf(answer);
  const id = /^START RequestId: (\S+) Version: \$LATEST$/m.exec(tail)![1];
  assert.match(tail, new RegExp(`^\\d{4}-\\S+Z\\t${id}\\tINFO\\tseen 41$`, 'm'));
  assert.match(tail, new RegExp(`^END RequestId: ${id}$`, 'm'));
  assert.match(
    tail,
    new RegExp(
      `^REPORT RequestId: ${id}\\tDuration: [\\d.]+ ms\\tBilled Duration: \\d+ ms\\tMemory Size: 128 MB\\tMax Memory Used: \\d+ MB\\tInit Duration: [\\d.]+ ms\\t$`,
      'm',
    ),
  );
});

test('a handler that throws gives the error as AWS writes it, and the environment serves on', async () => {
  const code = 'let n = 0; exports.handler = async () => { if (n++ === 0) throw new TypeError("no"); return n; };';
  const answer = await run('throws', code);
  assert.equal(answer.FunctionError, 'Unhandled');
  assert.deepEqual([answer.payload.errorType, answer.payload.errorMessage], ['TypeError', 'no']);
  assert.match(answer.payload.trace[0], /^TypeError: no$/);
  assert.match(tailOf(answer), /\tERROR\tInvoke Error \t\{"errorType":"TypeError","errorMessage":"no","stack":\[/);
  assert.equal((await house.invoke('throws')).payload, 2);
});

test('what is not an Error is told by its type', async () => {
  assert.deepEqual((await run('throws-text', 'exports.handler = async () => { throw "text"; };')).payload, {
    errorType: 'string',
    errorMessage: 'text',
    trace: [],
  });
});

test('a handler that hangs is killed at its timeout', async () => {
  const answer = await run('hangs', 'exports.handler = async () => { for (;;); };', { Timeout: 1 });
  assert.equal(answer.payload.errorType, 'Sandbox.Timedout');
  assert.match(answer.payload.errorMessage, /^RequestId: \S+ Error: Task timed out after 1\.00 seconds$/);
  assert.match(tailOf(answer), / Task timed out after 1\.00 seconds$/m);
  assert.match(tailOf(answer), /Status: timeout$/m);
});

test('a process that exits is reported with its status, and the next invocation finds a new one', async () => {
  const answer = await run(
    'exits',
    'exports.handler = async (e) => { if (e.die) process.exit(3); return "alive"; };',
    {},
    { die: true },
  );
  assert.equal(answer.payload.errorType, 'Runtime.ExitError');
  assert.match(answer.payload.errorMessage, /Error: Runtime exited with error: exit status 3$/);
  assert.equal((await house.invoke('exits')).payload, 'alive');
});

test('allocating without end ends in signal: killed, on the heap and beside it', async () => {
  for (const [name, code] of [
    [
      'eats-heap',
      'exports.handler = async () => { const a = []; for (;;) a.push(new Array(1000).fill(Math.random())); };',
    ],
    ['eats-buffers', 'exports.handler = async () => { const a = []; for (;;) a.push(Buffer.alloc(1e6, 1)); };'],
  ] as const) {
    const answer = await run(name, code, { Timeout: 10 });
    assert.equal(answer.payload.errorType, 'Runtime.OutOfMemory');
    assert.match(answer.payload.errorMessage, /Runtime exited with error: signal: killed$/);
    assert.match(tailOf(answer), /Max Memory Used: 128 MB/);
  }
});

test('a handler that answers nonsense is told so', async () => {
  const circular = await run('circular', 'exports.handler = async () => { const a = {}; a.a = a; return a; };');
  assert.equal(circular.payload.errorType, 'Runtime.JSONStringifyError');
  const large = await run('large', 'exports.handler = async () => "x".repeat(7e6);');
  assert.equal(large.payload.errorType, 'Function.ResponseSizeTooLarge');
  assert.equal((await run('function', 'exports.handler = async () => () => 1;')).payload, null);
});

test('code that cannot be loaded says why', async () => {
  assert.equal((await run('no-module', 'require("./nowhere");')).payload.errorType, 'Runtime.ImportModuleError');
  assert.equal((await run('no-syntax', '}')).payload.errorType, 'Runtime.UserCodeSyntaxError');
  assert.equal((await run('no-export', 'exports.other = 1;')).payload.errorType, 'Runtime.HandlerNotFound');
  assert.equal((await run('no-file', '', { Handler: 'other.handler' })).payload.errorType, 'Runtime.ImportModuleError');
  assert.equal((await run('throws-in-init', 'throw new RangeError("init");')).payload.errorType, 'RangeError');
  assert.equal((await run('exits-in-init', 'process.exit(7);')).payload.errorType, 'Runtime.ExitError');
});

test('a promise that nobody handles fails the invocation', async () => {
  const answer = await run(
    'unhandled',
    'exports.handler = async () => { Promise.reject(new Error("lost")); await new Promise((r) => setTimeout(r, 500)); };',
  );
  assert.equal(answer.payload.errorType, 'Runtime.UnhandledPromiseRejection');
  assert.equal(answer.payload.errorMessage, 'Error: lost');
});

const UNDEFINED_THRICE = 'undefined,undefined,undefined';
const CALLBACKS = { Runtime: 'nodejs22.x' };

test('from nodejs24.x on the answer is what the handler returns, awaited or plain, and undefined is null', async () => {
  const styles: Record<string, readonly [code: string, answer: unknown]> = {
    promise: ['exports.handler = async () => "promise";', 'promise'],
    plain: ['exports.handler = () => "plain";', 'plain'],
    thenable: ['exports.handler = () => ({ then: (ok) => ok("then") });', 'then'],
    undefined: ['exports.handler = async () => {};', null],
    nothing: ['exports.handler = () => {};', null],
    ways: ['exports.handler = (e, c) => [typeof c.done, typeof c.succeed, typeof c.fail].join();', UNDEFINED_THRICE],
  };
  for (const [name, [code, expected]] of Object.entries(styles)) {
    assert.equal((await run(`style-${name}`, code)).payload, expected, name);
  }
  const thrown = await run('style-throws', 'exports.handler = () => { throw new RangeError("plain"); };');
  assert.equal(thrown.payload.errorType, 'RangeError');
});

test('from nodejs24.x on a handler that expects a callback is refused while it is loaded', async () => {
  const { payload } = await run('style-refused', 'exports.handler = (e, c, cb) => cb(null, 1);');
  assert.equal(payload.errorType, 'Runtime.CallbackHandlerDeprecated');
  assert.match(payload.errorMessage, /removed support for callback-based function handlers/);
});

test('up to nodejs22.x a handler answers by promise, callback or context, and a plain value is ignored', async () => {
  const styles: Record<string, readonly [code: string, answer: unknown]> = {
    callback: ['exports.handler = (e, c, cb) => { setTimeout(() => cb(null, "cb"), 5); };', 'cb'],
    succeed: ['exports.handler = (e, c) => { c.succeed("succeed"); };', 'succeed'],
    done: ['exports.handler = (e, c) => { c.done(null, "done"); };', 'done'],
    thenable: ['exports.handler = () => ({ then: (ok) => ok("then") });', 'then'],
    plain: ['exports.handler = () => "ignored";', null],
    nothing: ['exports.handler = (e, c, cb) => {};', null],
    unsettled: ['exports.handler = () => new Promise(() => {});', null],
    twice: ['exports.handler = async (e, c) => { c.succeed("first"); return "second"; };', 'first'],
    undefined: ['exports.handler = async () => {};', null],
  };
  for (const [name, [code, expected]] of Object.entries(styles)) {
    assert.equal((await run(`callback-${name}`, code, CALLBACKS)).payload, expected, name);
  }
});

test('up to nodejs22.x an error passed to callback, done or fail is the answer, and no error at all is "handled"', async () => {
  const errors: Record<string, readonly [code: string, message: string]> = {
    callback: ['exports.handler = (e, c, cb) => { cb(new Error("cb")); };', 'cb'],
    done: ['exports.handler = (e, c) => { c.done(new Error("done")); };', 'done'],
    fail: ['exports.handler = (e, c) => { c.fail("fail"); };', 'fail'],
    empty: ['exports.handler = (e, c) => { c.fail(); };', 'handled'],
  };
  for (const [name, [code, message]] of Object.entries(errors)) {
    assert.equal((await run(`callback-error-${name}`, code, CALLBACKS)).payload.errorMessage, message, name);
  }
});

test('an async handler whose promise is never settled fails, once nothing is left to do', async () => {
  const code = 'exports.handler = async () => new Promise(() => {});';
  for (const Runtime of ['nodejs22.x', 'nodejs24.x']) {
    const { payload } = await run(`unsettled-${Runtime.slice(6, 8)}`, code, { Runtime });
    assert.equal(payload.errorType, 'Runtime.NodeJsExit');
  }
});

test('a callback waits for what is left to do, unless it is told not to', async () => {
  const waits = 'let t = 0; exports.handler = (e, c, cb) => { setTimeout(() => { t = 1; }, 60); cb(null, "answer"); };';
  const start = performance.now();
  await run('waits', waits, { Timeout: 5, ...CALLBACKS });
  assert.ok(performance.now() - start >= 60);
  const code =
    'exports.handler = (e, c, cb) => { c.callbackWaitsForEmptyEventLoop = false; setInterval(() => {}, 1000); cb(null, "at once"); };';
  assert.equal((await run('does-not-wait', code, CALLBACKS)).payload, 'at once');
});

test('ES modules, folders and nested exports are handlers too', async () => {
  await house.create(
    'esm',
    'export const handler = async () => import.meta.url.endsWith("index.mjs");',
    {},
    'index.mjs',
  );
  assert.equal((await house.invoke('esm')).payload, true);
  await house.create(
    'nested',
    'exports.api = { get: async () => "nested" };',
    { Handler: 'src/app/main.api.get' },
    'src/app/main.js',
  );
  assert.equal((await house.invoke('nested')).payload, 'nested');
});

test('the context is whole', async () => {
  const answer = await run(
    'context',
    'exports.handler = async (e, c) => ({ ...c, left: c.getRemainingTimeInMillis(), env: process.env, cwd: process.cwd() });',
    { Environment: { Variables: { MINE: 'yes', TZ: 'Europe/Berlin' } }, MemorySize: 256, Timeout: 4 },
  );
  const { payload } = answer;
  assert.equal(payload.functionName, 'context');
  assert.equal(payload.memoryLimitInMB, '256');
  assert.equal(payload.invokedFunctionArn, 'arn:aws:lambda:us-east-1:000000000000:function:context');
  assert.match(payload.logStreamName, /^\d{4}\/\d\d\/\d\d\/\[\$LATEST\][0-9a-f]{32}$/);
  assert.equal(payload.logGroupName, '/aws/lambda/context');
  assert.ok(payload.left > 3000 && payload.left <= 4000);
  const { env } = payload;
  assert.deepEqual(
    [env.MINE, env.TZ, env.AWS_REGION, env._HANDLER],
    ['yes', 'Europe/Berlin', 'us-east-1', 'index.handler'],
  );
  assert.equal(env.AWS_ENDPOINT_URL, 'http://127.0.0.1:4566');
  assert.match(
    env._X_AMZN_TRACE_ID,
    /^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0;Lineage=[0-9a-f]{8}:1$/,
  );
  assert.equal(env.LAMBDA_TASK_ROOT, payload.cwd);
  assert.equal(env.HOME, undefined, 'nothing of the node leaks in');
});

test('client context reaches the function; nonsense does not', async () => {
  await house.create('client', 'exports.handler = async (e, c) => c.clientContext;');
  const ClientContext = Buffer.from(JSON.stringify({ custom: { a: '1' } })).toString('base64');
  assert.deepEqual((await house.invoke('client', {}, { ClientContext })).payload, { custom: { a: '1' } });
  await assert.rejects(house.invoke('client', {}, { ClientContext: '!!' }), { code: 'request-content-invalid' });
});

test('a payload that is no JSON is the fault of the caller', async () => {
  await house.create('strict', 'exports.handler = async (e) => e;');
  for (const InvocationType of ['RequestResponse', 'Event']) {
    const call = house.call('Invoke', { FunctionName: 'strict', InvocationType, Payload: Buffer.from('{no') });
    await assert.rejects(call, { code: 'request-content-invalid' });
  }
  assert.deepEqual((await house.invoke('strict', { after: 1 })).payload, { after: 1 });
  const tooLarge = house.call('Invoke', { FunctionName: 'strict', Payload: Buffer.alloc(6 * 1024 * 1024 + 1, 32) });
  await assert.rejects(tooLarge, { code: 'request-too-large' });
});

test('DryRun looks and does not run', async () => {
  await house.create('dry', 'exports.handler = async () => 1;');
  const seen = house.lines.length;
  assert.deepEqual(await house.call('Invoke', { FunctionName: 'dry', InvocationType: 'DryRun' }), { StatusCode: 204 });
  assert.equal(house.lines.length, seen);
});

test('beyond reserved concurrency calls are refused with the reason that SDKs look at', async () => {
  await house.create('narrow', 'exports.handler = async () => new Promise((r) => setTimeout(r, 100));');
  await house.call('PutFunctionConcurrency', { FunctionName: 'narrow', ReservedConcurrentExecutions: 1 });
  const first = house.invoke('narrow');
  await assert.rejects(house.invoke('narrow'), (error: any) => {
    assert.equal(error.code, 'throttled');
    assert.equal(error.fields.Reason, 'ReservedFunctionConcurrentInvocationLimitExceeded');
    return true;
  });
  assert.equal((await first).StatusCode, 200);
  assert.ok(house.data.some(({ name, dimensions }) => name === 'Throttles' && dimensions.FunctionName === 'narrow'));
});

test('a poller that reserves waits for a place and keeps it until it disposes of it', async () => {
  await house.create('polled', 'exports.handler = async (e) => e.n;');
  await house.call('PutFunctionConcurrency', { FunctionName: 'polled', ReservedConcurrentExecutions: 1 });
  const arn = 'arn:aws:lambda:us-east-1:000000000000:function:polled';
  const { signal } = new AbortController();
  const first = await house.lambda.invoker.reserve(arn, signal);
  const second = house.lambda.invoker.reserve(arn, signal);
  for (let n = 0; n < 3; n++) {
    const outcome = await first.invoke(Buffer.from(JSON.stringify({ n })), signal);
    assert.deepEqual(
      [outcome.kind, outcome.kind === 'success' && Buffer.from(outcome.payload).toString()],
      ['success', String(n)],
    );
  }
  first[Symbol.dispose]();
  using granted = await second;
  assert.equal((await granted.invoke(Buffer.from('{"n":9}'), signal)).kind, 'success');
  using missing = await house.lambda.invoker.reserve(`${arn}-not`, signal);
  assert.equal((await missing.invoke(Buffer.from('{}'), signal)).kind, 'not-invoked');
});

test('a flood of log lines neither blocks nor breaks the answer', async () => {
  const answer = await run(
    'floods',
    'exports.handler = async () => { for (let i = 0; i < 50_000; i++) console.log("line", i); process.stdout.write("a\\nb"); return "done"; };',
    { Timeout: 20 },
  );
  assert.equal(answer.payload, 'done');
  assert.ok(Buffer.byteLength(tailOf(answer)) <= 4096);
  assert.match(tailOf(answer), /line 49999/);
});

test('metrics of an invocation are emitted by function', async () => {
  await run('measured', 'exports.handler = async () => { throw new Error("x"); };');
  const mine = house.data.filter(({ dimensions }) => dimensions.FunctionName === 'measured');
  const values = Object.fromEntries(mine.map(({ name, value }) => [name, value]));
  assert.deepEqual([values.Invocations, values.Errors], [1, 1]);
  assert.ok(values.Duration! > 0 && values.InitDuration! > 0);
});

test('functions are described with the numbers of their environments', async () => {
  await house.create('described', 'exports.handler = async () => 1;', { MemorySize: 256 });
  await house.invoke('described');
  const { pool, ...shown } = house.lambda.describe('us-east-1').find(({ name }) => name === 'described')!;
  assert.deepEqual(shown, {
    arn: 'arn:aws:lambda:us-east-1:000000000000:function:described',
    name: 'described',
    runtime: 'nodejs24.x',
    memoryMb: 256,
    timeoutMs: 3000,
    logGroup: '/aws/lambda/described',
  });
  assert.deepEqual([pool!.idle, pool!.coldStarts, pool!.invocations], [1, 1, 1]);
});

test('log lines in JSON carry level and request id, and the levels that were not asked for stay out', async () => {
  const LoggingConfig = { LogFormat: 'JSON', ApplicationLogLevel: 'WARN' };
  const code =
    'exports.handler = async () => { console.log("quiet"); console.warn("loud", 1); console.error(new TypeError("bad")); };';
  const answer = await run('json-logs', code, { LoggingConfig });
  const lines = tailOf(answer)
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map(({ level, message, errorType }) => [level, message ?? errorType]),
    [
      ['WARN', 'loud 1'],
      ['ERROR', 'TypeError'],
    ],
  );
  assert.match(lines[0].requestId, /^[0-9a-f-]{36}$/);
});
