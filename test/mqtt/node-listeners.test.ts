import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import {
  AttachPolicyCommand,
  CreateKeysAndCertificateCommand,
  CreatePolicyCommand,
  IoTClient,
} from '@aws-sdk/client-iot';
import mqttjs, { type IDisconnectPacket } from 'mqtt';
import { WebSocket } from 'ws';
import { startNode } from '../../src/cli/node.ts';
import type { Node } from '../../src/node/index.ts';

const run = promisify(execFile);

let home: string;
let node: Node;
let ca: string;
let device: { readonly cert: string; readonly key: string };

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'millrace-listeners-'));
  node = await startNode({
    dataDirectory: join(home, 'data'),
    ...{ host: '127.0.0.1', httpPort: 0, mqttPort: 0, mqttsPort: 0, deviceHttpsPort: 0, mode: 'dev' },
    blankEnvironments: 0,
  });
  ca = await (await fetch(`${node.endpoint}/_millrace/ca.pem`)).text();
  const client = new IoTClient({
    endpoint: node.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
  });
  const made = await client.send(new CreateKeysAndCertificateCommand({ setAsActive: true }));
  const policyDocument = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }],
  });
  await client.send(new CreatePolicyCommand({ policyName: 'all', policyDocument }));
  await client.send(new AttachPolicyCommand({ policyName: 'all', target: made.certificateArn! }));
  device = { cert: made.certificatePem!, key: made.keyPair!.PrivateKey! };
  for (const [name, pem] of Object.entries({ ca, ...device })) await writeFile(join(home, name), pem);
});

after(async () => {
  await node[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

/** mosquitto_pub over TLS, with files of the folder. */
function mosquitto(...options: readonly string[]) {
  const where = ['-h', 'localhost', '-p', String(node.mqtts!.port), '--cafile', join(home, 'ca')];
  return run('mosquitto_pub', [...where, '-q', '1', '-t', 'a/b', '-m', 'hello', ...options], { timeout: 8000 });
}

test('$SYS/broker/version tells the release of the package', async () => {
  const manifest = JSON.parse(await readFile(join(import.meta.dirname, '../../package.json'), 'utf8'));
  const args = ['-h', '127.0.0.1', '-p', String(node.mqtt.port), '-t', '$SYS/broker/version', '-C', '1'];
  const { stdout } = await run('mosquitto_sub', args, { timeout: 8000 });
  assert.equal(stdout.trim(), `millrace version ${manifest.version}`);
});

test('mosquitto_pub publishes over TLS with a certificate of the node’s authority, and not without', async () => {
  await mosquitto('--cert', join(home, 'cert'), '--key', join(home, 'key'));
  await assert.rejects(mosquitto(), /not authori[sz]ed/i);
});

test('a device publishes by HTTPS, and its message comes out of a WebSocket of the node’s own port', async () => {
  const watcher = await mqttjs.connectAsync(`${node.endpoint.replace('http', 'ws')}/mqtt`, { reconnectPeriod: 0 });
  await watcher.subscribeAsync('a/#');
  const got = new Promise<string>((resolve) => watcher.on('message', (_topic, payload) => resolve(`${payload}`)));
  const url = `https://localhost:${node.deviceHttps!.port}/topics/a/https?qos=1`;
  const files = ['--cacert', join(home, 'ca'), '--cert', join(home, 'cert'), '--key', join(home, 'key')];
  await run('curl', ['-sS', '--fail', ...files, '-d', 'by https', url], { timeout: 8000 });
  assert.equal(await got, 'by https');
  await watcher.endAsync();
});

test('pages of other sites open no WebSocket on a node that lets anyone in', async () => {
  const url = `${node.endpoint.replace('http', 'ws')}/mqtt`;
  const socket = new WebSocket(url, ['mqtt'], { origin: 'https://elsewhere.example' }).on('error', () => {});
  const response = await new Promise<{ statusCode?: number }>((resolve) => {
    socket.once('unexpected-response', (_request, answer) => resolve(answer));
  });
  assert.equal(response.statusCode, 403);
});

test('where else a WebSocket is asked for, the request is answered as it is', async () => {
  const socket = new WebSocket(`${node.endpoint.replace('http', 'ws')}/_millrace/health`).on('error', () => {});
  const response = await new Promise<{ statusCode?: number }>((resolve) => {
    socket.once('unexpected-response', (_request, answer) => resolve(answer));
  });
  assert.equal(response.statusCode, 200);
});

test('an operator sends the devices to another server, while the node goes on', async () => {
  const redirect = (body: string, method = 'POST') =>
    fetch(`${node.endpoint}/_millrace/mqtt/redirect`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(method === 'POST' && { body }),
    });
  const connectTo = () => mqttjs.connectAsync(`mqtt://127.0.0.1:${node.mqtt.port}`, options);
  const options = { protocolVersion: 5, reconnectPeriod: 0 } as const;
  assert.equal((await redirect('', 'GET')).status, 405);
  for (const wrong of ['{"serverReference": 1}', '{"serverReference": "a b\\n"}', '{"to": "a:1"}', 'x']) {
    assert.equal((await redirect(wrong)).status, 400, wrong);
  }
  const client = await connectTo();
  const told = new Promise<IDisconnectPacket>((resolve) => client.on('disconnect', resolve));
  const answer = await redirect('{"serverReference": "other.example:8883"}');
  assert.equal(answer.status, 202);
  assert.deepEqual(await answer.json(), { serverReference: 'other.example:8883', clients: 1 });
  const { reasonCode, properties } = await told;
  assert.deepEqual([reasonCode, properties?.serverReference], [0x9c, 'other.example:8883']);
  await client.endAsync(true);
  await assert.rejects(connectTo(), /Use another server/);
  assert.equal((await fetch(`${node.endpoint}/_millrace/endpoints`)).status, 200);
});
