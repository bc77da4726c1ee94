import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { ACCOUNT_ID, formatArn } from '../../../base/index.ts';
import { IotError } from '../errors.ts';

/** A custom authorizer as it is stored. */
export interface Authorizer {
  readonly name: string;
  readonly region: string;
  readonly functionArn: string;
  /** Under which name the token comes: a header, a parameter of the query string or of the user name. */
  readonly tokenKeyName?: string;
  /** PEM by the names that their owner gave them; any of them may have signed. */
  readonly publicKeys: Readonly<Record<string, string>>;
  readonly status: 'ACTIVE' | 'INACTIVE';
  /** Decided when it is made, for good. */
  readonly signingDisabled: boolean;
  readonly enableCachingForHttp: boolean;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly modifiedAt: number;
}

export function authorizerArn({ name, region }: Pick<Authorizer, 'name' | 'region'>): string {
  return formatArn('iot', region, ACCOUNT_ID, `authorizer/${name}`);
}

/** Bits of a key that is not to be guessed, as AWS asks for. */
const KEY_BITS_MIN = 2048;

/** @throws IotError request-invalid  no RSA key of enough bits; a signing authorizer without token name or keys */
export function checkAuthorizer({ signingDisabled, tokenKeyName, publicKeys }: Authorizer): void {
  for (const [name, pem] of Object.entries(publicKeys)) checkKey(name, pem);
  if (signingDisabled) return;
  if (tokenKeyName === undefined || Object.keys(publicKeys).length === 0) {
    const message = 'tokenKeyName and tokenSigningPublicKeys are required, unless signingDisabled is set.';
    throw new IotError('request-invalid', message);
  }
}

/** Whether one of the authorizer's keys has signed the token. @param signature  base64 */
export function isSigned({ publicKeys }: Authorizer, token: string, signature: string): boolean {
  const bytes = Buffer.from(signature, 'base64');
  return Object.values(publicKeys).some((pem) => verify('RSA-SHA256', Buffer.from(token), keyOf(pem)!, bytes));
}

function checkKey(name: string, pem: string): void {
  const key = keyOf(pem);
  const bits = key?.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key?.asymmetricKeyType === 'rsa' && bits >= KEY_BITS_MIN) return;
  throw new IotError('request-invalid', `The key ${name} is not an RSA public key of ${KEY_BITS_MIN} bits, in PEM.`);
}

function keyOf(pem: string): KeyObject | undefined {
  try {
    return createPublicKey(pem);
  } catch {
    return undefined;
  }
}
