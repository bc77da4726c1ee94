/* Retention and legal holds of objects, as requests give them. */
import type { Retention } from '../../store/index.ts';
import { s3Error } from './errors.ts';
import type { DefaultRetention, Settings } from './settings.ts';

const DAY_MS = 24 * 3600 * 1000;
const YEAR_DAYS = 365;

export interface LockInput {
  readonly ObjectLockMode?: string;
  readonly ObjectLockRetainUntilDate?: Date;
  readonly ObjectLockLegalHoldStatus?: string;
  readonly [member: string]: unknown;
}

export interface Lock {
  readonly retention?: Retention;
  readonly legalHold?: true;
}

/**
 * What keeps a new object: what its request says, or its bucket's default retention.
 * @param now  epoch milliseconds; @throws DomainError `request-invalid`, `argument-invalid`
 */
export function lockOf(input: LockInput, settings: Pick<Settings, 'peek'>, bucket: string, now: number): Lock {
  const { ObjectLockMode: mode, ObjectLockRetainUntilDate: until, ObjectLockLegalHoldStatus: hold } = input;
  const { ObjectLockEventHold, ObjectLockEventHoldDurationDays, ObjectLockEventHoldDurationYears } = input;
  refuseEventHold(ObjectLockEventHold, ObjectLockEventHoldDurationDays, ObjectLockEventHoldDurationYears);
  const configuration = settings.peek(bucket, 'objectLock');
  if (!configuration) {
    if (isLocking(input)) throw noLock();
    return {};
  }
  const own = retentionOf(mode, until, now);
  const standard = configuration.Rule?.DefaultRetention;
  const retention = own ?? (standard && { mode: standard.Mode, until: now + lengthMs(standard) });
  return { ...(retention && { retention }), ...(holdOf(hold) && { legalHold: true as const }) };
}

/** Whether a request says anything about keeping. */
export function isLocking(input: LockInput): boolean {
  return (input.ObjectLockMode ?? input.ObjectLockRetainUntilDate ?? input.ObjectLockLegalHoldStatus) !== undefined;
}

/** @throws DomainError `request-invalid` when the bucket has no object lock */
export function checkLockable(settings: Settings, bucket: string): void {
  if (!settings.peek(bucket, 'objectLock')) throw noLock();
}

/** What PutObjectRetention asks for; `undefined` to lift it. @throws DomainError `malformed`, `argument-invalid` */
export function wantedRetention(given: any, now: number): Retention | undefined {
  const { Mode, RetainUntilDate, EventHold, EventHoldDuration } = given ?? {};
  refuseEventHold(EventHold, EventHoldDuration);
  if ((Mode === undefined) !== (RetainUntilDate === undefined)) throw s3Error('malformed');
  if (Mode !== undefined && !isMode(Mode)) throw s3Error('malformed');
  return retentionOf(Mode, RetainUntilDate, now);
}

/** Whoever asks that an object is kept must not take it for kept. @throws DomainError `not-built` */
export function refuseEventHold(...asked: readonly unknown[]): void {
  if (asked.every((one) => one === undefined)) return;
  throw s3Error('not-built', { message: 'Holds that last until an event are not built in Millrace' });
}

/** @throws DomainError `malformed` */
export function wantedHold(given: any): boolean {
  const { Status } = given ?? {};
  if (Status !== 'ON' && Status !== 'OFF') throw s3Error('malformed');
  return Status === 'ON';
}

function retentionOf(mode: string | undefined, until: Date | undefined, now: number): Retention | undefined {
  if (mode === undefined && until === undefined) return undefined;
  if (mode === undefined || until === undefined) {
    throw s3Error('argument-invalid', {
      message: 'x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied',
    });
  }
  if (!isMode(mode)) throw s3Error('argument-invalid', { message: 'Unknown wormMode directive.' });
  if (!(until.getTime() > now)) {
    throw s3Error('argument-invalid', { message: 'The retain until date must be in the future!' });
  }
  return { mode, until: until.getTime() };
}

function holdOf(status: string | undefined): boolean {
  if (status === undefined || status === 'ON' || status === 'OFF') return status === 'ON';
  throw s3Error('argument-invalid', { message: 'Legal Hold must be either of ‘ON’ or ‘OFF’' });
}

function isMode(mode: string): mode is Retention['mode'] {
  return mode === 'GOVERNANCE' || mode === 'COMPLIANCE';
}

function lengthMs({ Days, Years }: DefaultRetention): number {
  return (Days ?? Years! * YEAR_DAYS) * DAY_MS;
}

function noLock() {
  return s3Error('request-invalid', { message: 'Bucket is missing Object Lock Configuration' });
}
