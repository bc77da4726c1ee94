import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InvocationResult } from '../../src/runtime/index.ts';
import { RuntimeHouse } from '../lambda/runtime-house.ts';

const streaming = (body: string) =>
  `exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {${body}});`;
const errorOf = (result: InvocationResult) => {
  assert.equal(result.kind, 'error');
  return JSON.parse(Buffer.from(result.payload).toString());
};

test('a streamed response reaches its taker piece by piece, while the handler still runs', async () => {
  await using house = await RuntimeHouse.open({ engine: 'process' });
  const spec = house.spec(
    streaming(`
      stream.setContentType('text/plain');
      const taken = new Promise((go) => require('node:fs').watch(event.folder, { persistent: false }, go));
      const alive = setInterval(() => {}, 1000);
      stream.write('one ');
      await taken;
      clearInterval(alive);
      stream.end('two');
    `),
  );
  const { writeFileSync } = await import('node:fs');
  const took = await house.stream(spec, { folder: house.directory }, () => writeFileSync(`${house.directory}/go`, ''));
  assert.deepEqual([took.contentType, took.body.toString(), took.chunks.length], ['text/plain', 'one two', 2]);
  assert.equal(took.result.kind, 'success');
  assert.equal(took.result.payload.length, 0);
  assert.equal(
    (await house.stream(spec, { folder: house.directory }, () => writeFileSync(`${house.directory}/go`, ''))).result
      .metering.start,
    'warm',
  );
});

test('an HTTP response has its metadata, eight zeros and its body, the body may be empty', async () => {
  await using house = await RuntimeHouse.open();
  const spec = house.spec(
    streaming(`
      const out = awslambda.HttpResponseStream.from(stream, { statusCode: 204, headers: { a: 'b' } });
      if (event.body) out.write(event.body);
      out.end();
    `),
  );
  const head = '{"statusCode":204,"headers":{"a":"b"}}\0\0\0\0\0\0\0\0';
  for (const body of ['text', undefined]) {
    const took = await house.stream(spec, { body });
    assert.equal(took.contentType, 'application/vnd.awslambda.http-integration-response');
    assert.equal(took.body.toString(), head + (body ?? ''));
  }
});

test('a streaming handler that is invoked without a taker answers with all that it wrote', async () => {
  await using house = await RuntimeHouse.open();
  const spec = house.spec(streaming(`stream.write('{"a":'); stream.write({ b: 1 }); stream.end('}');`));
  const { result } = { result: await house.invoke(spec) };
  assert.deepEqual(result.value, { a: { b: 1 } });
  const large = house.spec(
    streaming(`for (let i = 0; i < 7; i++) stream.write(Buffer.alloc(1e6, 32)); stream.end('0');`),
  );
  assert.equal(errorOf(await house.invoke(large)).errorType, 'Function.ResponseSizeTooLarge');
});

test('a handler that does not stream answers a taker with a payload all the same', async () => {
  await using house = await RuntimeHouse.open();
  const { result, chunks } = await house.stream(house.spec('exports.handler = async () => 1;'));
  assert.deepEqual([result.kind, Buffer.from(result.payload).toString(), chunks.length], ['success', '1', 0]);
});

test('a taker that is behind stops the handler, and memory of neither side grows', async () => {
  await using house = await RuntimeHouse.open();
  const spec = house.spec(
    `const { pipeline } = require('node:stream/promises');
     const { Readable } = require('node:stream');
     let made = 0;
     const source = function* () { while (made < 64) { made++; yield Buffer.alloc(1e6, made); } };
     exports.handler = awslambda.streamifyResponse(async (event, stream) => {
       await pipeline(Readable.from(source()), stream);
       console.log('peak', process.resourceUsage().maxRSS);
     });`,
  );
  let release = () => {};
  let writes = 0;
  let taken = 0;
  const took = await house.stream(spec, {}, (chunk) => {
    taken += chunk.length;
    if (++writes !== 1) return;
    return new Promise<void>((resolve) => {
      // Nothing more is read while the taker is behind, but for what had come with the first piece.
      setTimeout(() => {
        assert.ok(taken < 1e6, `${taken} bytes came while the taker was behind`);
        release = resolve;
        release();
      }, 150);
    });
  });
  assert.equal(took.result.kind, 'success');
  assert.equal(took.body.length, 64e6);
  for (let part = 0; part < 64; part++) assert.equal(took.body[part * 1e6 + 500_000], part + 1);
});

test('a response that breaks off is an error, and what was sent stays sent', async () => {
  await using house = await RuntimeHouse.open();
  const ways = {
    throws: [`throw new TypeError('half');`, 'TypeError'],
    'destroys the stream': [`stream.destroy(new RangeError('half')); await new Promise(setImmediate);`, 'Error'],
    'never ends it': ['', 'Runtime.NodeJsExit'],
    'throws outside of itself': [
      `setImmediate(() => { throw new TypeError('half'); }); await new Promise(() => {});`,
      'TypeError',
    ],
    exits: ['process.exit(3);', 'Runtime.ExitError'],
  } as const;
  for (const [way, [end, errorType]] of Object.entries(ways)) {
    const spec = house.spec(streaming(`await new Promise((next) => stream.write('half', next)); ${end}`));
    const { result, body } = await house.stream(spec);
    assert.equal(body.toString(), 'half', way);
    assert.equal(errorOf(result).errorType, errorType, way);
  }
});

test('a handler that fails before its first byte has no response', async () => {
  await using house = await RuntimeHouse.open();
  const { result, contentType } = await house.stream(house.spec(streaming(`throw new TypeError('at once');`)));
  assert.equal(contentType, undefined);
  assert.equal(errorOf(result).errorType, 'TypeError');
});

test('a timeout breaks a response off, also when its taker never comes to', async () => {
  await using house = await RuntimeHouse.open();
  const spec = house.spec(streaming(`for (;;) await new Promise((next) => stream.write(Buffer.alloc(1e6), next));`), {
    timeoutMs: 500,
  });
  const { result, chunks } = await house.stream(spec, {}, () => new Promise<void>(() => {}));
  assert.match(errorOf(result).errorMessage, /Task timed out after 0.50 seconds/);
  assert.ok(chunks.length > 0);
});

test('what a handler writes after its failure goes nowhere, and the next invocation is not touched', async () => {
  await using house = await RuntimeHouse.open();
  const spec = house.spec(
    `let late;
     exports.handler = awslambda.streamifyResponse(async (event, stream) => {
       if (event.first) { late = stream; stream.write('a'); await new Promise(setImmediate); throw new Error('first'); }
       late.on('error', () => {});
       late.write('late'); late.end();
       stream.end('second');
     });`,
  );
  assert.equal(errorOf((await house.stream(spec, { first: true })).result).errorMessage, 'first');
  const second = await house.stream(spec, {});
  assert.deepEqual(
    [second.result.kind, second.body.toString(), second.result.metering.start],
    ['success', 'second', 'warm'],
  );
});

test('content type and prelude cannot come after the first byte', async () => {
  await using house = await RuntimeHouse.open();
  const spec = house.spec(
    streaming(`await new Promise((next) => stream.write('a', next)); stream.setContentType('b/c');`),
  );
  const { errorType, errorMessage } = errorOf((await house.stream(spec)).result);
  assert.deepEqual(
    [errorType, errorMessage],
    ['Runtime.InvalidStreamingOperation', 'Cannot set content-type, too late.'],
  );
});
