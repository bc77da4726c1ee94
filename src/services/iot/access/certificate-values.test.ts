import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { certificateValues } from './certificate-values.ts';

const directory = mkdtempSync(join(tmpdir(), 'millrace-values-'));
after(() => rmSync(directory, { recursive: true }));

/** A certificate as AWS's guide shows one, made by OpenSSL. */
function certificate(subject: string, extensions: string): Buffer {
  const config = join(directory, 'openssl.cnf');
  writeFileSync(config, `[req]\ndistinguished_name=dn\n[dn]\n[ext]\n${extensions}\n[dir]\nCN=directory\nO=Example\n`);
  const pem = execFileSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', '/dev/null'],
    ...['-days', '1', '-set_serial', '0x921285cbb7a5e086', '-utf8', '-subj', subject, '-config', config],
    ...['-extensions', 'ext'],
  ]);
  return new X509Certificate(pem).raw;
}

const DER = certificate(
  '/C=US/C=DE/O=IoT Devices/OU=LightBulb/ST=NY/CN=LightBulb Device Cert/GN=Bulb/initials=ZZ/dnQualifier=Bulb001' +
    '/SN=Multi Color/title=RGB/pseudonym=RGB Device/generationQualifier=4/serialNumber=123',
  'subjectAltName=DNS:example.com,DNS:b.example.com,IP:1.2.3.4,IP:2001:db8::1,email:a@example.com,URI:urn:x,dirName:dir\n' +
    'issuerAltName=DNS:issuer.com,IP:5.6.7.8',
);

test('every variable of the guide has the value of the certificate', () => {
  const values = certificateValues('abc', DER);
  const expected: Record<string, string> = {
    'Subject.DistinguishedNameQualifier': 'Bulb001',
    'Subject.Country': 'US',
    'Subject.Organization': 'IoT Devices',
    'Subject.OrganizationalUnit': 'LightBulb',
    'Subject.State': 'NY',
    'Subject.CommonName': 'LightBulb Device Cert',
    'Subject.SerialNumber': '123',
    'Subject.Title': 'RGB',
    'Subject.Surname': 'Multi Color',
    'Subject.GivenName': 'Bulb',
    'Subject.Initials': 'ZZ',
    'Subject.Pseudonym': 'RGB Device',
    'Subject.GenerationQualifier': '4',
    'Issuer.CommonName': 'LightBulb Device Cert',
    'Subject.AlternativeName.RFC822Name': 'a@example.com',
    'Subject.AlternativeName.DNSName': 'example.com',
    'Subject.AlternativeName.DirectoryName': 'CommonName=directory,Organization=Example',
    'Subject.AlternativeName.UniformResourceIdentifier': 'urn:x',
    'Subject.AlternativeName.IPAddress': '1.2.3.4',
    'Issuer.AlternativeName.DNSName': 'issuer.com',
    'Issuer.AlternativeName.IPAddress': '5.6.7.8',
    SerialNumber: '921285cbb7a5e086',
  };
  for (const [name, value] of Object.entries(expected)) {
    assert.deepEqual(values(`iot:Certificate.${name}`), [value], name);
  }
  assert.deepEqual(values('iot:CertificateId'), ['abc']);
  assert.deepEqual(values('iot:certificate.subject.country'), ['US'], 'the case of letters does not count');
});

test('a further value has its number, and all are a list', () => {
  const values = certificateValues('abc', DER);
  assert.deepEqual(values('iot:Certificate.Subject.Country.0'), ['US']);
  assert.deepEqual(values('iot:Certificate.Subject.Country.1'), ['DE']);
  assert.equal(values('iot:Certificate.Subject.Country.2'), undefined);
  assert.deepEqual(values('iot:Certificate.Subject.Country.List'), ['US', 'DE']);
  assert.deepEqual(values('iot:Certificate.Subject.AlternativeName.IPAddress.List'), [
    '1.2.3.4',
    '2001:db8:0:0:0:0:0:1',
  ]);
  assert.equal(values('iot:Certificate.Subject.Street'), undefined);
  assert.equal(values('iot:ClientId'), undefined);
  assert(values('iot:Certificate.AvailableKeys')!.includes('iot:Certificate.Subject.Country'));
});

test('five values of one attribute are seen, and none of more than 1024 characters', () => {
  const many = certificate('/CN=1/CN=2/CN=3/CN=4/CN=5/CN=6', 'basicConstraints=CA:FALSE');
  assert.deepEqual(certificateValues('a', many)('iot:Certificate.Subject.CommonName.List'), ['1', '2', '3', '4', '5']);
});

test('a certificate that is cut or damaged at any byte has no values or true ones, and never throws', () => {
  for (let cut = 0; cut < DER.length; cut++) {
    assert.doesNotThrow(() => certificateValues('a', DER.subarray(0, cut))('iot:Certificate.Subject.Country'));
    const damaged = Buffer.from(DER);
    damaged[cut] = 0xff ^ damaged[cut]!;
    assert.doesNotThrow(() => certificateValues('a', damaged)('iot:Certificate.Issuer.AlternativeName.DNSName'));
  }
});
