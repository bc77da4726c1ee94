/**
 * Content under a customer's key: AES-256 in counter mode, so that a range can be read without what stands before it. The initial counter
 * is random for each file. What was changed on the disk is found by nobody here: the key is for keeping content secret.
 */
import { type Cipheriv, createCipheriv, createHmac, timingSafeEqual } from 'node:crypto';
import { DomainError } from '../../../base/index.ts';
import type { ObjectsErrorCode } from '../objects.ts';

const BLOCK_BYTES = 16n;
const COUNTER_MODULUS = 1n << 128n;

/** Encrypts or decrypts (it is the same) from a byte on. @param iv  hex of 16 bytes */
export function cipherAt(customerKey: Uint8Array, iv: string, offset: number): Cipheriv {
  const counter = (BigInt(`0x${iv}`) + BigInt(offset) / BLOCK_BYTES) % COUNTER_MODULUS;
  const cipher = createCipheriv('aes-256-ctr', customerKey, Buffer.from(counter.toString(16).padStart(32, '0'), 'hex'));
  const skipped = Number(BigInt(offset) % BLOCK_BYTES);
  if (skipped > 0) cipher.update(Buffer.alloc(skipped));
  return cipher;
}

/** What is kept to know the key again by: `SALT:HMAC`, hex. @param salt  16 random bytes */
export function keyCheckOf(customerKey: Uint8Array, salt: Uint8Array): string {
  const name = Buffer.from(salt).toString('hex');
  return `${name}:${createHmac('sha256', customerKey).update(salt).digest('hex')}`;
}

/** @throws customer-key-missing, customer-key-needless, customer-key-wrong */
export function checkCustomerKey(keyCheck: string | undefined, customerKey: Uint8Array | undefined): void {
  if (keyCheck === undefined) {
    if (customerKey) throw refusal('customer-key-needless', 'the content is under no key of a customer');
    return;
  }
  if (!customerKey) throw refusal('customer-key-missing', "the content is under a customer's key");
  const expected = keyCheckOf(customerKey, Buffer.from(keyCheck.slice(0, 32), 'hex'));
  if (timingSafeEqual(Buffer.from(expected), Buffer.from(keyCheck))) return;
  throw refusal('customer-key-wrong', 'the content is under another key');
}

function refusal(code: ObjectsErrorCode, message: string): DomainError<ObjectsErrorCode> {
  return new DomainError(code, message);
}
