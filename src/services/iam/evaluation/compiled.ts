import { type Policy, type PolicyKind, parsePolicy } from './document.ts';

/** Documents that are held parsed; beyond it the one that was parsed first goes. */
export const COMPILED_POLICIES_MAX = 4096;

/** What stands for a document that cannot be read, since what it denies is not known: it denies everything, to everybody. */
const UNREADABLE: Policy = {
  statements: [
    {
      index: 0,
      sid: undefined,
      effect: 'Deny',
      actions: ['*'],
      isNotAction: false,
      resources: undefined,
      isNotResource: false,
      principal: { isNot: false, anybody: true, aws: new Set(), services: new Set(), federated: new Set() },
      conditions: [],
    },
  ],
};

/** Policies by their text: many principals share one, and each is parsed once. */
export class CompiledPolicies {
  readonly #byText: Readonly<Record<PolicyKind, Map<string, Policy>>> = {
    identity: new Map(),
    resource: new Map(),
    trust: new Map(),
  };
  readonly #unreadable: (text: string, error: unknown) => void;

  /** @param unreadable  is told of each document that is not one */
  constructor(unreadable: (text: string, error: unknown) => void) {
    this.#unreadable = unreadable;
  }

  of(text: string, kind: PolicyKind): Policy {
    const known = this.#byText[kind];
    const found = known.get(text);
    if (found) return found;
    const policy = this.#parse(text, kind);
    if (known.size >= COMPILED_POLICIES_MAX) known.delete(known.keys().next().value!);
    known.set(text, policy);
    return policy;
  }

  #parse(text: string, kind: PolicyKind): Policy {
    try {
      return parsePolicy(text, kind);
    } catch (error) {
      this.#unreadable(text, error);
      return UNREADABLE;
    }
  }
}
