import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { ACCOUNT_ID } from '../../../base/index.ts';
import { encodeName } from '../../../codec/x509/index.ts';
import type { Operation, OperationContext } from '../../index.ts';
import { type Certificate, type CertificateStatus, certificateArn } from '../certificates/certificate.ts';
import type { Certificates } from '../certificates/certificates.ts';
import { readSigningRequest } from '../certificates/signing-request.ts';
import { IotError } from '../errors.ts';
import { page } from '../pagination.ts';

const generateAsync = promisify(generateKeyPair) as (
  type: 'rsa',
  options: { readonly modulusLength: number },
) => Promise<{ readonly privateKey: KeyObject; readonly publicKey: KeyObject }>;

/** As AWS names certificates whose keys it makes. */
const SUBJECT = encodeName(['CN', 'AWS IoT Certificate']);

interface Named {
  readonly certificateId: string;
}

export interface ListInput {
  readonly pageSize?: number;
  readonly marker?: string;
  readonly ascendingOrder?: boolean;
}

/** Certificates: made, described, listed, changed and deleted. */
export function certificateOperations(certificates: Certificates) {
  return {
    /** RSA-2048, as AWS makes them; who makes a key of its own asks by CreateCertificateFromCsr. */
    CreateKeysAndCertificate: async ({ setAsActive }: { setAsActive?: boolean }, { region }: OperationContext) => {
      const { publicKey, privateKey } = await generateAsync('rsa', { modulusLength: 2048 });
      const made = await certificates.issue(SUBJECT, publicKey, { region, status: statusOf(setAsActive) });
      const keyPair = {
        PublicKey: publicKey.export({ type: 'spki', format: 'pem' }),
        PrivateKey: privateKey.export({ type: 'pkcs1', format: 'pem' }),
      };
      return { ...(await answerOf(certificates, made)), keyPair };
    },
    CreateCertificateFromCsr: async (
      { certificateSigningRequest, setAsActive }: { certificateSigningRequest: string; setAsActive?: boolean },
      { region }: OperationContext,
    ) => {
      const { subject, publicKey } = readSigningRequest(certificateSigningRequest);
      return answerOf(
        certificates,
        await certificates.issue(subject, publicKey, { region, status: statusOf(setAsActive) }),
      );
    },
    DescribeCertificate: async ({ certificateId }: Named) => ({
      certificateDescription: await described(certificates, certificates.get(certificateId)),
    }),
    ListCertificates: (input: ListInput) => listed(certificates.list(), input),
    UpdateCertificate: async ({ certificateId, newStatus }: Named & { newStatus: CertificateStatus }) => {
      certificates.get(certificateId);
      if (newStatus !== 'ACTIVE' && newStatus !== 'INACTIVE' && newStatus !== 'REVOKED') {
        throw new IotError('request-invalid', `A certificate cannot be set to ${newStatus}.`);
      }
      await certificates.setStatus(certificateId, newStatus);
      return {};
    },
    DeleteCertificate: async ({ certificateId, forceDelete = false }: Named & { forceDelete?: boolean }) => {
      await certificates.delete(certificateId, forceDelete);
      return {};
    },
  } satisfies Record<string, Operation>;
}

export function statusOf(setAsActive = false): CertificateStatus {
  return setAsActive ? 'ACTIVE' : 'INACTIVE';
}

async function answerOf(certificates: Certificates, certificate: Certificate) {
  const certificatePem = await certificates.pem(certificate.id);
  return { certificateArn: certificateArn(certificate), certificateId: certificate.id, certificatePem };
}

async function described(certificates: Certificates, certificate: Certificate) {
  const { id, caId, mode, version, changedAt, notBefore, notAfter } = certificate;
  return {
    ...summaryOf(certificate),
    ...(caId !== undefined && { caCertificateId: caId }),
    certificatePem: await certificates.pem(id),
    ownedBy: ACCOUNT_ID,
    lastModifiedDate: new Date(changedAt),
    customerVersion: version,
    generationId: id.slice(0, 32),
    validity: { notBefore: new Date(notBefore), notAfter: new Date(notAfter) },
    certificateMode: mode,
  };
}

function summaryOf(certificate: Certificate) {
  const { id, status, mode, createdAt } = certificate;
  return {
    certificateArn: certificateArn(certificate),
    certificateId: id,
    status,
    certificateMode: mode,
    creationDate: new Date(createdAt),
  };
}

/** A page of certificates in order of their making; the latest first unless `ascendingOrder`, as on AWS. */
export function listed(found: readonly Certificate[], { pageSize, marker, ascendingOrder = false }: ListInput) {
  const placeOf = ({ createdAt, id }: Certificate) => {
    const at = ascendingOrder ? createdAt : Number.MAX_SAFE_INTEGER - createdAt;
    return `${String(at).padStart(16, '0')}${id}`;
  };
  const ordered = found
    .map((certificate) => ({ certificate, place: placeOf(certificate) }))
    .sort((a, b) => (a.place < b.place ? -1 : 1));
  const { items, next } = page(ordered, ({ place }) => place, marker, pageSize);
  const certificates = items.map(({ certificate }) => summaryOf(certificate));
  return { certificates, ...(next !== undefined && { nextMarker: next }) };
}
