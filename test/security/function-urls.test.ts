/** Function URLs of a node that enforces signatures. */
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import { CreateRoleCommand, IAMClient } from '@aws-sdk/client-iam';
import {
  AddPermissionCommand,
  CreateFunctionCommand,
  CreateFunctionUrlConfigCommand,
  LambdaClient,
} from '@aws-sdk/client-lambda';
import { SignatureV4 } from '@smithy/signature-v4';
import { zipOf } from '../support/clients.ts';
import { ROOT, SecuredNode } from './secured-node.ts';

let node: SecuredNode;
let lambda: LambdaClient;

before(async () => {
  node = await SecuredNode.start();
  const options = { endpoint: node.endpoint, region: 'us-east-1', credentials: ROOT };
  lambda = new LambdaClient(options);
  const Statement = [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }];
  const AssumeRolePolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
  await new IAMClient(options).send(new CreateRoleCommand({ RoleName: 'r', AssumeRolePolicyDocument }));
});
after(async () => {
  lambda?.destroy();
  await node?.[Symbol.asyncDispose]();
});

/** Makes a function with a URL. @returns the path form of it */
async function make(FunctionName: string, AuthType: 'NONE' | 'AWS_IAM'): Promise<string> {
  const Code = { ZipFile: await zipOf({ 'index.js': 'exports.handler = async (event) => event.requestContext' }) };
  const input = { Runtime: 'nodejs24.x', Role: 'arn:aws:iam::000000000000:role/r', Handler: 'index.handler' } as const;
  await lambda.send(new CreateFunctionCommand({ FunctionName, ...input, Code }));
  const { FunctionUrl } = await lambda.send(new CreateFunctionUrlConfigCommand({ FunctionName, AuthType }));
  return `/_lambda/urls/${new URL(FunctionUrl!).hostname.split('.')[0]}/`;
}

class Sha256 {
  readonly #hash;
  constructor(secret?: Uint8Array) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret);
  }
  update(data: Uint8Array): void {
    this.#hash.update(data);
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
}

test('without credentials nobody calls a URL whose policy does not let everyone', async () => {
  const path = await make('open', 'NONE');
  const closed = await fetch(node.endpoint + path);
  assert.equal(closed.status, 403);
  assert.match(((await closed.json()) as { Message: string }).Message, /^Forbidden\. /);
  const permission = { FunctionName: 'open', StatementId: 'all', Principal: '*' };
  const Action = 'lambda:InvokeFunctionUrl';
  await lambda.send(new AddPermissionCommand({ ...permission, Action, FunctionUrlAuthType: 'NONE' }));
  assert.equal((await fetch(node.endpoint + path)).status, 200);
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
  const { host, hostname } = new URL(node.endpoint);
  const send = async (credentials: typeof ROOT, changed: Readonly<Record<string, string>> = {}, body?: string) => {
    const signer = new SignatureV4({ service: 'lambda', region: 'us-east-1', credentials, sha256: Sha256 as never });
    const plain = { method: 'POST', protocol: 'http:', hostname, path, query: {}, headers: { host }, body: 'signed' };
    const { headers } = (await signer.sign(plain as never)) as unknown as { headers: Record<string, string> };
    return fetch(node.endpoint + path, { method: 'POST', headers: { ...headers, ...changed }, body: body ?? 'signed' });
  };
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
