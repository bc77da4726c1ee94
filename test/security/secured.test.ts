import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CreateRoleCommand, IAMClient, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { CreateFunctionCommand, InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, ListQueuesCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { build } from 'esbuild';
import { zipOf } from '../support/clients.ts';
import { ROOT, SecuredNode } from './secured-node.ts';

let node: SecuredNode;

before(async () => {
  node = await SecuredNode.start();
});
after(() => node[Symbol.asyncDispose]());

const options = (credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string } = ROOT) => ({
  endpoint: node.endpoint,
  region: 'us-east-1',
  // Clients write into what they are given.
  credentials: { ...credentials },
  maxAttempts: 1,
});

const ASSUMABLE = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
});

/** A role that may do one thing. */
async function role(RoleName: string, Action: string): Promise<string> {
  const iam = new IAMClient(options());
  const { Role } = await iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: ASSUMABLE }));
  const Statement = [{ Effect: 'Allow', Action, Resource: '*' }];
  const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
  await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: 'own', PolicyDocument }));
  return Role!.Arn!;
}

async function invoke(name: string, code: string, roleArn: string, variables: Record<string, string> = {}) {
  const lambda = new LambdaClient(options());
  await lambda.send(
    new CreateFunctionCommand({
      FunctionName: name,
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      Role: roleArn,
      Timeout: 10,
      MemorySize: 256,
      Code: { ZipFile: await zipOf({ 'index.js': code }) },
      Environment: { Variables: variables },
    }),
  );
  const answer = await lambda.send(new InvokeCommand({ FunctionName: name }));
  return { error: answer.FunctionError, value: JSON.parse(Buffer.from(answer.Payload!).toString()) };
}

function write(authorization?: string): Promise<Response> {
  const url = `${node.endpoint}/api/v2/write?bucket=plant`;
  return fetch(url, { method: 'POST', body: 'temperature value=1', headers: authorization ? { authorization } : {} });
}

/** Reads the live feed until the picture has it. */
async function flowWith(pattern: RegExp): Promise<void> {
  const feed = await fetch(`${node.endpoint}/_millrace/api/flow/events`, {
    signal: AbortSignal.timeout(5_000),
  });
  let text = '';
  for await (const chunk of feed.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (pattern.test(text)) return;
  }
  assert.fail(`never in the picture: ${pattern}`);
}

const refusedWith = (name: string) => (error: Error) => {
  assert.equal(error.name, name);
  return true;
};

test('the root key is let in', async () => {
  const { Arn } = await new STSClient(options()).send(new GetCallerIdentityCommand({}));
  assert.equal(Arn, 'arn:aws:iam::000000000000:root');
  assert.ok(await new SQSClient(options()).send(new ListQueuesCommand({})));
});

test('a wrong secret is refused with the code of each protocol', async () => {
  const wrong = { ...ROOT, secretAccessKey: 'x'.repeat(40) };
  const list = new SQSClient(options(wrong)).send(new ListQueuesCommand({}));
  await assert.rejects(list, refusedWith('InvalidSignatureException'));
  const whoAmI = new STSClient(options(wrong)).send(new GetCallerIdentityCommand({}));
  await assert.rejects(whoAmI, refusedWith('SignatureDoesNotMatch'));
  const buckets = new S3Client({ ...options(wrong), forcePathStyle: true }).send(new ListBucketsCommand({}));
  await assert.rejects(buckets, refusedWith('SignatureDoesNotMatch'));
});

test('a key that nobody has is refused', async () => {
  const nobody = { ...ROOT, accessKeyId: 'AKIANOBODY0000000000' };
  const list = new SQSClient(options(nobody)).send(new ListQueuesCommand({}));
  await assert.rejects(list, refusedWith('UnrecognizedClientException'));
  const whoAmI = new STSClient(options(nobody)).send(new GetCallerIdentityCommand({}));
  await assert.rejects(whoAmI, refusedWith('InvalidClientTokenId'));
});

test('an unsigned call is refused', async () => {
  const headers = { 'x-amz-target': 'AmazonSQS.ListQueues', 'content-type': 'application/x-amz-json-1.0' };
  const answer = await fetch(node.endpoint, { method: 'POST', headers, body: '{}' });
  assert.equal(answer.status, 400);
  assert.match(await answer.text(), /MissingAuthenticationToken/);
});

test('a call signed 20 minutes ago is refused', async () => {
  const list = new SQSClient({ ...options(), systemClockOffset: -20 * 60_000 }).send(new ListQueuesCommand({}));
  await assert.rejects(list, (error: Error) => {
    assert.equal(error.name, 'InvalidSignatureException');
    assert.match(error.message, /Signature expired/);
    return true;
  });
});

test('temporary credentials count only together with their token', async () => {
  const assume = new AssumeRoleCommand({ RoleArn: await role('assumed', 'sqs:ListQueues'), RoleSessionName: 'tester' });
  const { AccessKeyId, SecretAccessKey, SessionToken } = (await new STSClient(options()).send(assume)).Credentials!;
  const key = { accessKeyId: AccessKeyId!, secretAccessKey: SecretAccessKey! };
  await new SQSClient(options({ ...key, sessionToken: SessionToken! })).send(new ListQueuesCommand({}));
  await assert.rejects(new SQSClient(options(key)).send(new ListQueuesCommand({})));
  assert.equal((await write(`Token ${AccessKeyId}:${SecretAccessKey}`)).status, 401);
  assert.equal((await write(`Bearer ${SessionToken}`)).status, 401, 'a session that no function was given');
});

test('a function calls with temporary credentials of its role, and is seen to', async () => {
  const contents = `
    import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
    import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
    const sqs = new SQSClient({});
    export const handler = async () => {
      await sqs.send(new SendMessageCommand({ QueueUrl: process.env.QUEUE_URL, MessageBody: 'hello' }));
      const url = process.env.AWS_ENDPOINT_URL + '/api/v2/write?bucket=plant';
      const headers = { authorization: 'Token ' + process.env.AWS_SESSION_TOKEN };
      const { status } = await fetch(url, { method: 'POST', headers, body: 'temperature value=2' });
      return { status, arn: (await new STSClient({}).send(new GetCallerIdentityCommand({}))).Arn };
    };`;
  const stdin = { contents, resolveDir: import.meta.dirname };
  const { outputFiles } = await build({ stdin, bundle: true, platform: 'node', format: 'cjs', write: false });
  const sqs = new SQSClient(options());
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'greetings' }));
  const answer = await invoke('greets', outputFiles[0]!.text, await role('greeter', 'sqs:SendMessage'), {
    QUEUE_URL: QueueUrl!,
  });
  assert.deepEqual(answer, {
    error: undefined,
    value: { status: 204, arn: 'arn:aws:sts::000000000000:assumed-role/greeter/greets' },
  });
  const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl }));
  assert.equal(Messages?.[0]?.Body, 'hello');
  await flowWith(/"from":"[^"]*:function:greets","to":"[^"]*:sqs:[^"]*:greetings"/);
});

test('a function whose role is not there fails with the reason', async () => {
  const code = 'exports.handler = async () => 1;';
  const answer = await invoke('roleless', code, 'arn:aws:iam::000000000000:role/nobody');
  assert.equal(answer.error, 'Unhandled');
  assert.equal(answer.value.errorType, 'AccessDeniedException');
  assert.match(answer.value.errorMessage, /role defined for the function cannot be assumed by Lambda/);
});

test('time series ask for a key', async () => {
  const stranger = await write();
  assert.equal(stranger.status, 401);
  assert.equal(((await stranger.json()) as { code: string }).code, 'unauthorized');
  for (const token of ['x', `${ROOT.accessKeyId}:`, `${ROOT.accessKeyId}:wrong`, `nobody:${ROOT.secretAccessKey}`]) {
    assert.equal((await write(`Token ${token}`)).status, 401, token);
  }
  const key = `${ROOT.accessKeyId}:${ROOT.secretAccessKey}`;
  assert.equal((await write(`Token ${key}`)).status, 204);
  assert.equal((await write(`Bearer ${key}`)).status, 204);
  const query = `${node.endpoint}/api/v3/query_sql?db=plant&q=${encodeURIComponent('SELECT 1 AS one')}`;
  assert.equal((await fetch(query)).status, 401);
  assert.equal((await fetch(query, { headers: { authorization: `Bearer ${key}` } })).status, 200);
  assert.equal((await fetch(`${node.endpoint}/api/v3/configure/database`)).status, 401);
});

test('console and metrics are for this machine only, health is for all', async () => {
  const passedOn = { headers: { 'x-forwarded-for': '192.0.2.7' } };
  const ofAnotherSite = { headers: { origin: 'https://example.com' } };
  for (const path of ['/metrics', '/_millrace/console', '/_millrace/endpoints', '/_millrace/api/flow']) {
    assert.equal((await fetch(node.endpoint + path)).status, 200, path);
    assert.equal((await fetch(node.endpoint + path, passedOn)).status, 403, path);
    assert.equal((await fetch(node.endpoint + path, ofAnotherSite)).status, 403, path);
  }
  assert.equal((await fetch(`${node.endpoint}/_millrace/health`, passedOn)).status, 200);
});

test('no secret is in the log or in the metrics', async () => {
  const metrics = await (await fetch(`${node.endpoint}/metrics`)).text();
  for (const text of [node.log, metrics]) assert.ok(!text.includes(ROOT.secretAccessKey));
});

test('MQTT stays on loopback when the node listens on all addresses, and the start says so', async () => {
  await using open = await SecuredNode.start({ host: '0.0.0.0' });
  assert.match(open.log, /mqtts:\/\/0\.0\.0\.0:\d+.* mqtt:\/\/127\.0\.0\.1:\d+/);
  const { port } = new URL(open.endpoint);
  const endpoints = await fetch(`http://127.0.0.1:${port}/_millrace/endpoints`);
  assert.equal(((await endpoints.json()) as { mqtt: { host: string } }).mqtt.host, '127.0.0.1');
});
