import { X509Certificate } from 'node:crypto';
import { DomainError, messageOf } from '../../../base/index.ts';
import type { JsonObject } from '../template/value.ts';
import { camelKeys, iotTags } from './iot.ts';
import { changes, rename, replaces, required, TAGS } from './properties.ts';
import {
  createOrAdopt,
  ignoreMissing,
  type Made,
  type Reading,
  type ResourceType,
  type Work,
} from './resource-type.ts';
import { setTags } from './tags.ts';

/** A certificate that the node signs by a request, or takes in as it was signed elsewhere. */
const certificate: ResourceType = {
  properties: {
    CertificateSigningRequest: replaces('text'),
    CertificatePem: replaces('text'),
    CACertificatePem: replaces('text'),
    CertificateMode: replaces('text'),
    Status: required(changes('text')),
  },
  attributes: ['Arn', 'Id'],

  /** It gets its status when the stack knows of it: what a crash leaves behind lets nobody in. */
  imports: { identifiers: ['Id'], find: ({ Id }, work) => describeCertificate(Id!, work) },

  async create(properties, work) {
    const certificateId = await makeCertificate(properties, work);
    await work.made(certificateId);
    await setStatus(certificateId, properties, work);
    return describeCertificate(certificateId, work);
  },

  async update({ physicalId: certificateId }, properties, work) {
    await setStatus(certificateId, properties, work);
    return describeCertificate(certificateId, work);
  },

  /** One that is active cannot be deleted, nor one that a thing or a policy hangs on: those are taken off before by the template. */
  async delete({ physicalId: certificateId }, work) {
    await ignoreMissing(async () => {
      const { certificateDescription } = await work.call('iot', 'DescribeCertificate', { certificateId });
      if (certificateDescription.status === 'ACTIVE') {
        await work.call('iot', 'UpdateCertificate', { certificateId, newStatus: 'INACTIVE' });
      }
      await work.call('iot', 'DeleteCertificate', { certificateId });
    });
  },
};

/** @returns its id */
async function makeCertificate(properties: JsonObject, work: Work): Promise<string> {
  const { CertificateSigningRequest: request, CertificatePem: certificatePem, CertificateMode: mode } = properties;
  if (typeof request === 'string' && certificatePem === undefined) {
    const input = { certificateSigningRequest: request, setAsActive: false };
    return (await work.call('iot', 'CreateCertificateFromCsr', input)).certificateId;
  }
  if (typeof certificatePem !== 'string' || request !== undefined) {
    throw new DomainError(
      'ValidationError',
      'A certificate has either a CertificateSigningRequest or a CertificatePem.',
    );
  }
  const input = { certificatePem, ...rename(properties, { CACertificatePem: 'caCertificatePem' }), status: 'INACTIVE' };
  const operation = mode === 'SNI_ONLY' ? 'RegisterCertificateWithoutCA' : 'RegisterCertificate';
  await createOrAdopt(work, () => work.call('iot', operation, input));
  return certificateIdOf(certificatePem);
}

async function setStatus(certificateId: string, { Status: newStatus }: JsonObject, work: Work): Promise<void> {
  const { certificateDescription } = await work.call('iot', 'DescribeCertificate', { certificateId });
  if (certificateDescription.status === newStatus) return;
  await work.call('iot', 'UpdateCertificate', { certificateId, newStatus });
}

async function describeCertificate(certificateId: string, work: Reading): Promise<Made> {
  const { certificateDescription } = await work.call('iot', 'DescribeCertificate', { certificateId });
  return { physicalId: certificateId, attributes: { Arn: certificateDescription.certificateArn, Id: certificateId } };
}

/** The id that the registry gives: SHA-256 of the DER, lower-case hex. */
function certificateIdOf(pem: string): string {
  try {
    return new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase();
  } catch (cause) {
    throw new DomainError('ValidationError', `The certificate cannot be read: ${messageOf(cause)}`, { cause });
  }
}

const caCertificate: ResourceType = {
  properties: {
    CACertificatePem: required(replaces('text')),
    VerificationCertificatePem: replaces('text'),
    CertificateMode: replaces('text'),
    Status: required(changes('text')),
    AutoRegistrationStatus: changes('text'),
    RegistrationConfig: changes({ object: { RoleArn: 'text', TemplateBody: 'text', TemplateName: 'text' } }),
    RemoveAutoRegistration: changes('flag'),
    Tags: TAGS,
  },
  attributes: ['Arn', 'Id'],

  imports: { identifiers: ['Id'], find: ({ Id }, work) => describeAuthority(Id!, work) },

  async create(properties, work) {
    const { Status, AutoRegistrationStatus, RegistrationConfig, Tags } = properties;
    const certificateId = certificateIdOf(properties.CACertificatePem as string);
    const input = {
      ...rename(properties, {
        CACertificatePem: 'caCertificate',
        VerificationCertificatePem: 'verificationCertificate',
        CertificateMode: 'certificateMode',
      }),
      setAsActive: Status === 'ACTIVE',
      allowAutoRegistration: AutoRegistrationStatus === 'ENABLE',
      ...(RegistrationConfig !== undefined && { registrationConfig: camelKeys(RegistrationConfig) }),
      ...iotTags(Tags),
    };
    await createOrAdopt(work, () => work.call('iot', 'RegisterCACertificate', input));
    await work.made(certificateId);
    return describeAuthority(certificateId, work);
  },

  /** What leaves a template goes back to what a new authority has: no registration of newcomers, no template for them. */
  async update(existing, properties, work) {
    const { physicalId: certificateId } = existing;
    const { Status, AutoRegistrationStatus = 'DISABLE', RegistrationConfig = {}, RemoveAutoRegistration } = properties;
    await work.call('iot', 'UpdateCACertificate', {
      certificateId,
      newStatus: Status,
      newAutoRegistrationStatus: AutoRegistrationStatus,
      registrationConfig: camelKeys(RegistrationConfig),
      removeAutoRegistration: RemoveAutoRegistration === true,
    });
    await setTags('iot', existing.attributes.Arn!, existing.properties.Tags, properties.Tags, work);
    return describeAuthority(certificateId, work);
  },

  /** An active one cannot be deleted. Certificates that it has signed stay. */
  async delete({ physicalId: certificateId }, work) {
    await ignoreMissing(async () => {
      await work.call('iot', 'UpdateCACertificate', { certificateId, newStatus: 'INACTIVE' });
      await work.call('iot', 'DeleteCACertificate', { certificateId });
    });
  },
};

async function describeAuthority(certificateId: string, work: Reading): Promise<Made> {
  const { certificateDescription } = await work.call('iot', 'DescribeCACertificate', { certificateId });
  return { physicalId: certificateId, attributes: { Arn: certificateDescription.certificateArn, Id: certificateId } };
}

const provisioningTemplate: ResourceType = {
  properties: {
    TemplateName: replaces('text'),
    TemplateType: replaces('text'),
    TemplateBody: required(changes('text')),
    ProvisioningRoleArn: required(changes('text')),
    Description: changes('text'),
    Enabled: changes('flag'),
    PreProvisioningHook: changes({ object: { PayloadVersion: 'text', TargetArn: 'text' } }),
    Tags: TAGS,
  },
  attributes: ['TemplateArn'],
  naming: { property: 'TemplateName', lengthMax: 36 },

  imports: { identifiers: ['TemplateName'], find: ({ TemplateName }, work) => describeTemplate(TemplateName!, work) },

  async create(properties, work) {
    const templateName = work.name;
    const input = {
      ...templateInput(templateName, properties),
      ...rename(properties, { TemplateBody: 'templateBody', TemplateType: 'type' }),
      ...iotTags(properties.Tags),
    };
    await createOrAdopt(work, () => work.call('iot', 'CreateProvisioningTemplate', input));
    await work.made(templateName);
    return describeTemplate(templateName, work);
  },

  async update(existing, properties, work) {
    const { physicalId: templateName } = existing;
    const removePreProvisioningHook = properties.PreProvisioningHook === undefined;
    const input = { ...templateInput(templateName, properties), removePreProvisioningHook };
    await work.call('iot', 'UpdateProvisioningTemplate', input);
    await setBody(templateName, properties, work);
    await setTags('iot', existing.attributes.TemplateArn!, existing.properties.Tags, properties.Tags, work);
    return describeTemplate(templateName, work);
  },

  async delete({ physicalId: templateName }, work) {
    await ignoreMissing(() => work.call('iot', 'DeleteProvisioningTemplate', { templateName }));
  },
};

/** What leaves a template goes back to what a new one has. */
function templateInput(templateName: string, properties: JsonObject) {
  const { ProvisioningRoleArn, Description = '', Enabled = false, PreProvisioningHook } = properties;
  return {
    templateName,
    provisioningRoleArn: ProvisioningRoleArn,
    description: Description,
    enabled: Enabled,
    ...(PreProvisioningHook !== undefined && { preProvisioningHook: camelKeys(PreProvisioningHook) }),
  };
}

/** Versions that a template may have. */
const VERSIONS_MAX = 5;

/** Another body is a new version, which becomes the default; where there are five, the oldest that is not makes room. */
async function setBody(templateName: string, { TemplateBody: templateBody }: JsonObject, work: Work): Promise<void> {
  const current = await work.call('iot', 'DescribeProvisioningTemplate', { templateName });
  if (current.templateBody === templateBody) return;
  const { versions } = await work.call('iot', 'ListProvisioningTemplateVersions', { templateName });
  if (versions.length >= VERSIONS_MAX) {
    const old = versions.find((version: { isDefaultVersion: boolean }) => !version.isDefaultVersion);
    await work.call('iot', 'DeleteProvisioningTemplateVersion', { templateName, versionId: old.versionId });
  }
  await work.call('iot', 'CreateProvisioningTemplateVersion', { templateName, templateBody, setAsDefault: true });
}

async function describeTemplate(templateName: string, work: Reading): Promise<Made> {
  const { templateArn } = await work.call('iot', 'DescribeProvisioningTemplate', { templateName });
  return { physicalId: templateName, attributes: { TemplateArn: templateArn } };
}

export const IOT_IDENTITY_TYPES: Readonly<Record<string, ResourceType>> = {
  'AWS::IoT::CACertificate': caCertificate,
  'AWS::IoT::Certificate': certificate,
  'AWS::IoT::ProvisioningTemplate': provisioningTemplate,
};
