import { X509Certificate } from 'node:crypto';
import type { Clock } from '../../../base/index.ts';
import { IotError } from '../errors.ts';
import type { DeviceAuthorities, DeviceAuthority } from './authorities.ts';
import { type Certificate, certificateId, dateOf } from './certificate.ts';
import type { Certificates, Registration } from './certificates.ts';
import { checkSigned, invalid, parseCertificate, validityOf } from './parse.ts';
import { keyRefusal, readSigningRequest } from './signing-request.ts';

/** Takes in certificates that were signed elsewhere, and requests for those that are signed here. */
export class Registrar {
  readonly #certificates: Certificates;
  readonly #authorities: DeviceAuthorities;
  readonly #clock: Clock;

  constructor(certificates: Certificates, authorities: DeviceAuthorities, clock: Clock) {
    this.#certificates = certificates;
    this.#authorities = authorities;
    this.#clock = clock;
  }

  /** Has the node's authority sign a request. @param request  PKCS #10, PEM @throws IotError request-invalid, limit-exceeded */
  sign(request: string, registration: Registration): Promise<Certificate> {
    const { subject, publicKey } = readSigningRequest(request);
    return this.#certificates.issue(subject, publicKey, registration);
  }

  /** The certificate that is registered with these bytes. */
  find(pem: string): Certificate | undefined {
    return this.#certificates.find(certificateId(parseCertificate(pem)));
  }

  /**
   * Takes in a certificate of a registered authority.
   *
   * @param authorityPem  the one that is meant; else whichever has signed it
   * @throws IotError certificate-invalid, certificate-state (the authority is inactive), resource-exists, limit-exceeded
   */
  async register(pem: string, authorityPem: string | undefined, registration: Registration): Promise<Certificate> {
    const der = parseCertificate(pem);
    const authority = this.#authorityOf(der, authorityPem);
    if (authority.status !== 'ACTIVE') {
      throw new IotError('certificate-state', `The CA certificate is INACTIVE: ${authority.id}`);
    }
    this.#check(der, new X509Certificate(authority.pem));
    return this.#certificates.register(der, { ...registration, caId: authority.id, mode: authority.mode });
  }

  /** Takes in a certificate whatever has signed it. @throws IotError certificate-invalid, resource-exists, limit-exceeded */
  async registerWithoutAuthority(pem: string, registration: Registration): Promise<Certificate> {
    const der = parseCertificate(pem);
    this.#check(der, undefined);
    return this.#certificates.register(der, { ...registration, mode: 'SNI_ONLY' });
  }

  #authorityOf(der: Buffer, authorityPem: string | undefined): DeviceAuthority {
    const found = this.#authorities.issuerOf(der);
    if (!found) throw invalid('none of the registered authorities has signed it');
    if (authorityPem !== undefined && certificateId(parseCertificate(authorityPem)) !== found.id) {
      throw invalid('the authority that was given has not signed it');
    }
    return found;
  }

  #check(der: Buffer, issuer: X509Certificate | undefined): void {
    const refusal = refusalOfDevice(der, issuer, this.#clock.now());
    if (refusal !== undefined) throw invalid(refusal);
  }
}

/** Why a certificate cannot be a device's; `undefined` when it can. @param issuer  whose signature it must have */
export function refusalOfDevice(der: Buffer, issuer: X509Certificate | undefined, now: number): string | undefined {
  const certificate = new X509Certificate(der);
  if (issuer) checkSigned(der, issuer);
  const { notBefore, notAfter } = validityOf(certificate);
  if (now > notAfter) return `it has expired on ${dateOf(notAfter)}`;
  if (now < notBefore && issuer !== undefined) return `it is not valid before ${dateOf(notBefore)}`;
  return keyRefusal(certificate.publicKey);
}
