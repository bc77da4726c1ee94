import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { encodeName, encodePem, makeRequest } from '../../../../src/codec/x509/index.ts';
import { TestAuthority } from '../../../support/certificates.ts';
import type { Rig } from '../../scenario.ts';
import { arnOf } from './arns.ts';

const notFound = { name: 'ResourceNotFoundException' };
const exists = { name: 'ResourceAlreadyExistsException' };
const inState = { name: 'CertificateStateException' };

/** PEM of a request to sign a new key's certificate. */
export async function newRequest(): Promise<string> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return encodePem('CERTIFICATE REQUEST', await makeRequest(encodeName(['CN', 'pump']), publicKey, privateKey));
}

/** Certificates of the node's own authority: made, described, listed, changed, deleted. */
export async function certificates({ call }: Rig): Promise<void> {
  const made = await call('CreateKeysAndCertificate', { setAsActive: true });
  const { certificateId } = made;
  const read = new X509Certificate(made.certificatePem);
  assert.ok(read.checkPrivateKey(createPrivateKey(made.keyPair.PrivateKey)));
  assert.equal(made.certificateArn, arnOf(`cert/${certificateId}`));
  const { certificateDescription: described } = await call('DescribeCertificate', { certificateId });
  assert.deepEqual(
    [described.status, described.certificatePem, described.ownedBy, described.customerVersion],
    ['ACTIVE', made.certificatePem, '000000000000', 1],
  );
  assert.deepEqual(described.validity, { notBefore: read.validFromDate, notAfter: read.validToDate });

  const certificateSigningRequest = await newRequest();
  const signed = await call('CreateCertificateFromCsr', { certificateSigningRequest });
  const wrong = call('CreateCertificateFromCsr', { certificateSigningRequest: 'x' });
  await assert.rejects(wrong, { name: 'InvalidRequestException' });
  // The newest come first.
  const first = await call('ListCertificates', { pageSize: 1 });
  const second = await call('ListCertificates', { pageSize: 1, marker: first.nextMarker });
  assert.deepEqual(
    [...first.certificates, ...second.certificates].map((one) => [one.certificateId, one.status]),
    [
      [signed.certificateId, 'INACTIVE'],
      [certificateId, 'ACTIVE'],
    ],
  );

  await transfers(call, certificateId);
  await assert.rejects(call('DeleteCertificate', { certificateId }), inState);
  await call('UpdateCertificate', { certificateId, newStatus: 'REVOKED' });
  const after = await call('DescribeCertificate', { certificateId });
  assert.deepEqual([after.certificateDescription.status, after.certificateDescription.customerVersion], ['REVOKED', 2]);
  await call('DeleteCertificate', { certificateId });
  await call('DeleteCertificate', { certificateId: signed.certificateId });
  await assert.rejects(call('DescribeCertificate', { certificateId }), notFound);
}

/** Refused, all of them: there is one account. */
async function transfers(call: Rig['call'], certificateId: string): Promise<void> {
  const target = { certificateId, targetAwsAccount: '111122223333' };
  await assert.rejects(call('TransferCertificate', target), { name: 'InvalidRequestException' });
  for (const answer of ['AcceptCertificateTransfer', 'RejectCertificateTransfer', 'CancelCertificateTransfer']) {
    await assert.rejects(call(answer, { certificateId }), { name: 'TransferAlreadyCompletedException' }, answer);
  }
  assert.deepEqual((await call('ListOutgoingCertificates')).outgoingCertificates, []);
}

/** An authority of somebody else, registered by its code, and certificates with it and without. */
export async function authorities(rig: Rig): Promise<void> {
  const { call } = rig;
  using authority = new TestAuthority();
  using stranger = new TestAuthority();
  await registration(rig, authority);
  await signedByIt(rig, authority);
  const { cert: certificatePem, id } = stranger.issue('strange');
  await assert.rejects(call('RegisterCertificate', { certificatePem }), { name: 'CertificateValidationException' });
  await call('RegisterCertificateWithoutCA', { certificatePem, status: 'ACTIVE' });
  const { certificateDescription } = await call('DescribeCertificate', { certificateId: id });
  assert.deepEqual(
    [certificateDescription.certificateMode, certificateDescription.certificatePem],
    ['SNI_ONLY', certificatePem],
  );
  await call('UpdateCertificate', { certificateId: id, newStatus: 'INACTIVE' });
  await call('DeleteCertificate', { certificateId: id });
  await deregistration(rig, authority);
}

async function registration({ call }: Rig, authority: TestAuthority): Promise<void> {
  const { id: certificateId, cert: caCertificate } = authority.authority;
  const { registrationCode } = await call('GetRegistrationCode');
  assert.match(registrationCode, /^[0-9a-f]{64}$/);
  const unproved = call('RegisterCACertificate', { caCertificate });
  await assert.rejects(unproved, { name: 'RegistrationCodeValidationException' });
  const verificationCertificate = authority.issue(registrationCode).cert;
  const asked = { caCertificate, verificationCertificate, setAsActive: true, tags: [{ Key: 'maker', Value: 'a & b' }] };
  const registered = await call('RegisterCACertificate', asked);
  assert.deepEqual(registered, { certificateId, certificateArn: arnOf(`cacert/${certificateId}`) });
  await assert.rejects(call('RegisterCACertificate', asked), exists);
  const { tags } = await call('ListTagsForResource', { resourceArn: registered.certificateArn });
  assert.deepEqual(tags, asked.tags);
  await call('DeleteRegistrationCode');
  assert.notEqual((await call('GetRegistrationCode')).registrationCode, registrationCode);
  await call('UpdateCACertificate', { certificateId, newAutoRegistrationStatus: 'ENABLE' });
  const { certificateDescription } = await call('DescribeCACertificate', { certificateId });
  assert.deepEqual(
    [certificateDescription.autoRegistrationStatus, certificateDescription.certificatePem],
    ['ENABLE', caCertificate],
  );
  const { certificates } = await call('ListCACertificates');
  assert.deepEqual(
    certificates.map((one: any) => [one.certificateId, one.status]),
    [[certificateId, 'ACTIVE']],
  );
}

async function signedByIt({ call }: Rig, authority: TestAuthority): Promise<void> {
  const device = authority.issue('device');
  const caCertificateId = authority.authority.id;
  const by = { certificatePem: device.cert, caCertificatePem: authority.authority.cert, status: 'ACTIVE' };
  assert.equal((await call('RegisterCertificate', by)).certificateId, device.id);
  await assert.rejects(call('RegisterCertificate', by), exists);
  const { certificates } = await call('ListCertificatesByCA', { caCertificateId });
  assert.deepEqual(
    certificates.map((one: any) => one.certificateId),
    [device.id],
  );
  await call('UpdateCertificate', { certificateId: device.id, newStatus: 'INACTIVE' });
  await call('DeleteCertificate', { certificateId: device.id });
}

async function deregistration({ call }: Rig, authority: TestAuthority): Promise<void> {
  const certificateId = authority.authority.id;
  await assert.rejects(call('DeleteCACertificate', { certificateId }), inState);
  await call('UpdateCACertificate', { certificateId, newStatus: 'INACTIVE' });
  await call('DeleteCACertificate', { certificateId });
  await assert.rejects(call('DescribeCACertificate', { certificateId }), notFound);
}
