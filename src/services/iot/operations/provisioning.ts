import { hasCode } from '../../../base/index.ts';
import type { Operation, OperationContext } from '../../index.ts';
import type { Certificates } from '../certificates/certificates.ts';
import { IotError } from '../errors.ts';
import { page } from '../pagination.ts';
import type { Claim } from '../provisioning/claims.ts';
import type { Provisioner } from '../provisioning/provisioner.ts';
import { parseTemplate } from '../provisioning/template.ts';
import {
  type ProvisioningHook,
  type ProvisioningTemplate,
  type ProvisioningTemplates,
  templateArn,
} from '../provisioning/templates.ts';
import type { Tag, Tags } from '../tags.ts';

interface Named {
  readonly templateName: string;
}

interface VersionNamed extends Named {
  readonly versionId: number;
}

interface Paged {
  readonly nextToken?: string;
  readonly maxResults?: number;
}

interface CreateInput extends Named {
  readonly description?: string;
  readonly templateBody: string;
  readonly enabled?: boolean;
  readonly provisioningRoleArn: string;
  readonly preProvisioningHook?: ProvisioningHook;
  readonly type?: ProvisioningTemplate['type'];
  readonly tags?: readonly Tag[];
}

interface UpdateInput extends Named {
  readonly description?: string;
  readonly enabled?: boolean;
  readonly defaultVersionId?: number;
  readonly provisioningRoleArn?: string;
  readonly preProvisioningHook?: ProvisioningHook;
  readonly removePreProvisioningHook?: boolean;
}

export interface ProvisioningParts {
  readonly templates: ProvisioningTemplates;
  readonly provisioner: Provisioner;
  readonly certificates: Certificates;
  readonly claim: (templateName: string, region: string) => Promise<Claim>;
  readonly tags: Tags;
}

/** CreateProvisioningTemplate and its family, RegisterThing. */
export function provisioningOperations({ templates, provisioner, certificates, claim, tags }: ProvisioningParts) {
  return {
    CreateProvisioningTemplate: async (input: CreateInput, { region }: OperationContext) => {
      const { templateName: name, description, templateBody: body, preProvisioningHook: hook } = input;
      const { enabled: isEnabled = false, provisioningRoleArn: roleArn, type = 'FLEET_PROVISIONING' } = input;
      if (hook && type === 'JITP')
        throw new IotError('request-invalid', 'A JITP template has no pre-provisioning hook.');
      const template = await templates.create({
        ...{ name, region, type, isEnabled, roleArn, body },
        ...(description !== undefined && { description }),
        ...(hook && { hook }),
      });
      if (input.tags?.length) await tags.add(templateArn(template), input.tags);
      return { templateArn: templateArn(template), templateName: name, defaultVersionId: template.defaultVersionId };
    },
    DescribeProvisioningTemplate: ({ templateName }: Named) => {
      const template = templates.get(templateName);
      const { defaultVersionId, roleArn, hook } = template;
      return {
        ...summaryOf(template),
        defaultVersionId,
        templateBody: templates.version(templateName, defaultVersionId).body,
        provisioningRoleArn: roleArn,
        ...(hook && { preProvisioningHook: hook }),
      };
    },
    ListProvisioningTemplates: ({ nextToken, maxResults }: Paged) => {
      const { items, next } = page(templates.list(), ({ name }) => name, nextToken, maxResults);
      return { templates: items.map(summaryOf), ...(next !== undefined && { nextToken: next }) };
    },
    UpdateProvisioningTemplate: async (input: UpdateInput) => {
      const { templateName, description, enabled, defaultVersionId, provisioningRoleArn, preProvisioningHook } = input;
      await templates.update(templateName, {
        ...(description !== undefined && { description }),
        ...(enabled !== undefined && { isEnabled: enabled }),
        ...(defaultVersionId !== undefined && { defaultVersionId }),
        ...(provisioningRoleArn !== undefined && { roleArn: provisioningRoleArn }),
        ...(preProvisioningHook && { hook: preProvisioningHook }),
        removesHook: input.removePreProvisioningHook ?? false,
      });
      return {};
    },
    DeleteProvisioningTemplate: async ({ templateName }: Named) => {
      const arn = templateArn(templates.get(templateName));
      await templates.delete(templateName);
      await tags.drop(arn);
      return {};
    },
    CreateProvisioningTemplateVersion: async (input: Named & { templateBody: string; setAsDefault?: boolean }) => {
      const { templateName, templateBody, setAsDefault = false } = input;
      const versionId = await templates.addVersion(templateName, templateBody, setAsDefault);
      const arn = templateArn(templates.get(templateName));
      return { templateArn: arn, templateName, versionId, isDefaultVersion: setAsDefault };
    },
    DescribeProvisioningTemplateVersion: ({ templateName, versionId }: VersionNamed) => {
      const { id, body, createdAt } = templates.version(templateName, Number(versionId));
      const isDefaultVersion = templates.get(templateName).defaultVersionId === id;
      return { versionId: id, creationDate: new Date(createdAt), templateBody: body, isDefaultVersion };
    },
    ListProvisioningTemplateVersions: ({ templateName, nextToken, maxResults }: Named & Paged) => {
      const { versions, defaultVersionId } = templates.get(templateName);
      const { items, next } = page(versions, ({ id }) => String(id).padStart(10, '0'), nextToken, maxResults);
      const listed = items.map(({ id, createdAt }) => {
        return { versionId: id, creationDate: new Date(createdAt), isDefaultVersion: id === defaultVersionId };
      });
      return { versions: listed, ...(next !== undefined && { nextToken: next }) };
    },
    DeleteProvisioningTemplateVersion: async ({ templateName, versionId }: VersionNamed) => {
      await templates.deleteVersion(templateName, Number(versionId));
      return {};
    },
    CreateProvisioningClaim: async ({ templateName }: Named, { region }: OperationContext) => {
      const { certificate, keys, expiresAt } = await claim(templateName, region);
      return {
        certificateId: certificate.id,
        certificatePem: await certificates.pem(certificate.id),
        keyPair: {
          PublicKey: keys.publicKey.export({ type: 'spki', format: 'pem' }),
          PrivateKey: keys.privateKey.export({ type: 'pkcs1', format: 'pem' }),
        },
        expiration: new Date(expiresAt),
      };
    },
    RegisterThing: async (
      { templateBody, parameters = {} }: { templateBody: string; parameters?: Readonly<Record<string, string>> },
      { region }: OperationContext,
    ) => {
      const { certificate, resourceArns } = await registered(
        provisioner.provision(parseTemplate(templateBody), parameters, region),
      );
      return { ...(certificate && { certificatePem: await certificates.pem(certificate.id) }), resourceArns };
    },
  } satisfies Record<string, Operation>;
}

/** What a template needs and is not there is an error of the registration, as on AWS. */
async function registered<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!REGISTRATION.some((code) => hasCode(error, code))) throw error;
    throw new IotError('registration-failed', (error as Error).message, { cause: error });
  }
}

const REGISTRATION = [
  'resource-not-found',
  'certificate-invalid',
  'certificate-state',
  'malformed-policy',
  'limit-exceeded',
];

function summaryOf(template: ProvisioningTemplate) {
  const { name, description, isEnabled, type, createdAt, changedAt } = template;
  return {
    templateArn: templateArn(template),
    templateName: name,
    ...(description !== undefined && { description }),
    creationDate: new Date(createdAt),
    lastModifiedDate: new Date(changedAt),
    enabled: isEnabled,
    type,
  };
}
