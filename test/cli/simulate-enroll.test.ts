import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import {
  GetPolicyCommand,
  IoTClient,
  ListThingPrincipalsCommand,
  ListThingsCommand,
  UpdateCertificateCommand,
} from '@aws-sdk/client-iot';
import mqttjs from 'mqtt';
import { clientEnvironment, TestNode } from '../support/node.ts';

const BIN = join(import.meta.dirname, '../../bin/millrace.js');
const FLEET = join(import.meta.dirname, '../../examples/machine-health/fleet.yaml');

let node: TestNode;
let home: string;
let iot: IoTClient;

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'millrace-enroll-'));
  node = await TestNode.start({ arguments: ['--mqtts-port', '0'] });
  const { AWS_ACCESS_KEY_ID: accessKeyId = '', AWS_SECRET_ACCESS_KEY: secretAccessKey = '' } = clientEnvironment('');
  const credentials = { accessKeyId, secretAccessKey };
  iot = new IoTClient({ endpoint: node.endpoints.http, region: 'us-east-1', credentials });
});
after(async () => {
  iot.destroy();
  await node[Symbol.asyncDispose]();
  await rm(home, { recursive: true });
});

async function simulate(...options: readonly string[]) {
  const argv = [BIN, 'simulate', FLEET, '--enroll', '--endpoint-url', node.endpoints.http, '--json', ...options];
  const child = spawn(process.execPath, argv, { cwd: home, stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code, summary: out === '' ? undefined : JSON.parse(out), err };
}

const directory = () => join(home, '.millrace/fleets/machine-health');

test("one command: the example's machines connect over TLS with certificates of the node's authority", async () => {
  const { code, summary, err } = await simulate('--devices', '6', '--count', '120');
  assert.equal(code, 0, err);
  assert.match(err, /enrolled 6 of 6 devices/);
  assert.match(err, /over TLS/);
  assert.deepEqual([summary.sent, summary.acked, summary.refused, summary.connects], [120, 120, 0, 6]);
  assert.deepEqual(summary.reasons, {});
  const { things } = await iot.send(new ListThingsCommand({}));
  assert.deepEqual(
    things!.map(({ thingName }) => thingName).toSorted(),
    [0, 1, 2, 3, 4, 5].map((n) => `press-000${n}`),
  );
  const { principals } = await iot.send(new ListThingPrincipalsCommand({ thingName: 'press-0000' }));
  assert.match(principals![0]!, /:cert\/[0-9a-f]{64}$/);
  const { policyDocument } = await iot.send(new GetPolicyCommand({ policyName: 'fleet-machine-health' }));
  assert.match(policyDocument!, /topic\/factory\/\$\{iot:Connection\.Thing\.ThingName\}\/telemetry/);
  const { mode } = await stat(join(directory(), 'devices.jsonl'));
  assert.equal(mode & 0o777, 0o600, 'keys are for the user only');
});

test('the next run takes the same certificates, and makes those that are missing', async () => {
  const before = await readFile(join(directory(), 'devices.jsonl'), 'utf8');
  const { code, err } = await simulate('--devices', '8', '--count', '40');
  assert.equal(code, 0, err);
  assert.match(err, /enrolled 8 of 8 devices/);
  const now = await readFile(join(directory(), 'devices.jsonl'), 'utf8');
  assert.ok(now.startsWith(before));
  assert.equal(now.trim().split('\n').length, 8);
});

/** Connects as a machine of the fleet. */
async function connectAs(id: string, clientId = id) {
  const lines = (await readFile(join(directory(), 'devices.jsonl'), 'utf8')).trim().split('\n');
  const { cert, key } = lines.map((line) => JSON.parse(line)).find((one) => one.id === id);
  const ca = await readFile(join(directory(), 'ca.pem'));
  const endpoints = (await (await fetch(`${node.endpoints.http}/_millrace/endpoints`)).json()) as {
    readonly mqtts: { readonly port: number };
  };
  const { port } = endpoints.mqtts;
  const options = { protocolVersion: 5, reconnectPeriod: 0, clientId, ca, cert, key } as const;
  return mqttjs.connectAsync(`mqtts://127.0.0.1:${port}`, options, false);
}

test('a machine may use its own name and its own topic, and no other', async () => {
  await assert.rejects(connectAs('press-0000', 'press-0001'));
  const client = await connectAs('press-0000');
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
  client.on('error', () => {});
  await client.publishAsync('factory/press-0000/telemetry', '{}', { qos: 1 });
  const refused = client.publishAsync('factory/press-0001/telemetry', '{}', { qos: 1 }).then(
    () => 'taken',
    () => 'refused',
  );
  assert.notEqual(await Promise.race([refused, closed.then(() => 'refused')]), 'taken');
  await client.endAsync(true);
});

test('a machine whose certificate is revoked stays out, and the run says why', async () => {
  const { principals } = await iot.send(new ListThingPrincipalsCommand({ thingName: 'press-0003' }));
  const certificateId = principals![0]!.split('/')[1]!;
  await iot.send(new UpdateCertificateCommand({ certificateId, newStatus: 'REVOKED' }));
  const { summary } = await simulate('--devices', '4', '--duration', '2', '--rate', '20');
  assert.equal(summary.connects, 3);
  const [reason] = Object.keys(summary.reasons);
  assert.match(reason!, /CONNACK 0x8|ECONNRESET|closed by the broker/);
});
