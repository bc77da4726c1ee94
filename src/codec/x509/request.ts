import { createPublicKey, type KeyObject } from 'node:crypto';
import { DerError, DerReader, explicit, integer, sequence, TAG } from './der.ts';
import { isSignedBy, readSigned, signed } from './signature.ts';

/** A certificate signing request (PKCS #10): who asks, for which key. Its attributes are left unread: what a certificate may say is its signer's to decide. */
export interface CertificateRequest {
  /** Distinguished name, DER. */
  readonly subject: Buffer;
  readonly publicKey: KeyObject;
}

/**
 * Reads a request and checks that its maker has the key.
 *
 * @param der  PKCS #10
 * @throws DerError  it is not one, or its signature does not hold, or is made with MD5 or SHA-1
 * @see RFC 2986
 */
export function readRequest(der: Uint8Array): CertificateRequest {
  const parts = readSigned(der);
  const info = new DerReader(parts.content.content);
  info.next(TAG.integer);
  const subject = Buffer.from(info.next(TAG.sequence).whole);
  const publicKey = publicKeyOf(info.next(TAG.sequence).whole);
  if (!isSignedBy(parts, publicKey)) throw new DerError('its signature does not hold');
  return { subject, publicKey };
}

function publicKeyOf(spki: Buffer): KeyObject {
  try {
    return createPublicKey({ key: spki, type: 'spki', format: 'der' });
  } catch (cause) {
    throw new DerError('its public key cannot be read', { cause });
  }
}

/** Makes a request without attributes. @param subject  distinguished name, DER @returns DER */
export function makeRequest(subject: Buffer, publicKey: KeyObject, privateKey: KeyObject): Promise<Buffer> {
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return signed(sequence(integer(Buffer.of(0)), subject, spki, explicit(0)), privateKey);
}
