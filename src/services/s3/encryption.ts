/*
 * Server-side encryption as requests ask for it: S3's own (SSE-S3) or with a key that comes with each request (SSE-C). Keys of KMS are refused
 * by name; for AWS's own one in KMS stands S3's own.
 */
import { createHash } from 'node:crypto';
import { s3Error } from './errors.ts';

const KEY_BYTES = 32;

/** Members of a request; `CopySource` may stand before those of the customer's key. */
export interface EncryptionInput {
  readonly ServerSideEncryption?: string;
  readonly SSEKMSKeyId?: string;
  readonly SSECustomerAlgorithm?: string;
  readonly SSECustomerKey?: string;
  readonly SSECustomerKeyMD5?: string;
  readonly [member: string]: unknown;
}

/** @throws DomainError `encryption-not-built`, `encryption-invalid`, `argument-invalid` */
export function checkEncryption(input: EncryptionInput): void {
  const { ServerSideEncryption: wanted, SSEKMSKeyId, SSECustomerAlgorithm } = input;
  if (wanted === undefined) return;
  // AWS's own key, which nobody sees: S3's own takes its place, and answers say so. CDK asks for it where the bucket does.
  if (wanted === 'aws:kms' && SSEKMSKeyId === undefined && SSECustomerAlgorithm === undefined) return;
  if (wanted.startsWith('aws:')) {
    const message = `Encryption with ${wanted} and keys of KMS is not built in Millrace; AES256 and customers' keys are`;
    throw s3Error('encryption-not-built', { message });
  }
  if (wanted !== 'AES256') throw s3Error('encryption-invalid');
  if (SSEKMSKeyId !== undefined) {
    throw argument(
      'Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms',
      'x-amz-server-side-encryption',
      wanted,
    );
  }
  if (SSECustomerAlgorithm !== undefined) {
    throw argument(
      'Server Side Encryption with Customer provided key is incompatible with the encryption method specified',
      'x-amz-server-side-encryption',
      wanted,
    );
  }
}

/**
 * The key that a request brings.
 * @throws DomainError `argument-invalid`, `encryption-invalid`
 */
export function customerKeyOf(
  input: EncryptionInput,
  prefix: '' | 'CopySource' = '',
): { readonly customerKey?: Uint8Array } {
  const [algorithm, text, md5] = ['Algorithm', 'Key', 'KeyMD5'].map((name) => input[`${prefix}SSECustomer${name}`]);
  if (algorithm === undefined && text === undefined && md5 === undefined) return {};
  const header = `x-amz-${prefix ? 'copy-source-' : ''}server-side-encryption-customer`;
  if (algorithm === undefined) {
    throw argument(
      'Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.',
      `${header}-algorithm`,
    );
  }
  if (algorithm !== 'AES256') throw s3Error('encryption-invalid');
  if (text === undefined) {
    throw argument(
      'Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key.',
      `${header}-key`,
    );
  }
  if (md5 === undefined) {
    throw argument(
      'Requests specifying Server Side Encryption with Customer provided keys must provide the client calculated MD5 of the secret key.',
      `${header}-key-MD5`,
    );
  }
  const customerKey = Buffer.from(String(text), 'base64');
  if (customerKey.length !== KEY_BYTES) {
    throw argument('The secret key was invalid for the specified algorithm.', `${header}-key`);
  }
  if (createHash('md5').update(customerKey).digest('base64') !== md5) {
    throw argument('The calculated MD5 hash of the key did not match the hash that was provided.', `${header}-key-MD5`);
  }
  return { customerKey };
}

/** Whether a bucket's rules of encryption refuse new objects under keys of customers. */
export function refusesCustomerKeys(rules: readonly object[] = []): boolean {
  return rules.some((rule) => {
    const { BlockedEncryptionTypes: blocked } = rule as { BlockedEncryptionTypes?: { EncryptionType?: string[] } };
    return blocked?.EncryptionType?.includes('SSE-C');
  });
}

/** Members of an answer that tell how the content is encrypted. */
export function encryptionMembers(input: EncryptionInput, customerKey: unknown): Record<string, unknown> {
  if (!customerKey) return { ServerSideEncryption: 'AES256' };
  return { SSECustomerAlgorithm: 'AES256', SSECustomerKeyMD5: input.SSECustomerKeyMD5 };
}

function argument(message: string, name: string, value?: string) {
  return s3Error('argument-invalid', { message, fields: { ArgumentName: name, ArgumentValue: value } });
}
