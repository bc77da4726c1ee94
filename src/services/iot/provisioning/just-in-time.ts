import { X509Certificate } from 'node:crypto';
import { ACCOUNT_ID, type Clock, messageOf, Turns } from '../../../base/index.ts';
import * as mqtt from '../../../codec/mqtt/index.ts';
import { decodeName, readNames } from '../../../codec/x509/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import type { PeerCertificate } from '../access/access.ts';
import type { Admission, CertificateAdmission } from '../access/ports.ts';
import type { Broker } from '../broker/broker.ts';
import { authorityArn, type DeviceAuthorities, type DeviceAuthority } from '../certificates/authorities.ts';
import type { Certificate } from '../certificates/certificate.ts';
import type { Certificates } from '../certificates/certificates.ts';
import { refusalOfDevice } from '../certificates/registrar.ts';
import type { CheckProvisioning } from '../ports.ts';
import type { Provisioner } from './provisioner.ts';
import { parseTemplate, type Template } from './template.ts';
import { type ProvisioningTemplates, templateArn } from './templates.ts';

export interface JustInTimeParts {
  readonly certificates: Certificates;
  readonly authorities: DeviceAuthorities;
  readonly provisioner: Provisioner;
  readonly templates: ProvisioningTemplates;
  readonly broker: Pick<Broker, 'publish'>;
  readonly check: CheckProvisioning;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface FoundTemplate {
  readonly template: Template;
  readonly roleArn: string;
  readonly sourceArn: string;
}

const NODE = { clientId: undefined, principal: undefined } as const;

/**
 * Lets certificates in, and takes in those that come for the first time (just-in-time registration and provisioning).
 *
 * An unknown certificate whose authority is registered, active and takes newcomers is registered as `PENDING_ACTIVATION`. An event says
 * so; where the authority has a template, the device is provisioned by it and let in at once. AWS ends that first connection and has the
 * device come again: a device that does finds the same.
 *
 * @see AWS IoT developer guide, "Just-in-time registration", "Just-in-time provisioning"
 */
export class JustInTime implements CertificateAdmission {
  readonly #parts: JustInTimeParts;
  readonly #turns = new Turns();

  constructor(parts: JustInTimeParts) {
    this.#parts = parts;
  }

  admit(peer: PeerCertificate): Admission | Promise<Admission> {
    const { certificates } = this.#parts;
    const known = certificates.find(peer.certificateId);
    if (known && !this.#awaitsTemplate(known)) return certificates.admit(peer);
    // A device that comes twice at once is registered once.
    return this.#turns.run(peer.certificateId, () => this.#meet(peer));
  }

  isActive(certificateArn: string): boolean {
    return this.#parts.certificates.isActive(certificateArn);
  }

  endsAt(certificateArn: string): number | undefined {
    return this.#parts.certificates.endsAt(certificateArn);
  }

  der(certificateArn: string): Promise<Buffer | undefined> {
    return this.#parts.certificates.der(certificateArn);
  }

  /** Its template could not be worked out when it came first. */
  #awaitsTemplate({ status, caId }: Certificate): boolean {
    if (status !== 'PENDING_ACTIVATION' || caId === undefined) return false;
    return this.#parts.authorities.list().some(({ id, config }) => id === caId && hasTemplate(config));
  }

  async #meet(peer: PeerCertificate): Promise<Admission> {
    const { certificates, logger } = this.#parts;
    const { der } = peer;
    const introduced = this.#introduce(der);
    if (typeof introduced === 'string') return refused(introduced);
    const known = certificates.find(peer.certificateId);
    const certificate = known ?? (await this.#register(der, introduced));
    if (certificate.status !== 'PENDING_ACTIVATION') return certificates.admit(peer);
    try {
      const found = this.#templateOf(introduced);
      if (!found) return certificates.admit(peer);
      const { template, roleArn, sourceArn } = found;
      const { provisioner, check } = this.#parts;
      const parameters = parametersOf(der, certificate);
      await provisioner.provision(template, parameters, introduced.region, (step) => check(roleArn, sourceArn, step));
    } catch (error) {
      logger.warn('just-in-time provisioning failed', { certificateId: certificate.id, reason: messageOf(error) });
      return refused(
        'the certificate is registered, but its template could not be worked out: see the log of the node',
      );
    }
    return certificates.admit(peer);
  }

  /** The authority that vouches for a certificate; else why none does. */
  #introduce(der: Buffer): DeviceAuthority | string {
    const { authorities, clock } = this.#parts;
    try {
      const authority = authorities.issuerOf(der);
      if (!authority) return strangerOf(der);
      if (authority.status !== 'ACTIVE') return 'the authority of the certificate is INACTIVE';
      if (clock.now() > authority.notAfter) return 'the authority of the certificate has expired';
      if (!authority.registersNewcomers)
        return 'the certificate is not registered, and its authority does not register newcomers';
      const refusal = refusalOfDevice(der, new X509Certificate(authority.pem), clock.now());
      return refusal === undefined ? authority : `the certificate is refused: ${refusal}`;
    } catch (error) {
      return `the certificate cannot be read: ${messageOf(error)}`;
    }
  }

  async #register(der: Buffer, { id: caId, region, mode }: DeviceAuthority): Promise<Certificate> {
    const certificate = await this.#parts.certificates.register(der, {
      region,
      status: 'PENDING_ACTIVATION',
      caId,
      mode,
    });
    const event = {
      certificateId: certificate.id,
      caCertificateId: caId,
      timestamp: certificate.createdAt,
      certificateStatus: certificate.status,
      awsAccountId: ACCOUNT_ID,
      certificateRegistrationTimestamp: String(certificate.createdAt),
    };
    const packet: mqtt.PublishPacket = {
      ...{ type: 'publish', qos: 1, retain: false, dup: false, packetId: 1, properties: mqtt.NO_PROPERTIES },
      topic: `$aws/events/certificates/registered/${caId}`,
      payload: Buffer.from(JSON.stringify(event)),
    };
    this.#parts.broker.publish(packet, NODE);
    return certificate;
  }

  /** With the role that it is worked out with: its own, or that of the authority which brings it. */
  #templateOf(authority: DeviceAuthority): FoundTemplate | undefined {
    const { templates } = this.#parts;
    const { config } = authority;
    if (config?.templateName !== undefined) {
      const stored = templates.get(config.templateName);
      if (!stored.isEnabled) return undefined;
      const { roleArn } = stored;
      return { template: templates.usable(config.templateName), roleArn, sourceArn: templateArn(stored) };
    }
    if (config?.templateBody === undefined) return undefined;
    const template = parseTemplate(config.templateBody);
    // Without a role there is none that may do anything.
    return { template, roleArn: config.roleArn ?? '', sourceArn: authorityArn(authority) };
  }
}

function hasTemplate(config: DeviceAuthority['config']): boolean {
  return config?.templateName !== undefined || config?.templateBody !== undefined;
}

/** Why a certificate that no registered authority has signed is refused. */
function strangerOf(der: Buffer): string {
  const { issuer, subject } = readNames(der);
  if (issuer.equals(subject)) return 'the certificate is self-signed and not registered here';
  const name = decodeName(issuer)
    .map(([attribute, value]) => `${attribute}=${value}`)
    .join(', ');
  return `the certificate is not registered here, and neither is its authority (${name.slice(0, 200)})`;
}

const PARAMETERS: Readonly<Record<string, string>> = {
  C: 'Country',
  O: 'Organization',
  OU: 'OrganizationalUnit',
  dnQualifier: 'DistinguishedNameQualifier',
  ST: 'StateName',
  CN: 'CommonName',
  serialNumber: 'SerialNumber',
};

/** What a template may refer to of a certificate: its id, and the first value of each attribute of its subject. */
function parametersOf(der: Buffer, { id }: Certificate): Readonly<Record<string, string>> {
  const parameters: Record<string, string> = { 'AWS::IoT::Certificate::Id': id };
  for (const [attribute, value] of decodeName(readNames(der).subject)) {
    const name = PARAMETERS[attribute];
    if (name !== undefined) parameters[`AWS::IoT::Certificate::${name}`] ??= value;
  }
  return parameters;
}

function refused(reason: string): Admission {
  return { kind: 'refused', reason, reasonCode: mqtt.Reason.notAuthorized };
}
