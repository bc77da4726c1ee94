import type { WillAccess } from '../sessions/sessions.ts';
import type { ClientPermissions, LastingProof } from './access.ts';
import { identityOfCertificate } from './certificate-identity.ts';
import type { PolicyAccess } from './device-access.ts';
import type { Identity } from './identity.ts';
import type { CertificateAdmission } from './ports.ts';
import type { DeviceUsers } from './users.ts';

/** What clients may do that were connected before a restart, by what is kept of their proof. */
export class AbsentClients implements WillAccess {
  readonly #access: PolicyAccess;
  readonly #certificates: CertificateAdmission;
  readonly #users: DeviceUsers;

  constructor(access: PolicyAccess, certificates: CertificateAdmission, users: DeviceUsers) {
    this.#access = access;
    this.#certificates = certificates;
    this.#users = users;
  }

  async recall(proof: LastingProof): Promise<ClientPermissions | undefined> {
    return this.#recall(proof, await this.#certificates.der(proof.arn));
  }

  /** Without the certificate itself: a policy with one of its attributes allows nothing. */
  recallNow(proof: LastingProof): ClientPermissions | undefined {
    return this.#recall(proof, undefined);
  }

  #recall(proof: LastingProof, der: Buffer | undefined): ClientPermissions | undefined {
    const certificateId = /:cert\/(.+)$/.exec(proof.arn)?.[1];
    const identity: Identity | undefined =
      certificateId === undefined
        ? this.#users.recall(proof.arn)
        : identityOfCertificate(proof.arn, certificateId, der, this.#certificates);
    return identity && this.#access.permissionsOf(identity, proof);
  }
}
