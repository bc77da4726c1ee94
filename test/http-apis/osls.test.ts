import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { GetApiKeysCommand, GetRestApisCommand, GetUsagePlansCommand } from '@aws-sdk/client-api-gateway';
import { GetApisCommand } from '@aws-sdk/client-apigatewayv2';
import { type Answer, call, type House, openHouse } from './support.ts';

/** osls as npm has it, unmodified. */
const OSLS = createRequire(import.meta.url).resolve('osls/bin/serverless.js');

const HANDLERS = `
exports.echo = async (event) => ({ statusCode: 200, body: JSON.stringify(event) });
exports.open = async (event) => ({ isAuthorized: event.headers.key === 'open' });
exports.token = async (event) => ({
  principalId: 'me',
  policyDocument: { Version: '2012-10-17', Statement: [{ Action: 'execute-api:Invoke', Effect: 'Allow', Resource: event.methodArn }] },
});
exports.plain = async (event) => {
  if (event.body.fails) throw new Error('[400] not so');
  return { got: event.body, method: event.method, query: event.query, path: event.path };
};
`;

const SERVICE = `
service: apis
provider:
  name: aws
  runtime: nodejs22.x
  httpApi:
    cors: true
    authorizers:
      custom:
        type: request
        functionName: open
        enableSimpleResponses: true
        payloadVersion: '2.0'
        identitySource: ['$request.header.key']
  apiGateway:
    apiKeys: [first]
    usagePlan: { quota: { limit: 5, period: DAY } }
functions:
  echo:
    handler: handler.echo
    events:
      - httpApi: GET /items/{id}
      - httpApi: '*'
      - httpApi: { method: POST, path: /closed, authorizer: { name: custom } }
      - http: { path: 'things/{id}', method: get, cors: true }
      - http: { path: many, method: get, cors: { origins: ['http://localhost:3000', 'https://b.example'] } }
      - http: { path: keyed, method: post, private: true }
      - http: { path: who, method: get, authorizer: { name: token, resultTtlInSeconds: 0 } }
  open: { handler: handler.open }
  token: { handler: handler.token }
  plain:
    handler: handler.plain
    events:
      - http: { path: 'plain/{id}', method: post, integration: lambda }
`;

let house: House;
let root: string;

before(async () => {
  house = await openHouse();
  root = await mkdtemp(join(tmpdir(), 'millrace-osls-apis-'));
  await mkdir(join(root, 'service'));
  await writeFile(join(root, 'service', 'handler.js'), HANDLERS);
  await writeFile(join(root, 'service', 'serverless.yml'), SERVICE);
});

after(async () => {
  await house?.[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

function osls(...args: string[]): Promise<string> {
  const env = {
    ...process.env,
    ...{ AWS_ENDPOINT_URL: house.node.endpoint, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' },
    ...{ AWS_REGION: 'us-east-1', SLS_AWS_MONITORING_FREQUENCY: '250', SLS_TELEMETRY_DISABLED: '1' },
  };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [OSLS, ...args], { cwd: join(root, 'service'), env }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${stdout}${stderr}`));
      else resolve(`${stdout}${stderr}`);
    });
  });
}

const address = (id: string) => `http://${id}.execute-api.us-east-1.localhost:${new URL(house.node.endpoint).port}`;

test('httpApi and http events of a serverless.yml deploy, answer and are removed, by osls as it is', async () => {
  await osls('deploy');
  const [http] = (await house.v2.send(new GetApisCommand({}))).Items!;
  const [rest] = (await house.v1.send(new GetRestApisCommand({}))).items!;
  const atHttp = (...more: [path: string, options?: object, body?: string]): Promise<Answer> =>
    call(address(http!.ApiId!), ...more);
  const atRest = (...more: [path: string, options?: object, body?: string]): Promise<Answer> =>
    call(address(rest!.id!), ...more);

  assert.match(await osls('info'), new RegExp(`GET - https://${http!.ApiId}\\.execute-api\\..*/items/\\{id\\}`));
  assert.equal((await atHttp('/items/7')).json().routeKey, 'GET /items/{id}');
  assert.equal((await atHttp('/any/thing')).json().routeKey, '$default');
  assert.equal((await atHttp('/closed', { method: 'POST' })).status, 401);
  assert.equal((await atHttp('/closed', { method: 'POST', headers: { key: 'open' } })).status, 200);

  assert.deepEqual((await atRest('/dev/things/7')).json().pathParameters, { id: '7' });
  const preflight = await atRest('/dev/things/7', { method: 'OPTIONS' });
  assert.deepEqual([preflight.status, preflight.headers['access-control-allow-origin']], [200, '*']);
  const asked = await atRest('/dev/many', { method: 'OPTIONS', headers: { origin: 'http://localhost:3000' } });
  assert.equal(asked.headers['access-control-allow-origin'], 'http://localhost:3000', 'its template sets the header');
  assert.equal((await atRest('/dev/keyed', { method: 'POST' })).status, 403);
  const [key] = (await house.v1.send(new GetApiKeysCommand({ includeValues: true }))).items!;
  assert.equal((await atRest('/dev/keyed', { method: 'POST', headers: { 'x-api-key': key!.value } })).status, 200);
  assert.equal((await atRest('/dev/who')).status, 401);
  const who = await atRest('/dev/who', { headers: { authorization: 'me' } });
  assert.equal(who.json().requestContext.authorizer.principalId, 'me');

  const headers = { 'content-type': 'application/json' };
  const mapped = await atRest('/dev/plain/5?a=1', { method: 'POST', headers }, '{"a":{"b":1}}');
  const expected = { got: { a: { b: 1 } }, method: 'POST', query: { a: '1' }, path: { id: '5' } };
  assert.deepEqual(mapped.json(), expected, 'integration: lambda goes through its templates');
  assert.equal((await atRest('/dev/plain/5', { method: 'POST', headers }, '{"fails":true}')).status, 400);

  await osls('remove');
  const left = [
    (await house.v2.send(new GetApisCommand({}))).Items,
    (await house.v1.send(new GetRestApisCommand({}))).items,
    (await house.v1.send(new GetApiKeysCommand({}))).items,
    (await house.v1.send(new GetUsagePlansCommand({}))).items,
  ];
  assert.deepEqual(left, [[], [], [], []]);
});
