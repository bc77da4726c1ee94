import assert from 'node:assert/strict';
import { FAILING_RUNTIME, SHELL_RUNTIME } from './fixtures.ts';
import { collector, has, invokeWith, onEngines, provided } from './support.ts';

const CURL = has('curl');

onEngines('a runtime in POSIX shell with curl serves invocations, errors and streams', CURL, async (engine) => {
  await using house = await engine.open();
  const spec = provided(house, SHELL_RUNTIME, { environment: { MINE: 'own' } });
  for (let i = 0; i < 10; i++) assert.equal((await invokeWith(house, spec, { i })).text, `{"i":${i}}`);
  const failed = await invokeWith(house, spec, 'fail');
  assert.equal(failed.text, '{"errorType":"Shell.Failed","errorMessage":"asked for"}');
  const stream = collector();
  assert.equal((await invokeWith(house, spec, 'stream', { stream })).kind, 'success');
  assert.equal(stream.chunks.join(''), 'one two');
  assert.equal(stream.contentType, 'text/plain');
  // It has no socket beside its standard streams.
  assert.equal((await invokeWith(house, spec, 'where')).text, `"${engine.rootOf(spec)} a.handler ${spec.name} own 0"`);
  assert.equal(house.runtime.pools()[0]!.coldStarts, 1);
  assert.equal(house.lines.filter((line) => line === 'runtime in shell begins').length, 1);
});

onEngines('an invocation carries its id, deadline, ARN, trace and client context in headers', CURL, async (engine) => {
  await using house = await engine.open();
  const spec = provided(house, SHELL_RUNTIME, { environment: { MINE: '' } });
  const invokedArn = `${spec.arn}:alias`;
  const clientContext = Buffer.from('{"custom":{"a":"ä\\n"}}').toString('base64');
  const before = Date.now();
  const { text, requestId } = await invokeWith(house, spec, 'headers', { invokedArn, clientContext });
  const headers = new Map(
    text
      .trim()
      .split('\r\n')
      .slice(1)
      .map((line) => line.split(/: (.*)/, 2) as [string, string]),
  );
  assert.match(text, /^HTTP\/1\.1 200 OK\r\n/);
  assert.equal(headers.get('Content-Type'), 'application/json');
  assert.equal(headers.get('Lambda-Runtime-Aws-Request-Id'), requestId);
  assert.equal(headers.get('Lambda-Runtime-Invoked-Function-Arn'), invokedArn);
  assert.match(
    headers.get('Lambda-Runtime-Trace-Id')!,
    /^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$/,
  );
  assert.deepEqual(JSON.parse(headers.get('Lambda-Runtime-Client-Context')!), { custom: { a: 'ä\n' } });
  const left = Number(headers.get('Lambda-Runtime-Deadline-Ms')) - before;
  assert.ok(left > 9_000 && left <= 11_000, `${left} ms`);
});

onEngines('an exit and a timeout end the environment, and the next one starts anew', CURL, async (engine) => {
  await using house = await engine.open();
  const spec = provided(house, SHELL_RUNTIME, { environment: { MINE: '' }, timeoutMs: 1_000 });
  const exited = await invokeWith(house, spec, 'exit');
  assert.ok(exited.kind === 'error' && exited.errorType === 'Runtime.ExitError');
  const late = await invokeWith(house, spec, 'hang');
  assert.ok(late.kind === 'error' && late.errorType === 'Sandbox.Timedout');
  assert.match(late.text, /Task timed out after 1\.00 seconds/);
  assert.equal((await invokeWith(house, spec, 1)).text, '1');
});

onEngines('an init error that the runtime reports is the answer to the invocation', CURL, async (engine) => {
  await using house = await engine.open();
  const failed = await invokeWith(house, provided(house, FAILING_RUNTIME), 1);
  assert.ok(failed.kind === 'error' && failed.errorType === 'Runtime.NoConfiguration');
  assert.equal(failed.text, '{"errorType":"Runtime.NoConfiguration","errorMessage":"no configuration"}');
});
