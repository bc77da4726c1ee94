import { ACCOUNT_ID } from '../../../base/index.ts';
import type { Operation, OperationContext } from '../../index.ts';
import {
  type AuthorityChange,
  authorityArn,
  type DeviceAuthorities,
  type DeviceAuthority,
  type RegistrationConfig,
} from '../certificates/authorities.ts';
import { IotError } from '../errors.ts';
import { parseTemplate } from '../provisioning/template.ts';
import type { ProvisioningTemplates } from '../provisioning/templates.ts';
import type { Tag, Tags } from '../tags.ts';
import { type ListInput, pageByAge } from './certificates.ts';

interface Named {
  readonly certificateId: string;
}

interface RegisterInput {
  readonly caCertificate: string;
  readonly verificationCertificate?: string;
  readonly setAsActive?: boolean;
  readonly allowAutoRegistration?: boolean;
  readonly registrationConfig?: RegistrationConfig;
  readonly certificateMode?: DeviceAuthority['mode'];
  readonly tags?: readonly Tag[];
}

interface UpdateInput extends Named {
  readonly newStatus?: DeviceAuthority['status'];
  readonly newAutoRegistrationStatus?: 'ENABLE' | 'DISABLE';
  readonly registrationConfig?: RegistrationConfig;
  readonly removeAutoRegistration?: boolean;
}

/** Authorities of devices' certificates: RegisterCACertificate and its family. */
export function authorityOperations(authorities: DeviceAuthorities, templates: ProvisioningTemplates, tags: Tags) {
  return {
    GetRegistrationCode: async () => ({ registrationCode: await authorities.registrationCode() }),
    DeleteRegistrationCode: async () => {
      await authorities.deleteRegistrationCode();
      return {};
    },
    RegisterCACertificate: async (input: RegisterInput, { region }: OperationContext) => {
      const { caCertificate, verificationCertificate, setAsActive = false, allowAutoRegistration = false } = input;
      checkConfig(input.registrationConfig, templates);
      const authority = await authorities.register(caCertificate, {
        region,
        verificationPem: verificationCertificate,
        isActive: setAsActive,
        registersNewcomers: allowAutoRegistration,
        config: input.registrationConfig,
        mode: input.certificateMode ?? 'DEFAULT',
      });
      if (input.tags?.length) await tags.add(authorityArn(authority), input.tags);
      return { certificateArn: authorityArn(authority), certificateId: authority.id };
    },
    DescribeCACertificate: ({ certificateId }: Named) => {
      const authority = authorities.get(certificateId);
      return {
        certificateDescription: described(authority),
        ...(authority.config && { registrationConfig: authority.config }),
      };
    },
    ListCACertificates: ({ templateName, ...input }: ListInput & { templateName?: string }) => {
      const wanted = authorities
        .list()
        .filter(({ config }) => templateName === undefined || config?.templateName === templateName);
      const { items, next } = pageByAge(wanted, input);
      return { certificates: items.map(summaryOf), ...(next !== undefined && { nextMarker: next }) };
    },
    UpdateCACertificate: async (input: UpdateInput) => {
      checkConfig(input.registrationConfig, templates);
      await authorities.update(input.certificateId, changeOf(input));
      return {};
    },
    DeleteCACertificate: async ({ certificateId }: Named) => {
      const arn = authorityArn(authorities.get(certificateId));
      await authorities.delete(certificateId);
      await tags.drop(arn);
      return {};
    },
  } satisfies Record<string, Operation>;
}

function changeOf({
  newStatus,
  newAutoRegistrationStatus,
  registrationConfig,
  removeAutoRegistration,
}: UpdateInput): AuthorityChange {
  const registers = newAutoRegistrationStatus && newAutoRegistrationStatus === 'ENABLE';
  return {
    ...(newStatus && { status: newStatus }),
    ...(registers !== undefined && { registersNewcomers: registers }),
    ...(registrationConfig && { config: registrationConfig }),
    ...(removeAutoRegistration && { registersNewcomers: false, config: {} }),
  };
}

/** @throws IotError request-invalid, resource-not-found */
function checkConfig(config: RegistrationConfig | undefined, templates: ProvisioningTemplates): void {
  if (!config) return;
  const { templateBody, templateName } = config;
  if (templateBody !== undefined && templateName !== undefined) {
    throw new IotError('request-invalid', 'registrationConfig has either a templateBody or a templateName.');
  }
  if (templateBody !== undefined) parseTemplate(templateBody);
  if (templateName !== undefined && templates.get(templateName).type !== 'JITP') {
    throw new IotError('request-invalid', `The template ${templateName} is not of the type JITP.`);
  }
}

function summaryOf(authority: DeviceAuthority) {
  const { id, status, createdAt } = authority;
  return { certificateArn: authorityArn(authority), certificateId: id, status, creationDate: new Date(createdAt) };
}

function described(authority: DeviceAuthority) {
  const { id, pem, registersNewcomers, changedAt, version, notBefore, notAfter, mode } = authority;
  return {
    ...summaryOf(authority),
    certificatePem: pem,
    ownedBy: ACCOUNT_ID,
    autoRegistrationStatus: registersNewcomers ? 'ENABLE' : 'DISABLE',
    lastModifiedDate: new Date(changedAt),
    customerVersion: version,
    generationId: id.slice(0, 32),
    validity: { notBefore: new Date(notBefore), notAfter: new Date(notAfter) },
    certificateMode: mode,
  };
}
