import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import {
  CreateEventSourceMappingCommand,
  CreateFunctionCommand,
  GetEventSourceMappingCommand,
  LambdaClient,
} from '@aws-sdk/client-lambda';
import mqttjs from 'mqtt';
import { eventually } from '../pollers/fakes.ts';
import { TestAuthority, type TestCertificate } from '../support/certificates.ts';
import { zipOf } from '../support/clients.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { clientEnvironment, TestNode } from '../support/node.ts';
import { client, foreign, listen, openSide, reaches, route } from './harness.ts';

const BIN = join(import.meta.dirname, '../../bin/millrace.js');

let authority: TestAuthority;
let mosquitto: Mosquitto;
let device: TestCertificate;

before(async () => {
  authority = new TestAuthority();
  device = authority.issue('millrace');
  const server = authority.issue('mosquitto', ['IP:127.0.0.1', 'DNS:localhost']);
  mosquitto = await Mosquitto.start((port) => [
    `listener ${port} 127.0.0.1`,
    `cafile ${authority.authority.certFile}`,
    `certfile ${server.certFile}`,
    `keyfile ${server.keyFile}`,
    'require_certificate true',
  ]);
});
after(async () => {
  await mosquitto[Symbol.asyncDispose]();
  authority[Symbol.dispose]();
});

/** mqtt.js with the device's certificate. */
async function secureClient() {
  const options = { ca: authority.authority.cert, cert: device.cert, key: device.key, reconnectPeriod: 0 } as const;
  const connected = await mqttjs.connectAsync(`mqtts://127.0.0.1:${mosquitto.port}`, {
    ...options,
    protocolVersion: 5,
  });
  return Object.assign(connected, { [Symbol.asyncDispose]: () => connected.endAsync(true) });
}

test('a bridge over mutual TLS; without its certificate, or with an authority that is not theirs, it says why', async () => {
  const tls = { ca: authority.authority.cert, cert: device.cert, key: device.key };
  const routes = [route('plant', 'tls/#')];
  await using side = await openSide({ brokers: [foreign('plant', mosquitto.port, { tls })], routes });
  await using there = await secureClient();
  await using here = await client(side.port);
  const seen = await listen(here, 'tls/#');
  while (!(await reaches(there, 'tls/in', 'in')));
  await eventually(() => seen.length > 0);

  using stranger = new TestAuthority();
  const wrong = [{ ca: tls.ca }, { ...tls, ca: stranger.authority.cert }];
  const arn = 'arn:aws:mqtt:us-east-1:000000000000:broker/plant/topicfilter/x';
  for (const one of wrong) {
    await using other = await openSide({ brokers: [foreign('plant', mosquitto.port, { tls: one })] });
    await other.call('CreateEventSourceMapping', { FunctionName: 'f', EventSourceArn: arn });
    await eventually(() => /^PROBLEM: /.test(other.mappings.mappings()[0]!.poller.lastResult));
    assert.match(other.mappings.mappings()[0]!.poller.lastResult, /certificate|alert|closed|ECONNRESET/);
  }
});

/** Fails unless it is given what the test publishes. */
const HANDLER = `
exports.handler = async ({ Records }) => {
  for (const { topic, data } of Records) {
    const text = topic + ' ' + Buffer.from(data, 'base64');
    if (text !== 'press/1 hot') throw new Error('not expected: ' + text);
  }
};`;

test('a node by its configuration: topics of mosquitto reach a real function', async () => {
  const home = await mkdtemp(join(tmpdir(), 'millrace-foreign-'));
  const config = join(home, 'millrace.yaml');
  const { certFile, keyFile } = device;
  const broker = {
    url: `mqtts://127.0.0.1:${mosquitto.port}`,
    caFile: authority.authority.certFile,
    certFile,
    keyFile,
  };
  await writeFile(config, JSON.stringify({ brokers: { plant: broker } }));
  await using node = await TestNode.start({ arguments: ['--config', config] });
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const options = { endpoint: node.endpoints.http, region: 'us-east-1', credentials };
  const lambda = new LambdaClient(options);
  await lambda.send(
    new CreateFunctionCommand({
      FunctionName: 'reader',
      Runtime: 'nodejs24.x',
      Role: 'arn:aws:iam::000000000000:role/r',
      Handler: 'index.handler',
      Timeout: 30,
      Code: { ZipFile: await zipOf({ 'index.js': HANDLER }) },
    }),
  );
  const EventSourceArn = 'arn:aws:mqtt:us-east-1:000000000000:broker/plant/topicfilter/press/+';
  const mapping = { FunctionName: 'reader', EventSourceArn, BatchSize: 10 };
  const { UUID } = await lambda.send(new CreateEventSourceMappingCommand(mapping));
  await using there = await secureClient();
  while (!(await reaches(there, 'press/1', 'hot')));
  const result = async () => (await lambda.send(new GetEventSourceMappingCommand({ UUID }))).LastProcessingResult;
  while ((await result()) === 'No records processed');
  assert.equal(await result(), 'OK');
  lambda.destroy();
  await rm(home, { recursive: true });
});

test('a simulated fleet connects to mosquitto over mutual TLS, and everything is acknowledged at QoS 2', async () => {
  const home = await mkdtemp(join(tmpdir(), 'millrace-fleet-'));
  const { certFile, keyFile } = device;
  const fleet = {
    broker: `mqtts://127.0.0.1:${mosquitto.port}`,
    tls: { caFile: authority.authority.certFile, certFile, keyFile },
    devices: { count: 20, topic: 'fleet/{device}', qos: 2, buffer: 50 },
    rate: 20,
    outages: [{ kind: 'power', atSeconds: 1, durationSeconds: 0.5, burst: 5, jitterSeconds: 0 }],
  };
  const file = join(home, 'fleet.yaml');
  await writeFile(file, JSON.stringify(fleet));
  const run = promisify(execFile);
  const argv = [BIN, 'simulate', file, '--duration', '4', '--json'];
  const { stdout } = await run(process.execPath, argv, {
    cwd: home,
    env: { ...process.env, ...clientEnvironment('') },
  });
  const summary = JSON.parse(stdout);
  assert.equal(summary.acked, summary.sent);
  assert.ok(summary.sent >= 100 && summary.connects >= 40, stdout);
  await rm(home, { recursive: true });
});
