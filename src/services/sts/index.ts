/** sts: who one is, and temporary keys that make one somebody else. */
import type { Clock, Random } from '../../base/index.ts';
import type { Records } from '../../store/index.ts';
import type { Role } from '../iam/index.ts';
import type { Credentials, Service } from '../index.ts';
import { STS_ANSWERS } from './errors.ts';
import { type Assumption, assumeRole, stsOperations } from './operations/operations.ts';
import { type Session, Sessions } from './sessions.ts';

export type { StsErrorCode } from './errors.ts';
export { SESSIONS_MAX, type Session } from './sessions.ts';

export interface StsDependencies {
  readonly records: Records;
  readonly clock: Clock;
  readonly random: Random;
  /** What STS needs of IAM. */
  readonly iam: {
    roleByArn(arn: string): Role | undefined;
    userIdByArn(arn: string): string | undefined;
  };
}

export interface Sts extends AsyncDisposable, Credentials {
  readonly service: Service;
  /** Temporary keys of a role, for what runs in its name; the same as AssumeRole without asking who asks. */
  assumeRole(assumption: Assumption): Promise<Session>;
}

/** Reads the sessions from the records store. */
export async function openSts({ records, clock, random, iam }: StsDependencies): Promise<Sts> {
  const sessions = await Sessions.open(records, clock, random);
  return {
    service: { name: 'sts', errors: STS_ANSWERS, operations: stsOperations(sessions, iam) },
    secretFor: (accessKeyId) => sessions.secretFor(accessKeyId),
    assumeRole: (assumption) => assumeRole(sessions, iam, assumption),
    async [Symbol.asyncDispose]() {},
  };
}
