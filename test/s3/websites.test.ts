import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import { type House, openHouse, ROOT } from './browsers.ts';

const owned = new AsyncDisposableStack();
const Bucket = 'site';
const HOST = 'site.s3-website.localhost';
let house: House;

before(async () => {
  house = owned.use(await openHouse('secured'));
  const { client } = house;
  await client.createBucket({ Bucket });
  const put = (Key: string, Body: string, more: object = {}) =>
    client.putObject({ Bucket, Key, Body, ContentType: 'text/html', ...more });
  await put('index.html', 'home');
  await put('docs/index.html', 'docs');
  await put('ünicode <b>.html', 'odd');
  await put('error.html', 'sorry');
  await put('moved.html', '', { WebsiteRedirectLocation: '/docs/' });
  await put('private/a.html', 'secret');
  await client.deletePublicAccessBlock({ Bucket });
  const allow = (Action: string, Resource: string) => ({ Effect: 'Allow', Principal: '*', Action, Resource });
  const Statement = [
    allow('s3:GetObject', `arn:aws:s3:::${Bucket}/*`),
    allow('s3:ListBucket', `arn:aws:s3:::${Bucket}`),
    { ...allow('s3:GetObject', `arn:aws:s3:::${Bucket}/private/*`), Effect: 'Deny' },
  ];
  await client.putBucketPolicy({ Bucket, Policy: JSON.stringify({ Version: '2012-10-17', Statement }) });
  await client.putBucketWebsite({
    Bucket,
    WebsiteConfiguration: {
      IndexDocument: { Suffix: 'index.html' },
      ErrorDocument: { Key: 'error.html' },
      RoutingRules: [
        { Condition: { KeyPrefixEquals: 'old/' }, Redirect: { ReplaceKeyPrefixWith: 'docs/' } },
        {
          Condition: { KeyPrefixEquals: 'gone/', HttpErrorCodeReturnedEquals: '404' },
          Redirect: { HostName: 'archive.example', Protocol: 'https', HttpRedirectCode: '307' },
        },
      ],
    },
  });
});

after(() => owned.disposeAsync());

test('a website gives its index, its folders and its objects, by host and by path', async () => {
  const cases: [string, number, string][] = [
    ['/', 200, 'home'],
    ['/docs/', 200, 'docs'],
    ['/docs/index.html', 200, 'docs'],
    ['/%C3%BCnicode%20%3Cb%3E.html', 200, 'odd'],
    ['/nothing', 404, 'sorry'],
    ['/private/a.html', 403, 'sorry'],
  ];
  for (const [path, status, body] of cases) {
    for (const [host, base] of [
      [HOST, ''],
      ['site.s3-website-us-east-1.amazonaws.com', ''],
      ['site.s3-website.eu-west-1.localhost', ''],
      ['127.0.0.1', '/_s3/websites/site'],
    ] as const) {
      const answer = await house.ask(`${base}${path}`, { host });
      assert.deepEqual([answer.status, answer.body], [status, body], `${host} ${path}`);
      assert.equal(answer.headers['content-type'], 'text/html');
    }
  }
});

test('an object that a form gave headers beyond Latin-1 is shown, with marks in their place', async () => {
  const conditions = [{ bucket: Bucket }, ['starts-with', '$key', ''], ['starts-with', '$Content-Disposition', '']];
  const expiration = new Date(Date.now() + 60_000).toISOString();
  const policy = Buffer.from(JSON.stringify({ expiration, conditions })).toString('base64');
  const form = new FormData();
  form.set('key', 'named.pdf');
  form.set('Content-Disposition', 'inline; filename="日本\r\n.pdf"');
  form.set('AWSAccessKeyId', ROOT.accessKeyId);
  form.set('policy', policy);
  form.set('signature', createHmac('sha1', ROOT.secretAccessKey).update(policy).digest('base64'));
  form.set('file', new Blob([Buffer.alloc(100_000, 'x')]));
  assert.equal((await fetch(`${house.node.endpoint}/${Bucket}`, { method: 'POST', body: form })).status, 204);
  const { status, headers, body } = await house.ask('/named.pdf', { host: HOST });
  assert.deepEqual(
    [status, headers['content-disposition'], body.length],
    [200, 'inline; filename="??  .pdf"', 100_000],
  );
});

test('redirects: of folders, rules and objects', async () => {
  const { port } = new URL(house.node.endpoint);
  const cases: [string, number, string][] = [
    ['/docs', 302, '/docs/'],
    ['/old/a b?x'.replace(' ', '%20'), 301, `http://${HOST}:${port}/docs/a%20b`],
    ['/gone/a', 307, 'https://archive.example/gone/a'],
    ['/moved.html', 301, '/docs/'],
    ['/old/%0d%0aset-cookie:%20a=b', 301, `http://${HOST}:${port}/docs/%0D%0Aset-cookie%3A%20a%3Db`],
  ];
  for (const [path, status, location] of cases) {
    const answer = await house.ask(path, { host: HOST });
    assert.deepEqual([answer.status, answer.headers.location], [status, location], path);
  }
  const inPath = await house.ask('/_s3/websites/site/docs');
  assert.equal(inPath.headers.location, '/_s3/websites/site/docs/');
});

test('conditions, ranges and HEAD are as of objects; other methods are refused', async () => {
  const first = await house.ask('/', { host: HOST });
  const again = await house.ask('/', { host: HOST, headers: { 'if-none-match': first.headers.etag! } });
  assert.deepEqual([again.status, again.body], [304, '']);
  const part = await house.ask('/', { host: HOST, headers: { range: 'bytes=1-2' } });
  assert.deepEqual([part.status, part.body, part.headers['content-range']], [206, 'om', 'bytes 1-2/4']);
  const head = await house.ask('/', { host: HOST, method: 'HEAD' });
  assert.deepEqual([head.status, head.body, head.headers['content-length']], [200, '', '4']);
  assert.equal((await house.ask('/', { host: HOST, method: 'PUT', body: 'x' })).status, 405);
});

test('what is no website says so on a page, and shows nothing of who asks as it is', async () => {
  await house.client.createBucket({ Bucket: 'plain' });
  const plain = await house.ask('/<script>', { host: 'plain.s3-website.localhost' });
  assert.equal(plain.status, 404);
  assert.match(plain.body, /<li>Code: NoSuchWebsiteConfiguration<\/li>/);
  const none = await house.ask('/', { host: 'no-such.s3-website.localhost' });
  assert.match(none.body, /NoSuchBucket/);
  const broken = await house.ask('/%zz', { host: HOST });
  assert.equal(broken.status, 400);
  for (const path of ['/../plain/a', '/..%2f..%2fetc/passwd', '/docs/%2e%2e/private/a.html']) {
    const answer = await house.ask(path, { host: HOST });
    assert.deepEqual([answer.status, answer.body], [404, 'sorry'], 'dots are characters of keys');
  }
});
