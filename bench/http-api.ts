/**
 * HTTP API -> warm function: a whole node, that checks signatures and policies, with all processes of its functions on one core; clients
 * that keep their connections on the other. The function answers a small JSON with payload format 2.0. Beside Node's own HTTP server
 * that passes as many bytes to processes which only echo. Rates are of wall time with one request under way on each of 8
 * connections, and on each of 32; the processor time an answer, of all threads of the node without its functions, holds still on a busy machine.
 * REST APIs, function URLs and what an authorizer adds are measured the same way, without a target.
 * Not measured: cold starts (`environments.ts`), TLS, integrations by HTTP, large bodies.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { APIGateway } from '@aws-sdk/client-api-gateway';
import { ApiGatewayV2 } from '@aws-sdk/client-apigatewayv2';
import { IAM } from '@aws-sdk/client-iam';
import { Lambda, waitUntilFunctionActiveV2 } from '@aws-sdk/client-lambda';
import { zipOf } from '../test/support/clients.ts';
import { type Figure, formatFigure } from './figure.ts';
import type { HttpResult } from './generator/http-load.ts';
import { type BrokerProcess, runRequestLoad, startHttpFloor, startWholeNode } from './generator/processes.ts';
import { KEY } from './generator/table-requests.ts';

const CONNECTIONS = 8;
/** More than the functions' environments would be. */
const CROWD = 32;
const TIMES = { warmUpMs: 2000, measureMs: 3000 } as const;
const REGION = 'us-east-1';
const CODE = `exports.handler = async (event) => ({
  statusCode: 200,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ ok: true, id: event.pathParameters?.id }),
});`;

/** What is asked: a request after the other, and as many as one core can. */
const P50_MS_MAX = 1.5;
const RATE_MIN = 3000;

/** A request as it is sent: where, and what. */
interface Way {
  readonly host: string;
  readonly path: string;
}

interface Result {
  readonly alone: HttpResult;
  readonly many: HttpResult;
}

/** About forty seconds. */
export async function run(): Promise<Figure[]> {
  await using scope = new AsyncDisposableStack();
  const parent = resolve(import.meta.dirname, '../.bench');
  mkdirSync(parent, { recursive: true });
  const directory = mkdtempSync(join(parent, 'http-api-'));
  scope.defer(() => rmSync(directory, { recursive: true, force: true }));
  const bare = await floor();
  await using node = await startWholeNode(directory);
  const ways = await waysTo(node.port);
  const http = await measured(node, ways.http);
  const crowd = await loaded(node, ways.http, CROWD);
  return [
    {
      name: 'HTTP API to warm function: p50, one client',
      value: http.alone.p50Ms,
      unit: 'ms',
      floor: { name: 'node:http and a process that echoes', value: bare.alone.p50Ms },
      ratio: http.alone.p50Ms / bare.alone.p50Ms,
      target: { value: P50_MS_MAX, met: http.alone.p50Ms < P50_MS_MAX },
    },
    {
      name: `HTTP API to warm function: ${CONNECTIONS} clients, node and functions on one core`,
      value: http.many.rate,
      unit: 'requests/s',
      floor: { name: 'node:http and processes that echo', value: bare.many.rate },
      ratio: http.many.rate / bare.many.rate,
      target: { value: RATE_MIN, met: http.many.rate >= RATE_MIN },
    },
    { name: `HTTP API to warm function: ${CONNECTIONS} clients, p99`, value: http.many.p99Ms, unit: 'ms' },
    {
      name: `HTTP API to warm function: ${CROWD} clients, node and functions on one core`,
      value: crowd.rate,
      unit: 'requests/s',
      target: { value: RATE_MIN, met: crowd.rate >= RATE_MIN },
    },
    { name: `HTTP API to warm function: ${CROWD} clients, p99`, value: crowd.p99Ms, unit: 'ms' },
    ...cost('HTTP API', http, bare),
    ...cost('REST API', await measured(node, ways.rest), bare),
    ...cost('function URL', await measured(node, ways.url), bare),
  ];
}

function cost(name: string, { many, alone }: Result, bare: Result): Figure[] {
  return [
    {
      name: `${name}: processor time of the node a request`,
      value: many.cpuMicros,
      unit: 'µs',
      floor: { name: 'node:http', value: bare.many.cpuMicros },
      ratio: many.cpuMicros / bare.many.cpuMicros,
    },
    ...(name === 'HTTP API'
      ? []
      : [{ name: `${name} to warm function: p50, one client`, value: alone.p50Ms, unit: 'ms' }]),
  ];
}

async function floor(): Promise<Result> {
  await using server = await startHttpFloor(CONNECTIONS);
  return await measured(server, { host: '127.0.0.1', path: '/items/42' });
}

async function measured(server: BrokerProcess, way: Way): Promise<Result> {
  const many = await loaded(server, way, CONNECTIONS);
  return { many, alone: await loaded(server, way, 1) };
}

function loaded({ port, pid }: BrokerProcess, { host, path }: Way, clients: number): Promise<HttpResult> {
  const request = `GET ${path} HTTP/1.1\r\nhost: ${host}\r\nuser-agent: bench\r\naccept: */*\r\n\r\n`;
  return runRequestLoad({ port, pid, request, ...TIMES, clients });
}

/** A function behind an HTTP API, a REST API and a URL, each with the permission that it needs. */
async function waysTo(port: number): Promise<Record<'http' | 'rest' | 'url', Way>> {
  const credentials = { accessKeyId: KEY.accessKeyId, secretAccessKey: KEY.secret };
  const options = { endpoint: `http://127.0.0.1:${port}`, region: REGION, credentials };
  const [lambda, v1, v2] = [new Lambda(options), new APIGateway(options), new ApiGatewayV2(options)];
  const FunctionName = 'bench-http';
  const arn = await makeFunction(lambda, new IAM(options), FunctionName);
  const gateway = { FunctionName, StatementId: 'apis', Principal: 'apigateway.amazonaws.com' };
  await lambda.addPermission({ ...gateway, Action: 'lambda:InvokeFunction' });
  const api = await v2.createApi({ Name: 'bench', ProtocolType: 'HTTP', RouteKey: 'GET /items/{id}', Target: arn });
  const rest = await restApi(v1, arn);
  await lambda.addPermission({
    ...{ FunctionName, StatementId: 'url', Principal: '*', FunctionUrlAuthType: 'NONE' },
    Action: 'lambda:InvokeFunctionUrl',
  });
  await lambda.addPermission({
    ...{ FunctionName, StatementId: 'via-url', Principal: '*', InvokedViaFunctionUrl: true },
    Action: 'lambda:InvokeFunction',
  });
  const { FunctionUrl } = await lambda.createFunctionUrlConfig({ FunctionName, AuthType: 'NONE' });
  for (const client of [lambda, v1, v2]) client.destroy();
  return {
    http: { host: new URL(api.ApiEndpoint!).host, path: '/items/42' },
    rest: { host: `${rest}.execute-api.${REGION}.localhost:${port}`, path: '/bench/items/42' },
    url: { host: new URL(FunctionUrl!).host, path: '/items/42' },
  };
}

async function makeFunction(lambda: Lambda, iam: IAM, FunctionName: string): Promise<string> {
  const Statement = [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }];
  const AssumeRolePolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
  const { Role } = await iam.createRole({ RoleName: FunctionName, AssumeRolePolicyDocument });
  iam.destroy();
  const about = { FunctionName, Runtime: 'nodejs24.x', Handler: 'index.handler', MemorySize: 256 } as const;
  const Code = { ZipFile: await zipOf({ 'index.js': CODE }) };
  const { FunctionArn } = await lambda.createFunction({ ...about, Code, Role: Role!.Arn! });
  await waitUntilFunctionActiveV2({ client: lambda, maxWaitTime: 30, minDelay: 1 }, { FunctionName });
  return FunctionArn!;
}

/** @returns its id */
async function restApi(v1: APIGateway, arn: string): Promise<string> {
  const { id: restApiId, rootResourceId } = await v1.createRestApi({ name: 'bench' });
  const items = await v1.createResource({ restApiId, parentId: rootResourceId, pathPart: 'items' });
  const { id: resourceId } = await v1.createResource({ restApiId, parentId: items.id, pathPart: '{id}' });
  const method = { restApiId, resourceId, httpMethod: 'GET' };
  await v1.putMethod({ ...method, authorizationType: 'NONE' });
  const uri = `arn:aws:apigateway:${REGION}:lambda:path/2015-03-31/functions/${arn}/invocations`;
  await v1.putIntegration({ ...method, type: 'AWS_PROXY', integrationHttpMethod: 'POST', uri });
  await v1.createDeployment({ restApiId, stageName: 'bench' });
  return restApiId!;
}

if (import.meta.main) for (const figure of await run()) process.stdout.write(`${formatFigure(figure)}\n`);
