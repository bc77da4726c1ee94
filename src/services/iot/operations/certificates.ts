import { ACCOUNT_ID } from '../../../base/index.ts';
import type { Operation, OperationContext } from '../../index.ts';
import { type Certificate, type CertificateStatus, certificateArn } from '../certificates/certificate.ts';
import type { Certificates } from '../certificates/certificates.ts';
import { makeKeyPair, SUBJECT } from '../certificates/key-pair.ts';
import type { Registrar } from '../certificates/registrar.ts';
import { IotError } from '../errors.ts';
import { page } from '../pagination.ts';

interface Named {
  readonly certificateId: string;
}

export interface ListInput {
  readonly pageSize?: number;
  readonly marker?: string;
  readonly ascendingOrder?: boolean;
}

/** Certificates: made, described, listed, changed and deleted. */
export function certificateOperations(certificates: Certificates, registrar: Registrar) {
  return {
    /** RSA-2048, as AWS makes them; who makes a key of its own asks by CreateCertificateFromCsr. */
    CreateKeysAndCertificate: async ({ setAsActive }: { setAsActive?: boolean }, { region }: OperationContext) => {
      const { publicKey, privateKey } = await makeKeyPair();
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
      const made = await registrar.sign(certificateSigningRequest, { region, status: statusOf(setAsActive) });
      return answerOf(certificates, made);
    },
    RegisterCertificate: async (input: RegisterInput, { region }: OperationContext) => {
      const { certificatePem, caCertificatePem } = input;
      return arnOf(
        await registrar.register(certificatePem, caCertificatePem, { region, status: registeredStatusOf(input) }),
      );
    },
    RegisterCertificateWithoutCA: async (input: RegisterInput, { region }: OperationContext) => {
      const registration = { region, status: registeredStatusOf(input) };
      return arnOf(await registrar.registerWithoutAuthority(input.certificatePem, registration));
    },
    DescribeCertificate: async ({ certificateId }: Named) => ({
      certificateDescription: await described(certificates, certificates.get(certificateId)),
    }),
    ListCertificates: (input: ListInput) => listed(certificates.list(), input),
    ListCertificatesByCA: ({ caCertificateId, ...input }: ListInput & { caCertificateId: string }) =>
      listed(
        certificates.list().filter(({ caId }) => caId === caCertificateId),
        input,
      ),
    /** There is one account here, so that none is ever on its way to another. */
    ListOutgoingCertificates: () => ({ outgoingCertificates: [] }),
    TransferCertificate: ({ certificateId }: Named) => {
      certificates.get(certificateId);
      throw new IotError('request-invalid', 'A node has one account: a certificate cannot be transferred to another.');
    },
    AcceptCertificateTransfer: ({ certificateId }: Named) => notOnItsWay(certificates.get(certificateId)),
    RejectCertificateTransfer: ({ certificateId }: Named) => notOnItsWay(certificates.get(certificateId)),
    CancelCertificateTransfer: ({ certificateId }: Named) => notOnItsWay(certificates.get(certificateId)),
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

interface RegisterInput {
  readonly certificatePem: string;
  readonly caCertificatePem?: string;
  readonly setAsActive?: boolean;
  readonly status?: CertificateStatus;
}

/** `setAsActive` is the older of the two. */
function registeredStatusOf({ setAsActive, status }: RegisterInput): CertificateStatus {
  if (status === undefined) return statusOf(setAsActive);
  if (status === 'ACTIVE' || status === 'INACTIVE' || status === 'REVOKED') return status;
  throw new IotError('request-invalid', `A certificate cannot be registered as ${status}.`);
}

function notOnItsWay({ id }: Certificate): never {
  throw new IotError('transfer-completed', `The certificate ${id} is not on its way to another account.`);
}

function arnOf(certificate: Certificate) {
  return { certificateArn: certificateArn(certificate), certificateId: certificate.id };
}

function statusOf(setAsActive = false): CertificateStatus {
  return setAsActive ? 'ACTIVE' : 'INACTIVE';
}

async function answerOf(certificates: Certificates, certificate: Certificate) {
  const certificatePem = await certificates.pem(certificate.id);
  return { ...arnOf(certificate), certificatePem };
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

function listed(found: readonly Certificate[], input: ListInput) {
  const { items, next } = pageByAge(found, input);
  return { certificates: items.map(summaryOf), ...(next !== undefined && { nextMarker: next }) };
}

/** A page in order of their making; the latest first unless `ascendingOrder`, as on AWS. */
export function pageByAge<T extends { readonly id: string; readonly createdAt: number }>(
  found: readonly T[],
  { pageSize, marker, ascendingOrder = false }: ListInput,
): { readonly items: readonly T[]; readonly next: string | undefined } {
  const placeOf = ({ createdAt, id }: T) => {
    const at = ascendingOrder ? createdAt : Number.MAX_SAFE_INTEGER - createdAt;
    return `${String(at).padStart(16, '0')}${id}`;
  };
  const ordered = found.map((item) => ({ item, place: placeOf(item) })).sort((a, b) => (a.place < b.place ? -1 : 1));
  const { items, next } = page(ordered, ({ place }) => place, marker, pageSize);
  return { items: items.map(({ item }) => item), next };
}
