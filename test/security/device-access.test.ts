import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { CreateRoleCommand, IAMClient } from '@aws-sdk/client-iam';
import {
  AttachPolicyCommand,
  CreateAuthorizerCommand,
  CreatePolicyCommand,
  DetachPolicyCommand,
  IoTClient,
  ListAttachedPoliciesCommand,
  ListThingPrincipalsCommand,
  TestInvokeAuthorizerCommand,
} from '@aws-sdk/client-iot';
import { AddPermissionCommand, CreateFunctionCommand, LambdaClient } from '@aws-sdk/client-lambda';
import mqttjs, { type IClientOptions, type MqttClient } from 'mqtt';
import { Program } from '../cli/program.ts';
import { zipOf } from '../support/clients.ts';
import { ROOT, SecuredNode } from './secured-node.ts';

const run = promisify(execFile);

let node: SecuredNode;
let home: string;
let mqttsPort: number;
let ca: Buffer;

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'millrace-access-'));
  node = await SecuredNode.start();
  const endpoints = (await (await fetch(`${node.endpoint}/_millrace/endpoints`)).json()) as { mqtts: { port: number } };
  mqttsPort = endpoints.mqtts.port;
  const made = await millrace('devices', 'create', 'pump-1', '--out', home, '--snippet', 'none');
  assert.equal(made.code, 0, made.err);
  ca = await readFile(join(home, 'ca.crt'));
});
after(async () => {
  await node[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

async function millrace(...args: string[]): Promise<{ out: string; err: string; code: unknown }> {
  const env = { AWS_ACCESS_KEY_ID: ROOT.accessKeyId, AWS_SECRET_ACCESS_KEY: ROOT.secretAccessKey };
  await using program = new Program(home, [...args, '--endpoint-url', node.endpoint], env);
  const code = await program.exit();
  return { out: program.out, err: program.err, code };
}

const options = () => ({ endpoint: node.endpoint, region: 'us-east-1', credentials: { ...ROOT }, maxAttempts: 1 });
const arn = (resource: string) => `arn:aws:iot:us-east-1:000000000000:${resource}`;

async function newPolicy(policyName: string, ...Statement: object[]): Promise<void> {
  const policyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
  await new IoTClient(options()).send(new CreatePolicyCommand({ policyName, policyDocument }));
}

function connect(more: IClientOptions): Promise<MqttClient> {
  const url = `mqtts://localhost:${mqttsPort}`;
  return mqttjs.connectAsync(url, { ca, reconnectPeriod: 0, protocolVersion: 5, ...more }, false);
}

const certified = async (clientId: string): Promise<IClientOptions> => ({
  clientId,
  cert: await readFile(join(home, 'pump-1.crt')),
  key: await readFile(join(home, 'pump-1.key')),
});

const notAuthorized = { code: 0x87 };

test('a device of the built-in authority uses its own topics, and is told why no others', async () => {
  const pump = await connect(await certified('pump-1'));
  const [granted] = await pump.subscribeAsync('devices/pump-1/#', { qos: 1 });
  assert.equal(granted!.qos, 1);
  const received = new Promise<string>((resolve) => pump.once('message', resolve));
  await pump.publishAsync('devices/pump-1/state', 'on', { qos: 1 });
  assert.equal(await received, 'devices/pump-1/state');
  await assert.rejects(pump.publishAsync('devices/pump-2/state', 'off', { qos: 1 }), notAuthorized);
  await assert.rejects(pump.subscribeAsync('devices/#'));

  const all = await millrace('devices', 'why-denied', 'pump-1');
  assert.match(all.out, /pump-1 iot:Publish devices\/pump-2\/state/);
  assert.match(all.out, /pump-1 iot:Subscribe devices\/#/);
  assert.match(all.out, /no statement allows it; statement 2 of policy .*: its resource is .*devices\/pump-1\/\*/);
  const asked = ['devices', 'why-denied', 'pump-1', '--action', 'Publish'];
  const one = await millrace(...asked, '--on', 'devices/pump-1/x');
  assert.equal(one.code, 0, one.err);
  assert.match(one.out, /is allowed by statement 2/);
  const other = await millrace(...asked, '--on', 'devices/pump-2/x');
  assert.equal(other.code, 1);
  await pump.endAsync();
});

test('the certificate of one device does not open the name of another', async () => {
  await assert.rejects(connect(await certified('pump-2')), notAuthorized);
  const why = await millrace('devices', 'why-denied', 'pump-2');
  assert.match(why.out, /pump-2 iot:Connect pump-2/);
  assert.match(why.out, /its resource is \S*:client\/pump-1\./);
});

test('a policy that is taken away ends the connection within a second', async () => {
  const pump = await connect(await certified('pump-1'));
  const iot = new IoTClient(options());
  const { principals } = await iot.send(new ListThingPrincipalsCommand({ thingName: 'pump-1' }));
  const target = principals![0]!;
  const [policy] = (await iot.send(new ListAttachedPoliciesCommand({ target }))).policies!;
  const gone = new Promise<{ reasonCode?: number }>((resolve) => pump.once('disconnect', resolve));
  const since = performance.now();
  await iot.send(new DetachPolicyCommand({ policyName: policy!.policyName!, target }));
  assert.equal((await gone).reasonCode, 0x87);
  assert(performance.now() - since < 1_000);
  await iot.send(new AttachPolicyCommand({ policyName: policy!.policyName!, target }));
  await (await connect(await certified('pump-1'))).endAsync();
});

test('nobody comes in without a proof', async () => {
  await assert.rejects(connect({ clientId: 'pump-1' }), notAuthorized);
  await assert.rejects(connect({ clientId: 'pump-1', username: 'pump-1', password: 'guess' }), { code: 0x86 });
  const why = await millrace('devices', 'why-denied', 'pump-1');
  assert.match(why.out, /the client has proved nothing of itself/);
  assert.match(why.out, /wrong user name or password/);
});

test('a user with a password connects by mosquitto, until the password is another', async () => {
  await newPolicy('gateways', { Effect: 'Allow', Action: ['iot:Connect', 'iot:Publish'], Resource: '*' });
  const made = await millrace('devices', 'password', 'gateway-7', '--policy', 'gateways');
  assert.equal(made.code, 0, made.err);
  assert.match(made.err, /user\/gateway-7/);
  const secret = made.out.trim();
  const publish = (password: string) =>
    run('mosquitto_pub', [
      ...['-h', 'localhost', '-p', String(mqttsPort), '--cafile', join(home, 'ca.crt'), '-q', '1', '-V', 'mqttv5'],
      ...['-i', 'gw', '-u', 'gateway-7', '-P', password, '-t', 'a/b', '-m', 'x'],
    ]);
  await publish(secret);
  await assert.rejects(publish('another'), /Bad User Name or Password/);
  const refused = await millrace('devices', 'password', 'gateway-7', '--policy', 'nowhere');
  assert.deepEqual([refused.code, refused.out], [1, '']);
  assert.match(refused.err, /there is no policy nowhere: make it/);
  await publish(secret);
  const again = await millrace('devices', 'password', 'gateway-7');
  await assert.rejects(publish(secret));
  await publish(again.out.trim());
  assert(!node.log.includes(secret), 'no password is in the log');
});

test('a function of the node decides as a custom authorizer', async () => {
  const code = `exports.handler = async (event) => {
    const { username, password, clientId } = event.protocolData.mqtt;
    return {
      isAuthenticated: Buffer.from(password, 'base64').toString() === 'open sesame',
      principalId: 'Device1',
      disconnectAfterInSeconds: 3600,
      refreshAfterInSeconds: 300,
      policyDocuments: [{ Version: '2012-10-17', Statement: [
        { Effect: 'Allow', Action: 'iot:Connect', Resource: 'arn:aws:iot:us-east-1:000000000000:client/' + clientId },
        { Effect: 'Allow', Action: 'iot:Publish', Resource: 'arn:aws:iot:us-east-1:000000000000:topic/\${iot:ClientId}/*' },
      ]}],
    };
  };`;
  const trust = { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' };
  const AssumeRolePolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: [trust] });
  await new IAMClient(options()).send(new CreateRoleCommand({ RoleName: 'authorize', AssumeRolePolicyDocument }));
  const lambda = new LambdaClient(options());
  await lambda.send(
    new CreateFunctionCommand({
      ...{ FunctionName: 'authorize', Runtime: 'nodejs24.x', Handler: 'index.handler', Timeout: 5, MemorySize: 128 },
      Role: 'arn:aws:iam::000000000000:role/authorize',
      Code: { ZipFile: await zipOf({ 'index.js': code }) },
    }),
  );
  const called = { FunctionName: 'authorize', StatementId: 'iot', Action: 'lambda:InvokeFunction' };
  await lambda.send(new AddPermissionCommand({ ...called, Principal: 'iot.amazonaws.com' }));
  const iot = new IoTClient(options());
  const authorizerFunctionArn = 'arn:aws:lambda:us-east-1:000000000000:function:authorize';
  const created = { authorizerName: 'sesame', authorizerFunctionArn, signingDisabled: true };
  const { authorizerArn } = await iot.send(new CreateAuthorizerCommand(created));
  assert.equal(authorizerArn, arn('authorizer/sesame'));
  const mqttContext = { username: 'u', password: Buffer.from('open sesame'), clientId: 'robot' };
  const tested = await iot.send(new TestInvokeAuthorizerCommand({ authorizerName: 'sesame', mqttContext }));
  assert.deepEqual([tested.isAuthenticated, tested.principalId, tested.refreshAfterInSeconds], [true, 'Device1', 300]);
  const username = 'u?x-amz-customauthorizer-name=sesame';
  const robot = await connect({ clientId: 'robot', username, password: 'open sesame' });
  await robot.publishAsync('robot/x', '1', { qos: 1 });
  await assert.rejects(robot.publishAsync('other/x', '1', { qos: 1 }), notAuthorized);
  await robot.endAsync();
  await assert.rejects(connect({ clientId: 'robot', username, password: 'guess' }), notAuthorized);
});
