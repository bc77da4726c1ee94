import assert from 'node:assert/strict';
import { lookup } from 'node:dns';
import { Agent } from 'node:http';
import { after, before, test } from 'node:test';
import * as s3 from '@aws-sdk/client-s3';
import { type House, openHouse, ROOT } from './browsers.ts';

/** Not every system resolves names under `localhost`, as browsers do. */
const HERE = new Agent({ lookup: (_host, options, found) => lookup('127.0.0.1', options, found as any) });

const PAGE = 'https://app.example.com';
const owned = new AsyncDisposableStack();
let dev: House;

before(async () => {
  dev = owned.use(await openHouse('dev'));
  for (const Bucket of ['shared', 'closed', 'dotted.name']) await dev.client.createBucket({ Bucket });
  await dev.client.putObject({ Bucket: 'shared', Key: 'größe/a b.txt', Body: 'hello' });
  const CORSRules = [
    {
      AllowedOrigins: ['https://*.example.com'],
      AllowedMethods: ['GET', 'PUT'],
      AllowedHeaders: ['content-*'],
      ExposeHeaders: ['ETag'],
      MaxAgeSeconds: 60,
    },
  ];
  await dev.client.putBucketCors({ Bucket: 'shared', CORSConfiguration: { CORSRules } });
});

after(() => owned.disposeAsync());

const question = (method: string, headers?: string) => ({
  method: 'OPTIONS',
  headers: {
    origin: PAGE,
    'access-control-request-method': method,
    ...(headers !== undefined && { 'access-control-request-headers': headers }),
  },
});

test('a question before a call is answered by the rules of the bucket, wherever its name stands', async () => {
  const asked = question('PUT', 'Content-Type, content-md5');
  const places = [
    { path: '/shared/key' },
    { path: '/key', host: 'shared.localhost' },
    { path: '/key', host: 'shared.s3.localhost' },
    { path: '/key', host: 'shared.s3.eu-west-1.localhost' },
    { path: '/key', host: 'shared.s3.us-east-1.amazonaws.com' },
  ];
  for (const { path, ...place } of places) {
    const { status, headers, body } = await dev.ask(path, { ...asked, ...place });
    assert.deepEqual([status, body], [200, ''], JSON.stringify(place));
    assert.equal(headers['access-control-allow-origin'], PAGE);
    assert.equal(headers['access-control-allow-methods'], 'GET, PUT');
    assert.equal(headers['access-control-allow-headers'], 'content-type, content-md5');
    assert.equal(headers['access-control-max-age'], '60');
    assert.match(headers.vary ?? '', /Origin/);
  }
});

test('a question that no rule answers is refused in the words of S3', async () => {
  const cases: [string, object, number, string][] = [
    ['/shared/key', question('DELETE'), 403, 'AccessForbidden'],
    ['/shared/key', question('PUT', 'x-other'), 403, 'AccessForbidden'],
    ['/closed/key', question('GET'), 403, 'CORS is not enabled for this bucket'],
    ['/nowhere/key', question('GET'), 403, 'CORS is not enabled for this bucket'],
    ['/shared/key', question('NONSENSE'), 400, 'Invalid Access-Control-Request-Method: NONSENSE'],
    ['/shared', { ...question('DELETE') }, 403, '<ResourceType>BUCKET</ResourceType>'],
  ];
  for (const [path, asked, status, text] of cases) {
    const answer = await dev.ask(path, asked);
    assert.equal(answer.status, status, path);
    assert.ok(answer.body.includes(text), answer.body);
    assert.equal(answer.headers['access-control-allow-origin'], undefined);
  }
});

test('answers carry what lets the page read them; `dev` lets no other page in', async () => {
  const path = '/shared/gr%C3%B6%C3%9Fe/a%20b.txt';
  const read = await dev.ask(path, { headers: { origin: PAGE } });
  assert.deepEqual([read.status, read.body], [200, 'hello']);
  assert.equal(read.headers['access-control-allow-origin'], PAGE);
  assert.equal(read.headers['access-control-expose-headers'], 'ETag');
  const missing = await dev.ask('/shared/nothing', { headers: { origin: PAGE } });
  assert.deepEqual([missing.status, missing.headers['access-control-allow-origin']], [404, PAGE]);
  for (const headers of [{ origin: 'https://evil.example' }, { origin: 'null' }]) {
    const refused = await dev.ask(path, { headers });
    assert.equal(refused.status, 403);
    assert.match(refused.body, /refused/);
  }
  const deleted = await dev.ask(path, { method: 'DELETE', headers: { origin: PAGE } });
  assert.equal(deleted.status, 403, 'the rule is for GET and PUT');
  for (const [place, headers] of [
    ['/shared?policy', {}],
    ['/shared/copy', { 'x-amz-copy-source': '/closed/secret' }],
    ['/shared/copy', { 'x-amz-copy-source': 'closed%2Fsecret' }],
  ] as const) {
    const changed = await dev.ask(place, { method: 'PUT', headers: { origin: PAGE, ...headers } });
    assert.equal(changed.status, 403, place);
    assert.match(changed.body, /web pages from https:\/\/app\.example\.com are refused/);
  }
  const source = encodeURIComponent('größe/a b.txt');
  const copied = await dev.ask('/shared/copy', {
    method: 'PUT',
    headers: { origin: PAGE, 'x-amz-copy-source': `/shared/${source}` },
  });
  assert.equal(copied.status, 200, copied.body);
  const local = await dev.ask(path, { headers: { origin: 'http://localhost:3000' } });
  assert.deepEqual([local.status, local.headers['access-control-allow-origin']], [200, undefined]);
  const put = await dev.ask('/new', {
    method: 'PUT',
    host: 'shared.s3.localhost',
    headers: { origin: PAGE },
    body: 'from a page',
  });
  assert.deepEqual([put.status, put.headers['access-control-allow-origin']], [200, PAGE]);
});

test('clients reach buckets by host names, with dots in them too', async () => {
  const { port } = new URL(dev.node.endpoint);
  for (const Bucket of ['shared', 'dotted.name']) {
    const endpoint = `http://s3.localhost:${port}`;
    const client = new s3.S3({ endpoint, region: 'us-east-1', credentials: ROOT, requestHandler: { httpAgent: HERE } });
    await client.putObject({ Bucket, Key: 'by host/ü', Body: Bucket });
    const { Body } = await client.getObject({ Bucket, Key: 'by host/ü' });
    assert.equal(await Body!.transformToString(), Bucket);
    client.destroy();
  }
  const direct = await dev.ask('/by%20host/%C3%BC', { host: 'dotted.name.s3.localhost' });
  assert.equal(direct.body, 'dotted.name');
});

test('in `secured` a page is let in by rules for what it has signed, and by nothing else', async () => {
  await using secured = await openHouse('secured');
  await secured.client.createBucket({ Bucket: 'shared' });
  const CORSRules = [{ AllowedOrigins: ['*'], AllowedMethods: ['GET'] }];
  await secured.client.putBucketCors({ Bucket: 'shared', CORSConfiguration: { CORSRules } });
  const asked = await secured.ask('/shared/key', question('GET'));
  assert.deepEqual([asked.status, asked.headers['access-control-allow-origin']], [200, '*']);
  const unsigned = await secured.ask('/shared/key', { headers: { origin: PAGE } });
  assert.deepEqual([unsigned.status, unsigned.headers['access-control-allow-origin']], [403, '*']);
});
