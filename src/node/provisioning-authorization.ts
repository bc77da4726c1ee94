import { ACCOUNT_ID } from '../base/index.ts';
import type { Authority, Iam } from '../services/iam/index.ts';
import type { Service } from '../services/index.ts';
import { type CheckProvisioning, IotError } from '../services/iot/index.ts';
import type { NodeConfig } from './config.ts';
import type { Denials } from './denials.ts';
import { isTrusted, type RoleRights, tellUntrusted } from './role-rights.ts';

const IOT = 'iot.amazonaws.com';

/**
 * Holds what provisioning templates make of devices to the roles that they name: whoever may write a template gives no device more than the
 * role may give. In `dev` a role that nobody has made is passed over.
 */
export function provisioningAuthorization(
  options: Pick<NodeConfig, 'mode' | 'authorization'> & {
    readonly rights: RoleRights;
    readonly authority: Pick<Authority, 'trusts'>;
    readonly iam: Pick<Iam, 'roleByArn'>;
    readonly denials: Pick<Denials, 'tell'>;
    readonly iot: () => Service;
  },
): CheckProvisioning {
  const { mode, authorization, rights, authority, iam, denials, iot } = options;
  return async (roleArn, sourceArn, { operation, input, region }) => {
    if (authorization === 'off') return;
    const role = iam.roleByArn(roleArn);
    if (!role && mode === 'dev') return;
    if (!role || !(await isTrusted(authority, role, IOT, sourceArn))) {
      tellUntrusted(denials, roleArn, IOT, sourceArn);
      throw refused();
    }
    const taken = { arn: roleArn, sessionName: sourceArn.slice(sourceArn.lastIndexOf('/') + 1) };
    for (const permission of await iot().permissions![operation]!(input, { region, accountId: ACCOUNT_ID })) {
      const refusal = await rights.refusal(taken, permission, region);
      if (!refusal) continue;
      rights.tell(taken, refusal, sourceArn);
      throw refused();
    }
  };
}

/** A device that is told of it learns nothing of roles and policies: those who keep them do. */
function refused(): IotError {
  return new IotError('forbidden', 'The role of the provisioning template does not let it provision this device.');
}
