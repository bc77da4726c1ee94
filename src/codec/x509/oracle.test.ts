import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject, type webcrypto, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import * as asn1js from 'asn1js';
import fc from 'fast-check';
import * as pkijs from 'pkijs';
import { dottedOf, integer, oid, time } from './der.ts';
import {
  type CertificateContent,
  DerReader,
  decodeName,
  decodePem,
  encodeName,
  encodePem,
  extension,
  isSoundlySigned,
  makeCertificate,
  makeRequest,
  type NameAttribute,
  readNames,
  readRequest,
  readSigned,
  TAG,
} from './index.ts';

const { subtle } = globalThis.crypto;
const directory = mkdtempSync(join(tmpdir(), 'millrace-x509-'));
after(() => rmSync(directory, { recursive: true }));

function openssl(words: string, input?: string): string {
  return execFileSync('openssl', words.split(' '), { cwd: directory, input, stdio: 'pipe' }).toString();
}

const KEYS = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  p256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  p384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
};

const spkiOf = (key: KeyObject) => key.export({ type: 'spki', format: 'der' });

const NAME: readonly (readonly [NameAttribute, string])[] = [
  ['C', 'DE'],
  ['O', 'Pumpen & Söhne'],
  ['OU', 'Halle 3'],
  ['CN', 'pump-1 ✓'],
  ['serialNumber', '0042'],
  ['DC', 'plant'],
  ['emailAddress', 'a@example.com'],
];

/** Attributes as pkijs has read them: identifier and text. */
function attributesOf(name: pkijs.RelativeDistinguishedNames): readonly (readonly [string, string])[] {
  return name.typesAndValues.map(({ type, value }) => [type, value.valueBlock.value as string]);
}

/** Identifiers of RFC 4519 and RFC 2985. */
const IDENTIFIERS: Readonly<Record<string, string>> = {
  C: '2.5.4.6',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  CN: '2.5.4.3',
  serialNumber: '2.5.4.5',
  DC: '0.9.2342.19200300.100.1.25',
  emailAddress: '1.2.840.113549.1.9.1',
};

async function authority(keys: { publicKey: KeyObject; privateKey: KeyObject }): Promise<Buffer> {
  const name = encodeName(['CN', 'authority']);
  const content: CertificateContent = {
    ...{ subject: name, issuer: name, serialNumber: Buffer.of(0x80, 1), notBefore: 0, notAfter: 4e12 },
    publicKey: keys.publicKey,
    extensions: [extension.authority, extension.keyUsage('authority'), extension.subjectKey(keys.publicKey)],
  };
  return makeCertificate(content, keys.privateKey);
}

for (const signer of ['rsa', 'p256'] as const) {
  test(`pkijs reads and verifies certificates that an authority with a key ${signer} signs`, async () => {
    const root = pkijs.Certificate.fromBER(await authority(KEYS[signer]));
    assert.ok(await root.verify(), 'signed by itself');
    for (const { publicKey } of Object.values(KEYS)) {
      const notAfter = Date.UTC(2051, 1, 3, 4, 5, 6);
      const der = await makeCertificate(
        {
          subject: encodeName(...NAME),
          issuer: encodeName(['CN', 'authority']),
          serialNumber: Buffer.of(0, 0xff, 2),
          ...{ notBefore: Date.UTC(2026, 10, 28, 1, 2, 3), notAfter, publicKey },
          extensions: [
            extension.noAuthority,
            extension.keyUsage('digitalSignature'),
            extension.purpose('clientAuth'),
            extension.alternativeNames(['pump.example', '10.0.0.1', '2001:db8::7']),
            extension.subjectKey(publicKey),
            extension.authorityKey(KEYS[signer].publicKey),
          ],
        },
        KEYS[signer].privateKey,
      );
      const read = pkijs.Certificate.fromBER(der);
      assert.ok(await read.verify(root));
      assert.equal(read.version, 2);
      assert.deepEqual(
        attributesOf(read.subject),
        NAME.map(([attribute, text]) => [IDENTIFIERS[attribute], text]),
      );
      assert.deepEqual(attributesOf(read.issuer), [['2.5.4.3', 'authority']]);
      assert.equal(Buffer.from(read.serialNumber.valueBlock.valueHexView).toString('hex'), '00ff02');
      assert.equal(read.notBefore.value.toISOString(), '2026-11-28T01:02:03.000Z');
      assert.equal(read.notAfter.value.getTime(), notAfter);
      assert.deepEqual(Buffer.from(read.subjectPublicKeyInfo.toSchema().toBER()), spkiOf(publicKey));
      const parsed = Object.fromEntries(read.extensions!.map(({ extnID, parsedValue }) => [extnID, parsedValue]));
      assert.equal(parsed['2.5.29.19'].cA, false);
      assert.deepEqual(parsed['2.5.29.37'].keyPurposes, ['1.3.6.1.5.5.7.3.2']);
      const identifier = Buffer.from(await root.getKeyHash('SHA-1'));
      assert.deepEqual(Buffer.from(parsed['2.5.29.35'].keyIdentifier.valueBlock.valueHexView), identifier);
      assert.equal(parsed['2.5.29.17'].altNames[0].value, 'pump.example');
      assert.equal(parsed['2.5.29.17'].altNames[2].value.valueBlock.valueHexView.length, 16);
      const critical = read.extensions!.filter((one) => one.critical).map(({ extnID }) => extnID);
      assert.deepEqual(critical, ['2.5.29.19', '2.5.29.15']);
    }
  });
}

test('OpenSSL verifies a certificate of ours for the purpose that it has, and for no other', async () => {
  const root = await authority(KEYS.p256);
  const der = await makeCertificate(
    {
      ...{ subject: encodeName(...NAME), issuer: encodeName(['CN', 'authority']), serialNumber: Buffer.of(7) },
      ...{ notBefore: 0, notAfter: 4e12, publicKey: KEYS.rsa.publicKey },
      extensions: [
        extension.noAuthority,
        extension.keyUsage('digitalSignature'),
        extension.purpose('clientAuth'),
        extension.subjectKey(KEYS.rsa.publicKey),
        extension.authorityKey(KEYS.p256.publicKey),
      ],
    },
    KEYS.p256.privateKey,
  );
  writeFileSync(join(directory, 'root.pem'), encodePem('CERTIFICATE', root));
  const leaf = encodePem('CERTIFICATE', der);
  assert.match(openssl('verify -x509_strict -purpose sslclient -CAfile root.pem', leaf), /OK/);
  assert.throws(
    () => openssl('verify -purpose sslserver -CAfile root.pem', leaf),
    /[Uu]n(suitable|supported) certificate purpose/,
  );
});

test('requests of ours are verified by pkijs and OpenSSL', async () => {
  for (const { publicKey, privateKey } of [KEYS.rsa, KEYS.p256, KEYS.p384]) {
    const der = await makeRequest(encodeName(...NAME), publicKey, privateKey);
    const read = pkijs.CertificationRequest.fromBER(der);
    assert.ok(await read.verify());
    assert.deepEqual(
      attributesOf(read.subject),
      NAME.map(([attribute, text]) => [IDENTIFIERS[attribute], text]),
    );
    openssl('req -verify -noout', encodePem('CERTIFICATE REQUEST', der));
  }
});

const EC = { name: 'ECDSA', namedCurve: 'P-256' };
const RSA = { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: Buffer.of(1, 0, 1), hash: 'SHA-256' };

async function pairOf(algorithm: object): Promise<webcrypto.CryptoKeyPair> {
  return (await subtle.generateKey(algorithm as webcrypto.EcKeyGenParams, true, ['sign', 'verify'])) as never;
}

function addName(name: pkijs.RelativeDistinguishedNames): void {
  const add = (type: string, value: asn1js.BaseBlock) =>
    name.typesAndValues.push(new pkijs.AttributeTypeAndValue({ type, value: value as asn1js.Utf8String }));
  add('2.5.4.6', new asn1js.PrintableString({ value: 'DE' }));
  add('2.5.4.10', new asn1js.BmpString({ value: 'Söhne' }));
  add('2.5.4.3', new asn1js.Utf8String({ value: 'pump ✓' }));
  add('0.9.2342.19200300.100.1.25', new asn1js.IA5String({ value: 'plant' }));
  add('2.5.4.97', new asn1js.Utf8String({ value: 'of no short form' }));
}

const ADDED = [
  ['C', 'DE'],
  ['O', 'Söhne'],
  ['CN', 'pump ✓'],
  ['DC', 'plant'],
  ['2.5.4.97', 'of no short form'],
];

test('requests of pkijs are read with every algorithm that is taken, and refused with SHA-1', async () => {
  const algorithms: readonly (readonly [object, string])[] = [
    [RSA, 'SHA-256'],
    [{ ...RSA, hash: 'SHA-384' }, 'SHA-384'],
    [{ ...RSA, hash: 'SHA-512' }, 'SHA-512'],
    [{ ...RSA, name: 'RSA-PSS' }, 'SHA-256'],
    [{ ...RSA, name: 'RSA-PSS', hash: 'SHA-512' }, 'SHA-512'],
    [EC, 'SHA-256'],
    [{ ...EC, namedCurve: 'P-384' }, 'SHA-384'],
    [{ ...EC, namedCurve: 'P-521' }, 'SHA-512'],
  ];
  const made = async (algorithm: object, hash: string) => {
    const { publicKey, privateKey } = await pairOf(algorithm);
    const request = new pkijs.CertificationRequest();
    request.version = 0;
    addName(request.subject);
    await request.subjectPublicKeyInfo.importKey(publicKey as webcrypto.CryptoKey);
    const challenge = new asn1js.Utf8String({ value: 'left unread' });
    request.attributes = [new pkijs.Attribute({ type: '1.2.840.113549.1.9.7', values: [challenge] })];
    await request.sign(privateKey as webcrypto.CryptoKey, hash);
    const spki = Buffer.from(await subtle.exportKey('spki', publicKey));
    return { der: Buffer.from(request.toSchema().toBER()), spki };
  };
  for (const [algorithm, hash] of algorithms) {
    const { der, spki } = await made(algorithm, hash);
    const { subject, publicKey } = readRequest(der);
    assert.deepEqual(decodeName(subject), ADDED);
    assert.deepEqual(spkiOf(publicKey), spki, JSON.stringify(algorithm));
  }
  for (const algorithm of [{ ...RSA, hash: 'SHA-1' }, { ...RSA, name: 'RSA-PSS', hash: 'SHA-1' }, EC]) {
    const { der } = await made(algorithm, 'SHA-1');
    assert.throws(() => readRequest(der), { name: 'DerError', message: 'its signature does not hold' });
  }
});

test('certificates of pkijs have the names that we read', async () => {
  for (const [hash, isSound] of [
    ['SHA-256', true],
    ['SHA-1', false],
  ] as const) {
    const { publicKey, privateKey } = await pairOf(EC);
    const certificate = new pkijs.Certificate();
    certificate.version = 2;
    certificate.serialNumber = new asn1js.Integer({ value: 77 });
    addName(certificate.subject);
    certificate.issuer.typesAndValues.push(
      new pkijs.AttributeTypeAndValue({ type: '2.5.4.3', value: new asn1js.Utf8String({ value: 'issuer' }) }),
    );
    certificate.notBefore.value = new Date(0);
    certificate.notAfter.value = new Date(2e12);
    await certificate.subjectPublicKeyInfo.importKey(publicKey as webcrypto.CryptoKey);
    await certificate.sign(privateKey as webcrypto.CryptoKey, hash);
    const der = Buffer.from(certificate.toSchema(true).toBER());
    const { subject, issuer } = readNames(der);
    assert.deepEqual(decodeName(subject), ADDED);
    assert.deepEqual(decodeName(issuer), [['CN', 'issuer']]);
    assert.equal(isSoundlySigned(readSigned(der)), isSound);
  }
});

test('requests and certificates of OpenSSL are read', () => {
  const kinds = [
    ['-newkey rsa:2048 -sha256', true],
    ['-newkey rsa:2048 -sha512', true],
    ['-newkey rsa:2048 -sha384 -sigopt rsa_padding_mode:pss', true],
    ['-newkey ec -pkeyopt ec_paramgen_curve:P-521 -sha512', true],
    ['-newkey rsa:2048 -sha1', false],
  ] as const;
  for (const [options, isTaken] of kinds) {
    openssl(
      `req -new -nodes -keyout key.pem -out request.pem -subj /C=DE/O=Pumps/CN=p1/emailAddress=a@b.example ${options}`,
    );
    const [der] = decodePem(readFileSync(join(directory, 'request.pem'), 'utf8'), 'CERTIFICATE REQUEST');
    if (!isTaken) {
      assert.throws(() => readRequest(der!), { name: 'DerError' }, options);
      continue;
    }
    const { subject, publicKey } = readRequest(der!);
    assert.deepEqual(decodeName(subject), [
      ['C', 'DE'],
      ['O', 'Pumps'],
      ['CN', 'p1'],
      ['emailAddress', 'a@b.example'],
    ]);
    const pem = openssl('req -in request.pem -x509 -key key.pem -days 2');
    assert.equal(publicKey.equals(new X509Certificate(pem).publicKey), true);
    assert.deepEqual(readNames(decodePem(pem, 'CERTIFICATE')[0]!).subject, subject);
  }
});

test('identifiers, numbers and times are written as asn1js reads them, and identifiers are read back', () => {
  const arcs = fc.array(fc.integer({ min: 0, max: 0x7fffffff }), { maxLength: 8 });
  const dotted = fc
    .tuple(fc.oneof(fc.tuple(fc.constantFrom(0, 1), fc.integer({ min: 0, max: 39 }))), arcs)
    .map(([head, rest]) => [...head, ...rest].join('.'));
  fc.assert(
    fc.property(dotted, (id) => {
      const read = asn1js.fromBER(oid(id)).result as asn1js.ObjectIdentifier;
      assert.equal(read.valueBlock.toString(), id);
      assert.equal(dottedOf(new DerReader(oid(id)).next(TAG.oid).content), id);
    }),
    { seed: 1 },
  );
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 160n }), (value) => {
      const hex = value.toString(16);
      const read = asn1js.fromBER(integer(Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex')));
      assert.equal((read.result as asn1js.Integer).toBigInt(), value);
    }),
    { seed: 2 },
  );
  const seconds = fc.integer({ min: Date.UTC(1950, 0, 1) / 1000, max: Date.UTC(9999, 11, 31) / 1000 });
  fc.assert(
    fc.property(seconds, (at) => {
      const { result } = asn1js.fromBER(time(at * 1000));
      const isLong = result instanceof asn1js.GeneralizedTime;
      assert.equal((result as asn1js.UTCTime).toDate().getTime(), at * 1000);
      assert.equal(isLong, at >= Date.UTC(2050, 0, 1) / 1000);
    }),
    { seed: 3 },
  );
});
