import type { Operation } from '../../index.ts';
import type { IamState } from '../state.ts';
import { accountOperations } from './account.ts';
import { attachmentOperations } from './attachments.ts';
import { contextKeyOperations } from './context-keys.ts';
import { credentialReportOperations } from './credential-report.ts';
import { groupOperations } from './groups.ts';
import { instanceProfileOperations } from './instance-profiles.ts';
import { managedPolicyOperations } from './managed-policies.ts';
import { oidcProviderOperations } from './oidc-providers.ts';
import { roleOperations } from './roles.ts';
import { simulationOperations } from './simulations.ts';
import { tagOperations } from './tags.ts';
import { userOperations } from './users.ts';

/** Every operation that is built; `names.ts` says the same before this code is loaded. */
export function iamOperations(state: IamState): Record<string, Operation> {
  return {
    ...accountOperations(state),
    ...attachmentOperations(state),
    ...contextKeyOperations(state),
    ...credentialReportOperations(state),
    ...groupOperations(state),
    ...instanceProfileOperations(state),
    ...managedPolicyOperations(state),
    ...oidcProviderOperations(state),
    ...roleOperations(state),
    ...simulationOperations(state),
    ...tagOperations(state),
    ...userOperations(state),
  };
}
