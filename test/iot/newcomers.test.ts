import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CreateRoleCommand, IAMClient } from '@aws-sdk/client-iam';
import { IoT, type RegisterCACertificateCommandInput } from '@aws-sdk/client-iot';
import { CreateFunctionCommand, LambdaClient } from '@aws-sdk/client-lambda';
import mqttjs, { type MqttClient } from 'mqtt';
import { type Node, startNode } from '../../src/node/index.ts';
import { TestAuthority } from '../support/certificates.ts';
import { zipOf } from '../support/clients.ts';

/*
 * Devices that come for the first time, over the TLS listener of a whole node: with certificates of an authority of OpenSSL's making,
 * and with a claim.
 */

let node: Node;
let home: string;
let ca: string;
let iot: IoT;
const options = () => ({
  endpoint: node.endpoint,
  region: 'us-east-1',
  credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
});

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'millrace-newcomers-'));
  node = await startNode({
    ...{ dataDirectory: home, host: '127.0.0.1', httpPort: 0, mqttPort: 0, mqttsPort: 0, mode: 'dev' },
    ...{ logLevel: 'error', blankEnvironments: 0 },
  });
  ca = await (await fetch(`${node.endpoint}/_millrace/ca.pem`)).text();
  iot = new IoT(options());
});

after(async () => {
  iot?.destroy();
  await node?.[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

function connect(clientId: string, { cert, key }: { cert: string; key: string }): Promise<MqttClient> {
  const url = `mqtts://localhost:${node.mqtts!.port}`;
  return mqttjs.connectAsync(url, { ca, cert, key, clientId, reconnectPeriod: 0, protocolVersion: 5 }, false);
}

/** A client on this machine's plain listener, which sees everything. */
async function watch(topic: string): Promise<{ client: MqttClient; message: Promise<any> }> {
  const client = await mqttjs.connectAsync(`mqtt://127.0.0.1:${node.mqtt.port}`, { reconnectPeriod: 0 });
  await client.subscribeAsync(topic, { qos: 1 });
  const message = new Promise((resolve) =>
    client.once('message', (_topic, payload) => resolve(JSON.parse(payload.toString()))),
  );
  return { client, message };
}

/** @returns the authority's id */
async function register(
  authority: TestAuthority,
  registrationConfig?: RegisterCACertificateCommandInput['registrationConfig'],
): Promise<string> {
  const { registrationCode } = await iot.getRegistrationCode({});
  const { certificateId } = await iot.registerCACertificate({
    caCertificate: authority.authority.cert,
    verificationCertificate: authority.issue(registrationCode!).cert,
    ...{ setAsActive: true, allowAutoRegistration: true, registrationConfig },
  });
  return certificateId!;
}

const policyDocument = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }],
});

test('just-in-time registration over TLS: refused and told of at first, let in once it is activated', async () => {
  using authority = new TestAuthority();
  const caCertificateId = await register(authority);
  const { client, message } = await watch(`$aws/events/certificates/registered/${caCertificateId}`);
  const device = authority.issue('pump-1');
  await assert.rejects(connect('pump-1', device), { code: 0x87 });
  const event = await message;
  assert.equal(event.certificateId, device.id);
  assert.equal(event.certificateStatus, 'PENDING_ACTIVATION');
  await client.endAsync();

  // What a rule's function does with the event.
  const { certificateDescription } = await iot.describeCertificate({ certificateId: event.certificateId });
  assert.equal(certificateDescription!.caCertificateId, caCertificateId);
  await iot.createPolicy({ policyName: 'all', policyDocument });
  await iot.attachPolicy({ policyName: 'all', target: certificateDescription!.certificateArn! });
  await iot.updateCertificate({ certificateId: device.id, newStatus: 'ACTIVE' });
  const pump = await connect('pump-1', device);
  await pump.publishAsync('pumps/1', 'on', { qos: 1 });

  const gone = new Promise<{ reasonCode?: number }>((resolve) => pump.once('disconnect', resolve));
  await iot.updateCertificate({ certificateId: device.id, newStatus: 'REVOKED' });
  assert.equal((await gone).reasonCode, 0x87, 'a revoked certificate ends its connection');
  await assert.rejects(connect('pump-1', device), { code: 0x87 });

  // The same name on the authority, another key: nobody has registered that one.
  using impostor = new TestAuthority();
  await assert.rejects(connect('pump-1', impostor.issue('pump-1')), { code: 0x87 });
});

test('just-in-time provisioning over TLS: thing, policy and attachment are there at the first connection', async () => {
  using authority = new TestAuthority();
  const commonName = { Ref: 'AWS::IoT::Certificate::CommonName' };
  const templateBody = JSON.stringify({
    Parameters: {
      'AWS::IoT::Certificate::CommonName': { Type: 'String' },
      'AWS::IoT::Certificate::Id': { Type: 'String' },
    },
    Resources: {
      thing: { Type: 'AWS::IoT::Thing', Properties: { ThingName: commonName } },
      certificate: {
        Type: 'AWS::IoT::Certificate',
        Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'ACTIVE' },
      },
      policy: {
        Type: 'AWS::IoT::Policy',
        Properties: {
          PolicyDocument: JSON.stringify({
            Version: '2012-10-17',
            Statement: [
              {
                Effect: 'Allow',
                Action: 'iot:Connect',
                Resource: 'arn:aws:iot:us-east-1:000000000000:client/${iot:Connection.Thing.ThingName}',
              },
              { Effect: 'Allow', Action: 'iot:Publish', Resource: 'arn:aws:iot:us-east-1:000000000000:topic/pumps/*' },
            ],
          }),
        },
      },
    },
  });
  await register(authority, { templateBody, roleArn: 'arn:aws:iam::000000000000:role/jitp' });
  const device = authority.issue('pump-2');
  const pump = await connect('pump-2', device);
  await pump.publishAsync('pumps/2', 'on', { qos: 1 });
  await assert.rejects(pump.publishAsync('other', 'on', { qos: 1 }), { code: 0x87 });
  await pump.endAsync();
  const { principals } = await iot.listThingPrincipals({ thingName: 'pump-2' });
  assert.deepEqual(principals, [`arn:aws:iot:us-east-1:000000000000:cert/${device.id}`]);
  await assert.rejects(connect('pump-3', device), { code: 0x87 }, 'its certificate opens no other name');
});

test('fleet provisioning over TLS: by a claim and a function of the node, to a certificate that connects', async () => {
  const code = `exports.handler = async ({ clientId, parameters }) => ({
    allowProvisioning: parameters.Serial.startsWith('good-'),
    parameterOverrides: { Place: 'hall of ' + clientId },
  });`;
  const trust = { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' };
  const AssumeRolePolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: [trust] });
  using iam = disposable(new IAMClient(options()));
  await iam.client.send(new CreateRoleCommand({ RoleName: 'hook', AssumeRolePolicyDocument }));
  using lambda = disposable(new LambdaClient(options()));
  await lambda.client.send(
    new CreateFunctionCommand({
      ...{ FunctionName: 'hook', Runtime: 'nodejs24.x', Handler: 'index.handler', Timeout: 5, MemorySize: 128 },
      Role: 'arn:aws:iam::000000000000:role/hook',
      Code: { ZipFile: await zipOf({ 'index.js': code }) },
    }),
  );
  await iot.createProvisioningTemplate({
    ...{ templateName: 'fleet', enabled: true, provisioningRoleArn: 'arn:aws:iam::000000000000:role/fleet' },
    preProvisioningHook: { targetArn: 'arn:aws:lambda:us-east-1:000000000000:function:hook' },
    templateBody: JSON.stringify({
      Parameters: { Serial: { Type: 'String' }, Place: { Type: 'String', Default: 'nowhere' } },
      Resources: {
        thing: {
          Type: 'AWS::IoT::Thing',
          Properties: { ThingName: { Ref: 'Serial' }, AttributePayload: { place: { Ref: 'Place' } } },
        },
        certificate: {
          Type: 'AWS::IoT::Certificate',
          Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'Active' },
        },
        policy: { Type: 'AWS::IoT::Policy', Properties: { PolicyDocument: policyDocument } },
      },
    }),
  });
  const claim = await iot.createProvisioningClaim({ templateName: 'fleet' });
  const newcomer = await connect('app', { cert: claim.certificatePem!, key: claim.keyPair!.PrivateKey! });
  const prefixes = ['$aws/certificates/create/json', '$aws/provisioning-templates/fleet/provision/json'];
  await newcomer.subscribeAsync(
    prefixes.flatMap((prefix) => [`${prefix}/accepted`, `${prefix}/rejected`]),
    { qos: 1 },
  );
  const ask = async (prefix: string, input: object) => {
    const answer = new Promise<any>((resolve) => {
      newcomer.once('message', (topic, payload) => {
        resolve({ how: topic.slice(prefix.length + 1), ...JSON.parse(payload.toString()) });
      });
    });
    await newcomer.publishAsync(prefix, JSON.stringify(input), { qos: 1 });
    return answer;
  };
  const made = await ask(prefixes[0]!, {});
  const provision = (Serial: string) => {
    const { certificateOwnershipToken } = made;
    return ask(prefixes[1]!, { certificateOwnershipToken, parameters: { Serial } });
  };
  const refused = await provision('bad-1');
  assert.deepEqual([refused.how, refused.errorCode], ['rejected', 'AccessDenied']);
  const provisioned = await provision('good-1');
  assert.deepEqual([provisioned.how, provisioned.thingName], ['accepted', 'good-1']);
  assert.deepEqual((await iot.describeThing({ thingName: 'good-1' })).attributes, { place: 'hall of app' });
  await assert.rejects(newcomer.publishAsync('pumps/1', 'x', { qos: 1 }), { code: 0x87 }, 'a claim is for this alone');
  await newcomer.endAsync();
  const device = await connect('good-1', { cert: made.certificatePem, key: made.privateKey });
  await device.publishAsync('pumps/1', 'on', { qos: 1 });
  await device.endAsync();
});

function disposable<Client extends { destroy(): void }>(client: Client) {
  return { client, [Symbol.dispose]: () => client.destroy() };
}
