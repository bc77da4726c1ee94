/** Function URLs of a node that enforces signatures. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  CreateAccessKeyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  DeleteRolePolicyCommand,
  IAMClient,
  PutRolePolicyCommand,
  PutUserPolicyCommand,
} from '@aws-sdk/client-iam';
import {
  AddPermissionCommand,
  CreateAliasCommand,
  CreateFunctionCommand,
  CreateFunctionUrlConfigCommand,
  InvokeCommand,
  LambdaClient,
  PublishVersionCommand,
  RemovePermissionCommand,
} from '@aws-sdk/client-lambda';
import { SignatureV4 } from '@smithy/signature-v4';
import { call } from '../http-apis/support.ts';
import { zipOf } from '../support/clients.ts';
import { Sha256 } from '../support/sha256.ts';
import { run } from '../wire/support.ts';
import { ROOT, SecuredNode } from './secured-node.ts';

const BIN = join(import.meta.dirname, '../../bin/millrace.js');

let node: SecuredNode;
let lambda: LambdaClient;
let iam: IAMClient;

before(async () => {
  node = await SecuredNode.start();
  const options = { endpoint: node.endpoint, region: 'us-east-1', credentials: ROOT };
  lambda = new LambdaClient(options);
  const Statement = [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }];
  const AssumeRolePolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
  iam = new IAMClient(options);
  await iam.send(new CreateRoleCommand({ RoleName: 'r', AssumeRolePolicyDocument }));
});
after(async () => {
  lambda?.destroy();
  iam?.destroy();
  await node?.[Symbol.asyncDispose]();
});

/** Answers with its own credentials where it is asked for them. */
const CODE = `exports.handler = async ({ tell, requestContext }) => tell
  ? { accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY, sessionToken: process.env.AWS_SESSION_TOKEN }
  : requestContext;`;

/** Makes a function with a URL. @returns the path form of it */
async function make(FunctionName: string, AuthType: 'NONE' | 'AWS_IAM'): Promise<string> {
  const Code = { ZipFile: await zipOf({ 'index.js': CODE }) };
  const input = { Runtime: 'nodejs24.x', Role: 'arn:aws:iam::000000000000:role/r', Handler: 'index.handler' } as const;
  await lambda.send(new CreateFunctionCommand({ FunctionName, ...input, Code }));
  return makeUrl({ FunctionName, AuthType });
}

async function makeUrl(input: ConstructorParameters<typeof CreateFunctionUrlConfigCommand>[0]): Promise<string> {
  const { FunctionUrl } = await lambda.send(new CreateFunctionUrlConfigCommand(input));
  return `/_lambda/urls/${new URL(FunctionUrl!).hostname.split('.')[0]}/`;
}

type Keys = typeof ROOT & { readonly sessionToken?: string };

/** Posts to a URL what somebody has signed. */
async function sendSigned(
  path: string,
  credentials: Keys,
  changed: Readonly<Record<string, string>> = {},
  body = 'signed',
): Promise<Response> {
  const { host, hostname } = new URL(node.endpoint);
  const signer = new SignatureV4({ service: 'lambda', region: 'us-east-1', credentials, sha256: Sha256 as never });
  const plain = { method: 'POST', protocol: 'http:', hostname, path, query: {}, headers: { host }, body: 'signed' };
  const { headers } = (await signer.sign(plain as never)) as unknown as { headers: Record<string, string> };
  return fetch(node.endpoint + path, { method: 'POST', headers: { ...headers, ...changed }, body });
}

/** Makes a user with a key. */
async function makeUser(UserName: string): Promise<Keys> {
  await iam.send(new CreateUserCommand({ UserName }));
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
  return { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
}

type Statement = Readonly<Record<string, unknown>>;

function policy(...Statement: readonly Statement[]): string {
  return JSON.stringify({ Version: '2012-10-17', Statement });
}

const BOTH = ['lambda:InvokeFunctionUrl', 'lambda:InvokeFunction'];
const allow = (Resource: string, Action: readonly string[] = BOTH, Condition = {}): Statement => ({
  ...{ Effect: 'Allow', Action, Resource, Condition },
});
const arnOf = (name: string) => `arn:aws:lambda:us-east-1:000000000000:function:${name}`;

test('without credentials nobody calls a URL whose policy does not let everyone', async () => {
  const path = await make('open', 'NONE');
  const closed = await fetch(node.endpoint + path);
  assert.equal(closed.status, 403);
  assert.match(((await closed.json()) as { Message: string }).Message, /^Forbidden\. /);
  const permission = { FunctionName: 'open', StatementId: 'all', Principal: '*' };
  const Action = 'lambda:InvokeFunctionUrl';
  await lambda.send(new AddPermissionCommand({ ...permission, Action, FunctionUrlAuthType: 'NONE' }));
  assert.equal((await fetch(node.endpoint + path)).status, 403, 'the URL, and not what is behind it');
  const behind = { ...permission, StatementId: 'behind', Action: 'lambda:InvokeFunction' };
  await lambda.send(new AddPermissionCommand({ ...behind, InvokedViaFunctionUrl: true }));
  assert.equal((await fetch(node.endpoint + path)).status, 200);
  // Through the URL alone.
  const invoked = await fetch(`${node.endpoint}/2015-03-31/functions/open/invocations`, { method: 'POST', body: '{}' });
  assert.equal(invoked.status, 403);
  await lambda.send(new RemovePermissionCommand({ FunctionName: 'open', StatementId: 'all' }));
  assert.equal((await fetch(node.endpoint + path)).status, 403, 'what is behind it, and not the URL');
});

test('a permission for somebody, or for signed calls, opens nothing', async () => {
  const path = await make('narrow', 'NONE');
  const Action = 'lambda:InvokeFunctionUrl';
  const add = (
    StatementId: string,
    more: { Principal: string; FunctionUrlAuthType?: 'AWS_IAM' | 'NONE'; SourceAccount?: string },
  ) => lambda.send(new AddPermissionCommand({ FunctionName: 'narrow', StatementId, Action, ...more }));
  await add('account', { Principal: '111111111111', FunctionUrlAuthType: 'NONE' });
  await add('signed', { Principal: '*', FunctionUrlAuthType: 'AWS_IAM' });
  await add('from', { Principal: '*', SourceAccount: '111111111111' });
  assert.equal((await fetch(node.endpoint + path)).status, 403);
});

test('AWS_IAM takes a proven signature only', async () => {
  const path = await make('signed', 'AWS_IAM');
  const send = (credentials: Keys, changed?: Readonly<Record<string, string>>, body?: string) =>
    sendSigned(path, credentials, changed, body);
  const proven = await send(ROOT);
  assert.equal(proven.status, 200);
  const { authorizer } = (await proven.json()) as any;
  assert.equal(authorizer.iam.accessKey, ROOT.accessKeyId);
  assert.match(authorizer.iam.userArn, /^arn:aws:iam::000000000000:/);
  assert.equal((await fetch(node.endpoint + path, { method: 'POST', body: 'signed' })).status, 403);
  assert.equal((await send({ ...ROOT, secretAccessKey: 'guessed' })).status, 403);
  assert.equal((await send({ ...ROOT, accessKeyId: 'AKIANOBODY0000000000' })).status, 403);
  assert.equal((await send(ROOT, {}, 'another body')).status, 403);
  assert.equal((await send(ROOT, { 'x-amz-date': '20200101T000000Z' })).status, 403);
});

test('a signature for one path of a URL is none for another spelling of it, which may lead to another function', async () => {
  const [signed, other] = [await make('meant', 'AWS_IAM'), await make('unmeant', 'AWS_IAM')];
  const { host, hostname } = new URL(node.endpoint);
  const signer = new SignatureV4({
    service: 'lambda',
    region: 'us-east-1',
    credentials: ROOT,
    sha256: Sha256 as never,
  });
  const plain = { method: 'GET', protocol: 'http:', hostname, path: signed, query: {}, headers: { host } };
  const { headers } = (await signer.sign(plain as never)) as unknown as { headers: Record<string, string> };
  assert.equal((await call(node.endpoint, signed, { headers })).status, 200);
  for (const sent of [`${other}../${signed.split('/').at(-2)}/`, `${signed}x/../`, `${signed}/`]) {
    assert.equal((await call(node.endpoint, sent, { headers })).status, 403, sent);
  }
});

test('a user calls an AWS_IAM URL that policies let them call, and no other', async () => {
  const path = await make('theirs', 'AWS_IAM');
  const keys = await makeUser('caller');
  const may = async (...statements: readonly Statement[]) => {
    const PolicyDocument = policy(...statements);
    await iam.send(new PutUserPolicyCommand({ UserName: 'caller', PolicyName: 'p', PolicyDocument }));
    return (await sendSigned(path, keys)).status;
  };
  const refused = await sendSigned(path, keys);
  assert.equal(refused.status, 403);
  assert.equal(refused.headers.get('x-amzn-errortype'), 'AccessDeniedException');
  assert.match(((await refused.json()) as { Message: string }).Message, /^Forbidden\. For troubleshooting/);

  const own = arnOf('theirs');
  assert.equal(await may(allow(own)), 200);
  assert.equal(await may(allow(arnOf('others'))), 403);
  assert.equal(await may(allow(own, ['lambda:InvokeFunctionUrl'])), 403);
  assert.equal(await may(allow(own, ['lambda:InvokeFunction'])), 403);
  assert.equal(await may(allow(own), { ...allow(own, ['lambda:InvokeFunctionUrl']), Effect: 'Deny' }), 403);
  const viaUrl = { Bool: { 'lambda:InvokedViaFunctionUrl': 'true' } };
  const ofType = (type: string) => ({ StringEquals: { 'lambda:FunctionUrlAuthType': type } });
  const invoking = allow(own, ['lambda:InvokeFunction'], viaUrl);
  assert.equal(await may(invoking, allow(own, ['lambda:InvokeFunctionUrl'], ofType('AWS_IAM'))), 200);
  assert.equal(await may(invoking, allow(own, ['lambda:InvokeFunctionUrl'], ofType('NONE'))), 403);
  // What lets somebody in through the URL does not let them in beside it.
  const client = new LambdaClient({ endpoint: node.endpoint, region: 'us-east-1', credentials: keys });
  await assert.rejects(client.send(new InvokeCommand({ FunctionName: 'theirs' })), { name: 'AccessDeniedException' });
  client.destroy();
  const isHere = { IpAddress: { 'aws:SourceIp': ['127.0.0.1', '::1'] }, Bool: { 'aws:SecureTransport': 'true' } };
  assert.equal(await may(allow(own, BOTH, isHere)), 200);
});

test('the policy of a function lets a user in, and of its alias to that alone', async () => {
  const path = await make('shared', 'AWS_IAM');
  await lambda.send(new PublishVersionCommand({ FunctionName: 'shared' }));
  await lambda.send(new CreateAliasCommand({ FunctionName: 'shared', Name: 'prod', FunctionVersion: '1' }));
  const aliased = await makeUrl({ FunctionName: 'shared', Qualifier: 'prod', AuthType: 'AWS_IAM' });
  const keys = await makeUser('guest');
  const Principal = 'arn:aws:iam::000000000000:user/guest';
  const add = (Action: string, more: object) =>
    lambda.send(
      new AddPermissionCommand({ FunctionName: 'shared', Principal, Action, StatementId: Action.slice(7), ...more }),
    );
  await add('lambda:InvokeFunctionUrl', { Qualifier: 'prod', FunctionUrlAuthType: 'AWS_IAM' });
  assert.equal((await sendSigned(aliased, keys)).status, 403);
  await add('lambda:InvokeFunction', { Qualifier: 'prod', InvokedViaFunctionUrl: true });
  assert.equal((await sendSigned(aliased, keys)).status, 200);
  assert.equal((await sendSigned(path, keys)).status, 403);
  assert.equal((await sendSigned(aliased, await makeUser('stranger'))).status, 403);
  const PolicyDocument = policy({ ...allow('*', ['lambda:InvokeFunction']), Effect: 'Deny' });
  await iam.send(new PutUserPolicyCommand({ UserName: 'guest', PolicyName: 'p', PolicyDocument }));
  assert.equal((await sendSigned(aliased, keys)).status, 403);
});

test("a function calls another one's URL as its role lets it", async () => {
  const path = await make('callee', 'AWS_IAM');
  await make('calling', 'NONE');
  const { Payload } = await lambda.send(new InvokeCommand({ FunctionName: 'calling', Payload: '{"tell":true}' }));
  const keys = JSON.parse(Buffer.from(Payload!).toString()) as Keys;
  assert.equal((await sendSigned(path, keys)).status, 403);
  const named = { RoleName: 'r', PolicyName: 'p' };
  await iam.send(new PutRolePolicyCommand({ ...named, PolicyDocument: policy(allow(arnOf('callee'))) }));
  const answer = await sendSigned(path, keys);
  assert.equal(answer.status, 200);
  const { authorizer } = (await answer.json()) as any;
  assert.equal(authorizer.iam.userArn, 'arn:aws:sts::000000000000:assumed-role/r/calling');
  await iam.send(new DeleteRolePolicyCommand(named));
  assert.equal((await sendSigned(path, keys)).status, 403);
  assert.match(node.log, /lambda:InvokeFunctionUrl/);
});

test('who was refused a URL is in the audit log, nobody too', async () => {
  const environment = {
    ...{ PATH: process.env.PATH, AWS_ENDPOINT_URL: node.endpoint },
    ...{ AWS_ACCESS_KEY_ID: ROOT.accessKeyId, AWS_SECRET_ACCESS_KEY: ROOT.secretAccessKey },
  };
  const { stdout } = await run(process.execPath, [BIN, 'audit', '--event', 'InvokeFunctionUrl', '--json'], environment);
  const records = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const shown = records.map(({ userIdentity, errorCode, resources }) => [
    ...[userIdentity.userName ?? userIdentity.principalId, errorCode, resources[0].ARN],
  ]);
  for (const one of [
    ['anonymous', 'AccessDeniedException', arnOf('open')],
    ['stranger', 'AccessDeniedException', `${arnOf('shared')}:prod`],
  ]) {
    assert.ok(
      shown.some((other) => String(other) === String(one)),
      `${one} is not in ${JSON.stringify(shown)}`,
    );
  }
});
