/**
 * An envelope, AES-256 in Galois/Counter Mode:
 *
 *     0        version, 1
 *     1 .. 8   id of the key
 *     9 .. 20  nonce, random
 *     21 ..    what is sealed, as long as it is in the clear
 *     last 16  tag
 *
 * The tag covers the version, the key's id and the place that the envelope is meant for, so one that is moved to another place, or
 * is said to be of another version, does not open. Nonces are random: a key is good for 2^32 envelopes (NIST SP 800-38D, 8.3).
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { DomainError } from '../../base/index.ts';

export const SEAL_KEY_BYTES = 32;
export const SEAL_KEY_ID_BYTES = 8;

const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + SEAL_KEY_ID_BYTES;
const SEALED_AT = HEADER_BYTES + NONCE_BYTES;

export interface SealKey {
  /** 8 bytes in hexadecimal. */
  readonly id: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

/** - `seal-broken`: no envelope, one that was changed, one of another place, or one of another key that has the same id.
 *  - `format-too-new`: a later release made it. */
export type SealErrorCode = 'seal-broken' | 'format-too-new';

/**
 * Seals bytes for a place.
 * @param nonce  12 fresh bytes
 */
export function seal({ id, key }: SealKey, plain: Uint8Array, place: Uint8Array, nonce: Uint8Array): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  header[0] = VERSION;
  header.write(id, 1, 'hex');
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.concat([header, place]));
  return Buffer.concat([header, nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** The key that an envelope asks for. @throws seal-broken, format-too-new */
export function keyIdOf(envelope: Uint8Array): string {
  if (envelope.length < SEALED_AT + TAG_BYTES) throw broken('it is too short for an envelope');
  if (envelope[0]! > VERSION) {
    throw new DomainError('format-too-new', `an envelope has version ${envelope[0]}; this release reads ${VERSION}`);
  }
  if (envelope[0] !== VERSION) throw broken('it is no envelope');
  return Buffer.from(envelope.subarray(1, HEADER_BYTES)).toString('hex');
}

/** What was sealed for the place. @param key  the one of {@link keyIdOf} @throws seal-broken */
export function openEnvelope(key: Uint8Array, envelope: Uint8Array, place: Uint8Array): Buffer {
  const end = envelope.length - TAG_BYTES;
  const nonce = envelope.subarray(HEADER_BYTES, SEALED_AT);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.concat([envelope.subarray(0, HEADER_BYTES), place]));
  decipher.setAuthTag(envelope.subarray(end));
  try {
    return Buffer.concat([decipher.update(envelope.subarray(SEALED_AT, end)), decipher.final()]);
  } catch (error) {
    throw broken('it was changed, or sealed for another place', error);
  }
}

function broken(why: string, cause?: unknown): DomainError<SealErrorCode> {
  return new DomainError('seal-broken', `what is sealed does not open: ${why}`, { cause });
}
