/** Roles of integrations and authorizers: who may give them, and what they let an API do. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as v1 from '@aws-sdk/client-api-gateway';
import * as v2 from '@aws-sdk/client-apigatewayv2';
import * as iam from '@aws-sdk/client-iam';
import {
  AddPermissionCommand,
  CreateFunctionCommand,
  LambdaClient,
  RemovePermissionCommand,
} from '@aws-sdk/client-lambda';
import type { Node } from '../../src/node/index.ts';
import { call } from '../http-apis/support.ts';
import { zipOf } from '../support/clients.ts';
import { securedNode } from '../support/in-process.ts';
import { ROOT } from './secured-node.ts';

const ROLE = 'arn:aws:iam::000000000000:role/strong';
const ALL = { Effect: 'Allow', Action: 'apigateway:*', Resource: '*' };

let node: Node;
let directory: string;
let root: iam.IAMClient;
let rest: v1.APIGatewayClient;
let http: v2.ApiGatewayV2Client;
/** The same for Mallory, who may do everything with APIs, and what each test gives her. */
let hers: { readonly rest: v1.APIGatewayClient; readonly http: v2.ApiGatewayV2Client };
let fn: string;

const document = (...Statement: readonly object[]) => JSON.stringify({ Version: '2012-10-17', Statement });

async function allow(...statements: readonly object[]): Promise<void> {
  const PolicyDocument = document(ALL, ...statements);
  await root.send(new iam.PutUserPolicyCommand({ UserName: 'mallory', PolicyName: 'own', PolicyDocument }));
}

/** @param service  that the role lets take it on; @param allowed  function that it may call */
async function makeRole(RoleName: string, service: string, allowed?: string): Promise<string> {
  const trust = document({ Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole' });
  const { Role } = await root.send(new iam.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: trust }));
  if (allowed !== undefined) {
    const PolicyDocument = document({ Effect: 'Allow', Action: 'lambda:InvokeFunction', Resource: allowed });
    await root.send(new iam.PutRolePolicyCommand({ RoleName, PolicyName: 'own', PolicyDocument }));
  }
  return Role!.Arn!;
}

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-api-roles-'));
  node = await securedNode(directory, ROOT);
  const options = (credentials: { accessKeyId: string; secretAccessKey: string }) => ({
    ...{ endpoint: node.endpoint, region: 'us-east-1', credentials, maxAttempts: 1 },
  });
  root = new iam.IAMClient(options(ROOT));
  rest = new v1.APIGatewayClient(options(ROOT));
  http = new v2.ApiGatewayV2Client(options(ROOT));
  await root.send(new iam.CreateUserCommand({ UserName: 'mallory' }));
  const { AccessKey } = await root.send(new iam.CreateAccessKeyCommand({ UserName: 'mallory' }));
  const keys = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
  hers = { rest: new v1.APIGatewayClient(options(keys)), http: new v2.ApiGatewayV2Client(options(keys)) };
  const lambda = new LambdaClient(options(ROOT));
  const Role = await makeRole('of-function', 'lambda.amazonaws.com');
  const code = 'exports.handler = async () => ({ statusCode: 200, body: "called" });';
  const Code = { ZipFile: await zipOf({ 'index.js': code }) };
  const about = { FunctionName: 'behind', Runtime: 'nodejs24.x', Handler: 'index.handler', Role } as const;
  fn = (await lambda.send(new CreateFunctionCommand({ ...about, Code }))).FunctionArn!;
  lambda.destroy();
});

after(async () => {
  for (const client of [root, rest, http, hers?.rest, hers?.http]) client?.destroy();
  await node?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const uriOf = (arn: string) => `arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${arn}/invocations`;

test('who gives an API a role must have the right to pass it on to API Gateway', async () => {
  const { id: restApiId, rootResourceId: resourceId } = await rest.send(new v1.CreateRestApiCommand({ name: 'a' }));
  const method = { restApiId, resourceId, httpMethod: 'GET' };
  await rest.send(new v1.PutMethodCommand({ ...method, authorizationType: 'NONE' }));
  const integration = { type: 'AWS_PROXY', integrationHttpMethod: 'POST', uri: uriOf(fn) } as const;
  await rest.send(new v1.PutIntegrationCommand({ ...method, ...integration }));
  const { ApiId } = await http.send(new v2.CreateApiCommand({ Name: 'a', ProtocolType: 'HTTP' }));
  const about = {
    name: 'a',
    type: 'TOKEN',
    identitySource: 'method.request.header.a',
    authorizerUri: uriOf(fn),
  } as const;
  const { id: authorizerId } = await rest.send(new v1.CreateAuthorizerCommand({ restApiId, ...about }));
  const replace = (path: string): v1.PatchOperation[] => [{ op: 'replace', path, value: ROLE }];
  const asRequest = {
    AuthorizerType: 'REQUEST',
    AuthorizerUri: uriOf(fn),
    AuthorizerPayloadFormatVersion: '2.0',
  } as const;
  const extension = 'x-amazon-apigateway-integration';
  const proxy = {
    type: 'aws_proxy',
    httpMethod: 'POST',
    uri: uriOf(fn),
    credentials: ROLE,
    payloadFormatVersion: '1.0',
  };
  const definition = JSON.stringify({
    ...{ openapi: '3.0.1', info: { title: 'b' } },
    paths: { '/': { get: { responses: {}, [extension]: proxy } } },
  });
  const body = Buffer.from(definition);
  const sendRest = (command: object) => (): Promise<unknown> => hers.rest.send(command as never);
  const sendHttp = (command: object) => (): Promise<unknown> => hers.http.send(command as never);
  const ways: Record<string, () => Promise<unknown>> = {
    PutIntegration: sendRest(new v1.PutIntegrationCommand({ ...method, ...integration, credentials: ROLE })),
    UpdateIntegration: sendRest(
      new v1.UpdateIntegrationCommand({ ...method, patchOperations: replace('/credentials') }),
    ),
    CreateAuthorizer: sendRest(
      new v1.CreateAuthorizerCommand({ restApiId, ...about, name: 'b', authorizerCredentials: ROLE }),
    ),
    UpdateAuthorizer: sendRest(
      new v1.UpdateAuthorizerCommand({ restApiId, authorizerId, patchOperations: replace('/authorizerCredentials') }),
    ),
    UpdateAccount: sendRest(new v1.UpdateAccountCommand({ patchOperations: replace('/cloudwatchRoleArn') })),
    ImportRestApi: sendRest(new v1.ImportRestApiCommand({ body })),
    PutRestApi: sendRest(new v1.PutRestApiCommand({ restApiId, body })),
    'CreateIntegration (HTTP)': sendHttp(
      new v2.CreateIntegrationCommand({
        ...{ ApiId, IntegrationType: 'AWS_PROXY', IntegrationUri: fn, CredentialsArn: ROLE },
      }),
    ),
    'CreateApi (HTTP)': sendHttp(
      new v2.CreateApiCommand({ Name: 'b', ProtocolType: 'HTTP', Target: fn, CredentialsArn: ROLE }),
    ),
    'CreateAuthorizer (HTTP)': sendHttp(
      new v2.CreateAuthorizerCommand({
        ...{ ApiId, Name: 'a', IdentitySource: ['$request.header.a'], AuthorizerCredentialsArn: ROLE },
        ...asRequest,
      }),
    ),
    'ImportApi (HTTP)': sendHttp(new v2.ImportApiCommand({ Body: definition })),
  };
  const pass = (service: string, Resource: string) => ({
    ...{ Effect: 'Allow', Action: 'iam:PassRole', Resource },
    Condition: { StringEquals: { 'iam:PassedToService': service } },
  });
  const lacking = [[], [pass('lambda.amazonaws.com', ROLE)], [pass('apigateway.amazonaws.com', `${ROLE}er`)]];
  for (const statements of lacking) {
    await allow(...statements);
    for (const [what, way] of Object.entries(ways)) {
      await assert.rejects(way(), /is not authorized to perform: iam:PassRole on resource: .*role\/strong/, what);
    }
  }
  await allow(pass('apigateway.amazonaws.com', ROLE));
  for (const [what, way] of Object.entries(ways)) await assert.doesNotReject(way(), what);
});

test('an API calls a function as its role may, and takes on none that does not trust API Gateway', async () => {
  const roles = {
    able: await makeRole('able', 'apigateway.amazonaws.com', fn),
    unable: await makeRole('unable', 'apigateway.amazonaws.com', `${fn}-other`),
    unwilling: await makeRole('unwilling', 'lambda.amazonaws.com', fn),
    missing: 'arn:aws:iam::000000000000:role/missing',
  };
  const { port } = new URL(node.endpoint);
  const statusBy = async (CredentialsArn?: string): Promise<readonly number[]> => {
    const api = await http.send(
      new v2.CreateApiCommand({ Name: 'c', ProtocolType: 'HTTP', Target: fn, CredentialsArn }),
    );
    const { id: restApiId, rootResourceId: resourceId } = await rest.send(new v1.CreateRestApiCommand({ name: 'c' }));
    const method = { restApiId, resourceId, httpMethod: 'GET' };
    await rest.send(new v1.PutMethodCommand({ ...method, authorizationType: 'NONE' }));
    const credentials = CredentialsArn;
    const integration = { type: 'AWS_PROXY', integrationHttpMethod: 'POST', uri: uriOf(fn), credentials } as const;
    await rest.send(new v1.PutIntegrationCommand({ ...method, ...integration }));
    await rest.send(new v1.CreateDeploymentCommand({ restApiId, stageName: 'dev' }));
    const at = `http://${restApiId}.execute-api.us-east-1.localhost:${port}`;
    return [(await call(api.ApiEndpoint!, '/')).status, (await call(at, '/dev')).status];
  };
  assert.deepEqual(await statusBy(), [500, 500], "the function's own policy lets nobody call it");
  assert.deepEqual(await statusBy(roles.able), [200, 200]);
  assert.deepEqual(await statusBy(roles.unable), [500, 500]);
  assert.deepEqual(await statusBy(roles.unwilling), [500, 500]);
  assert.deepEqual(await statusBy(roles.missing), [500, 500]);
});

test('what lets an API call a function is asked again as soon as it changes', async () => {
  const options = { endpoint: node.endpoint, region: 'us-east-1', credentials: ROOT, maxAttempts: 1 };
  const lambda = new LambdaClient(options);
  const { ApiEndpoint } = await http.send(new v2.CreateApiCommand({ Name: 'd', ProtocolType: 'HTTP', Target: fn }));
  const status = async (at = ApiEndpoint!) => (await call(at, '/')).status;
  const about = { FunctionName: 'behind', StatementId: 'api' };
  const granted = { Action: 'lambda:InvokeFunction', Principal: 'apigateway.amazonaws.com' };
  await lambda.send(new AddPermissionCommand({ ...about, ...granted }));
  assert.deepEqual([await status(), await status()], [200, 200]);
  await lambda.send(new RemovePermissionCommand(about));
  assert.equal(await status(), 500);
  lambda.destroy();

  const CredentialsArn = await makeRole('passing', 'apigateway.amazonaws.com', fn);
  const target = { Name: 'e', ProtocolType: 'HTTP', Target: fn, CredentialsArn } as const;
  const { ApiEndpoint: byRole } = await http.send(new v2.CreateApiCommand(target));
  assert.deepEqual([await status(byRole), await status(byRole)], [200, 200]);
  await root.send(new iam.DeleteRolePolicyCommand({ RoleName: 'passing', PolicyName: 'own' }));
  assert.equal(await status(byRole), 500);
});
