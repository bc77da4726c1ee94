/** Methods of REST APIs that ask for a signature: who gets where, however a request is spelled. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { APIGateway } from '@aws-sdk/client-api-gateway';
import { IAM } from '@aws-sdk/client-iam';
import { STS } from '@aws-sdk/client-sts';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Node } from '../../src/node/index.ts';
import { call, openHouse } from '../http-apis/support.ts';
import { securedNode } from '../support/in-process.ts';
import { Sha256 } from '../support/sha256.ts';
import { ROOT } from './secured-node.ts';

type Keys = typeof ROOT & { readonly sessionToken?: string };

let node: Node;
let directory: string;
let iam: IAM;
let rest: APIGateway;
let api: string;
let mallory: Keys;

const INVOKE = 'execute-api:Invoke';
const document = (...Statement: readonly object[]) => JSON.stringify({ Version: '2012-10-17', Statement });
const arn = (path: string) => `arn:aws:execute-api:us-east-1:000000000000:${api}/${path}`;

/** A method that says which of them it is. */
const method = (path: string) => ({
  get: {
    'x-amazon-apigateway-auth': { type: 'AWS_IAM' },
    security: [{ sigv4: [] }],
    responses: { 200: { description: 'ok' } },
    'x-amazon-apigateway-integration': {
      type: 'mock',
      requestTemplates: { 'application/json': '{"statusCode":200}' },
      responses: { default: { statusCode: '200', responseTemplates: { 'application/json': path } } },
    },
  },
});

const DEFINITION = {
  openapi: '3.0.1',
  info: { title: 'orders', version: '1' },
  paths: Object.fromEntries(['/orders/admin', '/orders/{id}', '/{proxy+}'].map((path) => [path, method(path)])),
  components: {
    securitySchemes: {
      sigv4: {
        ...{ type: 'apiKey', name: 'Authorization', in: 'header' },
        'x-amazon-apigateway-authtype': 'awsSigv4',
      },
    },
  },
};

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-signed-apis-'));
  node = await securedNode(directory, ROOT);
  const options = { endpoint: node.endpoint, region: 'us-east-1', credentials: ROOT, maxAttempts: 1 };
  iam = new IAM(options);
  rest = new APIGateway(options);
  const { id: restApiId } = await rest.importRestApi({ body: Buffer.from(JSON.stringify(DEFINITION)) });
  for (const stageName of ['prod', 'dev']) await rest.createDeployment({ restApiId, stageName });
  api = restApiId!;
  await iam.createUser({ UserName: 'mallory' });
  const { AccessKey } = await iam.createAccessKey({ UserName: 'mallory' });
  mallory = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
});

after(async () => {
  for (const client of [iam, rest]) client?.destroy();
  await node?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function allow(...statements: readonly object[]): Promise<void> {
  await iam.putUserPolicy({ UserName: 'mallory', PolicyName: 'own', PolicyDocument: document(...statements) });
}

interface Signing {
  readonly keys?: Keys;
  readonly region?: string;
  readonly service?: string;
  readonly at?: Date;
}

function signerOf({ keys = mallory, region = 'us-east-1', service = 'execute-api' }: Signing): SignatureV4 {
  return new SignatureV4({ service, region, credentials: keys, sha256: Sha256 as never });
}

const base = () => `/_execute-api/${api}`;

/** @returns what is to be signed */
function plain(path: string, endpoint = node.endpoint) {
  const { host, hostname } = new URL(endpoint);
  return { method: 'GET', protocol: 'http:', hostname, path, query: {}, headers: { host } };
}

/** Asks for `sent` with a signature for `signed`. @returns the status, and the method that has answered */
async function ask(signed: string, signing: Signing = {}, sent = signed): Promise<readonly [number, string]> {
  const options = signing.at ? { signingDate: signing.at } : {};
  const { headers } = (await signerOf(signing).sign(plain(base() + signed) as never, options)) as unknown as {
    headers: object;
  };
  const answer = await call(node.endpoint, base() + sent, { headers: headers as Record<string, string> });
  return [answer.status, answer.body];
}

const ALL = { Effect: 'Allow', Action: INVOKE, Resource: '*' };
const statusOf = async (...asked: Parameters<typeof ask>) => (await ask(...asked))[0];

test('a path that may not be asked for may not be asked for in another spelling', async () => {
  const closed = ['prod/GET/orders/admin', 'prod/GET/orders/a@b', 'prod/GET/orders/x%2Fy'].map(arn);
  await allow(ALL, { Effect: 'Deny', Action: INVOKE, Resource: closed });
  assert.deepEqual(await ask('/prod/orders/1'), [200, '/orders/{id}']);
  assert.deepEqual(await ask('/prod/orders/1/'), [200, '/orders/{id}']);
  const spellings = [
    'admin',
    '%61dmin',
    'admin/',
    '%61%64min/',
    'a@b',
    'a%40b',
    '%61%40b',
    'x%2Fy',
    'x%2fy',
    '%78%2fy/',
  ];
  for (const spelling of spellings) {
    const [status, body] = await ask(`/prod/orders/${spelling}`);
    assert.equal(status, 403, spelling);
    assert.match(
      body,
      /is not authorized to perform: execute-api:Invoke .* with an explicit deny|explicit deny|not authorized/,
    );
  }
  assert.deepEqual(await ask('/dev/orders/%61dmin'), [200, '/orders/admin']);
});

test('a right to one stage, method and path is none to another', async () => {
  await allow({ Effect: 'Allow', Action: INVOKE, Resource: arn('dev/GET/orders/*') });
  assert.equal(await statusOf('/dev/orders/1'), 200);
  assert.equal(await statusOf('/prod/orders/1'), 403);
  assert.equal(await statusOf('/dev/others'), 403);
});

test('a signature is good for the path that was signed alone', async () => {
  await allow(ALL);
  assert.equal(await statusOf('/prod/orders/1'), 200);
  // All of these are one path to the signature, and lead elsewhere.
  for (const sent of ['/dev/../prod/orders/1', '/prod/x/../orders/1', '/prod/./orders/1', '/prod//orders/1']) {
    const [status, body] = await ask('/prod/orders/1', {}, sent);
    assert.equal(status, 403, sent);
    assert.match(body, /signature/i);
  }
  for (const sent of ['/dev/orders/1', '/prod/orders/2', '/prod/orders/1?more=1', '/prod/orders/%31']) {
    assert.equal(await statusOf('/prod/orders/1', {}, sent), 403, sent);
  }
});

test('a signature is good for its service, its region and its time alone', async () => {
  await allow(ALL);
  const minute = 60_000;
  const wrong: readonly Signing[] = [
    { service: 'lambda' },
    { region: 'eu-west-1' },
    { at: new Date(Date.now() - 10 * minute) },
    { at: new Date(Date.now() + 10 * minute) },
    { keys: { ...mallory, secretAccessKey: 'another' } },
    { keys: { ...mallory, accessKeyId: 'AKIANOBODY0000000000' } },
  ];
  for (const signing of wrong) assert.equal(await statusOf('/prod/orders/1', signing), 403, JSON.stringify(signing));
  const unsigned = await call(node.endpoint, `${base()}/prod/orders/1`);
  assert.deepEqual([unsigned.status, unsigned.json().message], [403, 'Missing Authentication Token']);
});

test('a signed link is good as long as it says, and for nothing else', async () => {
  await allow(ALL);
  const link = async (path: string, at = new Date(), expiresIn = 60) => {
    const made = await signerOf({}).presign(plain(base() + path) as never, { expiresIn, signingDate: at });
    const query = new URLSearchParams(made.query as Record<string, string>);
    return `${base()}${path}?${query.toString()}`;
  };
  const open = async (url: string) => (await call(node.endpoint, url)).status;
  const good = await link('/prod/orders/1');
  assert.equal(await open(good), 200);
  assert.equal(await open(`${good}&more=1`), 403);
  assert.equal(await open(good.replace('/prod/', '/dev/')), 403);
  assert.equal(await open(good.replace('/prod/', '/dev/../prod/')), 403);
  assert.equal(await open(good.replace('X-Amz-Expires=60', 'X-Amz-Expires=6000')), 403);
  assert.equal(await open(await link('/prod/orders/1', new Date(Date.now() - 120_000))), 403);
});

test('a session calls as its role may, with its own token, until the role may not', async () => {
  const { Arn } = (await iam.getUser({ UserName: 'mallory' })).User!;
  const trust = document({ Effect: 'Allow', Principal: { AWS: Arn }, Action: 'sts:AssumeRole' });
  const { Role } = await iam.createRole({ RoleName: 'clerk', AssumeRolePolicyDocument: trust });
  const give = (...statements: readonly object[]) =>
    iam.putRolePolicy({ RoleName: 'clerk', PolicyName: 'own', PolicyDocument: document(...statements) });
  await give(ALL);
  await allow({ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: Role!.Arn });
  const sts = new STS({ endpoint: node.endpoint, region: 'us-east-1', credentials: mallory });
  const take = async (more: object = {}): Promise<Keys> => {
    const { Credentials } = await sts.assumeRole({ RoleArn: Role!.Arn!, RoleSessionName: 'shift', ...more });
    const { AccessKeyId, SecretAccessKey, SessionToken } = Credentials!;
    return { accessKeyId: AccessKeyId!, secretAccessKey: SecretAccessKey!, sessionToken: SessionToken! };
  };
  const [keys, limited] = [await take(), await take({ Policy: document({ ...ALL, Resource: arn('dev/*') }) })];
  sts.destroy();
  assert.equal(await statusOf('/prod/orders/1'), 403, 'what her role may, she may not herself');
  assert.equal(await statusOf('/prod/orders/1', { keys }), 200);
  assert.deepEqual(
    [await statusOf('/prod/orders/1', { keys: limited }), await statusOf('/dev/orders/1', { keys: limited })],
    [403, 200],
  );
  const { sessionToken: _none, ...bare } = keys;
  assert.equal(await statusOf('/prod/orders/1', { keys: bare }), 403);
  assert.equal(await statusOf('/prod/orders/1', { keys: { ...keys, sessionToken: limited.sessionToken! } }), 403);
  await give({ ...ALL, Resource: arn('dev/*') });
  assert.equal(await statusOf('/prod/orders/1', { keys }), 403);
});

test("what the API's own policy denies, no policy of a user's allows", async () => {
  await allow(ALL);
  const Principal = { AWS: 'arn:aws:iam::000000000000:user/mallory' };
  const value = document(
    { Effect: 'Allow', Principal: '*', Action: INVOKE, Resource: 'execute-api:/*' },
    { Effect: 'Deny', Principal, Action: INVOKE, Resource: 'execute-api:/prod/GET/orders/admin' },
  );
  await rest.updateRestApi({ restApiId: api, patchOperations: [{ op: 'replace', path: '/policy', value }] });
  await rest.createDeployment({ restApiId: api, stageName: 'prod' });
  assert.equal(await statusOf('/prod/orders/1'), 200);
  assert.equal(await statusOf('/prod/orders/admin'), 403);
  assert.equal(await statusOf('/prod/orders/%61dmin/'), 403);
});

test('where authorization is off, whoever has signed may call', async () => {
  await using house = await openHouse({ authorization: 'off' });
  const { endpoint } = house.node;
  const theirs = new IAM({ endpoint, region: 'us-east-1', credentials: ROOT });
  await theirs.createUser({ UserName: 'anybody' });
  const { AccessKey } = await theirs.createAccessKey({ UserName: 'anybody' });
  theirs.destroy();
  const open = new APIGateway({ endpoint, region: 'us-east-1', credentials: ROOT });
  const { id: restApiId } = await open.importRestApi({ body: Buffer.from(JSON.stringify(DEFINITION)) });
  await open.createDeployment({ restApiId, stageName: 'prod' });
  open.destroy();
  const keys = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
  const path = `/_execute-api/${restApiId}/prod/orders/1`;
  const request = await signerOf({ keys }).sign(plain(path, endpoint) as never);
  const { headers } = request as unknown as { headers: Record<string, string> };
  assert.equal((await call(endpoint, path, { headers })).status, 200);
});
