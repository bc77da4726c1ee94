import { generateKeyPair, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';

/** A certificate and its key, PEM. */
export interface Certificate {
  readonly certificate: string;
  /** PKCS #8. */
  readonly key: string;
}

const generateAsync = promisify(generateKeyPair) as (
  type: 'rsa',
  options: { readonly modulusLength: number },
) => Promise<{ readonly privateKey: KeyObject; readonly publicKey: KeyObject }>;

/**
 * Makes a certificate that signs itself, for signing messages: RSA-2048, as those of AWS, since that is what validators expect.
 *
 * @param serialNumber  1 to 20 bytes
 * @param notBefore, notAfter  epoch milliseconds, of the years 1950 to 9999
 * @see RFC 5280, section 4.1
 */
export async function makeCertificate(
  commonName: string,
  serialNumber: Uint8Array,
  notBefore: number,
  notAfter: number,
): Promise<Certificate> {
  const { privateKey, publicKey } = await generateAsync('rsa', { modulusLength: 2048 });
  const name = sequence(set(sequence(OID.commonName, tagged(0x0c, Buffer.from(commonName)))));
  const toSign = sequence(
    // Version 3, which extensions need.
    tagged(0xa0, integer(Buffer.of(2))),
    integer(serialNumber),
    SHA256_WITH_RSA,
    name,
    sequence(time(notBefore), time(notAfter)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...EXTENSIONS)),
  );
  const signature = sign('sha256', toSign, privateKey);
  const der = sequence(toSign, SHA256_WITH_RSA, bits(signature));
  return { certificate: pem(der), key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string };
}

// DER, as much of it as a certificate needs: tag, length, content.

function tagged(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.of(tag), lengthOf(body.length), body]);
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const digits = Buffer.from(length.toString(16).padStart(length > 0xff ? 4 : 2, '0'), 'hex');
  return Buffer.concat([Buffer.of(0x80 | digits.length), digits]);
}

function sequence(...content: readonly Uint8Array[]): Buffer {
  return tagged(0x30, ...content);
}

function set(...content: readonly Uint8Array[]): Buffer {
  return tagged(0x31, ...content);
}

/** A positive number, big-endian: in as few bytes as there must be. */
function integer(value: Uint8Array): Buffer {
  let from = 0;
  while (from < value.length - 1 && value[from] === 0) from++;
  const digits = value.subarray(from);
  return digits[0]! >= 0x80 ? tagged(0x02, Buffer.of(0), digits) : tagged(0x02, digits);
}

function bits(value: Uint8Array, unused = 0): Buffer {
  return tagged(0x03, Buffer.of(unused), value);
}

/** Seconds of a point in time: two digits of the year until 2049, four from then on. */
function time(at: number): Buffer {
  const text = `${new Date(at).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)}Z`;
  return Number(text.slice(0, 4)) < 2050 ? tagged(0x17, Buffer.from(text.slice(2))) : tagged(0x18, Buffer.from(text));
}

const OID = {
  commonName: oid('550403'),
  sha256WithRsa: oid('2a864886f70d01010b'),
  basicConstraints: oid('551d13'),
  keyUsage: oid('551d0f'),
};

function oid(hex: string): Buffer {
  return tagged(0x06, Buffer.from(hex, 'hex'));
}

const TRUE = tagged(0x01, Buffer.of(0xff));
const SHA256_WITH_RSA = sequence(OID.sha256WithRsa, tagged(0x05));

/** No authority, and good for signatures only; both critical. */
const EXTENSIONS = [
  sequence(OID.basicConstraints, TRUE, tagged(0x04, sequence())),
  sequence(OID.keyUsage, TRUE, tagged(0x04, bits(Buffer.of(0x80), 7))),
];

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g)!;
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
