import { X509Certificate } from 'node:crypto';
import { assert, messageOf } from '../../../base/index.ts';
import { decodePem, isSoundlySigned, readNames, readSigned } from '../../../codec/x509/index.ts';
import { IotError } from '../errors.ts';

/** The certificate of a PEM text, DER, read to its end, with a key and times that can be read. @throws IotError certificate-invalid */
export function parseCertificate(pem: string): Buffer {
  const [der, ...more] = decodePem(pem, 'CERTIFICATE');
  if (!der || more.length > 0) throw invalid('it must be one PEM block "CERTIFICATE"');
  try {
    const certificate = new X509Certificate(der);
    if (certificate.raw.length !== der.length) throw new RangeError('something stands behind its end');
    readNames(der);
    validityOf(certificate);
    // Read when it is asked for: it may be no key, in a certificate that is one otherwise.
    assert(certificate.publicKey.type === 'public', 'a certificate has a public key');
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

/**
 * Epoch milliseconds. By their text: of a time that is none, the dates that Node gives are of chance, and may be good ones.
 *
 * @throws RangeError  a time of it is none: no comparison with it would ever say that it has expired
 */
export function validityOf({ validFrom, validTo }: X509Certificate) {
  return { notBefore: timeOf(validFrom), notAfter: timeOf(validTo) };
}

/** @param text  `Nov  8 22:24:56 2026 GMT`, else `Bad time value` */
function timeOf(text: string): number {
  const time = text.endsWith(' GMT') ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) throw new RangeError('its validity cannot be read');
  return time;
}

export function invalid(what: string, cause?: unknown): IotError {
  return new IotError('certificate-invalid', `The certificate is not valid: ${what}.`, { cause });
}
