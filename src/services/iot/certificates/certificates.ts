import { type KeyObject, X509Certificate } from 'node:crypto';
import { type Clock, hasCode, Turns } from '../../../base/index.ts';
import { Reason } from '../../../codec/mqtt/index.ts';
import { encodePem } from '../../../codec/x509/index.ts';
import { type Records, Registry } from '../../../store/index.ts';
import type { PeerCertificate } from '../access/access.ts';
import type { PrincipalChanges } from '../access/changes.ts';
import type { Admission, CertificateAdmission } from '../access/ports.ts';
import { IotError } from '../errors.ts';
import type { CertificateAuthority } from './authority.ts';
import {
  type Certificate,
  type CertificateStatus,
  certificateArn,
  certificateId,
  certificateIdOf,
  refusalOf,
} from './certificate.ts';
import { CERTIFICATE_LIMITS } from './limits.ts';
import { validityOf } from './parse.ts';

/** What hangs on a certificate, as its deletion asks. */
export interface CertificateUses {
  /** Names of things that it is attached to. */
  thingsOf(certificateArn: string): readonly string[];
  /** Names of policies that are attached to it. */
  policiesOf(certificateArn: string): readonly string[];
  detachPolicies(certificateArn: string): Promise<void>;
}

/** What is known of a new certificate beside its bytes. */
export interface Registration {
  readonly region: string;
  readonly status: CertificateStatus;
  readonly caId?: string;
  readonly mode?: Certificate['mode'];
  readonly origin?: Certificate['origin'];
}

/** Space of the certificates' bytes; key: the id. */
const BYTES = 'iot.certificates.der';

/** Certificates of devices: what may connect, and what no longer. */
export class Certificates implements CertificateAdmission {
  readonly #registry: Registry<Certificate>;
  readonly #records: Records;
  readonly #authority: CertificateAuthority;
  readonly #uses: CertificateUses;
  readonly #changes: PrincipalChanges;
  readonly #clock: Clock;
  readonly #turns = new Turns();

  private constructor(parts: CertificateParts, registry: Registry<Certificate>) {
    this.#registry = registry;
    this.#records = parts.records;
    this.#authority = parts.authority;
    this.#uses = parts.uses;
    this.#changes = parts.changes;
    this.#clock = parts.clock;
  }

  static async open(parts: CertificateParts): Promise<Certificates> {
    return new Certificates(parts, await Registry.open<Certificate>(parts.records, 'iot.certificates'));
  }

  /** Whether a client that has proved to have the certificate's key may come in. */
  admit(peer: PeerCertificate): Admission {
    const certificate = this.#registry.get(peer.certificateId);
    if (!certificate) return refused('the certificate is not registered here');
    const refusal = refusalOf(certificate, this.#clock.now());
    if (refusal !== undefined) return refused(refusal);
    return { kind: 'active', certificateArn: certificateArn(certificate) };
  }

  /** Whether one that was admitted may still be used: false once it is inactive, revoked, expired or deleted. */
  isActive(arn: string): boolean {
    const certificate = this.find(certificateIdOf(arn) ?? '');
    return certificate !== undefined && refusalOf(certificate, this.#clock.now()) === undefined;
  }

  endsAt(arn: string): number | undefined {
    return this.find(certificateIdOf(arn) ?? '')?.notAfter;
  }

  /** DER of a certificate; `undefined` when there is none. */
  async der(arn: string): Promise<Buffer | undefined> {
    const id = certificateIdOf(arn);
    const entry = id === undefined ? undefined : await this.#records.get(BYTES, Buffer.from(id));
    return entry && Buffer.from(entry.value);
  }

  find(id: string): Certificate | undefined {
    return this.#registry.get(id);
  }

  /** @throws IotError resource-not-found */
  get(id: string): Certificate {
    const certificate = this.#registry.get(id);
    if (certificate) return certificate;
    throw new IotError('resource-not-found', `The certificate given in the principal does not exist: ${id}`);
  }

  /** In order of their ids. */
  list(): readonly Certificate[] {
    return this.#registry.list();
  }

  /** @throws IotError resource-not-found */
  async pem(id: string): Promise<string> {
    const der = await this.der(certificateArn(this.get(id)));
    if (!der) throw new IotError('resource-not-found', `The certificate ${id} was deleted.`);
    return encodePem('CERTIFICATE', der);
  }

  /**
   * Has the node's authority sign a key and registers the certificate.
   *
   * @param subject  distinguished name, DER
   * @param lifetimeMs  else that of devices' certificates
   */
  async issue(
    subject: Buffer,
    publicKey: KeyObject,
    registration: Registration,
    lifetimeMs?: number,
  ): Promise<Certificate> {
    return this.register(await this.#authority.issue(subject, publicKey, lifetimeMs), registration);
  }

  /** Takes a certificate in. @throws IotError certificate-exists, certificate-invalid, limit-exceeded */
  async register(der: Buffer, { region, status, caId, mode = 'DEFAULT', origin }: Registration): Promise<Certificate> {
    if (this.#registry.size >= CERTIFICATE_LIMITS.certificatesMax) {
      throw new IotError(
        'limit-exceeded',
        `The limit of ${CERTIFICATE_LIMITS.certificatesMax} certificates is reached.`,
      );
    }
    const id = certificateId(der);
    const { notBefore, notAfter } = validityOf(new X509Certificate(der));
    const now = this.#clock.now();
    const certificate: Certificate = {
      ...{ id, region, status, mode, createdAt: now, changedAt: now, notBefore, notAfter, version: 1 },
      ...(caId !== undefined && { caId }),
      ...(origin !== undefined && { origin }),
    };
    try {
      await this.#registry.create(id, certificate, [{ kind: 'put', space: BYTES, key: Buffer.from(id), value: der }]);
    } catch (error) {
      throw hasCode(error, 'already-exists') ? certificateExists(this.get(id)) : error;
    }
    return certificate;
  }

  /** Durable when it resolves; live connections are told. @throws IotError resource-not-found */
  setStatus(id: string, status: CertificateStatus): Promise<void> {
    return this.#turns.run(id, async () => {
      const certificate = this.get(id);
      const version = certificate.version + 1;
      await this.#registry.put(id, { ...certificate, status, version, changedAt: this.#clock.now() });
      this.#changes.changed(certificateArn(certificate));
    });
  }

  /**
   * @param force  takes its policies off first
   * @throws IotError resource-not-found, certificate-state: it is active; delete-conflict: something hangs on it
   */
  delete(id: string, force: boolean): Promise<void> {
    return this.#turns.run(id, async () => {
      const certificate = this.get(id);
      const arn = certificateArn(certificate);
      if (certificate.status === 'ACTIVE') {
        throw new IotError(
          'certificate-state',
          `Certificate must be deactivated (not ACTIVE) before deletion. (certificateId=${id})`,
        );
      }
      if (this.#uses.thingsOf(arn).length > 0) {
        throw new IotError('delete-conflict', `Things must be detached before deletion (arn: ${arn})`);
      }
      if (force) await this.#uses.detachPolicies(arn);
      if (this.#uses.policiesOf(arn).length > 0) {
        throw new IotError('delete-conflict', `Certificate policies must be detached before deletion (arn: ${arn})`);
      }
      await this.#registry.delete(id, [{ kind: 'delete', space: BYTES, key: Buffer.from(id) }]);
      this.#changes.changed(arn);
    });
  }
}

export interface CertificateParts {
  readonly records: Records;
  readonly authority: CertificateAuthority;
  readonly uses: CertificateUses;
  readonly changes: PrincipalChanges;
  readonly clock: Clock;
}

function refused(reason: string): Admission {
  return { kind: 'refused', reason, reasonCode: Reason.notAuthorized };
}

function certificateExists(certificate: Certificate): IotError {
  const fields = { resourceId: certificate.id, resourceArn: certificateArn(certificate) };
  return new IotError('resource-exists', 'The certificate is already provisioned or registered', { fields });
}
