import { ACCOUNT_ID, DomainError } from '../base/index.ts';
import type { Authority } from '../services/iam/index.ts';
import { type Caller, isAccount, type Service } from '../services/index.ts';
import type { NodeConfig } from './config.ts';

/**
 * Asks whether somebody may read an object that a service reads in their name, later than they have called it.
 *
 * @param via  the service that reads: `aws:CalledVia`
 */
export function readAuthorization(
  options: Pick<NodeConfig, 'authorization'> & {
    readonly authority: Pick<Authority, 'decide'>;
    readonly s3: Service;
    readonly via: string;
  },
): (by: Caller, bucket: string, key: string) => Promise<void> {
  const { authorization, authority, s3, via } = options;
  return async (by, Bucket, Key) => {
    if (authorization === 'off' || isAccount(by)) return;
    const rights = await s3.permissions!.GetObject!({ Bucket, Key }, { region: '', accountId: ACCOUNT_ID });
    const verdict = await authority.decide(by, rights, { region: '', isEncrypted: true, calledVia: [via] });
    if (!verdict.allowed) throw new DomainError('access-denied', verdict.message);
  };
}
