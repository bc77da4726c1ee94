import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { API_LIMITS } from '../../src/runtime/api/limits.ts';
import { ApiHouse } from './api-house.ts';

const RUNTIME = '/2018-06-01/runtime';
const EXTENSION = '/2020-01-01/extension';
const errorTypeOf = ({ text }: { text: string }) => JSON.parse(text).errorType as string;

test('calls out of turn are refused in the words of Lambda and change nothing', async () => {
  await using house = await ApiHouse.open();
  assert.deepEqual(await statusOf(house.respond('x', '1')), [400, 'InvalidRequestID']);
  const first = house.next();
  await house.until(() => house.frames.length === 1);
  const late = await house.call('POST', `${RUNTIME}/init/error`, '{}');
  assert.equal(late.status, 403);
  assert.deepEqual(JSON.parse(late.text), {
    errorType: 'InvalidStateTransition',
    errorMessage: 'State transition from Ready to InitError failed for runtime. Error: State transition is not allowed',
  });
  const id = house.invoke();
  assert.equal((await first).headers.get('lambda-runtime-aws-request-id'), id);
  assert.deepEqual(await statusOf(house.respond('11111111-2222-3333-4444-555555555555', '1')), [
    400,
    'InvalidRequestID',
  ]);
  const accepted = await house.respond(id, '{"a":1}');
  assert.deepEqual([accepted.status, JSON.parse(accepted.text)], [202, { status: 'OK' }]);
  assert.equal(accepted.headers.get('content-type'), 'application/json');
  assert.deepEqual(await statusOf(house.respond(id, '2')), [400, 'InvalidRequestID']);
  const error = house.call('POST', `${RUNTIME}/invocation/${id}/error`, '{}');
  assert.deepEqual(await statusOf(error), [400, 'InvalidRequestID']);
  const [ready, answer, ...more] = house.frames;
  assert.equal(ready!.kind, 'initialised');
  assert.ok(answer!.kind === 'response' && Buffer.from(answer!.payload).toString() === '{"a":1}');
  assert.deepEqual(more, []);
  assert.deepEqual(house.failures, []);
});

test('an invocation whose delivery broke is delivered again; of two that wait the later one gets it', async () => {
  await using house = await ApiHouse.open();
  const first = house.next();
  await house.until(() => house.frames.length === 1);
  const id = house.invoke();
  await first;
  assert.equal((await house.next()).headers.get('lambda-runtime-aws-request-id'), id);
  await house.respond(id, '1');
  const older = house.next();
  // The older one is answered when the later one is there: nothing tells when the first has been read.
  let newer = house.next();
  const [reply] = await Promise.race([older.then((r) => [r, 'older']), newer.then((r) => [r, 'newer'])]);
  assert.equal((reply as { status: number }).status, 403);
  newer = Promise.any([older, newer].map((each) => each.then((r) => (r.status === 200 ? r : Promise.reject(r)))));
  const second = house.invoke();
  assert.equal((await newer).headers.get('lambda-runtime-aws-request-id'), second);
});

test('a response in a mode that is none fails the invocation', async () => {
  await using house = await ApiHouse.open();
  const id = await given(house);
  const refused = house.respond(id, 'x', { 'Lambda-Runtime-Function-Response-Mode': 'buffered' });
  assert.deepEqual(await statusOf(refused), [400, 'InvalidFunctionResponseMode']);
  assert.equal(lastError(house).errorType, 'Runtime.InvalidResponseModeHeader');
});

test('errors: the body is what the caller gets, the type is its own, else that of the header', async () => {
  await using house = await ApiHouse.open();
  const cases: readonly (readonly [string, Record<string, string>, string, string])[] = [
    ['{"errorType":"A","errorMessage":"b"}', {}, 'A', '{"errorType":"A","errorMessage":"b"}'],
    ['not JSON', { 'Lambda-Runtime-Function-Error-Type': 'Runtime.Odd' }, 'Runtime.Odd', 'not JSON'],
    [
      '',
      { 'Lambda-Runtime-Function-Error-Type': 'Function.Odd' },
      'Function.Odd',
      '{"errorType":"Function.Odd","errorMessage":""}',
    ],
    [
      '',
      { 'Lambda-Runtime-Function-Error-Type': 'what ever' },
      'Unhandled',
      '{"errorType":"Unhandled","errorMessage":""}',
    ],
    [
      '{"errorType":"A","errorCause":{"paths":[]}}',
      { 'Content-Type': 'application/vnd.aws.lambda.error.cause+json' },
      'A',
      '{"errorType":"A"}',
    ],
    ['[', { 'Content-Type': 'application/vnd.aws.lambda.error.cause+json' }, 'Unhandled', '"Invalid error body"'],
  ];
  for (const [body, headers, errorType, payload] of cases) {
    const id = await given(house);
    assert.equal((await house.call('POST', `${RUNTIME}/invocation/${id}/error`, body, headers)).status, 202);
    assert.deepEqual(lastError(house), { errorType, payload });
  }
});

test('a response that is cut off is an error of the invocation, buffered or streamed', async () => {
  await using house = await ApiHouse.open();
  for (const [headers, body, kind] of [
    ['Content-Length: 100', 'half', 'error'],
    ['Transfer-Encoding: chunked', '5\r\nhalf', 'error'],
    ['Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked', '4\r\nhalf\r\n', 'stream-end'],
  ]) {
    const id = await given(house);
    house.frames.length = 1;
    await house.raw(`POST ${RUNTIME}/invocation/${id}/response HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n${body}`);
    await house.until(() => house.frames.at(-1)!.kind === kind);
    assert.equal(lastError(house).errorType, 'Runtime.TruncatedResponse');
  }
});

test('a stream holds the runtime back while its taker is behind', async () => {
  await using house = await ApiHouse.open();
  let release = () => {};
  let chunks = 0;
  house.onFrame = ({ kind }) => {
    if (kind !== 'stream-chunk') return;
    chunks++;
    house.api.hold(
      new Promise((resolve) => {
        release = resolve;
      }),
    );
  };
  const id = await given(house);
  const reply = house.respond(id, Buffer.alloc(8 * 1024 * 1024), {
    'Lambda-Runtime-Function-Response-Mode': 'streaming',
  });
  await house.until(() => chunks > 0);
  for (let i = 0; i < 200; i++) await turn();
  assert.equal(chunks, 1, 'nothing more is read before the taker has taken the first part');
  const pump = setInterval(() => release(), 0);
  assert.equal((await reply).status, 202, 'streams are not limited to 6 MB');
  clearInterval(pump);
  assert.ok(chunks > 1);
});

test('a request of more than the limit is answered 413 and the connection goes on', async () => {
  await using house = await ApiHouse.open();
  const id = await given(house);
  const large = Buffer.alloc(API_LIMITS.payloadBytesMax + 1);
  assert.deepEqual(await statusOf(house.respond(id, large)), [413, 'RequestEntityTooLarge']);
  assert.equal(lastError(house).errorType, 'Function.ResponseSizeTooLarge');
  const exact = await given(house);
  assert.equal((await house.respond(exact, large.subarray(1))).status, 202);
  const registration = await house.call('POST', `${EXTENSION}/register`, Buffer.alloc(API_LIMITS.requestBytesMax + 1));
  assert.equal(registration.status, 413);
});

test('starting from a snapshot: restore/next is there only where it is asked for', async () => {
  await using plain = await ApiHouse.open();
  assert.equal((await plain.call('GET', `${RUNTIME}/restore/next`)).status, 404);
  await using house = await ApiHouse.open();
  house.api.load(configOf({ AWS_LAMBDA_INITIALIZATION_TYPE: 'snap-start' }));
  house.failures.length = 0;
  const restored = house.call('GET', `${RUNTIME}/restore/next`);
  await house.until(() => house.frames.length === 1);
  assert.equal(house.frames[0]!.kind, 'initialised', 'the snapshot would be taken here');
  const id = house.invoke();
  assert.equal((await restored).status, 200);
  assert.equal((await house.next()).headers.get('lambda-runtime-aws-request-id'), id);
  assert.equal((await house.respond(id, '1')).status, 202);
});

test('a hook that fails after a restore fails the environment', async () => {
  await using house = await ApiHouse.open();
  house.api.load(configOf({ AWS_LAMBDA_INITIALIZATION_TYPE: 'snap-start' }));
  house.failures.length = 0;
  const restored = house.call('GET', `${RUNTIME}/restore/next`);
  await house.until(() => house.frames.length === 1);
  house.invoke();
  await restored;
  const reply = await house.call('POST', `${RUNTIME}/restore/error`, '{"errorType":"Runtime.AfterRestoreError"}');
  assert.equal(reply.status, 202);
  const [failure] = house.failures;
  assert.ok(failure?.kind === 'init-error' && /AfterRestoreError/.test(Buffer.from(failure.payload).toString()));
});

test('extensions: who they are, what they may register for, and how many there may be', async () => {
  await using house = await ApiHouse.open();
  const register = (name: string | undefined, body: string) =>
    house.call('POST', `${EXTENSION}/register`, body, name === undefined ? {} : { 'Lambda-Extension-Name': name });
  assert.deepEqual(await statusOf(register(undefined, '{}')), [403, 'Extension.InvalidExtensionName']);
  assert.deepEqual(await statusOf(register('a', '[')), [403, 'InvalidRequestFormat']);
  assert.deepEqual(await statusOf(register('a', '{"events":"INVOKE"}')), [403, 'InvalidRequestFormat']);
  assert.deepEqual(await statusOf(register('a', '{"events":["SHUTDOWN"]}')), [403, 'Extension.InvalidEventType']);
  assert.deepEqual(await statusOf(register('a', '{"events":["OTHER"]}')), [403, 'Extension.InvalidEventType']);
  const registered = await register('a', '{"events":["INVOKE"]}');
  assert.deepEqual(JSON.parse(registered.text), { functionName: 'f', functionVersion: '$LATEST', handler: 'a.b' });
  assert.deepEqual(await statusOf(register('a', '{"events":[]}')), [403, 'Extension.InvalidExtensionState']);
  for (let i = 1; i < API_LIMITS.extensionsMax; i++)
    assert.equal((await register(`a${i}`, '{"events":[]}')).status, 200);
  assert.deepEqual(await statusOf(register('more', '{"events":[]}')), [403, 'Extension.TooManyExtensions']);

  const next = (id?: string) =>
    house.call('GET', `${EXTENSION}/event/next`, undefined, id ? { 'Lambda-Extension-Identifier': id } : {});
  assert.deepEqual(await statusOf(next()), [403, 'Extension.MissingExtensionIdentifier']);
  assert.deepEqual(await statusOf(next('x')), [403, 'Extension.InvalidExtensionIdentifier']);
  const unknown = '11111111-2222-3333-4444-555555555555';
  assert.deepEqual(await statusOf(next(unknown)), [403, 'Extension.UnknownExtensionIdentifier']);
  const id = registered.headers.get('lambda-extension-identifier')!;
  const fail = (headers: Record<string, string>) => house.call('POST', `${EXTENSION}/init/error`, '{}', headers);
  assert.deepEqual(await statusOf(fail({ 'Lambda-Extension-Identifier': id })), [403, 'Extension.MissingHeader']);
  const subscribe = house.call('PUT', '/2022-07-01/telemetry', '{}', { 'Lambda-Extension-Identifier': id });
  assert.deepEqual(await statusOf(subscribe), [202, 'Telemetry.NotSupported']);
  const typed = { 'Lambda-Extension-Identifier': id, 'Lambda-Extension-Function-Error-Type': 'Extension.Odd' };
  assert.equal((await fail(typed)).status, 202);
  assert.deepEqual(house.failures, [{ kind: 'fault', errorType: 'Extension.Odd', message: 'extension a gave up' }]);
});

test('a runtime that answers twice while extensions are at work ends its environment; the first answer stands', async () => {
  await using house = await ApiHouse.open({});
  const registered = await house.call('POST', `${EXTENSION}/register`, '{"events":["INVOKE"]}', {
    'Lambda-Extension-Name': 'slow',
  });
  const headers = { 'Lambda-Extension-Identifier': registered.headers.get('lambda-extension-identifier')! };
  const told = house.call('GET', `${EXTENSION}/event/next`, undefined, headers);
  house.say({ kind: 'initialised', begun: false });
  await house.until(() => house.frames.length === 1);
  house.invoke();
  await told;
  for (const payload of ['1', '2']) {
    house.say({ kind: 'response', sequence: 0, memoryKb: 1, payload: Buffer.from(payload) });
  }
  assert.deepEqual(house.failures, [{ kind: 'broken', reason: 'a second answer' }]);
  const [, answer] = house.frames;
  assert.ok(answer?.kind === 'response' && Buffer.from(answer.payload).toString() === '1');
});

test('registration closes with init', async () => {
  await using house = await ApiHouse.open();
  house.next().catch(() => {});
  await house.until(() => house.frames.length === 1);
  const late = house.call('POST', `${EXTENSION}/register`, '{}', { 'Lambda-Extension-Name': 'late' });
  assert.deepEqual(await statusOf(late), [403, 'Extension.RegistrationClosed']);
});

test('a managed runtime is not driven from here, and the supervisor has a key of its own', async () => {
  await using house = await ApiHouse.open({});
  assert.equal((await house.next()).status, 403);
  assert.equal((await house.respond('x', '1')).status, 403);
  assert.equal((await house.call('POST', '/millrace/supervisor', '', { authorization: '' })).status, 404);
});

test('what is not there is 404, what is there by another method 405', async () => {
  await using house = await ApiHouse.open();
  for (const path of [
    '/',
    '/2018-06-01',
    `${RUNTIME}/invocation/`,
    `${RUNTIME}/invocation/a/b`,
    '/2015-03-31/functions',
    '/%',
  ]) {
    assert.equal((await house.call('GET', path)).status, 404, path);
  }
  for (const [method, path] of [
    ['POST', `${RUNTIME}/invocation/next`],
    ['DELETE', `${RUNTIME}/invocation/next`],
    ['GET', `${RUNTIME}/init/error`],
    ['GET', `${RUNTIME}/invocation/x/response`],
    ['POST', '/2022-07-01/telemetry'],
  ]) {
    const reply = await house.call(method!, path!);
    assert.equal(reply.status, 405, path);
    assert.ok(reply.headers.get('allow'));
  }
});

test('an environment holds so many connections and no more', async () => {
  await using house = await ApiHouse.open();
  const sockets = Array.from({ length: API_LIMITS.connectionsMax }, () => connect(house.port, '127.0.0.1'));
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
  assert.equal(await house.raw('GET / HTTP/1.1\r\nHost: x\r\n\r\n', false), '', 'one more is closed without a word');
  const closed = new Promise((resolve) => sockets[0]!.once('close', resolve));
  sockets[0]!.destroy();
  await closed;
  for (let i = 0; i < 20; i++) await turn();
  assert.equal((await house.call('GET', '/2018-06-01/ping')).text, 'pong');
  for (const socket of sockets) socket.destroy();
});

test('whatever bytes come, an environment answers clearly or closes, and serves the next request', async () => {
  await using house = await ApiHouse.open();
  const id = await given(house);
  const word = fc.constantFrom(
    'GET',
    'POST',
    'PUT',
    ' ',
    '/',
    `${RUNTIME}/invocation/next`,
    `${RUNTIME}/invocation/x/response`,
    `${EXTENSION}/register`,
    ' HTTP/1.1\r\n',
    'Host: x\r\n',
    'Content-Length: 5\r\n',
    'Content-Length: -1\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Upgrade: h2c\r\nConnection: Upgrade\r\n',
    'Expect: 100-continue\r\n',
    'Lambda-Extension-Name: a\r\n',
    '\r\n',
    '5\r\nhello\r\n',
    '0\r\n\r\n',
    'X: '.padEnd(20_000, 'y'),
    '\0',
  );
  const bytes = fc.oneof(
    fc.array(word, { maxLength: 12 }).map((words) => Buffer.from(words.join(''))),
    fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array)),
  );
  await fc.assert(
    fc.asyncProperty(bytes, async (sent) => {
      const reply = await house.raw(sent);
      assert.match(reply, /^$|^HTTP\/1\.1 (1|2|4)\d\d /);
    }),
    { numRuns: 300 },
  );
  // Some of the noise may have been a good answer to nothing; the invocation is still ours.
  assert.equal((await house.respond(id, '"still here"')).status, 202);
  assert.deepEqual(house.failures, []);
});

async function statusOf(call: Promise<{ status: number; text: string }>): Promise<[number, string]> {
  const reply = await call;
  return [reply.status, errorTypeOf(reply)];
}

/** Has the runtime ask, and be given, an invocation. @returns its request id */
async function given(house: ApiHouse, more: object = {}): Promise<string> {
  const reply = house.next();
  if (house.frames.length === 0) await house.until(() => house.frames.length === 1);
  const id = house.invoke(more);
  await reply;
  return id;
}

function lastError(house: ApiHouse): { errorType: string; payload?: string } {
  const frame = house.frames.at(-1)!;
  assert.ok(frame.kind === 'error' || frame.kind === 'stream-end', frame.kind);
  const { errorType, payload } = frame;
  return { errorType, payload: Buffer.from(payload).toString() };
}

function configOf(variables: Record<string, string>) {
  return {
    runtime: 'provided.al2023',
    handler: 'a.b',
    root: '/none',
    layersRoot: '/none',
    concurrency: 1,
    cacheDirectory: '/none',
    context: {},
    variables,
  };
}
