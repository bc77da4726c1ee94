import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CreateAccessKeyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  IAMClient,
  PutUserPolicyCommand,
} from '@aws-sdk/client-iam';
import { CreateFunctionCommand, InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { CreateQueueCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { systemClock } from '../../src/base/index.ts';
import { type SigningKeys, sign } from '../../src/codec/aws/index.ts';
import { Program } from '../cli/program.ts';
import { zipOf } from '../support/clients.ts';
import { ROOT, SecuredNode } from './secured-node.ts';

const LETTERS = '/_millrace/dead-letters';
const BEARER = { authorization: `Bearer ${ROOT.accessKeyId}:${ROOT.secretAccessKey}` };

let node: SecuredNode;

before(async () => {
  node = await SecuredNode.start();
  const sqs = new SQSClient(options());
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'dead' }));
  const RedrivePolicy = JSON.stringify({
    deadLetterTargetArn: 'arn:aws:sqs:us-east-1:000000000000:dead',
    maxReceiveCount: 1,
  });
  await sqs.send(new CreateQueueCommand({ QueueName: 'work', Attributes: { RedrivePolicy } }));
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'what nobody else may read' }));
  sqs.destroy();
});
after(() => node[Symbol.asyncDispose]());

const options = () => ({ endpoint: node.endpoint, region: 'us-east-1', credentials: { ...ROOT }, maxAttempts: 1 });

async function ask(method: string, path: string, headers: Record<string, string> = {}, body?: string) {
  const response = await fetch(node.endpoint + path, { method, headers, ...(body !== undefined && { body }) });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** A request signed as the command line signs it. */
function signed(keys: SigningKeys, method: string, path: string, body = '') {
  const url = new URL(path, node.endpoint);
  const headers = { 'content-type': 'application/json' };
  const request = { method, url, headers, body: Buffer.from(body), service: 'millrace', region: 'us-east-1' };
  const { host: _, 'content-length': __, ...all } = sign(request, keys, systemClock.now()) as Record<string, string>;
  return ask(method, path, all, body === '' ? undefined : body);
}

test("a user's key does with the right to administer the node, and not without", async () => {
  const iam = new IAMClient(options());
  await iam.send(new CreateUserCommand({ UserName: 'operator' }));
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: 'operator' }));
  const keys = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
  const bearer = { authorization: `Bearer ${keys.accessKeyId}:${keys.secretAccessKey}` };
  for (const refused of [await ask('GET', LETTERS, bearer), await signed(keys, 'GET', LETTERS)]) {
    assert.equal(refused.status, 403);
    assert.match(refused.text, /user\/operator is not authorized to perform: millrace:Administer/);
  }
  const Statement = [{ Effect: 'Allow', Action: 'millrace:Administer', Resource: '*' }];
  const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
  await iam.send(new PutUserPolicyCommand({ UserName: 'operator', PolicyName: 'operates', PolicyDocument }));
  assert.equal((await ask('GET', LETTERS, bearer)).status, 200);
  assert.equal((await signed(keys, 'GET', LETTERS)).status, 200);
  iam.destroy();
});

test('without a key nothing is shown and nothing is changed', async () => {
  const json = { 'content-type': 'application/json' };
  const refused = await ask('GET', LETTERS);
  assert.deepEqual([refused.status, refused.headers.get('www-authenticate')], [401, 'Bearer']);
  assert.doesNotMatch(refused.text, /nobody else/);
  const wrong: readonly Record<string, string>[] = [
    {},
    { authorization: `Bearer ${ROOT.accessKeyId}:wrong` },
    { authorization: `Bearer ${ROOT.accessKeyId}:` },
    { authorization: `Bearer nobody:${ROOT.secretAccessKey}` },
    { authorization: 'Bearer x' },
  ];
  for (const headers of wrong) {
    assert.equal((await ask('GET', LETTERS, headers)).status, 401);
    assert.equal((await ask('POST', `${LETTERS}/discard`, { ...json, ...headers }, '{}')).status, 401);
    assert.equal((await ask('POST', `${LETTERS}/redrive`, { ...json, ...headers }, '{}')).status, 401);
    assert.equal((await ask('GET', '/_millrace/mappings', headers)).status, 401);
  }
});

test('a key is let in, in a header or by its signature; not from elsewhere, and not by another page', async () => {
  const shown = await ask('GET', LETTERS, BEARER);
  assert.equal(shown.status, 200);
  assert.match(shown.text, /what nobody else may read/);
  assert.equal((await signed(ROOT, 'GET', LETTERS)).status, 200);
  assert.equal((await signed({ ...ROOT, secretAccessKey: 'wrong' }, 'GET', LETTERS)).status, 401);
  assert.equal((await ask('GET', LETTERS, { ...BEARER, 'x-forwarded-for': '192.0.2.7' })).status, 403);
  assert.equal((await ask('GET', LETTERS, { ...BEARER, origin: 'https://example.com' })).status, 403);
  assert.equal((await ask('GET', LETTERS, { ...BEARER, 'sec-fetch-site': 'cross-site' })).status, 403);
});

test('the command line signs', async () => {
  const env = {
    AWS_ENDPOINT_URL: node.endpoint,
    AWS_ACCESS_KEY_ID: ROOT.accessKeyId,
    AWS_SECRET_ACCESS_KEY: ROOT.secretAccessKey,
  };
  await using program = new Program('/tmp', ['dead-letters', 'list', '--json'], env);
  assert.equal(await program.exit(), 0, program.err);
  assert.match(program.out, /what nobody else may read/);
});

test('a function is not let in: neither through its door nor with its credentials', async () => {
  const policy = {
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
  };
  const trust = { RoleName: 'nosy', AssumeRolePolicyDocument: JSON.stringify(policy) };
  const { Role } = await new IAMClient(options()).send(new CreateRoleCommand(trust));
  const code = `
    exports.handler = async () => {
      const statuses = [];
      for (const [method, path] of [['GET', '${LETTERS}'], ['POST', '${LETTERS}/discard'], ['GET', '/_millrace/mappings']]) {
        const headers = { 'content-type': 'application/json' };
        const body = method === 'POST' ? '{}' : undefined;
        const { status } = await fetch(process.env.AWS_ENDPOINT_URL + path, { method, headers, body });
        statuses.push(status);
      }
      const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = process.env;
      return { statuses, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN };
    };`;
  const lambda = new LambdaClient(options());
  await lambda.send(
    new CreateFunctionCommand({
      ...{ FunctionName: 'nosy', Runtime: 'nodejs24.x', Handler: 'index.handler', Role: Role!.Arn, Timeout: 10 },
      Code: { ZipFile: await zipOf({ 'index.js': code }) },
    }),
  );
  const { Payload, FunctionError } = await lambda.send(new InvokeCommand({ FunctionName: 'nosy' }));
  const answer = JSON.parse(Buffer.from(Payload!).toString());
  assert.equal(FunctionError, undefined, JSON.stringify(answer));
  // Its door answers 403; where functions run without walls they reach the port itself, and prove nothing.
  for (const status of answer.statuses) assert.ok(status === 403 || status === 401, String(status));
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: token } = answer;
  const keys = { accessKeyId, secretAccessKey, sessionToken: token };
  assert.equal((await signed(keys, 'GET', LETTERS)).status, 403);
  assert.equal((await ask('GET', LETTERS, { authorization: `Bearer ${token}` })).status, 401);
  assert.equal((await ask('GET', LETTERS, { authorization: `Bearer ${accessKeyId}:${secretAccessKey}` })).status, 401);
});

test('a body that is too large is not read', async () => {
  const body = 'x'.repeat(9 * 1024 * 1024);
  const headers = { ...BEARER, 'content-type': 'application/json' };
  const answer = await ask('POST', `${LETTERS}/redrive`, headers, body).catch(({ cause }) => ({ status: cause.code }));
  assert.ok([413, 'ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes(answer.status), String(answer.status));
  assert.equal((await ask('GET', LETTERS, BEARER)).status, 200);
});
