import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { after, before, test } from 'node:test';
import { InvokeWithResponseStreamCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { EventStreamDecoder } from '../../src/codec/aws/index.ts';
import type { Invocation, InvocationResult, ManagedRuntime } from '../../src/runtime/index.ts';
import { StreamedResponse } from '../../src/services/lambda/response-stream.ts';
import { zipOf } from '../support/clients.ts';
import { clientOptions, startWire, type TestWire } from '../wire/support.ts';
import { LambdaHouse } from './support.ts';

const METERING = { durationMs: 1, billedMs: 1, memoryUsedMb: 1, start: 'warm' } as const;
const success = (payload = ''): InvocationResult => ({
  kind: 'success',
  payload: Buffer.from(payload),
  metering: METERING,
  logTail: 'START\nEND\n',
});

/** What the environment of the next invocation does. */
let handler: (invocation: Invocation) => Promise<InvocationResult>;
let house: LambdaHouse;
let wire: TestWire;
let client: LambdaClient;

/** The real runtime, but for the environments. */
const scripted = (runtime: ManagedRuntime) => ({
  retire: runtime.retire.bind(runtime),
  reserveConcurrency: runtime.reserveConcurrency.bind(runtime),
  pools: runtime.pools.bind(runtime),
  snapshot: runtime.snapshot.bind(runtime),
  provision: runtime.provision.bind(runtime),
  provisioned: runtime.provisioned.bind(runtime),
  reserve: async () => ({ invoke: (invocation: Invocation) => handler(invocation), [Symbol.dispose]() {} }),
  [Symbol.asyncDispose]: () => runtime[Symbol.asyncDispose](),
});

before(async () => {
  house = await LambdaHouse.open({ runtime: { blanks: 0 }, seen: scripted });
  wire = await startWire([house.lambda.service], { mode: 'dev' });
  client = new LambdaClient(clientOptions(wire));
  for (const region of ['us-east-1', 'eu-central-1']) {
    const input = { FunctionName: 'f', Runtime: 'nodejs24.x', Role: 'r', Handler: 'index.handler' };
    await house.call('CreateFunction', { ...input, Code: { ZipFile: await zipOf({ 'index.js': '' }) } }, { region });
  }
});
after(async () => {
  client.destroy();
  await wire[Symbol.asyncDispose]();
  await house[Symbol.asyncDispose]();
});

/** Invokes with the SDK. @returns the chunks as text, and the last event */
async function invoke(more: object = {}): Promise<{ chunks: string[]; complete: any }> {
  const command: any = new InvokeWithResponseStreamCommand({ FunctionName: 'f', ...more });
  const { EventStream }: any = await client.send(command);
  const chunks: string[] = [];
  let complete: any;
  for await (const event of EventStream) {
    if (event.PayloadChunk) chunks.push(Buffer.from(event.PayloadChunk.Payload).toString());
    else complete = event.InvokeComplete;
  }
  return { chunks, complete };
}

/** Invokes without an SDK, whose buffers nobody knows. */
async function rawInvoke(): Promise<IncomingMessage> {
  const path = '/2021-11-15/functions/f/response-streaming-invocations';
  const call = request({ host: '127.0.0.1', port: wire.port, method: 'POST', path });
  call.on('error', () => {});
  call.end('{}');
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  assert.equal(response.statusCode, 200);
  return response;
}

test('chunks reach the SDK as they are written, the first before the function has ended', async () => {
  const read = Promise.withResolvers<void>();
  handler = async ({ stream }) => {
    stream!.start('text/plain');
    await stream!.write(Buffer.from('one'));
    await read.promise;
    await stream!.write(Buffer.from('two'));
    return success();
  };
  const command: any = new InvokeWithResponseStreamCommand({ FunctionName: 'f', LogType: 'Tail' });
  const answer: any = await client.send(command);
  assert.deepEqual([answer.StatusCode, answer.ExecutedVersion], [200, '$LATEST']);
  const events = answer.EventStream[Symbol.asyncIterator]();
  assert.equal(Buffer.from((await events.next()).value.PayloadChunk.Payload).toString(), 'one');
  read.resolve();
  assert.equal(Buffer.from((await events.next()).value.PayloadChunk.Payload).toString(), 'two');
  const { InvokeComplete } = (await events.next()).value;
  assert.deepEqual(
    [InvokeComplete.ErrorCode, Buffer.from(InvokeComplete.LogResult, 'base64').toString()],
    [undefined, 'START\nEND\n'],
  );
});

test('a handler that does not stream answers with one chunk', async () => {
  handler = async () => success('{"a":1}');
  assert.deepEqual(await invoke(), { chunks: ['{"a":1}'], complete: {} });
});

test('the client has its answer while extensions are still at work, streamed or not', async () => {
  const extensions = Promise.withResolvers<void>();
  handler = async ({ onAnswer }) => {
    const { metering: _, ...answer } = success('{"a":1}');
    onAnswer!(answer);
    await extensions.promise;
    return success('nobody hears this');
  };
  assert.deepEqual(await invoke(), { chunks: ['{"a":1}'], complete: {} });
  const buffered = await house.invoke('f', {});
  assert.deepEqual(buffered.payload, { a: 1 });
  extensions.resolve();
});

test('an error after the first chunk comes with the last event', async () => {
  const payload = Buffer.from('{"errorType":"RangeError","errorMessage":"out"}');
  handler = async ({ stream }) => {
    await stream!.write(Buffer.from('half'));
    return { ...success(), kind: 'error', payload, errorType: 'RangeError', handled: true };
  };
  const { chunks, complete } = await invoke();
  assert.deepEqual([chunks, complete.ErrorCode], [['half'], 'Unhandled']);
  assert.equal(JSON.parse(complete.ErrorDetails).errorType, 'RangeError');
});

test('what is refused is refused before the stream begins', async () => {
  await assert.rejects(invoke({ FunctionName: 'none' }), { name: 'ResourceNotFoundException' });
  await assert.rejects(invoke({ Payload: Buffer.from('{no json') }), { name: 'InvalidRequestContentException' });
  await assert.rejects(invoke({ TenantId: 't' }), /TenantId is not supported/);
});

test('a client that is behind holds the function back, and gets everything in the end', async () => {
  const chunk = Buffer.alloc(64 * 1024, 'x');
  let written = 0;
  const held = Promise.withResolvers<void>();
  handler = async ({ stream }) => {
    for (let i = 0; i < 400; i++) {
      const room = stream!.write(chunk);
      written += chunk.length;
      if (!room) continue;
      held.resolve();
      await room;
    }
    return success();
  };
  const response = await rawInvoke();
  await held.promise;
  // Nothing is read: what is under way fits in the buffers of the connection and of the stream.
  await new Promise(setImmediate);
  assert.ok(written < 25 * 1024 * 1024, `${written} bytes were taken`);
  const decoder = new EventStreamDecoder();
  let size = 0;
  for await (const bytes of response) {
    for (const { headers, payload } of decoder.push(bytes as Buffer)) {
      if (headers.get(':event-type') === 'PayloadChunk') size += payload.length;
    }
  }
  assert.equal(size, 400 * chunk.length);
});

test('a client that goes away lets the function run to its end', async () => {
  const gone = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<number>();
  handler = async ({ stream }) => {
    await stream!.write(Buffer.from('first'));
    await gone.promise;
    for (let i = 0; i < 100; i++) await stream!.write(Buffer.alloc(1024 * 1024));
    ended.resolve(1);
    return success();
  };
  const response = await rawInvoke();
  response.on('error', () => {});
  await once(response, 'data');
  response.destroy();
  gone.resolve();
  assert.equal(await ended.promise, 1);
});

test('all that was written while the client was behind is waited for, not the last of it alone', async () => {
  const response = new StreamedResponse();
  const rooms = Array.from({ length: 3 }, () => response.write(Buffer.alloc(256 * 1024)));
  for (let i = 0; i < 3; i++) await response.next();
  await Promise.all(rooms.map((room) => room ?? assert.fail('there was room')));
});

test('a response of more than 200 MB ends with an error', async () => {
  const response = new StreamedResponse();
  const chunk = Buffer.alloc(1024 * 1024);
  const reading = (async () => {
    let size = 0;
    for await (const event of response) {
      if ('InvokeComplete' in event) return { size, ...event.InvokeComplete };
      size += event.PayloadChunk.Payload.length;
    }
    return undefined;
  })();
  for (let i = 0; i < 201; i++) await response.write(chunk);
  response.complete(undefined, {});
  const { size, ErrorCode } = (await reading)!;
  assert.deepEqual([size, ErrorCode], [200 * 1024 * 1024, 'Function.ResponseSizeTooLarge']);
});
