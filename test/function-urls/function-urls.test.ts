import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  AddPermissionCommand,
  CreateAliasCommand,
  CreateFunctionCommand,
  CreateFunctionUrlConfigCommand,
  type CreateFunctionUrlConfigCommandInput,
  DeleteFunctionCommand,
  DeleteFunctionConcurrencyCommand,
  DeleteFunctionUrlConfigCommand,
  GetFunctionUrlConfigCommand,
  GetPolicyCommand,
  LambdaClient,
  ListFunctionUrlConfigsCommand,
  PublishVersionCommand,
  PutFunctionConcurrencyCommand,
  UpdateFunctionUrlConfigCommand,
} from '@aws-sdk/client-lambda';
import { SignatureV4 } from '@smithy/signature-v4';
import { eventOf } from '../../src/gateway/http/event.ts';
import { PreludeReader } from '../../src/gateway/http/prelude.ts';
import { type Node, startNode } from '../../src/node/index.ts';
import { zipOf } from '../support/clients.ts';
import { Sha256 } from '../support/sha256.ts';

const CODE = `
const binary = Buffer.from([0, 1, 2, 255]);
const results = {
  '/text': () => 'Hello, world!',
  '/object': () => ({ message: 'Hello' }),
  '/null': () => null,
  '/whole': () => ({ statusCode: 201, headers: { 'Content-Type': 'text/html', 'My-Header': 7 }, body: '<b>hi</b>', cookies: ['a=1', 'b=2; Secure'] }),
  '/binary': () => ({ statusCode: 200, headers: { 'content-type': 'image/png' }, body: binary.toString('base64'), isBase64Encoded: true }),
  '/empty': () => ({ statusCode: 204 }),
  '/bad-status': () => ({ statusCode: 'many' }),
  '/bad-body': () => ({ statusCode: 200, body: {} }),
  '/split': () => ({ statusCode: 200, headers: { 'x-a': 'b\\r\\nset-cookie: evil=1' }, body: '' }),
  '/own-length': () => ({ statusCode: 200, headers: { 'content-length': '1', 'transfer-encoding': 'chunked' }, body: 'four' }),
  '/own-cors': () => ({ statusCode: 200, headers: { 'access-control-allow-origin': 'https://function.example', vary: 'Accept-Encoding' }, body: '' }),
  '/large': () => 'x'.repeat(7 * 1024 * 1024),
  '/fail': () => { throw new Error('secret detail'); },
};
exports.handler = async (event) => (results[event.rawPath] ?? (() => event))();
`;

const STREAMING = `
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  if (event.rawPath === '/fail') throw new Error('secret detail');
  if (event.rawPath === '/plain') stream.setContentType('text/plain');
  if (event.rawPath === '/split') stream.setContentType('text/plain\\r\\nset-cookie: evil=1');
  if (event.rawPath === '/no-byte') stream.setContentType('text/\u0100');
  if (event.rawPath === '/http') {
    stream = awslambda.HttpResponseStream.from(stream, { statusCode: 418, headers: { 'x-tea': 'pot' }, cookies: ['c=1'] });
  }
  if (event.rawPath === '/nothing') return stream.end();
  stream.write('one ');
  if (event.rawPath === '/breaks') { await new Promise((resolve) => setTimeout(resolve, 50)); throw new Error('secret detail'); }
  if (event.rawPath === '/large') for (let i = 0; i < 100; i++) if (!stream.write(Buffer.alloc(100_000, 65))) await new Promise((resolve) => stream.once('drain', resolve));
  stream.write('two');
  stream.end();
});
`;

let directory: string;
let node: Node;
let lambda: LambdaClient;

async function makeFunction(FunctionName: string, code: string): Promise<void> {
  const Code = { ZipFile: await zipOf({ 'index.js': code }) };
  const input = {
    FunctionName,
    Runtime: 'nodejs24.x',
    Role: 'arn:aws:iam::000000000000:role/r',
    Handler: 'index.handler',
  } as const;
  await lambda.send(new CreateFunctionCommand({ ...input, Code }));
}

/** Where a URL is, as the API says. */
async function makeUrl(FunctionName: string, more: Partial<CreateFunctionUrlConfigCommandInput> = {}): Promise<URL> {
  const { FunctionUrl } = await lambda.send(
    new CreateFunctionUrlConfigCommand({ FunctionName, AuthType: 'NONE', ...more }),
  );
  return new URL(FunctionUrl!);
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly bytes: Buffer;
}

/** Calls a URL by its host, which not every machine resolves. */
async function call(url: URL, path: string, options: RequestOptions = {}, body?: string | Buffer): Promise<Answer> {
  const request = httpRequest({
    host: '127.0.0.1',
    port: url.port,
    path,
    ...options,
    headers: { host: url.host, ...(options.headers as object) },
  });
  // One that is refused early may break off while it still sends.
  request.on('error', () => {});
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const bytes = Buffer.concat(await response.toArray());
  return { status: response.statusCode!, headers: response.headers, body: bytes.toString(), bytes };
}

let url: URL;
let streaming: URL;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-urls-'));
  node = await startNode({ mode: 'dev', dataDirectory: directory, host: '127.0.0.1', httpPort: 0, mqttPort: 0 });
  const credentials = { accessKeyId: 'AKIATEST', secretAccessKey: 'secret' };
  lambda = new LambdaClient({ endpoint: node.endpoint, region: 'us-east-1', credentials });
  await makeFunction('echo', CODE);
  await makeFunction('streams', STREAMING);
  url = await makeUrl('echo');
  streaming = await makeUrl('streams', { InvokeMode: 'RESPONSE_STREAM' });
});
after(async () => {
  lambda?.destroy();
  await node?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

test('an event has all of the request: path, query, headers, cookies, body', async () => {
  const answer = await call(
    url,
    '/a%20b/c?p=1&p=2&q=%C3%A4&__proto__=x&empty',
    {
      method: 'POST',
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'x-many': ['one', 'two'],
        cookie: 'first=1; second=2',
        'user-agent': 'tests/1',
      },
    },
    '{"ä":1}',
  );
  assert.equal(answer.status, 200);
  const event = JSON.parse(answer.body);
  const { requestContext, headers, ...rest } = event;
  assert.deepEqual(rest, {
    version: '2.0',
    routeKey: '$default',
    rawPath: '/a%20b/c',
    rawQueryString: 'p=1&p=2&q=%C3%A4&__proto__=x&empty',
    cookies: ['first=1', 'second=2'],
    queryStringParameters: JSON.parse('{"p":"1,2","q":"ä","__proto__":"x","empty":""}'),
    body: '{"ä":1}',
    isBase64Encoded: false,
  });
  assert.equal(headers['x-many'], 'one,two');
  assert.equal(headers.host, url.host);
  assert.equal(headers['x-forwarded-for'], '127.0.0.1');
  assert.equal(headers['x-forwarded-port'], url.port);
  assert.equal(headers.cookie, undefined);
  const id = url.hostname.split('.')[0]!;
  const { requestId, time, timeEpoch, ...context } = requestContext;
  assert.deepEqual(context, {
    accountId: 'anonymous',
    apiId: id,
    domainName: url.hostname,
    domainPrefix: id,
    http: {
      method: 'POST',
      path: '/a%20b/c',
      protocol: 'HTTP/1.1',
      sourceIp: '127.0.0.1',
      userAgent: 'tests/1',
    },
    routeKey: '$default',
    stage: '$default',
  });
  assert.equal(answer.headers['x-amzn-requestid'], requestId);
  assert.match(time, /^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/);
  assert.ok(Math.abs(timeEpoch - Date.now()) < 60_000);
});

test('a request without body, cookies and query has none of them in its event', async () => {
  const event = JSON.parse((await call(url, '/')).body);
  assert.deepEqual(
    ['body', 'cookies', 'queryStringParameters'].filter((member) => member in event),
    [],
  );
  assert.equal(event.rawQueryString, '');
  assert.equal(event.isBase64Encoded, false);
});

test('bodies that are no text are base64: by their type, and by their bytes', async () => {
  const bodies = [
    ['application/octet-stream', Buffer.from([0, 255])],
    ['application/x-www-form-urlencoded', Buffer.from('a=1')],
    ['text/plain', Buffer.from([0xc3, 0x28])],
    ['', Buffer.from('untyped')],
  ] as const;
  for (const [type, body] of bodies) {
    const headers = type === '' ? {} : { 'content-type': type };
    const event = JSON.parse((await call(url, '/', { method: 'PUT', headers }, body)).body);
    assert.deepEqual([event.isBase64Encoded, Buffer.from(event.body, 'base64')], [true, body], type);
  }
});

test('whether a body is text is told at once, whatever its type is called', () => {
  const types = [
    'application/problem+json; charset=utf-8',
    ' Application/JSON ;x',
    'text/csv',
    'application/jsonp',
    'a;+json',
  ];
  const before = process.cpuUsage().user;
  const hostile = '\xa0'.repeat(60_000);
  const base64 = [...types, `${hostile}x`, `a/b${hostile}+json${hostile}`].map((type) => {
    const rawHeaders = ['content-type', type];
    const { isBase64Encoded } = eventOf({
      ...{ urlId: 'a', requestId: 'b', method: 'POST', path: '/', query: '', rawHeaders, body: Buffer.from('a') },
      ...{ host: 'localhost', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', at: 0 },
    });
    return isBase64Encoded;
  });
  assert.deepEqual(base64, [false, false, false, true, true, true, false]);
  const tookMs = (process.cpuUsage().user - before) / 1000;
  assert.ok(tookMs < 400, `${tookMs} ms`);
});

test('a result that is no response becomes the body of one', async () => {
  const text = await call(url, '/text');
  assert.deepEqual([text.status, text.headers['content-type'], text.body], [200, 'application/json', 'Hello, world!']);
  assert.equal((await call(url, '/object')).body, '{"message":"Hello"}');
  assert.equal((await call(url, '/null')).body, 'null');
});

test('a result with a status is the response', async () => {
  const whole = await call(url, '/whole');
  assert.equal(whole.status, 201);
  assert.equal(whole.headers['content-type'], 'text/html');
  assert.equal(whole.headers['my-header'], '7');
  assert.deepEqual(whole.headers['set-cookie'], ['a=1', 'b=2; Secure']);
  assert.equal(whole.body, '<b>hi</b>');
  assert.deepEqual((await call(url, '/binary')).bytes, Buffer.from([0, 1, 2, 255]));
  assert.equal((await call(url, '/empty')).status, 204);
  const head = await call(url, '/whole', { method: 'HEAD' });
  assert.deepEqual([head.status, head.headers['content-length'], head.body], [201, '9', '']);
});

test('a function that fails, or answers what cannot be sent, is a bad gateway and tells nothing', async () => {
  for (const path of ['/fail', '/bad-status', '/bad-body', '/split', '/large']) {
    const answer = await call(url, path);
    assert.deepEqual([answer.status, answer.body.slice(0, 100)], [502, 'Internal Server Error'], path);
    assert.equal(answer.headers['set-cookie'], undefined);
  }
});

test('the length of a body is its own, whatever the function says', async () => {
  const answer = await call(url, '/own-length');
  assert.deepEqual([answer.body, answer.headers['content-length']], ['four', '4']);
});

test('fetch reaches a URL under the path too, whose own paths begin behind it', async () => {
  const id = url.hostname.split('.')[0]!;
  const event = (await (await fetch(`${node.endpoint}/_lambda/urls/${id}/deep/path?x=1`)).json()) as any;
  assert.deepEqual([event.rawPath, event.rawQueryString], ['/deep/path', 'x=1']);
  const root = (await (await fetch(`${node.endpoint}/_lambda/urls/${id}`)).json()) as any;
  assert.equal(root.rawPath, '/');
  const unknown = await fetch(`${node.endpoint}/_lambda/urls/${'a'.repeat(32)}/`);
  assert.deepEqual([unknown.status, await unknown.json()], [404, { Message: 'Not Found' }]);
});

test("the node's own paths are the function's under its host", async () => {
  assert.equal(JSON.parse((await call(url, '/metrics')).body).rawPath, '/metrics');
  assert.equal(JSON.parse((await call(url, '/_millrace/health')).body).rawPath, '/_millrace/health');
});

test('a body beyond six megabytes is refused, announced or not, and so is an event that grows beyond', async () => {
  const megabyte = 1024 * 1024;
  const announced = await call(url, '/', { method: 'POST' }, Buffer.alloc(6 * megabyte + 1)).catch((error) => error);
  if (!(announced instanceof Error)) assert.equal(announced.status, 413);
  const grown = await call(url, '/', { method: 'POST' }, Buffer.alloc(5 * megabyte));
  assert.equal(grown.status, 413);
  assert.match(JSON.parse(grown.body).Message, /^Request must be smaller than 6291456 bytes/);
  const socket = connect(Number(url.port), '127.0.0.1');
  socket.on('error', () => {});
  socket.write(`POST / HTTP/1.1\r\nhost: ${url.host}\r\ntransfer-encoding: chunked\r\n\r\n`);
  const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(megabyte, 65), Buffer.from('\r\n')]);
  for (let i = 0; i < 7; i++) socket.write(chunk);
  const [first] = (await once(socket, 'data')) as [Buffer];
  assert.match(first.toString(), /^HTTP\/1\.1 413 /);
  socket.destroy();
});

test('bodies that do not end are held up to a limit, and others are told to come again', async () => {
  const bytes = 6_000_000;
  const sockets = Array.from({ length: 45 }, () => {
    const socket = connect(Number(url.port), '127.0.0.1').on('error', () => {});
    socket.write(`POST / HTTP/1.1\r\nhost: ${url.host}\r\ncontent-length: ${bytes}\r\n\r\n`);
    socket.write(Buffer.alloc(bytes - 1));
    return socket;
  });
  const [first] = (await Promise.race(sockets.map((socket) => once(socket, 'data')))) as [Buffer];
  assert.match(first.toString(), /^HTTP\/1\.1 503 /);
  for (const socket of sockets) socket.destroy();
  for (;;) {
    const { status } = await call(url, '/text', { method: 'POST' }, Buffer.alloc(1_000_000));
    if (status === 200) break;
    assert.equal(status, 503);
  }
});

test('a streamed response comes as the handler writes it', async () => {
  const plain = await call(streaming, '/plain');
  assert.deepEqual([plain.status, plain.headers['content-type'], plain.body], [200, 'text/plain', 'one two']);
  assert.equal((await call(streaming, '/')).headers['content-type'], 'application/octet-stream');
  const http = await call(streaming, '/http');
  assert.deepEqual(
    [http.status, http.headers['x-tea'], http.headers['set-cookie'], http.body],
    [418, 'pot', ['c=1'], 'one two'],
  );
  assert.equal((await call(streaming, '/nothing')).body, '');
  assert.equal((await call(streaming, '/large')).bytes.length, 10_000_007);
});

test('whoever reads a request, it is answered alike: plain ones are read without an HTTP server of Node’s', async () => {
  const ways: readonly [URL, string, RequestOptions, string?][] = [
    [url, '/a?b=1', { headers: { 'x-Own': '1' } }],
    [url, '/a', { method: 'POST', headers: { 'content-type': 'text/plain', 'content-length': '4' } }, 'body'],
    [url, '/a', { method: 'HEAD' }],
    [streaming, '/', {}],
    [streaming, '/nothing', {}],
    [streaming, '/large', {}],
    [streaming, '/', { method: 'HEAD' }],
  ];
  for (const [at, path, options, body] of ways) {
    const told: unknown[] = [];
    for (const connection of ['keep-alive', 'close']) {
      const agent = new Agent({ keepAlive: connection === 'keep-alive' });
      const headers = { ...(options.headers as object), connection };
      const answers = [await call(at, path, { ...options, headers, agent }, body)];
      // The connection is good for another one.
      answers.push(await call(at, path, { ...options, headers, agent }, body));
      agent.destroy();
      for (const answer of answers) {
        const { 'content-type': type, 'content-length': length } = answer.headers;
        const text = answer.body.replace(/"(requestId|time|timeEpoch|connection)":("[^"]*"|\d+)/g, '');
        told.push([
          answer.status,
          type,
          options.method === 'HEAD' ? 0 : text.length,
          answer.body.length === 0 ? 0 : length !== undefined,
        ]);
      }
    }
    for (const one of told) assert.deepEqual(one, told[0], `${options.method ?? 'GET'} ${path}`);
  }
});

test('metadata of a streamed response is looked for in no more than clients take, however small its pieces', () => {
  const reader = new PreludeReader();
  const TYPE = 'application/vnd.awslambda.http-integration-response';
  for (let bytes = 0; bytes < 64 * 1024; bytes += 64) assert.equal(reader.take(TYPE, Buffer.alloc(64, 'a')), undefined);
  assert.throws(() => reader.take(TYPE, Buffer.from('a')), /metadata has no end/);
});

test('a streamed response that breaks is broken off; before its first byte it is a bad gateway', async () => {
  assert.equal((await call(streaming, '/fail')).status, 502);
  await assert.rejects(call(streaming, '/breaks'), { code: 'ECONNRESET' });
});

test('a type of a stream that no header may have is a bad gateway, whoever reads the request', async () => {
  for (const path of ['/split', '/no-byte']) {
    for (const connection of ['keep-alive', 'close']) {
      const { status, headers } = await call(streaming, path, { headers: { connection } });
      assert.deepEqual([status, headers['set-cookie']], [502, undefined], `${path} ${connection}`);
    }
    const session = connectHttp2(`http://127.0.0.1:${streaming.port}`);
    const stream = session.request({ ':path': path, ':authority': streaming.host });
    stream.resume();
    const [answer] = await once(stream, 'response');
    assert.deepEqual([answer[':status'], answer['set-cookie']], [502, undefined], `${path} over HTTP/2`);
    session.close();
  }
});

test('a client that goes away in the middle of a stream leaves the node well', async () => {
  const request = httpRequest({
    host: '127.0.0.1',
    port: streaming.port,
    path: '/large',
    headers: { host: streaming.host },
  });
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.destroy();
  assert.equal((await call(streaming, '/plain')).body, 'one two');
});

test('a function without reserved concurrency answers 429', async () => {
  const FunctionName = 'echo';
  await lambda.send(new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: 0 }));
  const answer = await call(url, '/text');
  await lambda.send(new DeleteFunctionConcurrencyCommand({ FunctionName }));
  assert.deepEqual([answer.status, answer.body], [429, '{"Message":"Rate Exceeded."}']);
  assert.equal((await call(url, '/text')).status, 200);
});

test('AWS_IAM asks for a signature of the service lambda, and names who signed', async () => {
  await makeFunction('signed', CODE);
  const signed = await makeUrl('signed', { AuthType: 'AWS_IAM' });
  const unsigned = await call(signed, '/');
  assert.equal(unsigned.status, 403);
  assert.equal(unsigned.headers['x-amzn-errortype'], 'AccessDeniedException');
  const signer = (service: string) =>
    new SignatureV4({
      service,
      region: 'us-east-1',
      credentials: { accessKeyId: 'AKIATEST', secretAccessKey: 'secret' },
      sha256: Sha256 as never,
    });
  const request = {
    method: 'GET',
    protocol: 'http:',
    hostname: '127.0.0.1',
    path: '/who',
    query: { a: '1' },
    headers: { host: signed.host },
  };
  const { headers } = await signer('lambda').sign(request);
  const event = JSON.parse((await call(signed, '/who?a=1', { headers })).body);
  assert.deepEqual(event.requestContext.accountId, '000000000000');
  assert.deepEqual(event.requestContext.authorizer.iam.accessKey, 'AKIATEST');
  const other = await signer('execute-api').sign(request);
  assert.equal((await call(signed, '/who?a=1', { headers: other.headers })).status, 403);
});

test('a URL with rules answers browsers itself, and its rules stand over those of the function', async () => {
  await makeFunction('pages', CODE);
  const Cors = {
    AllowOrigins: ['https://app.example'],
    AllowMethods: ['GET', 'POST'],
    AllowHeaders: ['content-type'],
    ExposeHeaders: ['my-header'],
    AllowCredentials: true,
    MaxAge: 300,
  };
  const pages = await makeUrl('pages', { Cors });
  const ask = { origin: 'https://app.example', 'access-control-request-method': 'POST' };
  const preflight = await call(pages, '/fail', { method: 'OPTIONS', headers: ask });
  assert.equal(preflight.status, 200);
  assert.deepEqual(
    Object.entries(preflight.headers).filter(([name]) => name.startsWith('access-control-')),
    [
      ['access-control-allow-origin', 'https://app.example'],
      ['access-control-allow-credentials', 'true'],
      ['access-control-expose-headers', 'my-header'],
      ['access-control-allow-methods', 'GET,POST'],
      ['access-control-allow-headers', 'content-type'],
      ['access-control-max-age', '300'],
    ],
  );
  const real = await call(pages, '/own-cors', { headers: { origin: 'https://app.example' } });
  assert.equal(real.headers['access-control-allow-origin'], 'https://app.example');
  assert.equal(real.headers.vary, 'Accept-Encoding, Origin');
  assert.equal((await call(pages, '/text')).headers['access-control-allow-origin'], undefined);
});

test('pages of other sites are let in by the rules of a URL only, and by no name of their own', async () => {
  assert.equal((await call(url, '/text', { headers: { origin: 'https://evil.example' } })).status, 403);
  assert.equal((await call(url, '/text', { headers: { origin: 'null' } })).status, 403);
  const id = url.hostname.split('.')[0]!;
  assert.equal((await call(url, `/_lambda/urls/${id}/`, { headers: { host: 'evil.example' } })).status, 403);
  assert.equal((await call(url, '/text', { headers: { host: `${id}.lambda-url.evil.example` } })).status, 403);
});

test('hostile requests end in an answer and leave the node well', async () => {
  const hosts = [
    `${'a'.repeat(31)}.lambda-url.us-east-1.localhost`,
    '..lambda-url.localhost',
    `${'A'.repeat(32)}.lambda-url.x.localhost`,
  ];
  for (const host of hosts) assert.ok((await call(url, '/', { headers: { host } })).status >= 400, host);
  for (const path of ['/_lambda/urls', '/_lambda/urls/', '/_lambda/urls/..%2f..', '/_lambda/urls/__proto__/']) {
    assert.equal((await call(url, path, { headers: { host: `127.0.0.1:${url.port}` } })).status, 404, path);
  }
  const odd = await call(url, '/%zz%00?%zz=%&&=&a[]=1', {
    headers: { cookie: ';;; =', __proto__x: '1', constructor: 'x', 'content-type': ';;' },
  });
  assert.equal(odd.status, 200);
  assert.equal(JSON.parse(odd.body).rawPath, '/%zz%00');
});

test('configurations are made, read, changed, listed and deleted as AWS words it', async () => {
  await makeFunction('managed', CODE);
  const FunctionName = 'managed';
  await lambda.send(new PublishVersionCommand({ FunctionName }));
  await lambda.send(new CreateAliasCommand({ FunctionName, Name: 'live', FunctionVersion: '1' }));
  await assert.rejects(lambda.send(new GetFunctionUrlConfigCommand({ FunctionName })), {
    name: 'ResourceNotFoundException',
    message: 'The resource you requested does not exist.',
  });
  const own = await makeUrl(FunctionName);
  const live = await makeUrl(FunctionName, { Qualifier: 'live' });
  assert.match(own.hostname, /^[a-z2-7]{32}\.lambda-url\.us-east-1\.localhost$/);
  await assert.rejects(makeUrl(FunctionName), {
    name: 'ResourceConflictException',
    message:
      'Failed to create function url config for [functionArn = arn:aws:lambda:us-east-1:000000000000:function:managed]. Error message:  FunctionUrlConfig exists for this Lambda function',
  });
  await assert.rejects(makeUrl(FunctionName, { Qualifier: '1' }), { name: /Validation|InvalidParameterValue/ });
  await assert.rejects(makeUrl('no-such-function'), { name: 'ResourceNotFoundException' });
  await assert.rejects(makeUrl('echo', { Qualifier: 'x', Cors: { AllowOrigins: ['not an origin'] } }), {
    name: 'InvalidParameterValueException',
  });
  const changed = await lambda.send(
    new UpdateFunctionUrlConfigCommand({
      FunctionName,
      Qualifier: 'live',
      InvokeMode: 'RESPONSE_STREAM',
      Cors: { MaxAge: 5 },
    }),
  );
  assert.deepEqual([changed.AuthType, changed.InvokeMode, changed.Cors], ['NONE', 'RESPONSE_STREAM', { MaxAge: 5 }]);
  assert.ok(changed.LastModifiedTime! >= changed.CreationTime!);
  assert.equal(changed.FunctionArn, 'arn:aws:lambda:us-east-1:000000000000:function:managed:live');
  const { FunctionUrlConfigs } = await lambda.send(new ListFunctionUrlConfigsCommand({ FunctionName }));
  assert.equal(FunctionUrlConfigs!.length, 2);
  // What a handler returns that does not stream is passed on as it is in this mode.
  assert.equal((await call(live, '/text')).body, '"Hello, world!"');
  await lambda.send(new DeleteFunctionUrlConfigCommand({ FunctionName }));
  assert.equal((await call(own, '/text')).status, 404);
  await lambda.send(new DeleteFunctionCommand({ FunctionName }));
  await makeFunction(FunctionName, CODE);
  assert.equal((await call(live, '/text')).status, 404);
});

test('changes of one URL at the same time happen one after the other', async () => {
  const FunctionName = 'contended';
  await makeFunction(FunctionName, CODE);
  for (let round = 0; round < 10; round++) {
    const made = await Promise.allSettled([1, 2, 3].map(() => makeUrl(FunctionName)));
    const refused = made.flatMap((one) => (one.status === 'rejected' ? [(one.reason as Error).name] : []));
    assert.deepEqual(refused, ['ResourceConflictException', 'ResourceConflictException']);
    const InvokeMode = 'RESPONSE_STREAM';
    await Promise.allSettled([
      lambda.send(new DeleteFunctionUrlConfigCommand({ FunctionName })),
      lambda.send(new UpdateFunctionUrlConfigCommand({ FunctionName, InvokeMode })),
    ]);
    await assert.rejects(lambda.send(new GetFunctionUrlConfigCommand({ FunctionName })), {
      name: 'ResourceNotFoundException',
    });
  }
});

test('the permission to call through a URL stands in the policy as AWS writes it', async () => {
  const FunctionName = 'echo';
  const common = { FunctionName, Principal: '*' };
  await lambda.send(
    new AddPermissionCommand({
      ...common,
      StatementId: 'u',
      Action: 'lambda:InvokeFunctionUrl',
      FunctionUrlAuthType: 'NONE',
    }),
  );
  await lambda.send(
    new AddPermissionCommand({
      ...common,
      StatementId: 'i',
      Action: 'lambda:InvokeFunction',
      InvokedViaFunctionUrl: true,
    }),
  );
  const { Policy } = await lambda.send(new GetPolicyCommand({ FunctionName }));
  assert.deepEqual(
    JSON.parse(Policy!).Statement.map(({ Condition }: { Condition: unknown }) => Condition),
    [{ StringEquals: { 'lambda:FunctionUrlAuthType': 'NONE' } }, { Bool: { 'lambda:InvokedViaFunctionUrl': 'true' } }],
  );
});
