/*
 * Who may do what: a caller's policies, ready to be asked, for as long as nothing changes that IAM holds.
 *
 *     caller -> subject (its policies, compiled; kept by generation) -> decision (kept where it is the same at any time)
 */
import { ACCOUNT_ID, type Clock, formatArn } from '../../../base/index.ts';
import type { Values } from '../../../codec/policies/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import { type Caller, isAccount, type Permission } from '../../index.ts';
import { CompiledPolicies } from './compiled.ts';
import { type Principal, type RequestFacts, valuesOf } from './context.ts';
import { evaluate, type PolicyStack, type Source } from './evaluate.ts';
import type { Requester } from './principals.ts';
import { type Denial, denialFacts, denialOf } from './words.ts';

/** What IAM holds of users and roles. */
export interface Principals {
  /** Grows with every change of anything that {@link policiesOf} tells. */
  readonly generation: number;
  /** By the ARN of a user or a role; `undefined` when there is none. */
  policiesOf(arn: string):
    | (Principal & {
        readonly identity: readonly { readonly name: string; readonly text: string }[];
        readonly boundary?: { readonly name: string; readonly text: string };
      })
    | undefined;
}

/** @property denial  absent where no policy was asked */
export type Verdict =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly message: string; readonly denial?: Denial };

/** Callers that are held ready, and answers that are kept of each (S5). */
export const SUBJECTS_MAX = 1000;
export const ANSWERS_PER_SUBJECT_MAX = 1000;

const ALLOWED: Verdict = { allowed: true };
const ROOT_ARN = formatArn('iam', '', ACCOUNT_ID, 'root');
const NOTHING: readonly never[] = [];

/** A caller's policies, as they are at one generation. */
interface Subject {
  readonly generation: number;
  readonly requester: Requester;
  readonly principal: Principal | undefined;
  readonly stack: PolicyStack;
  /** Of the policies of {@link stack}, for those who look for one. */
  readonly names: Readonly<Partial<Record<Source, readonly string[]>>>;
  /** Actions and resources that are allowed at any time and with any context. */
  readonly allowed: Set<string>;
}

export interface DeciderOptions {
  readonly principals: Principals;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class Decider {
  readonly #options: DeciderOptions;
  readonly #policies: CompiledPolicies;
  /** By access key, or by ARN where there is none. */
  readonly #subjects = new Map<string, Subject>();

  constructor(options: DeciderOptions) {
    this.#options = options;
    this.#policies = new CompiledPolicies((text, error) =>
      options.logger.warn('policy-unreadable', { error, begins: text.slice(0, 100) }),
    );
  }

  /** Whether a caller has all of these rights. The message is for the client, in AWS's words. */
  decide(caller: Caller, permissions: readonly Permission[], facts: RequestFacts): Verdict {
    if (isAccount(caller) || permissions.length === 0) return ALLOWED;
    const subject = this.#subjectOf(caller);
    for (const permission of permissions) {
      for (const resource of permission.resources) {
        const verdict = this.#decideOne(subject, caller, permission, resource, facts);
        if (!verdict.allowed) return verdict;
      }
    }
    return ALLOWED;
  }

  /**
   * Whether a role's trust policy lets somebody take it on, and their own policies do where it leaves that to the account.
   *
   * @param requester  who asks, where it is not the caller: a service, the bearer of an identity provider's token
   */
  trusts(
    trustPolicy: string,
    caller: Caller,
    permission: Permission,
    facts: RequestFacts,
    requester?: Requester,
  ): boolean {
    if (requester === undefined && isAccount(caller)) return true;
    const subject = this.#subjectOf(caller);
    const resource = this.#policies.of(trustPolicy, 'trust');
    const { verdict } = evaluate(
      { ...subject.stack, resource, isResourceRequired: true },
      {
        action: permission.action,
        resource: permission.resources[0]!,
        requester: requester ?? subject.requester,
        values: this.#valuesOf(subject, caller, permission, facts),
      },
    );
    return verdict === 'allowed';
  }

  #decideOne(subject: Subject, caller: Caller, permission: Permission, resource: string, facts: RequestFacts): Verdict {
    const { action, resourcePolicy } = permission;
    const key = `${action} ${resource}`;
    if (resourcePolicy === undefined && subject.allowed.has(key)) return ALLOWED;
    const decision = evaluate(this.#stackOf(subject, permission), {
      action,
      resource,
      requester: subject.requester,
      values: this.#valuesOf(subject, caller, permission, facts),
    });
    if (decision.verdict !== 'allowed') {
      const asked = { user: caller.arn, action, resource };
      const names = (source: Source) => subject.names[source] ?? NOTHING;
      return { allowed: false, message: denialOf(decision, asked), denial: denialFacts(decision, asked, names) };
    }
    if (decision.isSteady && resourcePolicy === undefined) this.#keep(subject.allowed, key);
    return ALLOWED;
  }

  #keep(allowed: Set<string>, key: string): void {
    if (allowed.size >= ANSWERS_PER_SUBJECT_MAX) allowed.clear();
    allowed.add(key);
  }

  #stackOf({ stack }: Subject, permission: Permission): PolicyStack {
    return permission.resourcePolicy === undefined ? stack : { ...stack, resource: this.#resourcePolicy(permission) };
  }

  #resourcePolicy({ resourcePolicy }: Permission): PolicyStack['resource'] {
    return resourcePolicy === undefined ? undefined : this.#policies.of(resourcePolicy, 'resource');
  }

  #valuesOf({ principal }: Subject, caller: Caller, { context }: Permission, facts: RequestFacts): Values {
    return valuesOf({ caller, principal, facts, context, now: this.#options.clock.now() });
  }

  #subjectOf(caller: Caller): Subject {
    const key = keyOf(caller);
    const { generation } = this.#options.principals;
    const known = this.#subjects.get(key);
    if (known?.generation === generation) return known;
    const subject = this.#makeSubject(caller, generation);
    if (this.#subjects.size >= SUBJECTS_MAX) this.#subjects.delete(this.#subjects.keys().next().value!);
    this.#subjects.set(key, subject);
    return subject;
  }

  #makeSubject(caller: Caller, generation: number): Subject {
    const { session } = caller;
    const principalArn = session?.principalArn ?? caller.arn;
    const held = caller.service ? undefined : this.#options.principals.policiesOf(principalArn);
    const found = held && isOf(caller, held.id) ? held : undefined;
    const compiled = (text: string) => this.#policies.of(text, 'identity');
    // What names a role that is gone, or its namesake, does not mean who has taken it on before.
    const isGone = caller.session?.kind === 'role' && !found;
    return {
      generation,
      requester: isGone ? { kind: 'anonymous' } : requesterOf(caller, found?.id),
      principal: found,
      stack: {
        identity:
          principalArn === ROOT_ARN ? [EVERYTHING] : (found?.identity.map(({ text }) => compiled(text)) ?? NOTHING),
        boundary: found?.boundary && compiled(found.boundary.text),
        session: session?.policies?.map(compiled),
      },
      names: {
        'identity-based policy': found?.identity.map(({ name }) => name) ?? NOTHING,
        'permissions boundary': found?.boundary ? [found.boundary.name] : NOTHING,
      },
      allowed: new Set(),
    };
  }
}

/**
 * Whether a session is one of this very user or role: one that was made anew under the name of another gives the sessions of that other
 * nothing. Sessions that services take on themselves name no id.
 */
function isOf({ session }: Caller, id: string): boolean {
  const own = /^A(?:ROA|IDA)[A-Z0-9]+(?=:|$)/.exec(session?.userId ?? '')?.[0];
  return own === undefined || own === id;
}

/** What tells callers apart whose policies may differ: without a key, two sessions of one name may be limited differently. */
function keyOf({ service, accessKeyId, arn, session }: Caller): string {
  if (service) return service.principal;
  return accessKeyId ?? (session?.policies ? [arn, ...session.policies].join('\n') : arn);
}

/** What the account may, for sessions that are made of it and limited. */
const EVERYTHING: PolicyStack['identity'][number] = {
  statements: [
    {
      index: 0,
      sid: undefined,
      effect: 'Allow',
      actions: ['*'],
      isNotAction: false,
      resources: ['*'],
      isNotResource: false,
      principal: undefined,
      conditions: [],
    },
  ],
};

/** Who a caller is to policies. @param id  of the user or role */
export function requesterOf({ arn, accountId, session, service }: Caller, id: string | undefined): Requester {
  if (service) return { kind: 'service', service: service.principal };
  if (arn === 'anonymous') return { kind: 'anonymous' };
  if (session?.kind === 'role') {
    return { kind: 'role-session', accountId, arn, roleArn: session.principalArn, roleId: id };
  }
  if (session?.kind === 'federated-user') return { kind: 'federated-user', accountId, arn };
  return arn === ROOT_ARN ? { kind: 'account', accountId } : { kind: 'user', accountId, arn, id };
}
