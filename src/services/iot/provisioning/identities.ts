import type { Clock, Random } from '../../../base/index.ts';
import type { Records } from '../../../store/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import type { Operation } from '../../index.ts';
import type { PrincipalChanges } from '../access/changes.ts';
import type { CertificateAdmission } from '../access/ports.ts';
import type { Broker } from '../broker/broker.ts';
import { DeviceAuthorities } from '../certificates/authorities.ts';
import { CertificateAuthority } from '../certificates/authority.ts';
import { Certificates, type CertificateUses } from '../certificates/certificates.ts';
import { Registrar } from '../certificates/registrar.ts';
import { authorityOperations } from '../operations/authorities.ts';
import { certificateOperations } from '../operations/certificates.ts';
import { provisioningOperations } from '../operations/provisioning.ts';
import type { Policies } from '../policies/policies.ts';
import type { CheckProvisioning, InvokeFunction } from '../ports.ts';
import type { TaggableKinds, Tags } from '../tags.ts';
import type { Things } from '../things/things.ts';
import { makeClaim } from './claims.ts';
import { FleetProvisioning } from './fleet.ts';
import { JustInTime } from './just-in-time.ts';
import { OwnershipTokens } from './ownership.ts';
import { Provisioner } from './provisioner.ts';
import { Sweeper } from './sweeper.ts';
import { ProvisioningTemplates } from './templates.ts';

/** Who devices are: certificates, authorities, and the ways in which devices get them. */
export interface DeviceIdentities extends AsyncDisposable {
  readonly admission: CertificateAdmission;
  /** The registry itself. */
  readonly certificates: Pick<Certificates, 'find' | 'der'>;
  readonly authority: CertificateAuthority;
  /** Whether there is a certificate with this id. */
  isKnown(certificateId: string): boolean;
  /** What of it can have tags. */
  readonly taggable: TaggableKinds;
  operations(tags: Tags): Readonly<Record<string, Operation>>;
}

/** Opens it on what is stored, and takes the topics of provisioning over. */
export async function openDeviceIdentities(parts: {
  readonly records: Records;
  readonly things: Things;
  readonly policies: Policies;
  readonly changes: PrincipalChanges;
  readonly broker: Broker;
  readonly invoke: InvokeFunction;
  readonly check: CheckProvisioning;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}): Promise<DeviceIdentities> {
  const { records, things, policies, changes, broker, invoke, check, clock, random, logger } = parts;
  const authority = await CertificateAuthority.open(records, clock, random);
  const uses: CertificateUses = {
    thingsOf: (arn) => things.namesOfPrincipal(arn),
    policiesOf: (arn) => policies.attachedTo(arn).map(({ name }) => name),
    detachPolicies: (arn) => policies.detachAll(arn),
  };
  const certificates = await Certificates.open({ records, authority, uses, changes, clock });
  const authorities = await DeviceAuthorities.open(records, clock, random);
  const templates = await ProvisioningTemplates.open(records, clock);
  const tokens = await OwnershipTokens.open(records, clock, random);
  const registrar = new Registrar(certificates, authorities, clock);
  const provisioner = new Provisioner({ things, policies, certificates, registrar });
  const common = { broker, certificates, provisioner, templates, check, clock, logger };
  FleetProvisioning.open({ ...common, registrar, tokens, invoke });
  const sweeper = new Sweeper(certificates, clock, logger);
  sweeper.start();
  const claim = (name: string, where: string) => makeClaim(name, where, { templates, certificates, policies, clock });
  return {
    certificates,
    admission: new JustInTime({ ...common, authorities }),
    authority,
    isKnown: (id) => certificates.find(id) !== undefined,
    taggable: {
      cacert: (id) => authorities.find(id) !== undefined,
      provisioningtemplate: (name) => templates.find(name) !== undefined,
    },
    operations: (tags) => ({
      ...certificateOperations(certificates, registrar),
      ...authorityOperations(authorities, templates, tags),
      ...provisioningOperations({ templates, provisioner, certificates, claim, tags }),
    }),
    [Symbol.asyncDispose]: () => sweeper[Symbol.asyncDispose](),
  };
}
