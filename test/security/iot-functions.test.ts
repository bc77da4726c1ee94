/** AWS IoT calls the functions that let it: whoever may make an authorizer may not thereby call every function. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CreateRoleCommand, IAMClient } from '@aws-sdk/client-iam';
import * as iot from '@aws-sdk/client-iot';
import {
  AddPermissionCommand,
  CreateFunctionCommand,
  LambdaClient,
  RemovePermissionCommand,
} from '@aws-sdk/client-lambda';
import type { Node } from '../../src/node/index.ts';
import { zipOf } from '../support/clients.ts';
import { securedNode } from '../support/in-process.ts';
import { ROOT } from './secured-node.ts';

const FUNCTION = 'arn:aws:lambda:us-east-1:000000000000:function:decides';
const AUTHORIZER = 'arn:aws:iot:us-east-1:000000000000:authorizer/door';
const TRUST = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
});

let node: Node;
let directory: string;
let lambda: LambdaClient;
let client: iot.IoTClient;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-iot-functions-'));
  node = await securedNode(directory, ROOT);
  const options = () => ({ endpoint: node.endpoint, region: 'us-east-1', credentials: { ...ROOT }, maxAttempts: 1 });
  lambda = new LambdaClient(options());
  client = new iot.IoTClient(options());
  const iam = new IAMClient(options());
  const { Role } = await iam.send(new CreateRoleCommand({ RoleName: 'decides', AssumeRolePolicyDocument: TRUST }));
  iam.destroy();
  const code = `exports.handler = async () => ({
    isAuthenticated: true, principalId: 'someone', disconnectAfterInSeconds: 3600, refreshAfterInSeconds: 3600,
    policyDocuments: [{ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'iot:Connect', Resource: '*' }] }],
  });`;
  await lambda.send(
    new CreateFunctionCommand({
      ...{ FunctionName: 'decides', Role: Role!.Arn!, Runtime: 'nodejs24.x', Handler: 'index.handler', Timeout: 20 },
      Code: { ZipFile: await zipOf({ 'index.js': code }) },
    }),
  );
  await client.send(
    new iot.CreateAuthorizerCommand({
      ...{ authorizerName: 'door', authorizerFunctionArn: FUNCTION, signingDisabled: true, status: 'ACTIVE' },
    }),
  );
});
after(async () => {
  for (const one of [lambda, client]) one?.destroy();
  await node?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const ask = () =>
  client.send(
    new iot.TestInvokeAuthorizerCommand({
      authorizerName: 'door',
      mqttContext: { username: 'u', password: Buffer.from('p'), clientId: 'c' },
    }),
  );

async function allow(SourceArn: string, Principal = 'iot.amazonaws.com'): Promise<() => Promise<unknown>> {
  const permission = { FunctionName: 'decides', StatementId: 'iot', Action: 'lambda:InvokeFunction' };
  await lambda.send(new AddPermissionCommand({ ...permission, Principal, SourceArn }));
  const { FunctionName, StatementId } = permission;
  return () => lambda.send(new RemovePermissionCommand({ FunctionName, StatementId }));
}

test('an authorizer asks a function whose policy lets AWS IoT, for that authorizer', async () => {
  await assert.rejects(ask());
  for (const [source, principal] of [
    [`${AUTHORIZER}-of-another`, 'iot.amazonaws.com'],
    [AUTHORIZER, 'sns.amazonaws.com'],
  ] as const) {
    const forbid = await allow(source, principal);
    await assert.rejects(ask(), `${source} ${principal}`);
    await forbid();
  }
  await allow(AUTHORIZER);
  const { isAuthenticated, principalId } = await ask();
  assert.deepEqual([isAuthenticated, principalId], [true, 'someone']);
});
