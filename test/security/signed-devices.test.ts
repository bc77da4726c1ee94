/** Who signs for MQTT (Signature Version 4) is held to the account's policies, for as long as the connection lasts. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent } from 'node:https';
import { after, before, test } from 'node:test';
import {
  CreateAccessKeyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DeleteUserPolicyCommand,
  IAMClient,
  PutRolePolicyCommand,
  PutUserPolicyCommand,
  UpdateAccessKeyCommand,
} from '@aws-sdk/client-iam';
import { IoTDataPlaneClient, PublishCommand } from '@aws-sdk/client-iot-data-plane';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { SignatureV4 } from '@smithy/signature-v4';
import mqttjs, { type MqttClient } from 'mqtt';
import { TestNode } from '../support/node.ts';
import { Sha256 } from '../support/sha256.ts';
import { ROOT, SecuredNode } from './secured-node.ts';

type Keys = typeof ROOT & { readonly sessionToken?: string };
type Statement = Readonly<Record<string, unknown>>;

let node: SecuredNode;
let iam: IAMClient;
let devicePort: number;

before(async () => {
  node = await SecuredNode.start();
  iam = iamOf(node.endpoint);
  const answer = await fetch(`${node.endpoint}/_millrace/endpoints`);
  devicePort = ((await answer.json()) as { deviceHttps: { port: number } }).deviceHttps.port;
});
after(async () => {
  iam?.destroy();
  await node?.[Symbol.asyncDispose]();
});

function iamOf(endpoint: string): IAMClient {
  return new IAMClient({ endpoint, region: 'us-east-1', credentials: ROOT });
}

async function presigned(credentials: Keys, endpoint = node.endpoint): Promise<string> {
  const { sessionToken, ...keys } = credentials;
  const service = 'iotdevicegateway';
  const signer = new SignatureV4({ service, region: 'us-east-1', credentials: keys, sha256: Sha256 as never });
  const { host } = new URL(endpoint);
  const plain = { method: 'GET', protocol: 'ws:', hostname: host, path: '/mqtt', query: {}, headers: { host } };
  const { query } = (await signer.presign(plain as never, { expiresIn: 60 })) as { query: Record<string, string> };
  const params = new URLSearchParams(query);
  // Put behind the signature, as the device SDKs do.
  if (sessionToken !== undefined) params.set('X-Amz-Security-Token', sessionToken);
  return `ws://${host}/mqtt?${params}`;
}

async function connect(keys: Keys, clientId: string, endpoint?: string): Promise<MqttClient> {
  const options = { clientId, reconnectPeriod: 0, protocolVersion: 5, connectTimeout: 5_000 } as const;
  return mqttjs.connectAsync(await presigned(keys, endpoint), options, false);
}

async function makeUser(UserName: string, client = iam): Promise<Keys> {
  await client.send(new CreateUserCommand({ UserName }));
  return makeKey(UserName, client);
}

async function makeKey(UserName: string, client = iam): Promise<Keys> {
  const { AccessKey } = await client.send(new CreateAccessKeyCommand({ UserName }));
  return { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
}

const arn = (resource: string) => `arn:aws:iot:us-east-1:000000000000:${resource}`;
const allow = (action: string, ...resources: readonly string[]): Statement => ({
  ...{ Effect: 'Allow', Action: `iot:${action}`, Resource: resources.map(arn) },
});
const deny = (action: string, ...resources: readonly string[]) => ({ ...allow(action, ...resources), Effect: 'Deny' });

async function grant(UserName: string, ...statements: readonly Statement[]): Promise<void> {
  const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: statements });
  await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: 'p', PolicyDocument }));
}

const notAuthorized = { code: 0x87 };

/** The client's next event; it is to come soon. */
function told(client: MqttClient, event: 'close' | 'message'): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${event} in time`)), 3_000);
    client.once(event, () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Within how many milliseconds a connection ends; it is to be one second at most. */
async function endOf(client: MqttClient): Promise<number> {
  const begin = performance.now();
  if (client.connected) await told(client, 'close');
  return performance.now() - begin;
}

test('a signed client connects, publishes, subscribes and receives as its policies let it', async () => {
  const keys = await makeUser('pump');
  await assert.rejects(connect(keys, 'pump-1'), notAuthorized);
  await grant(
    'pump',
    ...[allow('Connect', 'client/pump-1'), allow('Publish', 'topic/pump/*'), allow('RetainPublish', 'topic/pump/kept')],
    ...[allow('Subscribe', 'topicfilter/pump/#'), allow('Receive', 'topic/pump/*')],
    ...[deny('Publish', 'topic/pump/denied'), deny('Receive', 'topic/pump/hidden')],
  );
  await assert.rejects(connect(keys, 'pump-2'), notAuthorized);
  const pump = await connect(keys, 'pump-1');
  const root = await connect(ROOT, 'root');
  const got: string[] = [];
  pump.on('message', (topic) => got.push(topic));
  const [granted] = await pump.subscribeAsync('pump/#', { qos: 1 });
  assert.equal(granted!.qos, 1);
  await assert.rejects(pump.subscribeAsync('#'), /Not authorized/);
  await assert.rejects(pump.subscribeAsync('$share/g/pump/#'), /Not authorized/);
  for (const topic of ['pump/a', 'pump/hidden', 'pump/b']) await root.publishAsync(topic, '', { qos: 1 });
  await pump.publishAsync('pump/own', '', { qos: 1 });
  await pump.publishAsync('pump/kept', '', { qos: 1, retain: true });
  for (const topic of ['pump/denied', 'other/a']) {
    await assert.rejects(pump.publishAsync(topic, '', { qos: 1 }), notAuthorized, topic);
  }
  await assert.rejects(pump.publishAsync('pump/own', '', { qos: 1, retain: true }), notAuthorized);
  await root.publishAsync('pump/last', '', { qos: 1 });
  while (!got.includes('pump/last')) await told(pump, 'message');
  assert.deepEqual(got, ['pump/a', 'pump/b', 'pump/own', 'pump/kept', 'pump/last']);
  assert.match(node.log, /"action":"iot:Connect"/);
  await Promise.all([pump.endAsync(), root.endAsync()]);
});

test('a changed policy counts for live connections, and one that loses iot:Connect is ended', async () => {
  const keys = await makeUser('valve');
  const connecting = allow('Connect', 'client/valve');
  await grant('valve', connecting, allow('Publish', 'topic/a', 'topic/b'));
  const valve = await connect(keys, 'valve');
  const send = (topic: string) => valve.publishAsync(topic, '', { qos: 1 });
  await send('a');
  await grant('valve', connecting, allow('Publish', 'topic/b'));
  await assert.rejects(send('a'), notAuthorized);
  await send('b');
  await iam.send(new DeleteUserPolicyCommand({ UserName: 'valve', PolicyName: 'p' }));
  assert((await endOf(valve)) < 1_000);
  await assert.rejects(connect(keys, 'valve'), notAuthorized);
});

test('deactivating or deleting an access key ends its connections, and those of no other', async () => {
  const UserName = 'gauge';
  const first = await makeUser(UserName);
  const second = await makeKey(UserName);
  await grant(UserName, allow('*', '*'));
  const [one, two] = [await connect(first, 'one'), await connect(second, 'two')];
  const { accessKeyId: AccessKeyId } = first;
  await iam.send(new UpdateAccessKeyCommand({ UserName, AccessKeyId, Status: 'Inactive' }));
  assert((await endOf(one)) < 1_000);
  await assert.rejects(connect(first, 'one'));
  assert(two.connected);
  await two.publishAsync('still/here', '', { qos: 1 });
  await iam.send(new DeleteAccessKeyCommand({ UserName, AccessKeyId: second.accessKeyId }));
  assert((await endOf(two)) < 1_000);
});

test('a key that ends between the WebSocket and its CONNECT lets nobody in', async () => {
  const keys = await makeUser('late');
  await grant('late', allow('*', '*'));
  const socket = new WebSocket(await presigned(keys), ['mqtt']);
  socket.binaryType = 'arraybuffer';
  await once(socket, 'open');
  await iam.send(new DeleteAccessKeyCommand({ UserName: 'late', AccessKeyId: keys.accessKeyId }));
  const { generate } = await import('mqtt-packet');
  const answer = once(socket, 'message');
  socket.send(generate({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clientId: 'late', clean: true }));
  const [{ data }] = (await answer) as [MessageEvent];
  assert.deepEqual([...new Uint8Array(data as ArrayBuffer)], [0x20, 2, 0, 5]);
  socket.close();
});

test("a session has its role's rights, within its own policy, until the role loses them", async () => {
  const document = (...Statement: readonly Statement[]) => JSON.stringify({ Version: '2012-10-17', Statement });
  const Principal = { AWS: 'arn:aws:iam::000000000000:root' };
  const AssumeRolePolicyDocument = document({ Effect: 'Allow', Principal, Action: 'sts:AssumeRole' });
  await iam.send(new CreateRoleCommand({ RoleName: 'r', AssumeRolePolicyDocument }));
  const rights = (...statements: readonly Statement[]) =>
    iam.send(new PutRolePolicyCommand({ RoleName: 'r', PolicyName: 'p', PolicyDocument: document(...statements) }));
  await rights(allow('*', '*'));
  const credentials = await makeUser('assuming');
  await grant('assuming', { Effect: 'Allow', Action: 'sts:AssumeRole', Resource: '*' });
  const sts = new STSClient({ endpoint: node.endpoint, region: 'us-east-1', credentials });
  const Policy = document(allow('Connect', 'client/narrow'), allow('Publish', 'topic/narrow'));
  const named = { RoleArn: 'arn:aws:iam::000000000000:role/r', RoleSessionName: 'session' };
  const { Credentials: given } = await sts.send(new AssumeRoleCommand({ ...named, Policy }));
  sts.destroy();
  const keys = {
    accessKeyId: given!.AccessKeyId!,
    secretAccessKey: given!.SecretAccessKey!,
    sessionToken: given!.SessionToken!,
  };
  await assert.rejects(connect(keys, 'wide'), notAuthorized);
  const narrow = await connect(keys, 'narrow');
  await narrow.publishAsync('narrow', '', { qos: 1 });
  await assert.rejects(narrow.publishAsync('wide', '', { qos: 1 }), notAuthorized);
  await rights(allow('Publish', '*'));
  assert((await endOf(narrow)) < 1_000);
});

test("a signed publish over the devices' HTTPS port is held to policies too", async () => {
  const keys = await makeUser('poster');
  const httpsAgent = new Agent({ rejectUnauthorized: false });
  const client = new IoTDataPlaneClient({
    endpoint: `https://127.0.0.1:${devicePort}`,
    ...{ region: 'us-east-1', credentials: keys, maxAttempts: 1 },
    requestHandler: new NodeHttpHandler({ httpsAgent }),
  });
  const send = (topic: string, retain = false) => client.send(new PublishCommand({ topic, retain, qos: 1 }));
  await assert.rejects(send('posts/a'), { name: 'ForbiddenException' });
  await grant('poster', allow('Publish', 'topic/posts/*'), allow('RetainPublish', 'topic/posts/kept'));
  await send('posts/a');
  await send('posts/kept', true);
  await assert.rejects(send('posts/a', true), { name: 'ForbiddenException' });
  await assert.rejects(send('others/a'), { name: 'ForbiddenException' });
  client.destroy();
  httpsAgent.destroy();
});

test('in dev keys that nobody has may do everything, a known one what its policies say, with authorization off all', async () => {
  for (const off of [false, true]) {
    await using dev = await TestNode.start(off ? { arguments: ['--auth', 'off'] } : {});
    const client = iamOf(dev.endpoints.http);
    const keys = await makeUser('known', client);
    client.destroy();
    const anybody = await connect({ accessKeyId: 'AKIANOBODY', secretAccessKey: 's' }, 'any', dev.endpoints.http);
    await anybody.publishAsync('a', '', { qos: 1 });
    await anybody.endAsync();
    const known = connect(keys, 'known', dev.endpoints.http);
    if (off) await (await known).endAsync();
    else await assert.rejects(known, notAuthorized);
    // In good order: what a killed node has begun to copy is still written while its directory goes.
    await dev.stop('SIGTERM');
  }
});
