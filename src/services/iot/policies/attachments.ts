import { Turns } from '../../../base/index.ts';
import { type Records, Registry } from '../../../store/index.ts';
import { IotError } from '../errors.ts';
import { IOT_LIMITS } from '../limits.ts';

interface Attachment {
  readonly policyName: string;
  readonly target: string;
}

/** Which policies are attached to what: one row each, in memory by both ends. */
export class Attachments {
  readonly #registry: Registry<Attachment>;
  readonly #policies = new Map<string, Set<string>>();
  readonly #targets = new Map<string, Set<string>>();
  /** Attachments of each policy that are being written. */
  readonly #writing = new Map<string, number>();
  /** By target, so that many devices get the same policy in one commit. */
  readonly #turns = new Turns();

  private constructor(registry: Registry<Attachment>) {
    this.#registry = registry;
    for (const attachment of registry.list()) this.#index(attachment);
  }

  static async open(records: Records): Promise<Attachments> {
    return new Attachments(await Registry.open<Attachment>(records, 'iot.policy-attachments'));
  }

  /** @throws IotError limit-exceeded */
  add(policyName: string, target: string): Promise<void> {
    this.#count(policyName, 1);
    return this.#turns.run(target, () => this.#add(policyName, target)).finally(() => this.#count(policyName, -1));
  }

  remove(policyName: string, target: string): Promise<void> {
    return this.#turns.run(target, async () => {
      await this.#registry.delete(keyOf({ policyName, target }));
      drop(this.#policies, target, policyName);
      drop(this.#targets, policyName, target);
    });
  }

  /** Whether a policy is attached to anything, or is about to be. */
  isUsed(policyName: string): boolean {
    return this.#targets.has(policyName) || this.#writing.has(policyName);
  }

  async #add(policyName: string, target: string): Promise<void> {
    const present = this.#policies.get(target);
    if (present?.has(policyName)) return;
    if ((present?.size ?? 0) >= IOT_LIMITS.policiesPerTargetMax) {
      const message = `At most ${IOT_LIMITS.policiesPerTargetMax} policies can be attached to ${target}.`;
      throw new IotError('limit-exceeded', message);
    }
    const attachment = { policyName, target };
    await this.#registry.put(keyOf(attachment), attachment);
    this.#index(attachment);
  }

  #count(policyName: string, by: number): void {
    const count = (this.#writing.get(policyName) ?? 0) + by;
    if (count === 0) this.#writing.delete(policyName);
    else this.#writing.set(policyName, count);
  }

  /** Names, sorted. */
  policiesOf(target: string): readonly string[] {
    return [...(this.#policies.get(target) ?? [])].sort();
  }

  /** ARNs, sorted. */
  targetsOf(policyName: string): readonly string[] {
    return [...(this.#targets.get(policyName) ?? [])].sort();
  }

  #index({ policyName, target }: Attachment): void {
    put(this.#policies, target, policyName);
    put(this.#targets, policyName, target);
  }
}

/** A blank is in no name of a policy. */
const keyOf = ({ policyName, target }: Attachment) => `${policyName} ${target}`;

function put(map: Map<string, Set<string>>, key: string, value: string): void {
  const set = map.get(key) ?? new Set();
  map.set(key, set.add(value));
}

function drop(map: Map<string, Set<string>>, key: string, value: string): void {
  const set = map.get(key);
  set?.delete(value);
  if (set?.size === 0) map.delete(key);
}
