import { ACCOUNT_ID, formatArn } from '../../base/index.ts';
import type { PermissionsOf } from '../index.ts';

/**
 * @see Service Authorization Reference, "Actions, resources, and condition keys for AWS Security Token Service". Whether a role may be
 * taken on is decided by the operation, since the role's trust policy has a say in it; who one is, everybody may ask.
 */
export const STS_PERMISSIONS: Readonly<Record<string, PermissionsOf>> = {
  AssumeRole: () => [],
  AssumeRoleWithWebIdentity: () => [],
  GetCallerIdentity: () => [],
  GetSessionToken: () => [],
  GetAccessKeyInfo: () => [{ action: 'sts:GetAccessKeyInfo', resources: ['*'] }],
  GetFederationToken: ({ Name, Tags = [] }) => {
    const resources = [formatArn('sts', '', ACCOUNT_ID, `federated-user/${Name}`)];
    const actions = ['sts:GetFederationToken', ...(Tags.length > 0 ? ['sts:TagSession'] : [])];
    return actions.map((action) => ({ action, resources }));
  },
};
