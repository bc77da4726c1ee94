import { ACCOUNT_ID, formatArn } from '../../../base/index.ts';
import type { Role } from '../../iam/index.ts';
import type { Caller, Operation } from '../../index.ts';
import { stsError } from '../errors.ts';
import type { Session, Sessions } from '../sessions.ts';

const ASSUMED_SECONDS = 3600;
const SESSION_SECONDS = 43_200;
/** Keys of the account itself do not live longer. */
const ROOT_SECONDS_MAX = 3600;

/** Who becomes whom, for how long. */
export interface Assumption {
  readonly roleArn: string;
  /** 2 to 64 letters, digits and `+=,.@-`. */
  readonly sessionName: string;
  /** 900 to the role's own maximum; 3,600 if absent. */
  readonly durationSeconds?: number;
}

interface Identities {
  roleByArn(arn: string): Role | undefined;
  userIdByArn(arn: string): string | undefined;
}

export function stsOperations(sessions: Sessions, identities: Identities): Record<string, Operation> {
  return {
    GetCallerIdentity: (_input, { caller }) => ({
      Account: caller.accountId,
      Arn: caller.arn,
      UserId: userIdOf(caller, sessions, identities),
    }),
    AssumeRole: async ({ RoleArn, RoleSessionName, DurationSeconds }, { caller }) => {
      if (!identities.roleByArn(RoleArn)) {
        const what = `User: ${caller.arn} is not authorized to perform: sts:AssumeRole on resource: ${RoleArn}`;
        throw stsError('access-denied', what);
      }
      const assumption = { roleArn: RoleArn, sessionName: RoleSessionName, durationSeconds: DurationSeconds };
      const session = await assumeRole(sessions, identities, assumption);
      return {
        Credentials: toCredentials(session),
        AssumedRoleUser: { Arn: session.arn, AssumedRoleId: session.userId },
        PackedPolicySize: 0,
      };
    },
    GetSessionToken: async ({ DurationSeconds }, { caller }) => {
      const asked = DurationSeconds ?? SESSION_SECONDS;
      const seconds = caller.arn.endsWith(':root') ? Math.min(asked, ROOT_SECONDS_MAX) : asked;
      const session = await sessions.issue(caller.arn, userIdOf(caller, sessions, identities), seconds);
      return { Credentials: toCredentials(session) };
    },
  };
}

/** Temporary keys of a role. @throws access-denied for a role that is not there, validation for too long a time */
export async function assumeRole(
  sessions: Sessions,
  identities: Pick<Identities, 'roleByArn'>,
  { roleArn, sessionName, durationSeconds = ASSUMED_SECONDS }: Assumption,
): Promise<Session> {
  const role = identities.roleByArn(roleArn);
  if (!role) throw stsError('access-denied', `The role ${roleArn} cannot be assumed: there is none`);
  if (durationSeconds > role.maxSessionSeconds) {
    throw stsError('validation', 'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.');
  }
  const arn = formatArn('sts', '', ACCOUNT_ID, `assumed-role/${role.name}/${sessionName}`);
  return sessions.issue(arn, `${role.id}:${sessionName}`, durationSeconds);
}

function userIdOf({ arn, accountId, accessKeyId }: Caller, sessions: Sessions, identities: Identities): string {
  const session = accessKeyId === undefined ? undefined : sessions.get(accessKeyId);
  return session?.userId ?? identities.userIdByArn(arn) ?? accountId;
}

function toCredentials({ accessKeyId, secret, token, expiresAt }: Session) {
  return { AccessKeyId: accessKeyId, SecretAccessKey: secret, SessionToken: token, Expiration: new Date(expiresAt) };
}
