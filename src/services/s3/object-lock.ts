import { s3Error } from './errors.ts';
import { S3_LIMITS } from './limits.ts';
import { refuseEventHold } from './locks.ts';
import type { BucketSettings } from './settings.ts';

/** What PutObjectLockConfiguration takes. @throws DomainError `malformed`, `argument-invalid` */
export function checkObjectLock(input: any): BucketSettings['objectLock'] {
  if (input?.ObjectLockEnabled !== 'Enabled') throw s3Error('malformed');
  if (input.Rule === undefined) return { ObjectLockEnabled: 'Enabled' };
  const { Mode, Days, Years, DefaultEventHold } = input.Rule.DefaultRetention ?? {};
  refuseEventHold(DefaultEventHold);
  if (Mode !== 'GOVERNANCE' && Mode !== 'COMPLIANCE') throw s3Error('malformed');
  if ((Days === undefined) === (Years === undefined)) throw s3Error('malformed');
  const [period, most] = Days === undefined ? [Years, S3_LIMITS.retentionYearsMax] : [Days, S3_LIMITS.retentionDaysMax];
  if (!(period > 0)) {
    throw s3Error('argument-invalid', { message: 'Default retention period must be a positive integer value.' });
  }
  if (period > most) {
    throw s3Error('argument-invalid', { message: 'Default retention period is too long.' });
  }
  const DefaultRetention = { Mode, ...(Days === undefined ? { Years } : { Days }) } as const;
  return { ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention } };
}
