/** What a link that somebody was given is good for: the one request that it was signed for, and nothing else in its signer's name. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { IAMClient, ListUsersCommand } from '@aws-sdk/client-iam';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { Node } from '../../src/node/index.ts';
import { securedNode } from '../support/in-process.ts';
import { ROOT } from './secured-node.ts';

const Bucket = 'shared';

let node: Node;
let directory: string;
let s3: S3Client;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-links-'));
  node = await securedNode(directory, ROOT);
  s3 = new S3Client({ ...options(), forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket }));
  await s3.send(new PutObjectCommand({ Bucket, Key: 'notes', Body: 'hello' }));
});
after(async () => {
  s3?.destroy();
  await node?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

function options() {
  return { endpoint: node.endpoint, region: 'us-east-1', credentials: { ...ROOT }, maxAttempts: 1 };
}

/** Uses a link with more headers, and with a body, as `fetch` will not for a GET. */
function use(url: string, method: string, headers: Record<string, string>, body = ''): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    const length = { 'content-length': String(Buffer.byteLength(body)) };
    const sent = request(url, { method, headers: { ...headers, ...length } }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (part: string) => {
        text += part;
      });
      answer.on('end', () => resolve([answer.statusCode!, text]));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

async function usersNow(): Promise<readonly (string | undefined)[]> {
  const iam = new IAMClient(options());
  const { Users = [] } = await iam.send(new ListUsersCommand({}));
  iam.destroy();
  return Users.map(({ UserName }) => UserName);
}

const CREATE_USER = 'Action=CreateUser&Version=2010-05-08&UserName=mallory';
/** Tells the router another service than the link is signed for; nothing covers it. */
const ELSEWHERE = 'Borrowed Credential=AKIA/20260101/us-east-1/iam/aws4_request';

test('a link to an object is none to IAM', async () => {
  const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: 'notes' }), { expiresIn: 60 });
  assert.deepEqual(await use(url, 'GET', {}), [200, 'hello']);
  const [status, text] = await use(url, 'GET', { authorization: ELSEWHERE }, CREATE_USER);
  assert.equal(status, 403);
  assert.match(text, /Credential should be scoped to correct service/);
  assert.deepEqual(await usersNow(), []);
});

test('nor is one to put an object whose key looks like an operation', async () => {
  const Key = 'uploads/service/GraniteServiceVersion20100801/operation/PutMetricData';
  const url = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key }), { expiresIn: 60 });
  const [status, text] = await use(url, 'PUT', { 'smithy-protocol': 'rpc-v2-cbor' }, '\xa0');
  assert.equal(status, 403, text);
});

test('nor is a link of version 2', async () => {
  const url = linkOfVersion2('GET', `/${Bucket}/notes`);
  assert.deepEqual(await use(url, 'GET', {}), [200, 'hello']);
  const [status] = await use(url, 'GET', { authorization: ELSEWHERE }, CREATE_USER);
  assert.equal(status, 403);
  assert.deepEqual(await usersNow(), []);
});

test('what version 2 does not sign does not make another operation of a link', async () => {
  const url = linkOfVersion2('GET', `/${Bucket}`);
  assert.equal((await use(url, 'GET', {}))[0], 200);
  assert.equal((await use(`${url}&prefix=no`, 'GET', {}))[0], 200);
  for (const name of ['encryption', 'ownershipControls', 'publicAccessBlock', 'object-lock', 'policyStatus']) {
    const [status, text] = await use(`${url}&${name}`, 'GET', {});
    assert.equal(status, 403, `${name}: ${text}`);
  }
});

function linkOfVersion2(method: string, path: string): string {
  const expires = '4102444800';
  const toSign = `${method}\n\n\n${expires}\n${path}`;
  const signature = createHmac('sha1', ROOT.secretAccessKey).update(toSign).digest('base64');
  const query = new URLSearchParams({ AWSAccessKeyId: ROOT.accessKeyId, Signature: signature, Expires: expires });
  return `${node.endpoint}${path}?${query}`;
}
