import type { Caller, Permission } from '../index.ts';
import type { Decider, DeciderOptions, Requester, RequestFacts, Verdict } from './evaluation/index.ts';

/**
 * Who decides about calls. The code that evaluates policies is loaded when the first of them must be: a node that only the account
 * itself calls never does.
 */
export class Authority {
  readonly #options: DeciderOptions;
  #decider: Decider | undefined;
  #loading: Promise<Decider> | undefined;

  constructor(options: DeciderOptions) {
    this.#options = options;
  }

  /** Whether a caller has all of these rights; at once but for the first time. */
  decide(caller: Caller, permissions: readonly Permission[], facts: RequestFacts): Verdict | Promise<Verdict> {
    if (this.#decider) return this.#decider.decide(caller, permissions, facts);
    return this.#load().then((decider) => decider.decide(caller, permissions, facts));
  }

  /**
   * Whether a role may be taken on by somebody: its trust policy says so, and where that leaves it to the account, their own
   * policies do. At once but for the first time.
   *
   * @param requester  who asks, where it is not the caller: a service, the bearer of an identity provider's token
   */
  trusts(
    trustPolicy: string,
    caller: Caller,
    permission: Permission,
    facts: RequestFacts,
    requester?: Requester,
  ): boolean | Promise<boolean> {
    if (this.#decider) return this.#decider.trusts(trustPolicy, caller, permission, facts, requester);
    return this.#load().then((decider) => decider.trusts(trustPolicy, caller, permission, facts, requester));
  }

  /** Has all decisions from now on come at once. */
  async load(): Promise<void> {
    await this.#load();
  }

  #load(): Promise<Decider> {
    this.#loading ??= import('./evaluation/index.ts').then(({ Decider }) => {
      this.#decider = new Decider(this.#options);
      return this.#decider;
    });
    return this.#loading;
  }
}
