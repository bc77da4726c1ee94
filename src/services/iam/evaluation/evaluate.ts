/*
 * The decision, pure: a request and the policies that may speak about it. An explicit Deny anywhere wins; an Allow must come from the
 * identity's policies or from the resource's; a boundary and a session's policies allow nothing, and limit what the identity's allow.
 *
 *     identity  ∩  boundary  ∩  session      or      resource, which names the requester
 *
 * See IAM user guide, "Policy evaluation logic". What a statement says without conditions or variables holds for the same action and
 * resource as long as the policies stay: `isSteady` tells, so that the answer may be kept.
 */
import { holds, matchesWildcards, resolvePattern, type Values } from '../../../codec/policies/index.ts';
import type { Policy, ResourceElement, Statement } from './document.ts';
import { type Naming, namingOf, type Requester } from './principals.ts';

/** The kinds of policies, as denials call them. */
export type Source = 'identity-based policy' | 'resource-based policy' | 'permissions boundary' | 'session policy';

/** Everything that may speak about a request. */
export interface PolicyStack {
  readonly identity: readonly Policy[];
  readonly boundary?: Policy | undefined;
  /** Together they limit a session; absent does not limit, an empty list allows nothing. */
  readonly session?: readonly Policy[] | undefined;
  readonly resource?: Policy | undefined;
  /** Nothing is allowed that {@link resource} does not allow too, at least to the account: trust policies of roles. */
  readonly isResourceRequired?: boolean;
}

export interface AccessRequest {
  /** `s3:GetObject`, in any case of letters. */
  readonly action: string;
  readonly resource: string;
  readonly requester: Requester;
  /** Condition keys, whatever the case of their letters. */
  readonly values: Values;
}

/** A statement that has applied. */
export interface Match {
  readonly source: Source;
  /** Which of the policies of its source. */
  readonly policy: number;
  readonly statement: Statement;
}

export type Decision = {
  /** It would be the same at any time and with any context. */
  readonly isSteady: boolean;
  /** The statements that have led to it: those that deny, else those that allow. */
  readonly matches: readonly Match[];
} & (
  | { readonly verdict: 'allowed' }
  | { readonly verdict: 'explicit-deny'; readonly by: Source }
  | { readonly verdict: 'implicit-deny'; readonly missing: Source }
);

/** Decides one action on one resource. */
export function evaluate(stack: PolicyStack, request: AccessRequest): Decision {
  return new Evaluation(request).decide(stack);
}

const STRENGTH: Readonly<Record<Naming, number>> = { none: 0, account: 1, role: 2, direct: 3 };

class Evaluation {
  readonly #request: AccessRequest;
  readonly #action: string;
  readonly #denies: Match[] = [];
  readonly #allows: Match[] = [];
  #isSteady = true;

  constructor(request: AccessRequest) {
    this.#request = request;
    this.#action = request.action.toLowerCase();
  }

  decide({ identity, boundary, session, resource, isResourceRequired = false }: PolicyStack): Decision {
    const byIdentity = this.#read(identity, 'identity-based policy');
    const byBoundary = boundary === undefined || this.#read([boundary], 'permissions boundary');
    const bySession = session === undefined || this.#read(session, 'session policy');
    const naming = resource === undefined ? 'none' : this.#readResource(resource);
    const isSteady = this.#isSteady;
    const denied = this.#denies[0];
    if (denied) return { verdict: 'explicit-deny', by: denied.source, isSteady, matches: this.#denies };
    if (naming === 'direct' || (naming === 'role' && byBoundary && bySession)) return this.#allowed();
    const isOpen = !isResourceRequired || naming !== 'none';
    if (byIdentity && byBoundary && bySession && isOpen) return this.#allowed();
    if (!isOpen) return { verdict: 'implicit-deny', missing: 'resource-based policy', isSteady, matches: [] };
    return { verdict: 'implicit-deny', missing: this.#missing(byIdentity, byBoundary, naming), isSteady, matches: [] };
  }

  #allowed(): Decision {
    return { verdict: 'allowed', isSteady: this.#isSteady, matches: this.#allows };
  }

  /** What would have had to allow it, as AWS says it: the identity's policies before what limits them. */
  #missing(byIdentity: boolean, byBoundary: boolean, naming: Naming): Source {
    const { kind } = this.#request.requester;
    if (kind === 'service' || kind === 'anonymous' || kind === 'web-identity') return 'resource-based policy';
    if (!byIdentity && naming !== 'role') return 'identity-based policy';
    return byBoundary ? 'session policy' : 'permissions boundary';
  }

  /** Notes what applies of policies without principals. @returns whether one allows it */
  #read(policies: readonly Policy[], source: Source): boolean {
    let allows = false;
    for (let policy = 0; policy < policies.length; policy++) {
      for (const statement of policies[policy]!.statements) {
        if (!this.#applies(statement)) continue;
        if (statement.effect === 'Allow') allows = true;
        this.#note({ source, policy, statement });
      }
    }
    return allows;
  }

  /** The same of the resource's policy. @returns how its strongest Allow means the requester */
  #readResource({ statements }: Policy): Naming {
    let strongest: Naming = 'none';
    for (const statement of statements) {
      const naming = namingOf(statement.principal!, this.#request.requester, statement.effect);
      if (naming === 'none' || !this.#applies(statement)) continue;
      if (statement.effect === 'Allow' && STRENGTH[naming] > STRENGTH[strongest]) strongest = naming;
      this.#note({ source: 'resource-based policy', policy: 0, statement });
    }
    return strongest;
  }

  #note(match: Match): void {
    (match.statement.effect === 'Deny' ? this.#denies : this.#allows).push(match);
  }

  #applies(statement: Statement): boolean {
    const { actions, isNotAction, resources, isNotResource, conditions } = statement;
    if (actions.some((pattern) => matchesWildcards(pattern, this.#action)) === isNotAction) return false;
    if (resources && !this.#isAbout(resources, isNotResource, statement.effect)) return false;
    if (conditions.length === 0) return true;
    this.#isSteady = false;
    return conditions.every((condition) => holds(condition, this.#request.values));
  }

  #isAbout(resources: readonly ResourceElement[], isNot: boolean, effect: 'Allow' | 'Deny'): boolean {
    let isNamed = false;
    for (const resource of resources) {
      const matches = this.#matches(resource);
      // Nobody knows what `NotResource` leaves out then; an Allow must not be read as one of everything.
      if (matches === undefined && isNot && effect === 'Allow') return false;
      if (matches) isNamed = true;
    }
    return isNamed !== isNot;
  }

  /** `undefined` where a variable has no value: such a resource matches nothing. */
  #matches(resource: ResourceElement): boolean | undefined {
    if (typeof resource === 'string') return matchesWildcards(resource, this.#request.resource);
    this.#isSteady = false;
    return resolvePattern(resource, (name) => single(this.#request.values(name)))?.matches(this.#request.resource);
  }
}

/** A key of several values is no variable. */
function single(values: readonly string[] | undefined): string | undefined {
  return values?.length === 1 ? values[0] : undefined;
}
