import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, test } from 'node:test';
import { encodeName, encodePem, makeRequest } from '../../src/codec/x509/index.ts';
import { openRig, type Rig } from '../mqtt/harness.ts';
import { LeapingClock, peerOf } from './peer.ts';

const DAY_MS = 86_400_000;

async function authorityOf(rig: Rig): Promise<X509Certificate> {
  return new X509Certificate(await rig.iot.authority.certificate());
}

describe('certificates of the built-in authority', () => {
  test('CreateKeysAndCertificate gives a key, its certificate, signed by the authority, and it is let in', async () => {
    await using rig = await openRig();
    const made = await rig.call('CreateKeysAndCertificate', { setAsActive: true });
    const certificate = new X509Certificate(made.certificatePem);
    const authority = await authorityOf(rig);
    assert.equal(made.certificateId, peerOf(made.certificatePem).certificateId);
    assert.equal(made.certificateArn, `arn:aws:iot:eu-central-1:000000000000:cert/${made.certificateId}`);
    assert.ok(certificate.checkIssued(authority) && certificate.verify(authority.publicKey));
    assert.ok(certificate.checkPrivateKey(createPrivateKey(made.keyPair.PrivateKey)));
    assert.match(made.keyPair.PrivateKey, /^-----BEGIN RSA PRIVATE KEY-----/);
    assert.deepEqual(rig.iot.certificates.admit(peerOf(made.certificatePem)), {
      kind: 'active',
      certificateArn: made.certificateArn,
    });
  });

  test('a device certificate is good for clients only, whatever its request says', async () => {
    await using rig = await openRig();
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const request = await makeRequest(encodeName(['CN', 'broker.example']), publicKey, privateKey);
    const made = await rig.call('CreateCertificateFromCsr', {
      certificateSigningRequest: encodePem('CERTIFICATE REQUEST', request),
    });
    const certificate = new X509Certificate(made.certificatePem);
    assert.equal(certificate.subject, 'CN=broker.example');
    assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.2']);
    assert.equal(certificate.ca, false);
    assert.equal(certificate.subjectAltName, undefined);
    assert.match((await rig.iot.certificates.admit(peerOf(made.certificatePem))).kind, /refused/);
  });

  test('the server certificate has all names, is kept, and is renewed when a third of its time is left', async () => {
    const clock = new LeapingClock();
    await using rig = await openRig({ clock });
    const names = ['broker.example', '127.0.0.1', '::1', 'fe80::1:2'];
    const first = await rig.iot.authority.serverIdentity(names);
    const certificate = new X509Certificate(first.cert);
    assert.ok(certificate.checkHost('broker.example'));
    for (const address of ['127.0.0.1', '::1', 'fe80::1:2']) assert.ok(certificate.checkIP(address), address);
    assert.ok(certificate.verify((await authorityOf(rig)).publicKey));
    assert.ok(certificate.checkPrivateKey(createPrivateKey(first.key)));
    assert.deepEqual(await rig.iot.authority.serverIdentity(names.toReversed()), first);
    clock.leap = 243 * DAY_MS;
    assert.deepEqual(await rig.iot.authority.serverIdentity(names), first);
    clock.leap = 245 * DAY_MS;
    assert.notDeepEqual(await rig.iot.authority.serverIdentity(names), first);
  });
});
