import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { encodeName } from '../../../codec/x509/index.ts';

export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const generateAsync = promisify(generateKeyPair) as unknown as (type: string, options: object) => Promise<KeyPair>;

/** RSA-2048, as AWS makes keys for those who ask for one. */
export function makeKeyPair(): Promise<KeyPair> {
  return generateAsync('rsa', { modulusLength: 2048 });
}

/** P-256: a signature takes a thirtieth of the time. */
export function makeOwnKeyPair(): Promise<KeyPair> {
  return generateAsync('ec', { namedCurve: 'P-256' });
}

/** As AWS calls certificates whose keys it makes. */
export const SUBJECT = encodeName(['CN', 'AWS IoT Certificate']);
