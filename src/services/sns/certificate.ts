import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { encodeName, encodePem, extension, makeCertificate } from '../../codec/x509/index.ts';

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
 */
export async function makeSigningCertificate(
  commonName: string,
  serialNumber: Uint8Array,
  notBefore: number,
  notAfter: number,
): Promise<Certificate> {
  const { privateKey, publicKey } = await generateAsync('rsa', { modulusLength: 2048 });
  const name = encodeName(['CN', commonName]);
  const extensions = [extension.noAuthority, extension.keyUsage('digitalSignature')];
  const content = { subject: name, issuer: name, serialNumber, notBefore, notAfter, publicKey, extensions };
  const certificate = encodePem('CERTIFICATE', await makeCertificate(content, privateKey));
  return { certificate, key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string };
}
