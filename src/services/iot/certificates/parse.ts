import { X509Certificate } from 'node:crypto';
import { messageOf } from '../../../base/index.ts';
import { decodePem, isSoundlySigned, readNames, readSigned } from '../../../codec/x509/index.ts';
import { IotError } from '../errors.ts';

/** The certificate of a PEM text, DER, read to its end. @throws IotError certificate-invalid */
export function parseCertificate(pem: string): Buffer {
  const [der, ...more] = decodePem(pem, 'CERTIFICATE');
  if (!der || more.length > 0) throw invalid('it must be one PEM block "CERTIFICATE"');
  try {
    const { raw } = new X509Certificate(der);
    if (raw.length !== der.length) throw new RangeError('something stands behind its end');
    readNames(der);
  } catch (cause) {
    throw invalid(messageOf(cause), cause);
  }
  return der;
}

/** @throws IotError certificate-invalid  MD5, SHA-1, or not signed by this issuer's key */
export function checkSigned(der: Buffer, issuer: X509Certificate): void {
  if (!isSoundlySigned(readSigned(der))) throw invalid('it is signed with MD5 or SHA-1');
  if (!new X509Certificate(der).verify(issuer.publicKey)) throw invalid('its signature does not hold');
}

/** Epoch milliseconds. */
export function validityOf({ validFromDate, validToDate }: X509Certificate) {
  return { notBefore: validFromDate.getTime(), notAfter: validToDate.getTime() };
}

export function invalid(what: string, cause?: unknown): IotError {
  return new IotError('certificate-invalid', `The certificate is not valid: ${what}.`, { cause });
}
