import { ACCOUNT_ID, formatArn } from '../base/index.ts';
import type { Authority, Iam, Verdict } from '../services/iam/index.ts';
import type { Caller, Permission } from '../services/index.ts';
import type { NodeConfig } from './config.ts';
import type { Denials } from './denials.ts';

/** A role as a service of this node takes it on, without keys. @param id  `AROA...` of the role, where it is known */
export function roleSession(roleArn: string, sessionName: string, id?: string): Caller {
  const role = roleArn.slice(roleArn.lastIndexOf('/') + 1);
  const userId = id === undefined ? sessionName : `${id}:${sessionName}`;
  return {
    accountId: ACCOUNT_ID,
    arn: formatArn('sts', '', ACCOUNT_ID, `assumed-role/${role}/${sessionName}`),
    session: { kind: 'role', principalArn: roleArn, userId },
  };
}

/** Whether the trust policy of a role lets a service take it on, at once but for the first time. @param sourceArn  what for */
export function isTrusted(
  authority: Pick<Authority, 'trusts'>,
  { arn, trustPolicy }: { readonly arn: string; readonly trustPolicy: string },
  principal: string,
  sourceArn: string,
): Soon<boolean> {
  const caller: Caller = { accountId: ACCOUNT_ID, arn: principal, service: { principal, sourceArn } };
  const permission = { action: 'sts:AssumeRole', resources: [arn] };
  const requester = { kind: 'service', service: principal } as const;
  return authority.trusts(trustPolicy, caller, permission, { region: '' }, requester);
}

/** Tells that a role is not there, or does not trust a service which is to act with it. */
export function tellUntrusted(
  denials: Pick<Denials, 'tell'>,
  roleArn: string,
  principal: string,
  sourceArn: string,
): void {
  const caller: Caller = { accountId: ACCOUNT_ID, arn: principal, service: { principal, sourceArn } };
  const asked = { action: 'sts:AssumeRole', resource: roleArn } as const;
  denials.tell(caller, { ...asked, kind: 'implicit-deny', source: 'resource-based policy' }, sourceArn);
}

/** Which role a service acts with, and how it calls its session. */
export interface TakenRole {
  readonly arn: string;
  readonly sessionName: string;
}

/** What a role may not do. */
export type RoleRefusal = Verdict & { readonly allowed: false };

/** A decision that comes at once where the policies are loaded, and that is always but for the first time. */
export type Soon<T> = T | Promise<T>;

export interface RoleRightsOptions extends Pick<NodeConfig, 'mode' | 'authorization'> {
  readonly authority: Pick<Authority, 'decide'>;
  readonly iam: Pick<Iam, 'roleByArn'>;
  readonly denials: Pick<Denials, 'tell'>;
}

/**
 * Holds what services of this node do with a role to what the role may do. In `dev` a role that nobody has made is passed over: a
 * function with such a role may do everything as well.
 */
export class RoleRights {
  readonly #options: RoleRightsOptions;

  constructor(options: RoleRightsOptions) {
    this.#options = options;
  }

  /** Decides on one right; `undefined` where the role has it. @param region  of what is asked for */
  refusal(role: TakenRole, permission: Permission, region: string): Soon<RoleRefusal | undefined> {
    const { mode, authorization, authority, iam } = this.#options;
    if (authorization === 'off') return undefined;
    const found = iam.roleByArn(role.arn);
    if (!found && mode === 'dev') return undefined;
    const verdict = authority.decide(roleSession(role.arn, role.sessionName, found?.id), [permission], {
      region,
      isEncrypted: true,
    });
    return verdict instanceof Promise ? verdict.then(refusalIn) : refusalIn(verdict);
  }

  /** Tells of a refusal those who can put it right. @param id  what it happened to */
  tell(role: TakenRole, { denial }: RoleRefusal, id: string): void {
    if (denial) this.#options.denials.tell(roleSession(role.arn, role.sessionName), denial, id);
  }
}

function refusalIn(verdict: Verdict): RoleRefusal | undefined {
  return verdict.allowed ? undefined : verdict;
}
