import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { DomainError, seededRandom, systemClock } from '../../src/base/index.ts';
import type { Service } from '../../src/services/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { createWireServer } from '../../src/wire/index.ts';
import { CREDENTIALS, KEY, startWire, type TestWire } from './support.ts';

/** A service whose calls wait until they are let go, or their signal fires. */
function gate() {
  const waiting: { readonly release: () => void; readonly signal: AbortSignal }[] = [];
  const arrivals: (() => void)[] = [];
  const service: Service = {
    name: 'kinesis',
    errors: {},
    operations: {
      ListStreams: (_input, { signal }) =>
        new Promise((resolve) => {
          const release = () => resolve({ StreamNames: [], HasMoreStreams: false });
          waiting.push({ release, signal });
          arrivals.splice(0).forEach((arrived) => {
            arrived();
          });
        }),
      DescribeLimits: () => ({ ShardLimit: 1, OpenShardCount: 0, OnDemandStreamCount: 0, OnDemandStreamCountLimit: 1 }),
    },
  };
  const arrival = () => new Promise<void>((resolve) => arrivals.push(resolve));
  return { service, waiting, arrival };
}

const DEV = { mode: 'dev' } as const;

function call(wire: TestWire, operation: string, body = '{}', headers: Record<string, string> = {}): Promise<Response> {
  return fetch(wire.url, {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': `Kinesis_20131202.${operation}`,
      ...headers,
    },
  });
}

test('dev takes unsigned calls, names its own region, and gives a request id', async () => {
  const { service } = gate();
  await using wire = await startWire([service], DEV);
  const answer = await call(wire, 'DescribeLimits');
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get('x-amzn-requestid') ?? '', /^[0-9a-f-]{36}$/);
  assert.deepEqual(await answer.json(), {
    ShardLimit: 1,
    OpenShardCount: 0,
    OnDemandStreamCount: 0,
    OnDemandStreamCountLimit: 1,
  });
});

test('secured takes no unsigned call', async () => {
  const { service } = gate();
  await using wire = await startWire([service]);
  const answer = await call(wire, 'DescribeLimits');
  assert.equal(answer.status, 400);
  assert.equal(((await answer.json()) as { __type: string }).__type, 'MissingAuthenticationTokenException');
});

test('secured turns away an unknown key before the body has come', async () => {
  await using wire = await startWire([]);
  const scope = 'AKIANOBODY/20260101/us-east-1/kinesis/aws4_request';
  const authorization = `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host;x-amz-date, Signature=${'0'.repeat(64)}`;
  const head = `Host: localhost\r\nX-Amz-Date: 20260101T000000Z\r\nX-Amz-Target: Kinesis_20131202.PutRecord\r\nAuthorization: ${authorization}`;
  const answer = await raw(wire, `POST / HTTP/1.1\r\n${head}\r\nContent-Length: 1000000\r\n\r\n`);
  assert.match(answer, /^HTTP\/1\.1 400 /);
  assert.match(answer, /UnrecognizedClientException/);
});

test('dev refuses to listen where others could reach it, and a port in use is named', async () => {
  await using wire = await startWire([], DEV);
  const server = createWireServer({
    services: [],
    credentials: CREDENTIALS,
    mode: 'dev',
    clock: systemClock,
    random: seededRandom(1),
    logger: silentLogger,
    metrics: createMetrics(),
  });
  for (const host of ['0.0.0.0', '::', '192.168.1.1'])
    await assert.rejects(server.listen(host, 0), { code: 'insecure-listen' });
  await assert.rejects(server.listen('127.0.0.1', wire.port), { code: 'address-in-use' });
});

test('dev refuses web pages from elsewhere, under their own origin or a name that points here', async () => {
  const { service } = gate();
  await using wire = await startWire([service], DEV);
  assert.equal((await call(wire, 'DescribeLimits', '{}', { origin: 'https://evil.example' })).status, 403);
  assert.equal((await call(wire, 'DescribeLimits', '{}', { origin: 'http://localhost:3000' })).status, 200);
  const rebound = await raw(wire, 'GET /_millrace/health HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n');
  assert.match(rebound, /^HTTP\/1\.1 403 /);
});

test('unknown operations and services answer in the words of their protocol', async () => {
  await using wire = await startWire([], DEV);
  const answer = await call(wire, 'Nope');
  assert.deepEqual([answer.status, answer.headers.get('x-amzn-errortype')], [400, 'UnknownOperationException']);
  const form = (body: string) =>
    fetch(wire.url, { method: 'POST', body, headers: { 'content-type': 'application/x-www-form-urlencoded' } });
  const unbuilt = await form('Action=ListTopics&Version=2010-03-31');
  assert.equal(unbuilt.status, 501);
  assert.match(
    await unbuilt.text(),
    /<Code>NotImplemented<\/Code><Message>SNS ListTopics is not implemented by Millrace\.<\/Message>/,
  );
  assert.match(await (await form('Action=Nope&Version=2010-03-31')).text(), /<Code>InvalidAction<\/Code>/);
  assert.match(await (await form('Version=2010-03-31')).text(), /<Code>MissingAction<\/Code>/);
  assert.equal((await form('Action=DescribeInstances&Version=2016-11-15')).status, 501);
  const lambda = await fetch(`${wire.url}/2015-03-31/functions/f`);
  assert.deepEqual([lambda.status, lambda.headers.get('x-amzn-errortype')], [501, 'NotImplemented']);
  const kms = await call(wire, 'X', '{}', { 'x-amz-target': 'TrentService.Encrypt' });
  assert.equal(kms.status, 501);
  assert.match(await kms.text(), /TrentService Encrypt is not implemented/);
  // Protocols that a service does not speak.
  const cbor = await fetch(`${wire.url}/service/DynamoDB_20120810/operation/ListTables`, {
    method: 'POST',
    headers: { 'smithy-protocol': 'rpc-v2-cbor' },
  });
  assert.deepEqual([cbor.status, cbor.headers.get('content-type')], [501, 'application/cbor']);
  const target = await call(wire, 'X', '{}', { 'x-amz-target': 'AmazonS3.GetObject' });
  assert.match(await target.text(), /AmazonS3 GetObject is not implemented/);
  const bucket = await fetch(`${wire.url}/bucket/key`);
  assert.equal(bucket.status, 501);
  assert.match(await bucket.text(), /<Code>NotImplemented<\/Code>/);
});

test('an error that no table knows is an internal failure without its text, and is logged with the request id', async () => {
  const logged: unknown[] = [];
  const logger = { ...silentLogger, error: (event: string, fields?: object) => logged.push([event, fields]) };
  const service: Service = {
    name: 'kinesis',
    errors: {},
    operations: {
      DescribeLimits: () => {
        throw new Error('secret path /etc');
      },
    },
  };
  await using wire = await startWire([service], { ...DEV, logger: logger as never });
  const answer = await call(wire, 'DescribeLimits');
  const text = await answer.text();
  assert.equal(answer.status, 500);
  assert.match(text, /InternalFailure/);
  assert.doesNotMatch(text, /secret/);
  const [[event, fields]] = logged as [[string, { requestId: string }]];
  assert.deepEqual([event, fields.requestId], ['call-failed', answer.headers.get('x-amzn-requestid')]);
});

test('what a store refuses for now is told in its words, as what may be tried again', async () => {
  const service: Service = {
    name: 'kinesis',
    errors: {},
    operations: {
      DescribeLimits: () => {
        throw new DomainError('records-full', 'database or disk is full', { remedy: 'retry' });
      },
    },
  };
  await using wire = await startWire([service], DEV);
  const answer = await call(wire, 'DescribeLimits');
  assert.equal(answer.status, 503);
  assert.match(await answer.text(), /"ServiceUnavailable".*"database or disk is full"/);
});

test('authorize decides, after the input is read', async () => {
  const { service } = gate();
  const asked: unknown[] = [];
  await using wire = await startWire([service], {
    ...DEV,
    authorize: ({ caller, service: { name }, operation, input }) => {
      asked.push([caller.arn, name, operation, input]);
      return { allowed: false, message: 'User is not authorized to perform: kinesis:DescribeLimits' };
    },
  });
  const answer = await call(wire, 'DescribeLimits');
  assert.deepEqual([answer.status, answer.headers.get('x-amzn-errortype')], [400, 'AccessDeniedException']);
  assert.deepEqual(asked, [['arn:aws:iam::000000000000:root', 'kinesis', 'DescribeLimits', {}]]);
});

test('extra routes claim whole segments, first come first', async () => {
  const route = (prefix: string, text: string) => ({
    prefix,
    handle: (_request: unknown, response: any) => {
      if (text === 'throws') throw new Error('no');
      response.writeHead(200).end(text);
    },
  });
  await using wire = await startWire([], {
    ...DEV,
    extraRoutes: [route('/metrics', 'a'), route('/metrics/b', 'b'), route('/bad', 'throws')],
  });
  const get = async (path: string) => {
    const answer = await fetch(wire.url + path);
    return [answer.status, (await answer.text()).slice(0, 1)];
  };
  assert.deepEqual(await get('/metrics'), [200, 'a']);
  assert.deepEqual(await get('/metrics/b?x=1'), [200, 'a']);
  assert.deepEqual(await get('/metricsx'), [501, '<']);
  assert.deepEqual(await get('/bad'), [500, '{']);
});

test('a body beyond the limit is refused, whether or not it is announced', async () => {
  await using wire = await startWire([], DEV);
  const announced = await raw(
    wire,
    'POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: Kinesis_20131202.PutRecord\r\nContent-Length: 268435456\r\n\r\nx',
  );
  assert.match(announced, /^HTTP\/1\.1 413 /);
  assert.match(announced, /connection: close/i);
  const named = await raw(
    wire,
    'POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: constructor.PutRecord\r\nContent-Length: 268435456\r\n\r\nx',
  );
  assert.match(named, /^HTTP\/1\.1 413 /);
  const head =
    'POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nX-Amz-Target: Kinesis_20131202.PutRecord\r\n\r\n';
  const chunk = `100000\r\n${'x'.repeat(1 << 20)}\r\n`;
  assert.match(await raw(wire, head + chunk.repeat(17)), /^HTTP\/1\.1 413 /);
});

test('garbage is answered or cut off, and the server goes on', async () => {
  const { service } = gate();
  await using wire = await startWire([service], DEV);
  const garbage = [
    '\0\0\0\0',
    'GET',
    'PRI * HTTP/1.1\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense that is no frame',
    'x'.repeat(100_000),
    '\x16\x03\x01\x02\x00\x01',
  ];
  for (const bytes of garbage) await raw(wire, bytes, true);
  assert.equal((await call(wire, 'DescribeLimits')).status, 200);
});

test('heads made to be read slowly are read as fast as others, before anything is proven', async () => {
  await using wire = await startWire([]);
  const heads = [
    `Host: a.${'s3.'.repeat(20_000)}localhost`,
    `Host: localhost\r\nAuthorization: ${'Credential='.repeat(5_500)}`,
    `Host: localhost\r\nAuthorization: AWS4-HMAC-SHA256 Credential=a${'SignedHeaders='.repeat(4_400)}`,
  ];
  const before = process.cpuUsage().user;
  for (const head of heads)
    assert.match(await raw(wire, `GET / HTTP/1.1\r\nConnection: close\r\n${head}\r\n\r\n`), /^HTTP\/1\.1 4\d\d /);
  // Seconds each, once.
  const tookMs = (process.cpuUsage().user - before) / 1000;
  assert.ok(tookMs < 400, `${tookMs} ms`);
});

test('a request may arrive byte by byte', async () => {
  const { service } = gate();
  await using wire = await startWire([service], DEV);
  const socket = connect(wire.port, '127.0.0.1').setNoDelay(true);
  const text = textOf(socket);
  const request =
    'POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Amz-Target: Kinesis_20131202.DescribeLimits\r\nContent-Length: 2\r\n\r\n{}';
  for (const byte of request) await new Promise<void>((resolve) => socket.write(byte, () => setImmediate(resolve)));
  assert.match(await text, /^HTTP\/1\.1 200 /);
});

test('HTTP/2 and HTTP/1.1 share the port', async () => {
  const { service } = gate();
  await using wire = await startWire([service], DEV);
  const session = connectHttp2(wire.url);
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => {
      const stream = session.request({
        ':method': 'POST',
        ':path': '/',
        'x-amz-target': 'Kinesis_20131202.DescribeLimits',
      });
      stream.end('{}');
      return new Promise((resolve, reject) => {
        stream.on('response', (headers) => resolve(headers[':status'])).on('error', reject);
        stream.resume();
      });
    }),
  );
  session.close();
  assert.ok(answers.every((status) => status === 200));
  assert.equal((await call(wire, 'DescribeLimits')).status, 200);
});

test('closing waits for calls in flight, ends their signals, and refuses new connections', async () => {
  const { service, waiting, arrival } = gate();
  const wire = await startWire([service], DEV);
  const arrived = arrival();
  const pending = call(wire, 'ListStreams');
  await arrived;
  const { signal, release } = waiting[0]!;
  assert.equal(signal.aborted, false);
  const closing = wire.server.close(5000);
  assert.equal(signal.aborted, true);
  await assert.rejects(call(wire, 'DescribeLimits'));
  release();
  assert.equal((await pending).status, 200);
  await closing;
  await wire.server.close();
});

test('closing waits for answers that are on their way over HTTP/2', async () => {
  const NextToken = 'n'.repeat(4 * 1024 * 1024);
  const operations = { ListStreams: () => ({ StreamNames: [], HasMoreStreams: false, NextToken }) };
  const wire = await startWire([{ name: 'kinesis', errors: {}, operations }], DEV);
  const session = connectHttp2(wire.url);
  const headers = { ':method': 'POST', ':path': '/', 'x-amz-target': 'Kinesis_20131202.ListStreams' };
  const stream = session.request(headers).end('{}');
  await once(stream, 'response');
  const closed = wire.server.close(60_000);
  await new Promise((resolve) => session.ping(resolve));
  assert.match(await text(stream), /nn"/);
  await closed;
});

test('a call that never ends is cut at the deadline', async () => {
  const { service, arrival } = gate();
  const wire = await startWire([service], DEV);
  const arrived = arrival();
  const pending = call(wire, 'ListStreams');
  await arrived;
  await Promise.all([assert.rejects(pending), wire.server.close(10)]);
});

test("a client's leaving fires the signal of its call", async () => {
  const { service, waiting, arrival } = gate();
  await using wire = await startWire([service], DEV);
  const arrived = arrival();
  const leave = new AbortController();
  const pending = fetch(wire.url, {
    method: 'POST',
    body: '{}',
    headers: { 'x-amz-target': 'Kinesis_20131202.ListStreams' },
    signal: leave.signal,
  });
  await arrived;
  const { signal, release } = waiting[0]!;
  const fired = new Promise((resolve) => signal.addEventListener('abort', resolve));
  leave.abort();
  await assert.rejects(pending);
  await fired;
  release();
});

test('an event stream that its client leaves is ended at its source', async () => {
  let ended: () => void = () => {};
  const end = new Promise<void>((resolve) => {
    ended = resolve;
  });
  const service: Service = {
    name: 'lambda',
    errors: {},
    operations: {
      InvokeWithResponseStream: () => ({
        EventStream: (async function* () {
          try {
            for (;;) yield { PayloadChunk: { Payload: Buffer.alloc(65_536) } };
          } finally {
            ended();
          }
        })(),
      }),
    },
  };
  await using wire = await startWire([service], DEV);
  const leave = new AbortController();
  const answer = await fetch(`${wire.url}/2021-11-15/functions/f/response-streaming-invocations`, {
    method: 'POST',
    signal: leave.signal,
  });
  await answer.body!.getReader().read();
  leave.abort();
  await end;
});

test('a stream over HTTP/2 whose client has left before it begins is not kept', async () => {
  const [arrived, left] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let late: AbortSignal | undefined;
  const service: Service = {
    name: 'lambda',
    errors: {},
    operations: {
      InvokeWithResponseStream: async (_input, context) => {
        arrived.resolve();
        await left.promise;
        late = context.signal;
        return {
          EventStream: (async function* () {
            for (;;) yield { PayloadChunk: { Payload: Buffer.alloc(65_536) } };
          })(),
        };
      },
    },
  };
  await using wire = await startWire([service], DEV);
  const session = connectHttp2(wire.url);
  const path = '/2021-11-15/functions/f/response-streaming-invocations';
  const stream = session.request({ ':path': path, ':method': 'POST' });
  stream.on('error', () => {}).end();
  await arrived.promise;
  stream.destroy();
  // The server has heard of it when it answers what was sent behind.
  await new Promise((resolve) => session.ping(resolve));
  left.resolve();
  for (let turn = 0; turn < 100 && wire.server.inFlight > 0; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(wire.server.inFlight, 0);
  assert.equal(late?.aborted, true);
  session.destroy();
});

test('a bucket in the host is a bucket in the path', async () => {
  const service: Service = {
    name: 's3',
    errors: {},
    operations: { HeadObject: (input) => ({ ETag: `${input.Bucket}/${input.Key}` }) },
  };
  await using wire = await startWire([service], DEV);
  for (const host of ['b.localhost', 'b.s3.localhost', 'b.s3.eu-central-1.amazonaws.com']) {
    const answer = await raw(wire, `HEAD /dir/k HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    assert.match(answer, /etag: b\/dir\/k/i, host);
  }
});

test('a presigned URL of Version 2 is good for its bucket, in the path or in the host, and for no other', async () => {
  const service: Service = { name: 's3', errors: {}, operations: { HeadObject: (input) => ({ ETag: input.Key }) } };
  await using wire = await startWire([service]);
  const expires = Math.floor(systemClock.now() / 1000) + 60;
  const signature = createHmac('sha1', KEY.secretAccessKey).update(`HEAD\n\n\n${expires}\n/b/k`).digest('base64');
  const query = `AWSAccessKeyId=${KEY.accessKeyId}&Expires=${expires}&Signature=${encodeURIComponent(signature)}`;
  const head = (host: string, path: string) =>
    raw(wire, `HEAD ${path}?${query} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  assert.match(await head('localhost', '/b/k'), /^HTTP\/1\.1 200 /);
  assert.match(await head('b.localhost', '/k'), /^HTTP\/1\.1 200 /);
  assert.match(await head('c.localhost', '/k'), /^HTTP\/1\.1 403 /);
});

/** Sends bytes and reads until the server ends; with `hangUp` the client ends its side first. */
function raw(wire: TestWire, bytes: string, hangUp = false): Promise<string> {
  const socket = connect(wire.port, '127.0.0.1');
  const text = textOf(socket);
  if (hangUp) socket.end(bytes, 'latin1');
  else socket.write(bytes, 'latin1');
  return text;
}

function textOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });
}
