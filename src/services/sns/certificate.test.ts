import assert from 'node:assert/strict';
import { createPrivateKey, sign, verify, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { makeSigningCertificate } from './certificate.ts';

const FROM = Date.UTC(2026, 0, 2, 3, 4, 5);

test('a certificate reads as one, signs itself and fits its key', async () => {
  for (const [serial, until] of [
    [Buffer.from('00ff01', 'hex'), Date.UTC(2027, 1, 1)],
    [Buffer.alloc(16, 0x7f), Date.UTC(2051, 1, 1)],
    [Buffer.alloc(20, 0xff), Date.UTC(2049, 11, 31, 23, 59, 59)],
  ] as const) {
    const { certificate, key } = await makeSigningCertificate('sns.amazonaws.com', serial, FROM, until);
    const read = new X509Certificate(certificate);
    assert.equal(read.subject, 'CN=sns.amazonaws.com');
    assert.equal(read.issuer, read.subject);
    assert.equal(new Date(read.validFrom).getTime(), FROM);
    assert.equal(new Date(read.validTo).getTime(), until);
    assert.equal(BigInt(`0x${read.serialNumber}`), BigInt(`0x${serial.toString('hex')}`));
    assert.equal(read.ca, false);
    assert.ok(read.verify(read.publicKey));
    assert.ok(read.checkPrivateKey(createPrivateKey(key)));
    const text = Buffer.from('text');
    assert.ok(verify('RSA-SHA1', text, certificate, sign('RSA-SHA1', text, key)));
  }
});
