import { ACCOUNT_ID, type Clock, formatArn, hasCode, Turns } from '../../../base/index.ts';
import { type Records, Registry } from '../../../store/index.ts';
import { IotError } from '../errors.ts';
import { PROVISIONING_LIMITS } from './limits.ts';
import { parseTemplate, type Template } from './template.ts';

/** A function that says whether a device may be provisioned. */
export interface ProvisioningHook {
  readonly payloadVersion?: string;
  readonly targetArn: string;
}

interface TemplateVersion {
  readonly id: number;
  readonly body: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

/** A provisioning template as it is stored. */
export interface ProvisioningTemplate {
  readonly name: string;
  readonly region: string;
  readonly type: 'FLEET_PROVISIONING' | 'JITP';
  readonly description?: string;
  readonly isEnabled: boolean;
  readonly roleArn: string;
  readonly hook?: ProvisioningHook;
  /** Oldest first. */
  readonly versions: readonly TemplateVersion[];
  readonly defaultVersionId: number;
  readonly nextVersionId: number;
  readonly createdAt: number;
  readonly changedAt: number;
}

export type TemplateDefinition = Pick<
  ProvisioningTemplate,
  'name' | 'region' | 'type' | 'description' | 'isEnabled' | 'roleArn' | 'hook'
> & { readonly body: string };

export type TemplateChange = Partial<
  Pick<ProvisioningTemplate, 'description' | 'isEnabled' | 'roleArn' | 'hook' | 'defaultVersionId'>
> & { readonly removesHook?: boolean };

export function templateArn({ name, region }: Pick<ProvisioningTemplate, 'name' | 'region'>): string {
  return formatArn('iot', region, ACCOUNT_ID, `provisioningtemplate/${name}`);
}

/** Provisioning templates and their versions: all in memory, every change durable when it resolves. */
export class ProvisioningTemplates {
  readonly #registry: Registry<ProvisioningTemplate>;
  readonly #clock: Clock;
  readonly #turns = new Turns();

  private constructor(registry: Registry<ProvisioningTemplate>, clock: Clock) {
    this.#registry = registry;
    this.#clock = clock;
  }

  static async open(records: Records, clock: Clock): Promise<ProvisioningTemplates> {
    return new ProvisioningTemplates(await Registry.open(records, 'iot.provisioning-templates'), clock);
  }

  /** In order of names. */
  list(): readonly ProvisioningTemplate[] {
    return this.#registry.list();
  }

  find(name: string): ProvisioningTemplate | undefined {
    return this.#registry.get(name);
  }

  /** @throws IotError resource-not-found */
  get(name: string): ProvisioningTemplate {
    const template = this.#registry.get(name);
    if (template) return template;
    throw new IotError('resource-not-found', `The provisioning template ${name} does not exist.`);
  }

  /** @throws IotError resource-not-found */
  version(name: string, id: number): TemplateVersion {
    const version = this.get(name).versions.find((one) => one.id === id);
    if (version) return version;
    throw new IotError('resource-not-found', `The provisioning template ${name} has no version ${id}.`);
  }

  /** The default version, ready to be worked out. @throws IotError resource-not-found */
  usable(name: string): Template {
    return parseTemplate(this.version(name, this.get(name).defaultVersionId).body);
  }

  /** @throws IotError request-invalid, resource-exists, limit-exceeded */
  async create({ body, ...definition }: TemplateDefinition): Promise<ProvisioningTemplate> {
    parseTemplate(body);
    if (this.#registry.size >= PROVISIONING_LIMITS.templatesMax) {
      const message = `The limit of ${PROVISIONING_LIMITS.templatesMax} provisioning templates is reached.`;
      throw new IotError('limit-exceeded', message);
    }
    const now = this.#clock.now();
    const template: ProvisioningTemplate = {
      ...definition,
      versions: [{ id: 1, body, createdAt: now }],
      ...{ defaultVersionId: 1, nextVersionId: 2, createdAt: now, changedAt: now },
    };
    try {
      await this.#registry.create(template.name, template);
    } catch (error) {
      if (!hasCode(error, 'already-exists')) throw error;
      const fields = { resourceId: template.name, resourceArn: templateArn(template) };
      throw new IotError('resource-exists', `The provisioning template ${template.name} exists already.`, { fields });
    }
    return template;
  }

  /** @throws IotError resource-not-found */
  update(name: string, { removesHook = false, ...change }: TemplateChange): Promise<void> {
    return this.#change(name, ({ hook, ...template }) => {
      if (change.defaultVersionId !== undefined) this.version(name, change.defaultVersionId);
      return { ...template, ...(hook && !removesHook && { hook }), ...change };
    });
  }

  /** Deleting one that is not there is an error, as on AWS. @throws IotError resource-not-found */
  delete(name: string): Promise<void> {
    return this.#turns.run(name, async () => {
      this.get(name);
      await this.#registry.delete(name);
    });
  }

  /** @returns the version's number @throws IotError resource-not-found, request-invalid, versions-limit-exceeded */
  async addVersion(name: string, body: string, setAsDefault: boolean): Promise<number> {
    parseTemplate(body);
    let id = 0;
    await this.#change(name, (template) => {
      if (template.versions.length >= PROVISIONING_LIMITS.versionsPerTemplateMax) {
        const message = `The provisioning template ${name} already has ${PROVISIONING_LIMITS.versionsPerTemplateMax} versions: delete one first.`;
        throw new IotError('versions-limit-exceeded', message);
      }
      id = template.nextVersionId;
      return {
        ...template,
        versions: [...template.versions, { id, body, createdAt: this.#clock.now() }],
        nextVersionId: id + 1,
        ...(setAsDefault && { defaultVersionId: id }),
      };
    });
    return id;
  }

  /** @throws IotError resource-not-found, delete-conflict: it is the default one */
  deleteVersion(name: string, id: number): Promise<void> {
    return this.#change(name, (template) => {
      this.version(name, id);
      if (template.defaultVersionId === id) {
        throw new IotError(
          'delete-conflict',
          `Version ${id} of ${name} is its default version: set another one first.`,
        );
      }
      return { ...template, versions: template.versions.filter((one) => one.id !== id) };
    });
  }

  #change(name: string, decide: (template: ProvisioningTemplate) => ProvisioningTemplate): Promise<void> {
    return this.#turns.run(name, async () => {
      await this.#registry.put(name, { ...decide(this.get(name)), changedAt: this.#clock.now() });
    });
  }
}
