import { createHash, type KeyObject } from 'node:crypto';
import { isIPv4, isIPv6 } from 'node:net';
import { bits, DerReader, explicit, implicit, integer, octets, oid, sequence, TAG, TRUE, time } from './der.ts';
import { algorithmOf, readSigned, signed } from './signature.ts';

/** What a certificate says. */
export interface CertificateContent {
  /** Distinguished names, DER: {@link encodeName}, or as a request or another certificate has them. */
  readonly subject: Buffer;
  readonly issuer: Buffer;
  /** 1 to 20 bytes; the first bit of 20 must be 0. */
  readonly serialNumber: Uint8Array;
  /** Epoch milliseconds, of the years 1950 to 9999; whole seconds count. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly publicKey: KeyObject;
  /** By the functions of {@link extension}, in order. */
  readonly extensions: readonly Buffer[];
}

/** Makes a certificate of version 3. @param signer  RSA or EC P-256, signs with SHA-256 @returns DER @see RFC 5280, section 4.1 */
export function makeCertificate(content: CertificateContent, signer: KeyObject): Promise<Buffer> {
  const { subject, issuer, serialNumber, notBefore, notAfter, publicKey, extensions } = content;
  const toSign = sequence(
    explicit(0, integer(Buffer.of(2))),
    integer(serialNumber),
    algorithmOf(signer),
    issuer,
    sequence(time(notBefore), time(notAfter)),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(...extensions)),
  );
  return signed(toSign, signer);
}

const CRITICAL = [TRUE];

function encoded(id: string, critical: readonly Buffer[], value: Buffer): Buffer {
  return sequence(oid(id), ...critical, octets(value));
}

/** What a key may be used for, by bit (RFC 5280, 4.2.1.3). */
const KEY_USAGE = {
  digitalSignature: bits(Buffer.of(0x80), 7),
  /** keyCertSign and cRLSign. */
  authority: bits(Buffer.of(0x06), 1),
};

const PURPOSES = { serverAuth: '1.3.6.1.5.5.7.3.1', clientAuth: '1.3.6.1.5.5.7.3.2' };

/** The extensions that we write (RFC 5280, section 4.2). */
export const extension = {
  /** An authority that signs end certificates only. */
  authority: encoded('2.5.29.19', CRITICAL, sequence(TRUE, integer(Buffer.of(0)))),
  noAuthority: encoded('2.5.29.19', CRITICAL, sequence()),
  keyUsage: (usage: keyof typeof KEY_USAGE) => encoded('2.5.29.15', CRITICAL, KEY_USAGE[usage]),
  purpose: (purpose: keyof typeof PURPOSES) => encoded('2.5.29.37', [], sequence(oid(PURPOSES[purpose]))),
  subjectKey: (key: KeyObject) => encoded('2.5.29.14', [], octets(keyIdentifier(key))),
  authorityKey: (key: KeyObject) => encoded('2.5.29.35', [], sequence(implicit(0, keyIdentifier(key)))),
  /** DNS names and addresses. */
  alternativeNames: (names: readonly string[]) =>
    encoded('2.5.29.17', [], sequence(...names.map((name) => alternativeName(name)))),
};

function alternativeName(name: string): Buffer {
  if (isIPv4(name)) return implicit(7, Buffer.from(name.split('.').map(Number)));
  if (isIPv6(name)) return implicit(7, ipv6Bytes(name));
  return implicit(2, Buffer.from(name, 'latin1'));
}

function ipv6Bytes(address: string): Buffer {
  // The URL parser writes any form of one address in the same way, the last 32 bits in hexadecimal too.
  const text = new URL(`http://[${address.split('%')[0]}]`).hostname.slice(1, -1);
  const [head = '', tail] = text.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array<string>(8 - front.length - back.length).fill('0');
  return Buffer.from([...front, ...zeros, ...back].map((group) => group.padStart(4, '0')).join(''), 'hex');
}

/** SHA-1 over the key's bits, as RFC 5280 (4.2.1.2) suggests: a name, nothing that security rests on. */
function keyIdentifier(key: KeyObject): Buffer {
  return createHash('sha1').update(publicBits(key)).digest();
}

/** The BIT STRING at the end of a SubjectPublicKeyInfo, without its count of unused bits. */
function publicBits(key: KeyObject): Buffer {
  const whole = new DerReader(key.export({ type: 'spki', format: 'der' })).enter(TAG.sequence);
  whole.next(TAG.sequence);
  return whole.next(TAG.bitString).content.subarray(1);
}

/**
 * The distinguished names of a certificate, DER, for those who compare them byte by byte or want their parts: {@link decodeName}.
 *
 * @throws DerError
 */
export function readNames(der: Uint8Array): { readonly issuer: Buffer; readonly subject: Buffer } {
  const content = new DerReader(readSigned(der).content.content);
  if (content.isNext(VERSION)) content.next();
  content.next(TAG.integer);
  content.next(TAG.sequence);
  const issuer = content.next(TAG.sequence).whole;
  content.next(TAG.sequence);
  return { issuer, subject: content.next(TAG.sequence).whole };
}

const VERSION = 0xa0;
