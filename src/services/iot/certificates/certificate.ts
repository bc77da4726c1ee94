import { createHash } from 'node:crypto';
import { ACCOUNT_ID, formatArn } from '../../../base/index.ts';

/** As AWS has them; what `PENDING_TRANSFER` is for (another account) does not happen here. */
export type CertificateStatus = 'ACTIVE' | 'INACTIVE' | 'REVOKED' | 'PENDING_ACTIVATION' | 'REGISTER_INACTIVE';

/** A registered certificate, without its bytes: those stand beside it in the store, so that a fleet's fit into memory. */
export interface Certificate {
  /** SHA-256 of its DER, lower-case hex. */
  readonly id: string;
  readonly region: string;
  readonly status: CertificateStatus;
  /** The registered authority that has signed it; absent for those of the built-in one, and those registered without. */
  readonly caId?: string;
  /** Made for a while only: `claim` to provision devices with, `claimed` by such a device, which has not been provisioned yet. */
  readonly origin?: 'claim' | 'claimed';
  /** `SNI_ONLY`: registered without an authority. */
  readonly mode: 'DEFAULT' | 'SNI_ONLY';
  /** Epoch milliseconds, all of them. */
  readonly createdAt: number;
  readonly changedAt: number;
  readonly notBefore: number;
  readonly notAfter: number;
  /** Goes up with each change of the status. */
  readonly version: number;
}

export function certificateArn({ id, region }: Pick<Certificate, 'id' | 'region'>): string {
  return formatArn('iot', region, ACCOUNT_ID, `cert/${id}`);
}

/** SHA-256 of the DER, lower-case hex: AWS's id. */
export function certificateId(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('hex');
}

/** The id in an ARN of a certificate; `undefined` for anything else. */
export function certificateIdOf(arn: string): string | undefined {
  return /^arn:aws:iot:[a-z0-9-]*:\d{12}:cert\/([0-9a-f]{64})$/.exec(arn)?.[1];
}

/** Why a certificate must not be used now; `undefined` when it may. */
export function refusalOf(certificate: Certificate, now: number): string | undefined {
  const { status, notBefore, notAfter } = certificate;
  if (status !== 'ACTIVE') return `the certificate is ${status}: ${REMEDIES[status]}`;
  if (now < notBefore) return `the certificate is not valid before ${dateOf(notBefore)}: check the clocks`;
  if (now > notAfter) return `the certificate has expired on ${dateOf(notAfter)}: give the device a new one`;
  return undefined;
}

const REMEDIES: Readonly<Record<Exclude<CertificateStatus, 'ACTIVE'>, string>> = {
  INACTIVE: 'activate it with UpdateCertificate',
  REVOKED: 'give the device a new one',
  PENDING_ACTIVATION: 'it was seen for the first time and waits for UpdateCertificate',
  REGISTER_INACTIVE: 'activate it with UpdateCertificate',
};

/** An ISO date and time, to the second. */
export function dateOf(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}
