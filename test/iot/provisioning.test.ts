import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { SimulatedClock, seededRandom } from '../../src/base/index.ts';
import { decodeCbor, encodeCbor } from '../../src/codec/aws/index.ts';
import {
  encodeName,
  encodePem,
  extension,
  makeCertificate,
  makeRequest,
  type NameAttribute,
} from '../../src/codec/x509/index.ts';
import { type CheckProvisioning, type InvokeFunction, IotError } from '../../src/services/iot/index.ts';
import { openRig, publish, RawClient, type Rig } from '../mqtt/harness.ts';
import { LeapingClock, peerOf } from './peer.ts';

const DAY_MS = 86_400_000;
const random = seededRandom(11);

interface Signer {
  readonly pem: string;
  readonly name: Buffer;
  readonly key: KeyObject;
}

type Name = readonly (readonly [NameAttribute, string])[];

/** An authority of a manufacturer. */
async function makeAuthority(commonName = 'Pumps Inc.'): Promise<Signer> {
  const { privateKey: key, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = encodeName(['O', 'Pumps'], ['CN', commonName]);
  const extensions = [extension.authority, extension.keyUsage('authority')];
  const times = { notBefore: Date.now() - DAY_MS, notAfter: Date.now() + 1000 * DAY_MS };
  const content = { subject: name, issuer: name, serialNumber: random.bytes(8), ...times, publicKey, extensions };
  return { pem: encodePem('CERTIFICATE', await makeCertificate(content, key)), name, key };
}

async function signedBy(
  signer: Signer,
  name: Name,
  times: { readonly notBefore?: number; readonly notAfter?: number } = {},
): Promise<string> {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const content = {
    subject: encodeName(...name),
    issuer: signer.name,
    serialNumber: random.bytes(8),
    notBefore: Date.now() - DAY_MS,
    notAfter: Date.now() + 100 * DAY_MS,
    ...times,
    publicKey,
    extensions: [extension.noAuthority],
  };
  return encodePem('CERTIFICATE', await makeCertificate(content, signer.key));
}

/** Registers an authority as AWS's guide says: by a certificate over the registration code. */
async function register(rig: Rig, authority: Signer, more: object = {}): Promise<string> {
  const { registrationCode } = await rig.call('GetRegistrationCode', {});
  const verificationCertificate = await signedBy(authority, [['CN', registrationCode]]);
  const input = { caCertificate: authority.pem, verificationCertificate, setAsActive: true, ...more };
  return (await rig.call('RegisterCACertificate', input)).certificateId;
}

/** Ids of all certificates, once there are so many. */
async function idsOnceThereAre(rig: Rig, count: number): Promise<readonly string[]> {
  for (;;) {
    const { certificates } = await rig.call('ListCertificates', {});
    if (certificates.length === count) return certificates.map((one: { certificateId: string }) => one.certificateId);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function reasonOf(rig: Rig, pem: string): Promise<string> {
  const admission = await rig.iot.certificates.admit(peerOf(pem));
  assert.equal(admission.kind, 'refused');
  return admission.reason;
}

const POLICY = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }],
});

const JITP = {
  Parameters: {
    'AWS::IoT::Certificate::CommonName': { Type: 'String' },
    'AWS::IoT::Certificate::Id': { Type: 'String' },
  },
  Resources: {
    thing: {
      Type: 'AWS::IoT::Thing',
      Properties: {
        ThingName: { 'Fn::Join': ['-', ['pump', { Ref: 'AWS::IoT::Certificate::CommonName' }]] },
        AttributePayload: { maker: { Ref: 'AWS::IoT::Certificate::Organization' } },
      },
    },
    certificate: {
      Type: 'AWS::IoT::Certificate',
      Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'ACTIVE' },
    },
    policy: { Type: 'AWS::IoT::Policy', Properties: { PolicyDocument: POLICY } },
  },
};

test('an authority is registered by its registration code only', async () => {
  await using rig = await openRig();
  const authority = await makeAuthority();
  const stranger = await makeAuthority('Somebody else');
  const call = (verificationCertificate: string | undefined) =>
    rig.call('RegisterCACertificate', { caCertificate: authority.pem, verificationCertificate });
  await assert.rejects(call(undefined), { code: 'registration-code-invalid' });
  const { registrationCode } = await rig.call('GetRegistrationCode', {});
  await assert.rejects(call(await signedBy(authority, [['CN', 'another']])), { code: 'registration-code-invalid' });
  await assert.rejects(call(await signedBy(stranger, [['CN', registrationCode]])), { code: 'certificate-invalid' });
  await assert.rejects(call(await signedBy({ ...authority, key: stranger.key }, [['CN', registrationCode]])), {
    code: 'certificate-invalid',
  });
  const id = await register(rig, authority);
  await assert.rejects(register(rig, authority), { code: 'resource-exists' });
  await assert.rejects(rig.call('DeleteCACertificate', { certificateId: id }), { code: 'certificate-state' });
  await rig.call('UpdateCACertificate', { certificateId: id, newStatus: 'INACTIVE' });
  const { certificateDescription } = await rig.call('DescribeCACertificate', { certificateId: id });
  assert.equal(certificateDescription.status, 'INACTIVE');
  assert.equal(certificateDescription.autoRegistrationStatus, 'DISABLE');
  await rig.call('DeleteCACertificate', { certificateId: id });
  assert.deepEqual((await rig.call('ListCACertificates', {})).certificates, []);
});

test('a leaf is no authority, and an authority that only calls itself one is refused', async () => {
  await using rig = await openRig();
  const authority = await makeAuthority();
  const leaf = await signedBy(authority, [['CN', 'leaf']]);
  const only = (caCertificate: string) =>
    rig.call('RegisterCACertificate', { caCertificate, certificateMode: 'SNI_ONLY' });
  await assert.rejects(only(leaf), { code: 'certificate-invalid' });
  await assert.rejects(only('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'), {
    code: 'certificate-invalid',
  });
  await only(authority.pem);
});

test('just-in-time registration: a newcomer is registered, told of and refused until it is activated', async () => {
  await using rig = await openRig();
  const authority = await makeAuthority();
  const caId = await register(rig, authority, { allowAutoRegistration: true });
  await using watcher = await RawClient.connected(rig.port, { clientId: 'watcher' });
  await watcher.subscribe(`$aws/events/certificates/registered/${caId}`);
  const pem = await signedBy(authority, [['CN', '1']]);
  const { certificateId } = peerOf(pem);
  const both = [reasonOf(rig, pem), reasonOf(rig, pem)];
  for (const reason of await Promise.all(both)) assert.match(reason, /PENDING_ACTIVATION/);
  const event = await watcher.next();
  assert(event?.type === 'publish');
  const told = JSON.parse(event.payload.toString());
  assert.equal(told.certificateId, certificateId);
  assert.equal(told.caCertificateId, caId);
  assert.equal(told.certificateStatus, 'PENDING_ACTIVATION');
  await watcher.settle();
  assert.equal(watcher.unread, 0, 'told once');
  await rig.call('UpdateCertificate', { certificateId, newStatus: 'ACTIVE' });
  assert.equal((await rig.iot.certificates.admit(peerOf(pem))).kind, 'active');
  const { certificates } = await rig.call('ListCertificatesByCA', { caCertificateId: caId });
  assert.deepEqual(
    certificates.map((one: { certificateId: string }) => one.certificateId),
    [certificateId],
  );
});

test('just-in-time provisioning makes thing, policy and attachment and lets the device in', async () => {
  await using rig = await openRig();
  const authority = await makeAuthority();
  const registrationConfig = { templateBody: JSON.stringify(JITP), roleArn: 'arn:aws:iam::000000000000:role/jitp' };
  await register(rig, authority, { allowAutoRegistration: true, registrationConfig });
  const pem = await signedBy(authority, [
    ['O', 'Pumps'],
    ['CN', '7'],
  ]);
  const admission = await rig.iot.certificates.admit(peerOf(pem));
  assert(admission.kind === 'active');
  const { attributes } = await rig.call('DescribeThing', { thingName: 'pump-7' });
  assert.deepEqual(attributes, { maker: 'Pumps' });
  const { principals } = await rig.call('ListThingPrincipals', { thingName: 'pump-7' });
  assert.deepEqual(principals, [admission.certificateArn]);
  const { policies } = await rig.call('ListAttachedPolicies', { target: admission.certificateArn });
  assert.equal(policies.length, 1);
});

test('a device whose template could not be worked out is provisioned when it comes again', async () => {
  await using rig = await openRig();
  const authority = await makeAuthority();
  const { policy, ...resources } = JITP.Resources;
  const named = { ...policy, Properties: { PolicyName: 'pumps' } };
  const templateBody = JSON.stringify({ ...JITP, Resources: { ...resources, policy: named } });
  await register(rig, authority, { allowAutoRegistration: true, registrationConfig: { templateBody, roleArn: 'r' } });
  const pem = await signedBy(authority, [
    ['O', 'Pumps'],
    ['CN', '8'],
  ]);
  assert.match(await reasonOf(rig, pem), /template could not be worked out/);
  await rig.call('CreatePolicy', { policyName: 'pumps', policyDocument: POLICY });
  assert.equal((await rig.iot.certificates.admit(peerOf(pem))).kind, 'active');
});

test('strangers are refused, each with its reason', async () => {
  await using rig = await openRig();
  const [known, unknown] = [await makeAuthority(), await makeAuthority('Unknown')];
  const impostor = { ...unknown, name: known.name };
  const id = await register(rig, known, { allowAutoRegistration: true });
  assert.match(
    await reasonOf(rig, await signedBy(unknown, [['CN', 'x']])),
    /neither is its authority \(O=Pumps, CN=Unknown\)/,
  );
  assert.match(await reasonOf(rig, await signedBy(impostor, [['CN', 'x']])), /neither is its authority/);
  assert.match(await reasonOf(rig, unknown.pem), /self-signed/);
  const over = await signedBy(known, [['CN', 'old']], { notAfter: Date.now() - 1000 });
  assert.match(await reasonOf(rig, over), /has expired on \d{4}-/);
  const early = await signedBy(known, [['CN', 'new']], { notBefore: Date.now() + DAY_MS });
  assert.match(await reasonOf(rig, early), /not valid before/);
  await rig.call('UpdateCACertificate', { certificateId: id, newAutoRegistrationStatus: 'DISABLE' });
  assert.match(await reasonOf(rig, await signedBy(known, [['CN', 'x']])), /does not register newcomers/);
  await rig.call('UpdateCACertificate', { certificateId: id, newStatus: 'INACTIVE' });
  assert.match(await reasonOf(rig, await signedBy(known, [['CN', 'x']])), /authority of the certificate is INACTIVE/);
  const damaged = { ...peerOf(known.pem), certificateId: '0'.repeat(64), der: Buffer.from('3003020101', 'hex') };
  const admission = await rig.iot.certificates.admit(damaged);
  assert(admission.kind === 'refused');
  assert.match(admission.reason, /cannot be read/);
  assert.deepEqual((await rig.call('ListCertificates', {})).certificates, [], 'nothing of it was registered');
});

test('a certificate that expires, is revoked or deactivated is refused, and deleting asks for order', async () => {
  const clock = new LeapingClock();
  await using rig = await openRig({ clock });
  const made = await rig.call('CreateKeysAndCertificate', { setAsActive: true });
  const { certificateId, certificateArn, certificatePem } = made;
  await rig.call('CreateThing', { thingName: 'pump' });
  await rig.call('AttachThingPrincipal', { thingName: 'pump', principal: certificateArn });
  await rig.call('CreatePolicy', { policyName: 'all', policyDocument: POLICY });
  await rig.call('AttachPolicy', { policyName: 'all', target: certificateArn });
  const remove = (forceDelete = false) => rig.call('DeleteCertificate', { certificateId, forceDelete });
  await assert.rejects(remove(), { code: 'certificate-state' });
  for (const newStatus of ['INACTIVE', 'REVOKED']) {
    await rig.call('UpdateCertificate', { certificateId, newStatus });
    assert.match(await reasonOf(rig, certificatePem), new RegExp(newStatus));
    assert.equal(rig.iot.certificates.isActive(certificateArn), false);
  }
  await assert.rejects(remove(), { code: 'delete-conflict' });
  await rig.call('DetachThingPrincipal', { thingName: 'pump', principal: certificateArn });
  await assert.rejects(remove(), { code: 'delete-conflict' });
  await rig.call('UpdateCertificate', { certificateId, newStatus: 'ACTIVE' });
  assert.equal(rig.iot.certificates.isActive(certificateArn), true);
  clock.leap = 25 * 365 * DAY_MS + 1000;
  assert.match(await reasonOf(rig, certificatePem), /expired/);
  await rig.call('UpdateCertificate', { certificateId, newStatus: 'INACTIVE' });
  await remove(true);
  await assert.rejects(rig.call('DescribeCertificate', { certificateId }), { code: 'resource-not-found' });
});

const FLEET = {
  Parameters: { SerialNumber: { Type: 'String' }, Place: { Type: 'String', Default: 'hall-1' } },
  Mappings: { Region: { 'hall-1': { Url: 'https://one' }, 'hall-2': { Url: 'https://two' } } },
  Resources: {
    thing: {
      Type: 'AWS::IoT::Thing',
      Properties: { ThingName: { 'Fn::Sub': 'pump-${SerialNumber}' }, AttributePayload: { place: { Ref: 'Place' } } },
    },
    certificate: {
      Type: 'AWS::IoT::Certificate',
      Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'Active' },
    },
    policy: { Type: 'AWS::IoT::Policy', Properties: { PolicyDocument: POLICY } },
  },
  DeviceConfiguration: { url: { 'Fn::FindInMap': ['Region', { Ref: 'Place' }, 'Url'] } },
};

async function makeTemplate(rig: Rig, more: object = {}): Promise<void> {
  await rig.call('CreateProvisioningTemplate', {
    templateName: 'fleet',
    templateBody: JSON.stringify(FLEET),
    provisioningRoleArn: 'arn:aws:iam::000000000000:role/fleet',
    enabled: true,
    ...more,
  });
}

/** A device that asks over MQTT, in JSON unless told otherwise. */
class Asker implements AsyncDisposable {
  readonly client: RawClient;
  readonly #format: 'json' | 'cbor';

  private constructor(client: RawClient, format: 'json' | 'cbor') {
    this.client = client;
    this.#format = format;
  }

  static async open(rig: Rig, clientId: string, format: 'json' | 'cbor' = 'json'): Promise<Asker> {
    const client = await RawClient.connected(rig.port, { clientId });
    for (const topic of [
      'certificates/create',
      'certificates/create-from-csr',
      'provisioning-templates/fleet/provision',
    ]) {
      await client.subscribe(`$aws/${topic}/${format}/+`);
    }
    return new Asker(client, format);
  }

  async ask(topic: string, input: object): Promise<any> {
    const payload = this.#format === 'json' ? Buffer.from(JSON.stringify(input)) : encodeCbor(input);
    this.client.send(publish(`$aws/${topic}/${this.#format}`, '', { payload }));
    const answer = await this.client.next();
    assert(answer?.type === 'publish');
    const how = answer.topic.slice(answer.topic.lastIndexOf('/') + 1);
    const told = this.#format === 'json' ? JSON.parse(answer.payload.toString()) : decodeCbor(answer.payload);
    return { how, ...told };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
  }
}

for (const format of ['json', 'cbor'] as const) {
  test(`fleet provisioning in ${format}: a key, a certificate and a thing, told to the asking client alone`, async () => {
    await using rig = await openRig();
    await makeTemplate(rig);
    await using device = await Asker.open(rig, 'new-device', format);
    await using spy = await Asker.open(rig, 'spy', format);
    const made = await device.ask('certificates/create', {});
    assert.equal(made.how, 'accepted');
    assert.match(await reasonOf(rig, made.certificatePem), /PENDING_ACTIVATION/);
    assert.match(made.privateKey, /BEGIN RSA PRIVATE KEY/);
    const parameters = { SerialNumber: '12', Place: 'hall-2', 'AWS::IoT::Certificate::Id': 'f'.repeat(64) };
    const request = { certificateOwnershipToken: made.certificateOwnershipToken, parameters };
    const provisioned = await device.ask('provisioning-templates/fleet/provision', request);
    assert.deepEqual(provisioned, {
      how: 'accepted',
      thingName: 'pump-12',
      deviceConfiguration: { url: 'https://two' },
    });
    assert.equal((await rig.iot.certificates.admit(peerOf(made.certificatePem))).kind, 'active');
    assert.deepEqual((await rig.call('DescribeThing', { thingName: 'pump-12' })).attributes, { place: 'hall-2' });
    const again = await device.ask('provisioning-templates/fleet/provision', request);
    assert.equal(again.errorCode, 'InvalidCertificateOwnershipToken');
    await spy.client.settle();
    assert.equal(spy.client.unread, 0, 'others see no keys');
  });
}

test('fleet provisioning by a request keeps the key on the device', async () => {
  await using rig = await openRig();
  await makeTemplate(rig);
  await using device = await Asker.open(rig, 'new-device');
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const request = await makeRequest(encodeName(['CN', 'pump']), publicKey, privateKey);
  const made = await device.ask('certificates/create-from-csr', {
    certificateSigningRequest: encodePem('CERTIFICATE REQUEST', request),
  });
  assert.equal(made.how, 'accepted');
  assert.ok(new X509Certificate(made.certificatePem).checkPrivateKey(privateKey));
  assert.equal(made.privateKey, undefined);
});

test('requests that cannot be met are rejected with a code and a reason', async () => {
  await using rig = await openRig();
  await makeTemplate(rig);
  await using device = await Asker.open(rig, 'new-device');
  const bad = await device.ask('certificates/create-from-csr', { certificateSigningRequest: 'x' });
  assert.deepEqual([bad.how, bad.statusCode, bad.errorCode], ['rejected', 400, 'InvalidRequest']);
  device.client.send(publish('$aws/certificates/create-from-csr/json', '{'));
  const malformed = await device.client.next();
  assert(malformed?.type === 'publish');
  assert.equal(JSON.parse(malformed.payload.toString()).errorCode, 'InvalidPayload');
  const provision = (token: unknown, parameters: unknown = { SerialNumber: '1' }) =>
    device.ask('provisioning-templates/fleet/provision', { certificateOwnershipToken: token, parameters });
  for (const token of [undefined, '', 'a.b', `${Buffer.from('x.99999999999999').toString('base64url')}.AAAA`]) {
    assert.equal((await provision(token)).errorCode, 'InvalidCertificateOwnershipToken');
  }
  const { certificateOwnershipToken: token } = await device.ask('certificates/create', {});
  const nameless = await provision(token, {});
  assert.match(nameless.errorMessage, /parameter SerialNumber has no value/);
  assert.equal((await provision(token, { SerialNumber: 5 })).errorCode, 'InvalidPayload');
  await rig.call('UpdateProvisioningTemplate', { templateName: 'fleet', enabled: false });
  assert.equal((await provision(token)).errorCode, 'TemplateDisabled');
  await rig.call('UpdateProvisioningTemplate', { templateName: 'fleet', enabled: true });
  assert.equal((await provision(token)).how, 'accepted', 'what was rejected can be asked again');
  device.client.send(
    publish('$aws/certificates/create/json/accepted', '{}'),
    publish('$aws/certificates/x/constructor', '{}'),
  );
  await device.client.settle();
  assert.equal(device.client.unread, 0);
});

test('answers of provisioning cannot be forged by HTTPS, to those who wait for one or, retained, to those who come', async () => {
  await using rig = await openRig();
  await using device = await Asker.open(rig, 'new-device');
  const forged = Buffer.from('{"certificatePem":"of the attacker","privateKey":"too"}');
  for (const topic of [
    '$aws/certificates/create/json/accepted',
    '$aws/certificates/create/json',
    '$aws/provisioning-templates/fleet/provision/json/accepted',
  ]) {
    for (const retain of [false, true]) {
      await assert.rejects(rig.call('Publish', { topic, qos: 1, retain, payload: forged }), { code: 'forbidden' });
    }
  }
  await device.client.settle();
  assert.equal(device.client.unread, 0);
  assert.deepEqual((await rig.call('ListRetainedMessages', {})).retainedTopics, []);
});

test('tokens and unprovisioned certificates end after an hour, across a restart', async () => {
  const clock = new SimulatedClock(Date.now());
  const first = await openRig({ clock });
  await makeTemplate(first);
  const asker = await Asker.open(first, 'new-device');
  const early = await asker.ask('certificates/create', {});
  const late = await asker.ask('certificates/create', {});
  await using rig = await first.restart();
  await using device = await Asker.open(rig, 'again');
  const provision = ({ certificateOwnershipToken }: { certificateOwnershipToken: string }) =>
    device.ask('provisioning-templates/fleet/provision', {
      certificateOwnershipToken,
      parameters: { SerialNumber: '3' },
    });
  assert.equal((await provision(early)).how, 'accepted');
  await clock.advance(3_600_000);
  assert.equal((await provision(late)).errorCode, 'InvalidCertificateOwnershipToken');
  await clock.advance(600_000);
  assert.deepEqual(await idsOnceThereAre(rig, 1), [early.certificateId]);
});

test('templates have versions, of which one is the default', async () => {
  await using rig = await openRig();
  await makeTemplate(rig);
  const templateName = 'fleet';
  await assert.rejects(makeTemplate(rig), { code: 'resource-exists' });
  const other = JSON.stringify({ ...FLEET, DeviceConfiguration: { version: '2' } });
  const { versionId } = await rig.call('CreateProvisioningTemplateVersion', { templateName, templateBody: other });
  assert.equal(versionId, 2);
  await rig.call('UpdateProvisioningTemplate', { templateName, defaultVersionId: 2 });
  assert.equal((await rig.call('DescribeProvisioningTemplate', { templateName })).templateBody, other);
  await assert.rejects(rig.call('DeleteProvisioningTemplateVersion', { templateName, versionId: 2 }), {
    code: 'delete-conflict',
  });
  await rig.call('DeleteProvisioningTemplateVersion', { templateName, versionId: 1 });
  const { versions } = await rig.call('ListProvisioningTemplateVersions', { templateName });
  assert.deepEqual(
    versions.map((one: { versionId: number }) => one.versionId),
    [2],
  );
  for (const templateBody of [
    '{',
    '{}',
    '{"Resources":{"x":{"Type":"AWS::IoT::Nothing"}}}',
    '{"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"BillingGroup":"b"}}}}',
  ]) {
    await assert.rejects(rig.call('CreateProvisioningTemplateVersion', { templateName, templateBody }), {
      code: 'request-invalid',
    });
  }
  await rig.call('DeleteProvisioningTemplate', { templateName });
  await assert.rejects(rig.call('DescribeProvisioningTemplate', { templateName }), { code: 'resource-not-found' });
});

test('RegisterThing provisions by a request, a certificate and an id, and finds the same again', async () => {
  await using rig = await openRig();
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const csr = encodePem('CERTIFICATE REQUEST', await makeRequest(encodeName(['CN', 'bulk']), publicKey, privateKey));
  const template = (properties: object, overrides: object = {}) => ({
    Parameters: { Place: { Type: 'String' } },
    Resources: {
      thing: {
        Type: 'AWS::IoT::Thing',
        Properties: { ThingName: 'bulk-1', AttributePayload: { place: { Ref: 'Place' } } },
        OverrideSettings: overrides,
      },
      certificate: { Type: 'AWS::IoT::Certificate', Properties: properties },
    },
  });
  const run = (body: object, parameters: object) =>
    rig.call('RegisterThing', { templateBody: JSON.stringify(body), parameters });
  const first = await run(template({ CertificateSigningRequest: csr }), { Place: 'a' });
  const id = first.resourceArns.certificate.split('/')[1];
  assert.equal(peerOf(first.certificatePem).certificateId, id);
  const again = await run(template({ CertificateId: id }), { Place: 'a' });
  assert.deepEqual(again.resourceArns, first.resourceArns);
  await assert.rejects(run(template({ CertificateId: id }), { Place: 'b' }), { code: 'conflict' });
  await run(template({ CertificateId: id }, { AttributePayload: 'REPLACE' }), { Place: 'b' });
  assert.deepEqual((await rig.call('DescribeThing', { thingName: 'bulk-1' })).attributes, { place: 'b' });
  await assert.rejects(run(template({ CertificateId: 'a'.repeat(64) }), { Place: 'b' }), {
    code: 'registration-failed',
  });
});

test('a claim of an installer is good for its template and for five minutes', async () => {
  const clock = new SimulatedClock(Date.now());
  await using rig = await openRig({ clock });
  await makeTemplate(rig);
  const claim = await rig.call('CreateProvisioningClaim', { templateName: 'fleet' });
  assert.equal((await rig.iot.certificates.admit(peerOf(claim.certificatePem))).kind, 'active');
  const target = `arn:aws:iot:eu-central-1:000000000000:cert/${claim.certificateId}`;
  assert.equal((await rig.call('ListAttachedPolicies', { target })).policies[0].policyName, 'millrace-claim-fleet');
  await clock.advance(301_000);
  assert.match(await reasonOf(rig, claim.certificatePem), /expired|not registered/);
  await clock.advance(600_000);
  assert.deepEqual(await idsOnceThereAre(rig, 0), []);
});

const HOOK = { targetArn: 'arn:aws:lambda:eu-central-1:000000000000:function:hook', payloadVersion: '2020-04-01' };

/** A rig whose template has a hook: what it is told goes to `events`, what it answers is said by the test. */
async function openHooked(answer: InvokeFunction, clock?: SimulatedClock) {
  const events: any[] = [];
  const invokeFunction: InvokeFunction = (functionArn, event, sourceArn, signal) => {
    assert.deepEqual(
      [functionArn, sourceArn],
      [HOOK.targetArn, 'arn:aws:iot:eu-central-1:000000000000:provisioningtemplate/fleet'],
    );
    events.push(event);
    return answer(functionArn, event, sourceArn, signal);
  };
  const rig = await openRig({ invokeFunction, ...(clock && { clock }) });
  await makeTemplate(rig, { preProvisioningHook: HOOK });
  const device = await Asker.open(rig, 'new-device');
  const made = await device.ask('certificates/create', {});
  const provision = () =>
    device.ask('provisioning-templates/fleet/provision', {
      certificateOwnershipToken: made.certificateOwnershipToken,
      parameters: { SerialNumber: '9' },
    });
  const close = async () => {
    await device[Symbol.asyncDispose]();
    await rig[Symbol.asyncDispose]();
  };
  return { rig, events, made, provision, [Symbol.asyncDispose]: close };
}

test('a pre-provisioning hook is told of the device, and sets parameters, but never the certificate', async () => {
  const parameterOverrides = { Place: 'hall-2', 'AWS::IoT::Certificate::Id': 'f'.repeat(64) };
  await using hooked = await openHooked(async () => ({
    kind: 'returned',
    value: { allowProvisioning: true, parameterOverrides },
  }));
  const { rig, events, made, provision } = hooked;
  assert.deepEqual(await provision(), {
    how: 'accepted',
    thingName: 'pump-9',
    deviceConfiguration: { url: 'https://two' },
  });
  const [event] = events;
  assert.deepEqual(event, {
    claimCertificateId: event.claimCertificateId,
    certificateId: made.certificateId,
    certificatePem: made.certificatePem,
    templateArn: 'arn:aws:iot:eu-central-1:000000000000:provisioningtemplate/fleet',
    clientId: 'new-device',
    parameters: { SerialNumber: '9' },
  });
  assert.equal((await rig.iot.certificates.admit(peerOf(made.certificatePem))).kind, 'active');
});

test('each step is one that the role of the template may take, else the device is not let in and told no more', async () => {
  const steps: string[] = [];
  let forbidden: string | undefined = 'CreatePolicy';
  const checkProvisioning: CheckProvisioning = async (roleArn, sourceArn, { operation }) => {
    assert.equal(roleArn, 'arn:aws:iam::000000000000:role/fleet');
    assert.match(sourceArn, /:provisioningtemplate\/fleet$/);
    if (operation === forbidden) throw new IotError('forbidden', 'The role may not.');
    steps.push(operation);
  };
  await using rig = await openRig({ checkProvisioning });
  await makeTemplate(rig);
  await using device = await Asker.open(rig, 'new-device');
  const { certificateOwnershipToken, certificatePem } = await device.ask('certificates/create', {});
  const parameters = { SerialNumber: '9' };
  const provision = () =>
    device.ask('provisioning-templates/fleet/provision', { certificateOwnershipToken, parameters });
  const { how, statusCode, errorCode } = await provision();
  assert.deepEqual([how, statusCode, errorCode], ['rejected', 403, 'Forbidden']);
  assert.match(await reasonOf(rig, certificatePem), /PENDING_ACTIVATION/);
  assert.deepEqual((await rig.call('ListPolicies', {})).policies, []);
  forbidden = undefined;
  steps.length = 0;
  assert.equal((await provision()).how, 'accepted');
  assert.deepEqual(steps, [
    ...['UpdateThing', 'DescribeCertificate', 'CreatePolicy', 'AttachPolicy', 'AttachThingPrincipal'],
    'UpdateCertificate',
  ]);
});

test('a device that its hook does not allow is not provisioned, and may ask again', async () => {
  let allowProvisioning: unknown = false;
  await using hooked = await openHooked(async () => ({ kind: 'returned', value: { allowProvisioning } }));
  const { rig, made, provision } = hooked;
  for (const answer of [false, undefined, 'true', 1]) {
    allowProvisioning = answer;
    const { how, statusCode, errorCode } = await provision();
    assert.deepEqual([how, statusCode, errorCode], ['rejected', 403, 'AccessDenied']);
  }
  await assert.rejects(rig.call('DescribeThing', { thingName: 'pump-9' }), { code: 'resource-not-found' });
  assert.match(await reasonOf(rig, made.certificatePem), /PENDING_ACTIVATION/);
  allowProvisioning = true;
  assert.equal((await provision()).how, 'accepted');
});

test('a hook that fails, answers what cannot be used or takes longer than five seconds provisions nothing', async () => {
  const clock = new SimulatedClock(Date.now());
  const called = Promise.withResolvers<void>();
  const answers: InvokeFunction[] = [
    async () => ({ kind: 'failed', reason: 'secret of the function' }),
    async () => {
      throw new Error('secret of the node');
    },
    async () => ({ kind: 'returned', value: { allowProvisioning: true, parameterOverrides: { Place: 5 } } }),
    (_arn, _event, _source, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
        called.resolve();
      }),
  ];
  let answer = answers[0]!;
  await using hooked = await openHooked((...call) => answer(...call), clock);
  const { rig, provision } = hooked;
  for (const next of answers) {
    answer = next;
    const asked = provision();
    if (next === answers.at(-1)) {
      await called.promise;
      await clock.advance(4_999);
      await clock.advance(1);
    }
    const { how, statusCode, errorCode, errorMessage } = await asked;
    assert.deepEqual([how, statusCode, errorCode], ['rejected', 500, 'PreProvisioningHookFailed']);
    assert.doesNotMatch(errorMessage, /secret/, 'why it failed is for the log of the node');
  }
  await assert.rejects(rig.call('DescribeThing', { thingName: 'pump-9' }), { code: 'resource-not-found' });
});
