import { type Clock, hasCode, Turns } from '../../../base/index.ts';
import { type Records, Registry } from '../../../store/index.ts';
import type { PrincipalChanges } from '../access/changes.ts';
import { IotError } from '../errors.ts';
import { IOT_LIMITS } from '../limits.ts';
import { Attachments } from './attachments.ts';
import { type PolicyDocument, parsePolicyDocument } from './document.ts';
import type { EffectivePolicy } from './evaluate.ts';
import { type Policy, type PolicyVersion, policyArn } from './policy.ts';

/** Policies, their versions, and what they are attached to: all in memory, every change durable when it resolves. */
export class Policies {
  readonly #registry: Registry<Policy>;
  readonly #attachments: Attachments;
  readonly #changes: PrincipalChanges;
  readonly #clock: Clock;
  readonly #turns = new Turns();
  /** Policies on their way out: nothing is attached to them any more. */
  readonly #leaving = new Set<string>();
  /** Documents of default versions, parsed when they are first asked for. */
  readonly #documents = new Map<string, PolicyDocument>();

  private constructor(registry: Registry<Policy>, attachments: Attachments, changes: PrincipalChanges, clock: Clock) {
    this.#registry = registry;
    this.#attachments = attachments;
    this.#changes = changes;
    this.#clock = clock;
  }

  static async open(parts: {
    readonly records: Records;
    readonly changes: PrincipalChanges;
    readonly clock: Clock;
  }): Promise<Policies> {
    const registry = await Registry.open<Policy>(parts.records, 'iot.policies');
    const attachments = await Attachments.open(parts.records);
    return new Policies(registry, attachments, parts.changes, parts.clock);
  }

  /** @throws IotError resource-exists, malformed-policy, limit-exceeded */
  async create(name: string, document: string, region: string): Promise<Policy> {
    parsePolicyDocument(document);
    if (this.#registry.size >= IOT_LIMITS.policiesMax) {
      throw new IotError('limit-exceeded', `The limit of ${IOT_LIMITS.policiesMax} policies is reached.`);
    }
    const now = this.#clock.now();
    const version: PolicyVersion = { id: '1', document, createdAt: now };
    const policy: Policy = {
      ...{ name, region, versions: [version], defaultVersionId: '1', nextVersion: 2 },
      ...{ createdAt: now, modifiedAt: now },
    };
    try {
      await this.#registry.create(name, policy);
    } catch (error) {
      throw hasCode(error, 'already-exists') ? exists(this.get(name)) : error;
    }
    return policy;
  }

  find(name: string): Policy | undefined {
    return this.#registry.get(name);
  }

  /** @throws IotError resource-not-found */
  get(name: string): Policy {
    const policy = this.#registry.get(name);
    if (policy) return policy;
    throw new IotError('resource-not-found', `Policy ${name} not found.`);
  }

  /** All policies in order of their names. */
  list(): readonly Policy[] {
    return this.#registry.list();
  }

  /** @throws IotError resource-not-found */
  version(name: string, id: string): PolicyVersion {
    return versionOf(this.get(name), id);
  }

  /** @throws IotError resource-not-found, malformed-policy, versions-limit-exceeded */
  async addVersion(name: string, document: string, isDefault: boolean): Promise<PolicyVersion> {
    parsePolicyDocument(document);
    let version: PolicyVersion | undefined;
    await this.#change(name, (policy) => {
      if (policy.versions.length >= IOT_LIMITS.policyVersionsMax) {
        const message = `Policy ${name} has ${IOT_LIMITS.policyVersionsMax} versions; delete one first.`;
        throw new IotError('versions-limit-exceeded', message);
      }
      version = { id: String(policy.nextVersion), document, createdAt: this.#clock.now() };
      return {
        ...policy,
        versions: [...policy.versions, version],
        nextVersion: policy.nextVersion + 1,
        defaultVersionId: isDefault ? version.id : policy.defaultVersionId,
      };
    });
    return version!;
  }

  /** @throws IotError resource-not-found */
  setDefaultVersion(name: string, id: string): Promise<void> {
    return this.#change(name, (policy) => ({ ...policy, defaultVersionId: versionOf(policy, id).id }));
  }

  /** @throws IotError resource-not-found, delete-conflict (the default one) */
  deleteVersion(name: string, id: string): Promise<void> {
    return this.#change(name, (policy) => {
      versionOf(policy, id);
      if (id === policy.defaultVersionId) {
        throw new IotError('delete-conflict', 'Cannot delete the default version of a policy.');
      }
      return { ...policy, versions: policy.versions.filter((version) => version.id !== id) };
    });
  }

  /** @throws IotError resource-not-found, delete-conflict (other versions, attached) */
  delete(name: string): Promise<void> {
    return this.#turns.run(name, async () => {
      const policy = this.get(name);
      if (policy.versions.length > 1) {
        throw new IotError('delete-conflict', `Policy ${name} has other versions than the default; delete them first.`);
      }
      if (this.#attachments.isUsed(name)) {
        const message = `The policy cannot be deleted as the policy is attached to one or more principals (name=${name})`;
        throw new IotError('delete-conflict', message);
      }
      this.#leaving.add(name);
      try {
        await this.#registry.delete(name);
      } finally {
        this.#leaving.delete(name);
      }
      this.#documents.delete(name);
    });
  }

  /**
   * Has a policy count for a certificate, a thing group or another principal. Twice is no error.
   *
   * @throws IotError resource-not-found, limit-exceeded
   */
  async attach(name: string, target: string): Promise<void> {
    this.get(name);
    if (this.#leaving.has(name)) throw new IotError('resource-not-found', `Policy ${name} is being deleted.`);
    await this.#attachments.add(name, target);
    this.#changes.changed(principalOf(target));
  }

  /** Detaching what is not attached is no error. */
  async detach(name: string, target: string): Promise<void> {
    await this.#attachments.remove(name, target);
    this.#changes.changed(principalOf(target));
  }

  /** Detaches all policies of a target that goes. */
  async detachAll(target: string): Promise<void> {
    for (const name of this.#attachments.policiesOf(target)) await this.detach(name, target);
  }

  /** Policies that are attached to a target itself, in order of names. */
  attachedTo(target: string): readonly Policy[] {
    return this.#attachments.policiesOf(target).map((name) => this.get(name));
  }

  /** ARNs that a policy is attached to, sorted. @throws IotError resource-not-found */
  targetsOf(name: string): readonly string[] {
    return this.#attachments.targetsOf(this.get(name).name);
  }

  /** The policies of several targets, ready to decide; one that is attached twice counts once. */
  effective(targets: readonly string[]): readonly EffectivePolicy[] {
    const found = new Map<string, EffectivePolicy>();
    for (const via of targets) {
      for (const name of this.#attachments.policiesOf(via)) {
        if (!found.has(name)) found.set(name, { name, via, document: this.document(name) });
      }
    }
    return [...found.values()];
  }

  /** The default version, parsed. @throws IotError resource-not-found */
  document(name: string): PolicyDocument {
    let document = this.#documents.get(name);
    if (document === undefined) {
      const policy = this.get(name);
      document = parsePolicyDocument(versionOf(policy, policy.defaultVersionId).document);
      this.#documents.set(name, document);
    }
    return document;
  }

  async #change(name: string, change: (policy: Policy) => Policy): Promise<void> {
    const before = this.get(name).defaultVersionId;
    await this.#turns.run(name, async () => {
      await this.#registry.put(name, { ...change(this.get(name)), modifiedAt: this.#clock.now() });
    });
    if (this.get(name).defaultVersionId === before) return;
    this.#documents.delete(name);
    for (const target of new Set(this.#attachments.targetsOf(name).map(principalOf))) this.#changes.changed(target);
  }
}

/** The principal that a target is; a group may mean any. */
function principalOf(target: string): string | undefined {
  return /:(thinggroup|tokens)\//.test(target) ? undefined : target;
}

function versionOf(policy: Policy, id: string): PolicyVersion {
  const version = policy.versions.find((one) => one.id === id);
  if (version) return version;
  throw new IotError('resource-not-found', `Policy ${policy.name} has no version ${id}.`);
}

function exists(policy: Policy): IotError {
  const fields = { resourceId: policy.name, resourceArn: policyArn(policy) };
  return new IotError('resource-exists', `Policy cannot be created - name already exists (name=${policy.name})`, {
    fields,
  });
}
