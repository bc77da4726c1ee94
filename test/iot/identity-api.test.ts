import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { after, before, test } from 'node:test';
import { IoT } from '@aws-sdk/client-iot';
import { encodeName, encodePem, makeRequest } from '../../src/codec/x509/index.ts';
import { TestAuthority } from '../support/certificates.ts';
import { clientOptions } from '../wire/support.ts';
import { type Cloud, openCloud } from './harness.ts';

const ROLE = 'arn:aws:iam::000000000000:role/provisioning';

let cloud: Cloud;
let iot: IoT;
const authority = new TestAuthority();

before(async () => {
  cloud = await openCloud();
  iot = new IoT(clientOptions(cloud.wire));
});

after(async () => {
  iot?.destroy();
  await cloud?.[Symbol.asyncDispose]();
  authority[Symbol.dispose]();
});

const arnOf = (resource: string) => `arn:aws:iot:eu-central-1:000000000000:${resource}`;
const idsOf = (found: { certificates?: { certificateId?: string }[] }) =>
  found.certificates!.map(({ certificateId }) => certificateId);

async function newRequest(): Promise<string> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return encodePem('CERTIFICATE REQUEST', await makeRequest(encodeName(['CN', 'pump']), publicKey, privateKey));
}

test('the SDK makes certificates, describes, pages, changes and deletes them', async () => {
  const made = await iot.createKeysAndCertificate({ setAsActive: true });
  const certificateId = made.certificateId!;
  const read = new X509Certificate(made.certificatePem!);
  assert.ok(read.checkPrivateKey(createPrivateKey(made.keyPair!.PrivateKey!)));
  assert.equal(made.certificateArn, arnOf(`cert/${certificateId}`));
  const { certificateDescription: described } = await iot.describeCertificate({ certificateId });
  assert.equal(described!.status, 'ACTIVE');
  assert.equal(described!.certificatePem, made.certificatePem);
  assert.equal(described!.ownedBy, '000000000000');
  assert.equal(described!.customerVersion, 1);
  assert.equal(described!.certificateMode, 'DEFAULT');
  assert.deepEqual(described!.validity, { notBefore: read.validFromDate, notAfter: read.validToDate });
  assert(described!.creationDate instanceof Date);

  const ids = [certificateId];
  for (let i = 0; i < 2; i++) {
    const signed = await iot.createCertificateFromCsr({ certificateSigningRequest: await newRequest() });
    ids.push(signed.certificateId!);
  }
  const first = await iot.listCertificates({ pageSize: 2, ascendingOrder: true });
  const rest = await iot.listCertificates({ pageSize: 2, ascendingOrder: true, marker: first.nextMarker! });
  assert.equal(rest.nextMarker, undefined);
  assert.deepEqual([...idsOf(first), ...idsOf(rest)].sort(), ids.sort());
  assert.deepEqual(idsOf(await iot.listCertificates({})).reverse(), [...idsOf(first), ...idsOf(rest)]);
  await assert.rejects(iot.createCertificateFromCsr({ certificateSigningRequest: 'x' }), {
    name: 'InvalidRequestException',
  });

  await assert.rejects(iot.deleteCertificate({ certificateId }), { name: 'CertificateStateException' });
  await iot.updateCertificate({ certificateId, newStatus: 'REVOKED' });
  const again = await iot.describeCertificate({ certificateId });
  assert.deepEqual(
    [again.certificateDescription!.status, again.certificateDescription!.customerVersion],
    ['REVOKED', 2],
  );
  const policyDocument = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}';
  await iot.createPolicy({ policyName: 'all', policyDocument });
  await iot.attachPolicy({ policyName: 'all', target: made.certificateArn! });
  await assert.rejects(iot.deleteCertificate({ certificateId }), { name: 'DeleteConflictException' });
  await iot.deleteCertificate({ certificateId, forceDelete: true });
  await assert.rejects(iot.describeCertificate({ certificateId }), { name: 'ResourceNotFoundException' });

  const other = ids.find((id) => id !== certificateId)!;
  assert.deepEqual((await iot.listOutgoingCertificates({})).outgoingCertificates, []);
  await assert.rejects(iot.transferCertificate({ certificateId: other, targetAwsAccount: '1'.repeat(12) }), {
    name: 'InvalidRequestException',
  });
  const named = { certificateId: other };
  for (const answer of [
    () => iot.acceptCertificateTransfer(named),
    () => iot.rejectCertificateTransfer(named),
    () => iot.cancelCertificateTransfer(named),
  ]) {
    await assert.rejects(answer, { name: 'TransferAlreadyCompletedException' });
  }
});

test('the SDK registers an authority by its code, and certificates with it and without', async () => {
  const { registrationCode } = await iot.getRegistrationCode({});
  assert.match(registrationCode!, /^[0-9a-f]{64}$/);
  const { id: certificateId, cert: caCertificate } = authority.authority;
  await assert.rejects(iot.registerCACertificate({ caCertificate }), { name: 'RegistrationCodeValidationException' });
  const registration = {
    ...{ caCertificate, verificationCertificate: authority.issue(registrationCode!).cert },
    ...{ setAsActive: true, tags: [{ Key: 'maker', Value: 'Pumps' }] },
  };
  const registered = await iot.registerCACertificate(registration);
  assert.deepEqual(
    [registered.certificateId, registered.certificateArn],
    [certificateId, arnOf(`cacert/${certificateId}`)],
  );
  await assert.rejects(iot.registerCACertificate(registration), {
    ...{ name: 'ResourceAlreadyExistsException', resourceId: certificateId, resourceArn: registered.certificateArn },
  });
  const { tags } = await iot.listTagsForResource({ resourceArn: registered.certificateArn! });
  assert.deepEqual(tags, registration.tags);

  const device = authority.issue('device');
  const by = { certificatePem: device.cert, caCertificatePem: caCertificate, status: 'ACTIVE' } as const;
  assert.equal((await iot.registerCertificate(by)).certificateId, device.id);
  await assert.rejects(iot.registerCertificate(by), { name: 'ResourceAlreadyExistsException', resourceId: device.id });
  assert.deepEqual(idsOf(await iot.listCertificatesByCA({ caCertificateId: certificateId })), [device.id]);
  using stranger = new TestAuthority();
  const strange = stranger.issue('strange');
  await assert.rejects(iot.registerCertificate({ certificatePem: strange.cert }), {
    name: 'CertificateValidationException',
  });
  await iot.registerCertificateWithoutCA({ certificatePem: strange.cert, status: 'ACTIVE' });
  const { certificateDescription } = await iot.describeCertificate({ certificateId: strange.id });
  assert.deepEqual(
    [certificateDescription!.certificateMode, certificateDescription!.caCertificateId],
    ['SNI_ONLY', undefined],
  );

  await iot.createProvisioningTemplate({
    ...{ templateName: 'newcomers', type: 'JITP', provisioningRoleArn: ROLE, enabled: true },
    templateBody: JSON.stringify({ Resources: { thing: { Type: 'AWS::IoT::Thing', Properties: { ThingName: 't' } } } }),
  });
  const registrationConfig = { templateName: 'newcomers', roleArn: ROLE };
  await iot.updateCACertificate({ certificateId, newAutoRegistrationStatus: 'ENABLE', registrationConfig });
  const described = await iot.describeCACertificate({ certificateId });
  assert.equal(described.certificateDescription!.autoRegistrationStatus, 'ENABLE');
  assert.equal(described.certificateDescription!.certificatePem, caCertificate);
  assert.deepEqual(described.registrationConfig, registrationConfig);
  assert.deepEqual(idsOf(await iot.listCACertificates({ templateName: 'newcomers' })), [certificateId]);
  assert.deepEqual(idsOf(await iot.listCACertificates({ templateName: 'none' })), []);

  await assert.rejects(iot.deleteCACertificate({ certificateId }), { name: 'CertificateStateException' });
  await iot.updateCACertificate({ certificateId, newStatus: 'INACTIVE', removeAutoRegistration: true });
  const late = authority.issue('late');
  await assert.rejects(iot.registerCertificate({ certificatePem: late.cert }), { name: 'CertificateStateException' });
  await iot.deleteCACertificate({ certificateId });
  await assert.rejects(iot.describeCACertificate({ certificateId }), { name: 'ResourceNotFoundException' });
  await iot.deleteRegistrationCode({});
  assert.notEqual((await iot.getRegistrationCode({})).registrationCode, registrationCode);
});

test('the SDK makes provisioning templates with versions, claims, and things by a template', async () => {
  const templateName = 'fleet';
  const bodyOf = (place: string) =>
    JSON.stringify({
      Parameters: { Serial: { Type: 'String' }, Request: { Type: 'String' } },
      Resources: {
        thing: {
          Type: 'AWS::IoT::Thing',
          Properties: { ThingName: { Ref: 'Serial' }, AttributePayload: { place } },
        },
        certificate: {
          Type: 'AWS::IoT::Certificate',
          Properties: { CertificateSigningRequest: { Ref: 'Request' }, Status: 'Active' },
        },
      },
    });
  const hook = { payloadVersion: '2020-04-01', targetArn: 'arn:aws:lambda:eu-central-1:000000000000:function:hook' };
  const made = await iot.createProvisioningTemplate({
    ...{ templateName, templateBody: bodyOf('a'), provisioningRoleArn: ROLE, preProvisioningHook: hook },
    ...{ description: 'pumps', tags: [{ Key: 'plant', Value: 'north' }] },
  });
  assert.deepEqual([made.templateArn, made.defaultVersionId], [arnOf('provisioningtemplate/fleet'), 1]);
  const { tags } = await iot.listTagsForResource({ resourceArn: made.templateArn! });
  assert.deepEqual(tags, [{ Key: 'plant', Value: 'north' }]);
  const version = await iot.createProvisioningTemplateVersion({ templateName, templateBody: bodyOf('b') });
  assert.deepEqual([version.versionId, version.isDefaultVersion], [2, false]);
  const read = await iot.describeProvisioningTemplateVersion({ templateName, versionId: 2 });
  assert.deepEqual([read.templateBody, read.isDefaultVersion], [bodyOf('b'), false]);
  await iot.updateProvisioningTemplate({
    ...{ templateName, enabled: true, defaultVersionId: 2, removePreProvisioningHook: true },
  });
  const described = await iot.describeProvisioningTemplate({ templateName });
  const { templateBody, enabled, description, type, preProvisioningHook, provisioningRoleArn } = described;
  assert.deepEqual(
    [templateBody, enabled, description, type, preProvisioningHook, provisioningRoleArn],
    [bodyOf('b'), true, 'pumps', 'FLEET_PROVISIONING', undefined, ROLE],
  );
  assert(described.lastModifiedDate! >= described.creationDate!);
  await assert.rejects(iot.deleteProvisioningTemplateVersion({ templateName, versionId: 2 }), {
    name: 'DeleteConflictException',
  });
  await iot.deleteProvisioningTemplateVersion({ templateName, versionId: 1 });
  const { versions } = await iot.listProvisioningTemplateVersions({ templateName });
  assert.deepEqual(
    versions!.map(({ versionId, isDefaultVersion }) => [versionId, isDefaultVersion]),
    [[2, true]],
  );
  for (let i = 0; i < 4; i++) await iot.createProvisioningTemplateVersion({ templateName, templateBody: bodyOf('c') });
  await assert.rejects(iot.createProvisioningTemplateVersion({ templateName, templateBody: bodyOf('d') }), {
    name: 'VersionsLimitExceededException',
  });
  const listed = await iot.listProvisioningTemplates({ maxResults: 1 });
  assert.equal(listed.templates!.length, 1);

  const claim = await iot.createProvisioningClaim({ templateName });
  assert(claim.expiration! > new Date() && claim.expiration! <= new Date(Date.now() + 300_000));
  assert.ok(new X509Certificate(claim.certificatePem!).checkPrivateKey(createPrivateKey(claim.keyPair!.PrivateKey!)));

  const parameters = { Serial: 'bulk-1', Request: await newRequest() };
  const thing = await iot.registerThing({ templateBody: bodyOf('bulk'), parameters });
  assert.equal(thing.resourceArns!.thing, arnOf('thing/bulk-1'));
  assert.match(thing.certificatePem!, /BEGIN CERTIFICATE/);
  const { principals } = await iot.listThingPrincipals({ thingName: 'bulk-1' });
  assert.deepEqual(principals, [thing.resourceArns!.certificate]);

  await iot.deleteProvisioningTemplate({ templateName });
  for (const gone of [
    () => iot.describeProvisioningTemplate({ templateName }),
    () => iot.createProvisioningClaim({ templateName }),
    () => iot.listTagsForResource({ resourceArn: made.templateArn! }),
  ]) {
    await assert.rejects(gone, { name: 'ResourceNotFoundException' });
  }
});
