/** Who comes to buckets by a form or a website is decided on, told of and kept in the audit log as other callers are. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as iam from '@aws-sdk/client-iam';
import * as s3 from '@aws-sdk/client-s3';
import { run } from '../wire/support.ts';
import { ROOT, SecuredNode } from './secured-node.ts';

const BIN = join(import.meta.dirname, '../../bin/millrace.js');

let node: SecuredNode;
let keys: { accessKeyId: string; secretAccessKey: string };

before(async () => {
  node = await SecuredNode.start({}, { audit: { events: 'all' } });
  const options = { endpoint: node.endpoint, region: 'us-east-1', credentials: { ...ROOT } };
  const root = new iam.IAMClient(options);
  await root.send(new iam.CreateUserCommand({ UserName: 'uploader' }));
  const { AccessKey } = await root.send(new iam.CreateAccessKeyCommand({ UserName: 'uploader' }));
  keys = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
  const PolicyDocument = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 's3:PutObject', Resource: 'arn:aws:s3:::inbox/open/*' }],
  });
  await root.send(new iam.PutUserPolicyCommand({ UserName: 'uploader', PolicyName: 'own', PolicyDocument }));
  root.destroy();
  const client = new s3.S3Client({ ...options, credentials: { ...ROOT }, forcePathStyle: true });
  for (const Bucket of ['inbox', 'site']) await client.send(new s3.CreateBucketCommand({ Bucket }));
  await client.send(new s3.PutObjectCommand({ Bucket: 'site', Key: 'index.html', Body: 'hello' }));
  await client.send(
    new s3.PutBucketWebsiteCommand({
      Bucket: 'site',
      WebsiteConfiguration: { IndexDocument: { Suffix: 'index.html' } },
    }),
  );
  client.destroy();
});
after(() => node?.[Symbol.asyncDispose]());

/** A browser's form, signed by Signature Version 4. */
function form(key: string): FormData {
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const credential = `${keys.accessKeyId}/${date.slice(0, 8)}/us-east-1/s3/aws4_request`;
  const algorithm = 'AWS4-HMAC-SHA256';
  const policy = Buffer.from(
    JSON.stringify({
      expiration: new Date(Date.now() + 60_000).toISOString(),
      conditions: [
        { bucket: 'inbox' },
        { key },
        { 'x-amz-credential': credential },
        { 'x-amz-algorithm': algorithm },
        { 'x-amz-date': date },
      ],
    }),
  ).toString('base64');
  const signingKey = [date.slice(0, 8), 'us-east-1', 's3', 'aws4_request'].reduce(
    (before: Buffer, part) => createHmac('sha256', before).update(part).digest(),
    Buffer.from(`AWS4${keys.secretAccessKey}`),
  );
  const data = new FormData();
  const fields = { key, policy, 'x-amz-credential': credential, 'x-amz-algorithm': algorithm, 'x-amz-date': date };
  for (const [name, value] of Object.entries(fields)) data.set(name, value);
  data.set('x-amz-signature', createHmac('sha256', signingKey).update(policy).digest('hex'));
  data.set('file', new Blob(['content']), 'file.txt');
  return data;
}

test('forms and visits are kept and told of, what was made of them and what was refused', async () => {
  const send = async (key: string) =>
    (await fetch(`${node.endpoint}/inbox`, { method: 'POST', body: form(key) })).status;
  assert.equal(await send('open/a.txt'), 204);
  assert.equal(await send('closed/a.txt'), 403);
  const visit = await fetch(`${node.endpoint}/_s3/websites/site/`);
  assert.equal(visit.status, 403);
  const { stdout } = await run(process.execPath, [BIN, 'audit', '--denied', '--principal', 'anonymous'], {
    ...{ PATH: process.env.PATH, AWS_ENDPOINT_URL: node.endpoint },
    ...{ AWS_ACCESS_KEY_ID: ROOT.accessKeyId, AWS_SECRET_ACCESS_KEY: ROOT.secretAccessKey },
  });
  assert.match(
    stdout,
    /^\S+ {2}anonymous {2}127\.0\.0\.1 {2}s3:GetObject {2}arn:aws:s3:::site\/index\.html {2}AccessDenied: .*\n$/,
  );
  await node.stop();
  const directory = join(node.dataDirectory, 'audit');
  const texts = await Promise.all((await readdir(directory)).map((name) => readFile(join(directory, name), 'utf8')));
  const records = texts
    .join('')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const puts = records.filter(
    ({ eventName, userIdentity }) => eventName === 'PutObject' && userIdentity.userName === 'uploader',
  );
  const shown = puts.map(({ resources, errorCode }) => [resources[0].ARN, errorCode]).sort();
  assert.deepEqual(shown, [
    ['arn:aws:s3:::inbox/closed/a.txt', 'AccessDenied'],
    ['arn:aws:s3:::inbox/open/a.txt', undefined],
  ]);
  const [visited] = records.filter(({ eventName }) => eventName === 'GetObject');
  assert.deepEqual(
    [visited.userIdentity.principalId, visited.errorCode, visited.resources[0].ARN],
    ['anonymous', 'AccessDenied', 'arn:aws:s3:::site/index.html'],
  );
  const told = node.log.split('\n').filter((line) => line.includes('access-denied'));
  assert.ok(told.some((line) => line.includes('user/uploader') && line.includes('inbox/closed/a.txt')));
  assert.ok(told.some((line) => line.includes('anonymous') && line.includes('site/index.html')));
});
