import { constants, type KeyObject, sign, verify } from 'node:crypto';
import { promisify } from 'node:util';
import { bits, DerError, DerReader, type DerValue, dottedOf, NULL, oid, sequence, TAG } from './der.ts';

/** Signature algorithms that are taken, by identifier: none with MD5 or SHA-1. */
const ALGORITHMS: Readonly<Record<string, { readonly type: 'rsa' | 'ec'; readonly hash: string }>> = {
  '1.2.840.113549.1.1.11': { type: 'rsa', hash: 'sha256' },
  '1.2.840.113549.1.1.12': { type: 'rsa', hash: 'sha384' },
  '1.2.840.113549.1.1.13': { type: 'rsa', hash: 'sha512' },
  '1.2.840.10045.4.3.2': { type: 'ec', hash: 'sha256' },
  '1.2.840.10045.4.3.3': { type: 'ec', hash: 'sha384' },
  '1.2.840.10045.4.3.4': { type: 'ec', hash: 'sha512' },
};

const RSA_PSS = '1.2.840.113549.1.1.10';
const HASHES: Readonly<Record<string, string>> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};

const SHA256_WITH_RSA = sequence(oid('1.2.840.113549.1.1.11'), NULL);
const ECDSA_WITH_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));

const signAsync = promisify(sign) as (algorithm: string, data: Buffer, key: KeyObject) => Promise<Buffer>;

/** How a key signs: RSA and ECDSA with SHA-256. */
export function algorithmOf(key: KeyObject): Buffer {
  return key.asymmetricKeyType === 'rsa' ? SHA256_WITH_RSA : ECDSA_WITH_SHA256;
}

/** `SEQUENCE { what is signed, algorithm, signature }`; signed in the thread pool, since RSA takes a millisecond. */
export async function signed(content: Buffer, key: KeyObject): Promise<Buffer> {
  return sequence(content, algorithmOf(key), bits(await signAsync('sha256', content, key)));
}

/** What a signed structure holds, not verified. */
export interface SignedParts {
  readonly content: DerValue;
  readonly algorithm: Buffer;
  readonly signature: Buffer;
}

/** @throws DerError */
export function readSigned(der: Uint8Array): SignedParts {
  const outer = new DerReader(der);
  const whole = outer.enter(TAG.sequence);
  outer.end();
  const content = whole.next(TAG.sequence);
  const algorithm = whole.next(TAG.sequence).content;
  const signature = whole.next(TAG.bitString).content;
  whole.end();
  if (signature[0] !== 0) throw new DerError('a signature is a number of whole bytes');
  return { content, algorithm, signature: signature.subarray(1) };
}

/** Whether the key has made the signature, by an algorithm that is taken. @throws DerError */
export function isSignedBy({ content, algorithm, signature }: SignedParts, key: KeyObject): boolean {
  const reader = new DerReader(algorithm);
  const id = dottedOf(reader.next(TAG.oid).content);
  if (id === RSA_PSS) return isSignedByPss(reader, content.whole, signature, key);
  // Parameters: NULL with RSA, nothing with ECDSA (RFC 4055, 5; RFC 5758, 3.2); some write neither.
  if (reader.isNext(TAG.null)) reader.next();
  reader.end();
  const known = ALGORITHMS[id];
  return known?.type === key.asymmetricKeyType && verify(known!.hash, content.whole, key, signature);
}

/** RSASSA-PSS names its hash in its parameters (RFC 4055, 3.1); without one it is SHA-1, which is not taken. */
function isSignedByPss(reader: DerReader, content: Buffer, signature: Buffer, key: KeyObject): boolean {
  const parameters = reader.enter(TAG.sequence);
  if (!parameters.isNext(0xa0)) return false;
  const hash = HASHES[dottedOf(parameters.enter(0xa0).enter(TAG.sequence).next(TAG.oid).content)];
  if (hash === undefined || key.asymmetricKeyType !== 'rsa') return false;
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  return verify(hash, content, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_AUTO }, signature);
}

/** Whether it is signed with a hash that is taken; says nothing of whether the signature holds. @throws DerError */
export function isSoundlySigned({ algorithm }: SignedParts): boolean {
  const reader = new DerReader(algorithm);
  const id = dottedOf(reader.next(TAG.oid).content);
  return id === RSA_PSS ? reader.enter(TAG.sequence).isNext(0xa0) : id in ALGORITHMS;
}
