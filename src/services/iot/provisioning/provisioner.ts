import { createHash } from 'node:crypto';
import { hasCode } from '../../../base/index.ts';
import { type Certificate, certificateArn } from '../certificates/certificate.ts';
import type { Certificates } from '../certificates/certificates.ts';
import type { Registrar } from '../certificates/registrar.ts';
import { IotError } from '../errors.ts';
import type { Policies } from '../policies/policies.ts';
import { policyArn } from '../policies/policy.ts';
import type { ProvisioningStep } from '../ports.ts';
import { type Thing, thingArn } from '../things/thing.ts';
import type { Things } from '../things/things.ts';
import { type Override, type Plan, planOf, type Template } from './template.ts';

/** What provisioning has made of a device. */
export interface Provisioned {
  readonly thingName: string | undefined;
  readonly certificate: Certificate | undefined;
  /** ARNs by logical names of the template. */
  readonly resourceArns: Readonly<Record<string, string>>;
  readonly deviceConfiguration: unknown;
}

/** Asked before each step. @throws IotError forbidden  (rejects) who provisions may not do that */
export type CheckStep = (step: ProvisioningStep) => Promise<void>;

/** Makes what a template says: thing, certificate and policies, attached to each other. The same again changes nothing. */
export class Provisioner {
  readonly #things: Things;
  readonly #policies: Policies;
  readonly #certificates: Certificates;
  readonly #registrar: Registrar;

  constructor(parts: {
    readonly things: Things;
    readonly policies: Policies;
    readonly certificates: Certificates;
    readonly registrar: Registrar;
  }) {
    this.#things = parts.things;
    this.#policies = parts.policies;
    this.#certificates = parts.certificates;
    this.#registrar = parts.registrar;
  }

  /**
   * The certificate gets its status last, so that no device comes in before all is there.
   *
   * @param check  absent where who asks for it has the right to all of it
   * @throws IotError  of whatever cannot be made; what was made before it stays, and is found again by the next try
   */
  async provision(
    template: Template,
    parameters: Readonly<Record<string, string>>,
    region: string,
    check?: CheckStep,
  ): Promise<Provisioned> {
    const plan = planOf(template, parameters);
    const may = async (operation: string, input: object) => check?.({ operation, input, region });
    const thing = plan.thing && (await this.#thing(plan.thing, region, may));
    const certificate = plan.certificate && (await this.#certificate(plan.certificate, region, may));
    const policies: string[] = [];
    for (const policy of plan.policies) policies.push(await this.#policy(policy, region, may));
    if (certificate) await this.#join(plan.certificate!, certificate, { thing, policies }, may);
    const { logicalNames } = template;
    const resourceArns: Record<string, string> = {};
    if (thing) resourceArns[logicalNames.thing!] = thingArn(thing);
    if (certificate) resourceArns[logicalNames.certificate!] = certificateArn(certificate);
    for (const [index, name] of policies.entries()) {
      resourceArns[logicalNames.policies[index]!] = policyArn(this.#policies.get(name));
    }
    return {
      thingName: thing?.name,
      certificate: certificate && this.#certificates.find(certificate.id),
      resourceArns,
      deviceConfiguration: plan.deviceConfiguration,
    };
  }

  /** Attaches policies and thing to the certificate, which comes into force last. */
  async #join(
    { status, thingPrincipalType }: NonNullable<Plan['certificate']>,
    certificate: Certificate,
    { thing, policies }: { readonly thing: Thing | undefined; readonly policies: readonly string[] },
    may: May,
  ): Promise<void> {
    const arn = certificateArn(certificate);
    for (const name of policies) {
      await may('AttachPolicy', { policyName: name, target: arn });
      await this.#policies.attach(name, arn);
    }
    if (thing) {
      await may('AttachThingPrincipal', { thingName: thing.name, principal: arn });
      await this.#things.attachPrincipal(thing.name, arn, thingPrincipalType);
    }
    if (certificate.status === status) return;
    await may('UpdateCertificate', { certificateId: certificate.id, newStatus: status });
    await this.#certificates.setStatus(certificate.id, status);
  }

  async #thing(plan: NonNullable<Plan['thing']>, region: string, may: May): Promise<Thing> {
    const { name, typeName, attributes, groups, overrides } = plan;
    const existing = this.#things.find(name);
    await may(existing ? 'UpdateThing' : 'CreateThing', { thingName: name });
    for (const thingGroupName of groups) await may('AddThingToThingGroup', { thingName: name, thingGroupName });
    if (!existing) {
      await this.#things.create(name, { ...(typeName !== undefined && { typeName }), attributes }, region);
      await this.#things.regroup(name, groups, []);
      return this.#things.get(name);
    }
    await this.#retype(existing, typeName, overrides.type);
    await this.#reattribute(existing, attributes, overrides.attributes);
    await this.#regroup(existing, groups, overrides.groups, may);
    return this.#things.get(name);
  }

  async #retype({ name, typeName: before }: Thing, typeName: string | undefined, override: Override): Promise<void> {
    if (typeName === undefined || typeName === before || override === 'DO_NOTHING') return;
    if (override === 'FAIL') throw differs(name, 'type');
    await this.#things.update(name, { typeName });
  }

  async #reattribute(thing: Thing, attributes: Readonly<Record<string, string>>, override: Override) {
    const same = Object.entries(attributes).every(([key, value]) => thing.attributes[key] === value);
    if (same && (override !== 'REPLACE' || sizeOf(attributes) === sizeOf(thing.attributes))) return;
    if (override === 'DO_NOTHING') return;
    if (override === 'FAIL') throw differs(thing.name, 'attributes');
    await this.#things.update(thing.name, { attributePayload: { attributes, merge: override === 'MERGE' } });
  }

  async #regroup(thing: Thing, groups: readonly string[], override: Override, may: May): Promise<void> {
    const present = this.#things.groupsOf(thing).map(({ name }) => name);
    const joined = groups.filter((group) => !present.includes(group));
    const left = override === 'REPLACE' ? present.filter((group) => !groups.includes(group)) : [];
    if ((joined.length === 0 && left.length === 0) || override === 'DO_NOTHING') return;
    if (override === 'FAIL') throw differs(thing.name, 'groups');
    for (const thingGroupName of left)
      await may('RemoveThingFromThingGroup', { thingName: thing.name, thingGroupName });
    await this.#things.regroup(thing.name, joined, left);
  }

  async #certificate(plan: NonNullable<Plan['certificate']>, region: string, may: May): Promise<Certificate> {
    const { id, request, pem, authorityPem } = plan;
    if (id !== undefined) {
      await may('DescribeCertificate', { certificateId: id });
      return this.#certificates.get(id);
    }
    const registration = { region, status: 'INACTIVE' } as const;
    await may(request === undefined ? 'RegisterCertificate' : 'CreateCertificateFromCsr', {});
    if (request !== undefined) return this.#registrar.sign(request, registration);
    try {
      return await this.#registrar.register(pem!, authorityPem, registration);
    } catch (error) {
      const existing = hasCode(error, 'resource-exists') && this.#registrar.find(pem!);
      if (existing) return existing;
      throw error;
    }
  }

  /** A policy without a name is called by the hash of its document, as on AWS. @returns its name */
  async #policy({ name, document }: Plan['policies'][number], region: string, may: May): Promise<string> {
    if (document === undefined) {
      await may('GetPolicy', { policyName: name! });
      return this.#policies.get(name!).name;
    }
    const called = name ?? createHash('sha256').update(document).digest('hex');
    await may('CreatePolicy', { policyName: called });
    try {
      await this.#policies.create(called, document, region);
    } catch (error) {
      if (!hasCode(error, 'resource-exists')) throw error;
    }
    return called;
  }
}

type May = (operation: string, input: object) => Promise<void>;

function sizeOf(members: object): number {
  return Object.keys(members).length;
}

function differs(name: string, what: string): IotError {
  return new IotError(
    'conflict',
    `The thing ${name} is there already with other ${what}, and OverrideSettings says FAIL, or nothing of them.`,
  );
}
