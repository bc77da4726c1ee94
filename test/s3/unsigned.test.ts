/** Callers who sign nothing, where everybody else must: what a bucket's policy opens to all is all that they reach. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Asking, type House, openHouse } from './browsers.ts';

const owned = new AsyncDisposableStack();
const Bucket = 'open-bucket';
const HOSTS = [
  ['127.0.0.1', `/${Bucket}`],
  [`${Bucket}.s3.localhost`, ''],
] as const;
let house: House;

before(async () => {
  house = owned.use(await openHouse('secured'));
  const { client } = house;
  await client.createBucket({ Bucket });
  await client.putObject({ Bucket, Key: 'public/a.txt', Body: 'a', ContentType: 'text/plain' });
  await client.putObject({ Bucket, Key: 'private/b.txt', Body: 'b' });
});
after(() => owned.disposeAsync());

const codeOf = async (path: string, asking: Asking = {}) => {
  const { status, body } = await house.ask(path, asking);
  return [status, /<Code>(.*)<\/Code>/.exec(body)?.[1]];
};

const setPolicy = (...statements: readonly object[]) => {
  const Statement = statements.map((one) => ({ Effect: 'Allow', Principal: '*', ...one }));
  return house.client.putBucketPolicy({ Bucket, Policy: JSON.stringify({ Version: '2012-10-17', Statement }) });
};

const bucketArn = `arn:aws:s3:::${Bucket}`;
const READ = { Action: 's3:GetObject', Resource: `${bucketArn}/public/*` };
const LIST = { Action: 's3:ListBucket', Resource: bucketArn, Condition: { StringLike: { 's3:prefix': 'public/*' } } };

test('without a policy nobody reaches anything, and learns nothing of what is there', async () => {
  for (const [host, base] of HOSTS) {
    for (const path of ['/public/a.txt', '/none', '/?list-type=2', '/?acl', '/?policy']) {
      assert.deepEqual(await codeOf(base + path, { host }), [403, 'AccessDenied'], host + path);
    }
    assert.deepEqual(await codeOf(`${base}/k`, { host, method: 'PUT', body: 'x' }), [403, 'AccessDenied']);
    assert.equal((await house.ask(`${base}/public/a.txt`, { host, method: 'HEAD' })).status, 403);
  }
  assert.deepEqual(await codeOf('/'), [403, 'AccessDenied']);
});

test('a public policy lets all read and list what it names, and change nothing', async () => {
  await house.client.deletePublicAccessBlock({ Bucket });
  await setPolicy(READ, LIST);
  for (const [host, base] of HOSTS) {
    const answer = await house.ask(`${base}/public/a.txt`, { host, headers: { range: 'bytes=0-0' } });
    assert.deepEqual([answer.status, answer.body, answer.headers['content-type']], [206, 'a', 'text/plain']);
    assert.equal((await house.ask(`${base}/public/a.txt`, { host, method: 'HEAD' })).headers['content-length'], '1');
    const listed = await house.ask(`${base}/?list-type=2&prefix=public%2F`, { host });
    assert.deepEqual([listed.status, /<Key>(.*?)<\/Key>/.exec(listed.body)?.[1]], [200, 'public/a.txt']);
    for (const path of [
      '/private/b.txt',
      '/?list-type=2',
      '/?list-type=2&prefix=private%2F',
      '/public/a.txt?tagging',
    ]) {
      assert.deepEqual(await codeOf(base + path, { host }), [403, 'AccessDenied'], path);
    }
    // Who may not list the whole bucket is not told what is missing.
    assert.deepEqual(await codeOf(`${base}/public/none`, { host }), [403, 'AccessDenied']);
    for (const [method, path] of [
      ['PUT', '/public/new.txt'],
      ['DELETE', '/public/a.txt'],
      ['POST', '/public/a.txt?uploads'],
      ['PUT', '/?policy'],
      ['DELETE', '/'],
    ] as const) {
      const body = method === 'PUT' ? 'x' : '';
      assert.deepEqual(await codeOf(base + path, { host, method, body }), [403, 'AccessDenied'], `${method} ${path}`);
    }
    const overriding = await codeOf(`${base}/public/a.txt?response-content-type=text%2Fhtml`, { host });
    assert.deepEqual(overriding, [400, 'InvalidRequest']);
  }
  assert.equal((await house.client.getObject({ Bucket, Key: 'public/a.txt' })).ContentLength, 1);
});

test('who may list all is told what is missing, who may put puts, and a block closes the bucket again', async () => {
  const all = {
    Action: ['s3:ListBucket', 's3:PutObject', 's3:GetObject'],
    Resource: [bucketArn, `${bucketArn}/drop/*`],
  };
  await setPolicy(all);
  assert.deepEqual(await codeOf(`/${Bucket}/drop/none`), [404, 'NoSuchKey']);
  const put = { method: 'PUT', body: 'dropped' };
  assert.equal((await house.ask(`/${Bucket}/drop/k`, put)).status, 200);
  assert.equal((await house.ask(`/${Bucket}/drop/k`)).body, 'dropped');
  const long = { method: 'PUT', body: Buffer.alloc(200_000, 'x') };
  assert.equal((await house.ask(`/${Bucket}/drop/long`, long)).status, 200);
  assert.deepEqual((await codeOf(`/${Bucket}/elsewhere`, put))[0], 403);
  const PublicAccessBlockConfiguration = { RestrictPublicBuckets: true };
  await house.client.putPublicAccessBlock({ Bucket, PublicAccessBlockConfiguration });
  assert.deepEqual(await codeOf(`/${Bucket}/drop/k`), [403, 'AccessDenied']);
});
