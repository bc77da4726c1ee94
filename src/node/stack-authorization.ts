import { DomainError } from '../base/index.ts';
import type { AuthorizeCall } from '../services/cloudformation/index.ts';
import type { Authority, Iam } from '../services/iam/index.ts';
import { isAccount } from '../services/index.ts';
import { permissionsOf } from './authorization.ts';
import type { NodeConfig } from './config.ts';
import { isTrusted, roleSession } from './role-rights.ts';

const CLOUDFORMATION = 'cloudformation.amazonaws.com';

/**
 * Holds stacks to the rights of who deploys them, or of their service role: a template makes nothing that its author might not make by
 * hand. In `dev` a service role that nobody has made is passed over.
 */
export function stackAuthorization(
  options: Pick<NodeConfig, 'mode' | 'authorization'> & {
    readonly authority: Pick<Authority, 'decide' | 'trusts'>;
    readonly iam: Pick<Iam, 'roleByArn'>;
  },
): AuthorizeCall {
  const { mode, authorization, authority, iam } = options;
  return async (service, operation, input, { region, caller, roleArn }) => {
    if (authorization === 'off') return;
    const role = roleArn === undefined ? undefined : iam.roleByArn(roleArn);
    if (roleArn !== undefined && !role && mode === 'secured') throw notAssumable(roleArn);
    // Nothing of it leaves the machine.
    const facts = { region, isEncrypted: true, calledVia: [CLOUDFORMATION] };
    const actor = role ? roleSession(role.arn, 'AWSCloudFormation', role.id) : caller;
    if (isAccount(actor)) return;
    if (role && !(await isTrusted(authority, role, CLOUDFORMATION, role.arn))) throw notAssumable(role.arn);
    const permissions = await permissionsOf(service, operation, { input, region, caller: actor });
    const verdict = await authority.decide(actor, permissions, facts);
    if (!verdict.allowed) throw new DomainError('AccessDenied', verdict.message);
  };
}

function notAssumable(roleArn: string): DomainError<'AccessDenied'> {
  return new DomainError('AccessDenied', `Role ${roleArn} is invalid or cannot be assumed`);
}
