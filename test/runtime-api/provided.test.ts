import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { ALWAYS, collector, compileBootstrap, has, invokeWith, onEngines, provided } from './support.ts';

const CC = has('cc');
let program: Buffer | undefined;
const bootstrap = () => (program ??= compileBootstrap());

onEngines('a runtime in C serves many invocations in one process, and its output is the log', CC, async (engine) => {
  await using house = await engine.open();
  const spec = provided(house, bootstrap());
  for (let i = 1; i <= 200; i++) {
    const { text, metering, kind } = await invokeWith(house, spec, i % 2 ? { count: i } : { echo: `ä ${i}` });
    assert.equal(kind, 'success');
    assert.equal(text, i % 2 ? String(i) : JSON.stringify({ echo: `ä ${i}` }));
    assert.equal(metering.start, i === 1 ? 'cold' : 'warm');
    assert.ok(metering.memoryUsedMb > 0);
  }
  assert.equal(house.lines.filter((line) => line === 'runtime in C begins').length, 1);
  assert.match(house.lines[0]!, /^INIT_START Runtime Version: provided:al2023\t/);
  assert.equal(house.runtime.pools()[0]!.coldStarts, 1);
});

onEngines('an error that the runtime reports is the answer, and the environment goes on', CC, async (engine) => {
  await using house = await engine.open();
  const spec = provided(house, bootstrap());
  const failed = await invokeWith(house, spec, { fail: true });
  assert.ok(failed.kind === 'error' && failed.handled);
  assert.equal(failed.errorType, 'Parts.Broken');
  assert.deepEqual(JSON.parse(failed.text), {
    errorType: 'Parts.Broken',
    errorMessage: 'a part broke',
    stackTrace: [],
  });
  assert.equal((await invokeWith(house, spec, { count: 1 })).text, '2');
});

onEngines('a streamed response goes out as it comes; trailers say that it broke', CC, async (engine) => {
  await using house = await engine.open();
  const spec = provided(house, bootstrap());
  const stream = collector();
  const result = await invokeWith(house, spec, { stream: true }, { stream });
  assert.equal(result.kind, 'success');
  assert.equal(result.text, '');
  assert.equal(stream.contentType, 'text/x-parts');
  assert.deepEqual(stream.chunks, ['first', ' second']);
  const broken = await invokeWith(house, spec, { 'stream-fails': true }, { stream: collector() });
  assert.ok(broken.kind === 'error' && broken.errorType === 'Parts.Lost');
  assert.deepEqual(JSON.parse(broken.text), { errorType: 'Parts.Lost', errorMessage: 'gone' });
  const buffered = await invokeWith(house, spec, { stream: true });
  assert.equal(buffered.text, 'first second', 'whoever does not stream gets it whole');
});

onEngines('a response above 6 MB is refused with 413, and the caller is told', CC, async (engine) => {
  await using house = await engine.open();
  const spec = provided(house, bootstrap(), { memoryMb: 512 });
  const result = await invokeWith(house, spec, { large: true });
  assert.ok(result.kind === 'error' && result.errorType === 'Function.ResponseSizeTooLarge');
  assert.match(
    result.text,
    /Response payload size \(6300000 bytes\) exceeded maximum allowed payload size \(6291556 bytes\)\./,
  );
  assert.equal((await invokeWith(house, spec, { count: 1 })).text, '2');
  assert.ok(house.lines.includes('large answered 413'));
});

onEngines('a payload of 6 MB goes in and comes out', CC, async (engine) => {
  await using house = await engine.open();
  const spec = provided(house, bootstrap(), { memoryMb: 512 });
  const text = 'x'.repeat(6 * 1024 * 1024 - 20);
  assert.equal((await invokeWith(house, spec, { text })).text, JSON.stringify({ text }));
});

onEngines('an answer to an invocation that is not its own is refused', CC, async (engine) => {
  await using house = await engine.open();
  assert.equal((await invokeWith(house, provided(house, bootstrap()), { forge: true })).text, '400');
});

onEngines('an exit within an invocation is Runtime.ExitError, and the next one starts anew', CC, async (engine) => {
  await using house = await engine.open();
  const spec = provided(house, bootstrap());
  const { kind, text, requestId } = await invokeWith(house, spec, { exit: true });
  assert.equal(kind, 'error');
  assert.deepEqual(JSON.parse(text), {
    errorType: 'Runtime.ExitError',
    errorMessage: `RequestId: ${requestId} Error: Runtime exited with error: exit status 7`,
  });
  assert.equal((await invokeWith(house, spec, { count: 1 })).metering.start, 'cold');
});

onEngines('a runtime that does not answer in time is killed', CC, async (engine) => {
  await using house = await engine.open();
  const spec = provided(house, bootstrap(), { timeoutMs: 300 });
  const result = await invokeWith(house, spec, { hang: true });
  assert.ok(result.kind === 'error' && result.errorType === 'Sandbox.Timedout');
  assert.equal((await invokeWith(house, spec, { count: 1 })).text, '1');
});

onEngines(
  'a bootstrap that is missing, or cannot be run, is Runtime.InvalidEntrypoint in the words of Lambda',
  ALWAYS,
  async (engine) => {
    await using house = await engine.open();
    const spec = house.spec('', { runtime: 'provided.al2' }, 'other');
    const missing = await invokeWith(house, spec, {});
    assert.deepEqual(JSON.parse(missing.text), {
      errorType: 'Runtime.InvalidEntrypoint',
      errorMessage: `RequestId: ${missing.requestId} Error: Couldn't find valid bootstrap(s): [${engine.rootOf(spec)}/bootstrap /opt/bootstrap]`,
    });
    const plain = provided(house, '#!/bin/sh\n');
    chmodSync(join(plain.codeDirectory, 'bootstrap'), 0o644);
    assert.match((await invokeWith(house, plain, {})).text, /fork\/exec .*\/bootstrap: permission denied/);
    assert.match((await invokeWith(house, provided(house, 'echo'), {})).text, /\/bootstrap: exec format error/);
    assert.match(
      (await invokeWith(house, provided(house, '#!/none'), {})).text,
      /\/bootstrap: no such file or directory/,
    );
  },
);

onEngines('a bootstrap that ends before it asks for work has failed its init', ALWAYS, async (engine) => {
  await using house = await engine.open();
  const spec = provided(house, '#!/bin/sh\necho here >&2\nexit 3\n');
  const { text, requestId } = await invokeWith(house, spec, {});
  assert.deepEqual(JSON.parse(text), {
    errorType: 'Runtime.ExitError',
    errorMessage: `RequestId: ${requestId} Error: Runtime exited with error: exit status 3`,
  });
  assert.ok(house.lines.includes('here'));
  assert.ok(
    house.lines.some((line) => /^INIT_REPORT .*Phase: init\tStatus: error\tError Type: Runtime.ExitError$/.test(line)),
  );
});
