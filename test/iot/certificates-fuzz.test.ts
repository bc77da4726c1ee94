import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { seededRandom } from '../../src/base/index.ts';
import { decodePem, encodePem } from '../../src/codec/x509/index.ts';
import { IotError } from '../../src/services/iot/index.ts';
import { openRig } from '../mqtt/harness.ts';
import { TestAuthority } from '../support/certificates.ts';

/** Each byte of a certificate in turn set to another, and some pairs. */
function* damaged(der: Buffer): Generator<Buffer> {
  const random = seededRandom(21);
  for (let at = 0; at < der.length; at++) {
    const changed = Buffer.from(der);
    changed[at]! ^= 1 + (random.bytes(1)[0]! % 255);
    if (at % 2 === 1) changed[random.bytes(2).readUInt16BE() % der.length]! ^= 0x20;
    if (!changed.equals(der)) yield changed;
  }
}

test('a certificate whose times are none never comes in: it would not expire', async () => {
  using authority = new TestAuthority();
  await using rig = await openRig();
  const caCertificate = authority.authority.cert;
  await rig.call('RegisterCACertificate', { caCertificate, certificateMode: 'SNI_ONLY', setAsActive: true });
  const [der] = decodePem(authority.issue('device').cert, 'CERTIFICATE');
  const text = der!.toString('latin1');
  // Two times of 13 characters, tag and length between them; the month stands behind the year.
  const times = text.search(/\d{12}Z..\d{12}Z/s);
  assert.ok(times > 0);
  for (const place of [times + 2, times + 17]) {
    const changed = Buffer.from(der!);
    changed.write('99', place, 'latin1');
    const certificatePem = encodePem('CERTIFICATE', changed);
    await assert.rejects(rig.call('RegisterCertificateWithoutCA', { certificatePem, status: 'ACTIVE' }), {
      code: 'certificate-invalid',
      message: /its validity cannot be read/,
    });
  }
});

test('a damaged certificate is refused for what it is by every way in, and is never an authority’s', async () => {
  using authority = new TestAuthority();
  await using rig = await openRig();
  const caCertificate = authority.authority.cert;
  await rig.call('RegisterCACertificate', {
    caCertificate,
    certificateMode: 'SNI_ONLY',
    setAsActive: true,
    allowAutoRegistration: true,
  });
  const [der] = decodePem(authority.issue('device').cert, 'CERTIFICATE');
  for (const changed of damaged(der!)) {
    const hex = changed.toString('hex');
    const certificatePem = encodePem('CERTIFICATE', changed);
    await assert.rejects(rig.call('RegisterCertificate', { certificatePem }), (error) => {
      assert.ok(error instanceof IotError, `${error} ${hex}`);
      return error.code === 'certificate-invalid';
    });
    const certificateId = createHash('sha256').update(changed).digest('hex');
    const admission = await rig.iot.certificates.admit({ der: changed, certificateId });
    assert.equal(admission.kind, 'refused', hex);
    try {
      await rig.call('RegisterCertificateWithoutCA', { certificatePem, status: 'ACTIVE' });
    } catch (error) {
      if (!(error instanceof IotError)) throw error;
    }
    await assert.rejects(rig.call('CreateCertificateFromCsr', { certificateSigningRequest: certificatePem }), IotError);
  }
  const { certificates } = await rig.call('ListCertificatesByCA', { caCertificateId: authority.authority.id });
  assert.deepEqual(certificates, []);
});
