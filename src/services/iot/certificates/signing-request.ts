import type { KeyObject } from 'node:crypto';
import { messageOf } from '../../../base/index.ts';
import { type CertificateRequest, decodePem, readRequest } from '../../../codec/x509/index.ts';
import { IotError } from '../errors.ts';
import { CERTIFICATE_LIMITS } from './limits.ts';

/**
 * Reads a request for a certificate, PEM, and checks that its key is one that is taken: RSA of 2048 bits or more, or of one of NIST's
 * curves P-256, P-384 and P-521.
 *
 * @throws IotError request-invalid  says what is wrong with it
 */
export function readSigningRequest(pem: string): CertificateRequest {
  const [der, ...more] = decodePem(pem, 'CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST');
  if (!der || more.length > 0) throw invalid('it must be one PEM block "CERTIFICATE REQUEST"');
  const request = parsed(der);
  const refusal = keyRefusal(request.publicKey);
  if (refusal !== undefined) throw invalid(refusal);
  return request;
}

function parsed(der: Buffer): CertificateRequest {
  try {
    return readRequest(der);
  } catch (cause) {
    throw invalid(messageOf(cause), cause);
  }
}

/** Why a device must not have a key of this kind; `undefined` when it may. */
export function keyRefusal(key: KeyObject): string | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  const { rsaBitsMin, rsaBitsMax } = CERTIFICATE_LIMITS;
  if (type === 'rsa') {
    const bits = details?.modulusLength ?? 0;
    return bits >= rsaBitsMin && bits <= rsaBitsMax
      ? undefined
      : `an RSA key must have ${rsaBitsMin} to ${rsaBitsMax} bits`;
  }
  if (type === 'ec' && CURVES.has(details?.namedCurve ?? '')) return undefined;
  return 'the key must be RSA, or of the curve P-256, P-384 or P-521';
}

/** OpenSSL's names. */
const CURVES = new Set(['prime256v1', 'secp384r1', 'secp521r1']);

function invalid(what: string, cause?: unknown): IotError {
  return new IotError('request-invalid', `The certificate signing request is not valid: ${what}.`, { cause });
}
