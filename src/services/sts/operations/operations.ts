import { ACCOUNT_ID, type Clock, formatArn } from '../../../base/index.ts';
import type { Caller, Operation } from '../../index.ts';
import { type Assumed, type AssumingOptions, assume, type Identities } from '../assuming.ts';
import { stsError } from '../errors.ts';
import { STS_LIMITS } from '../limits.ts';
import { packedSize, sessionPolicies, sessionTags } from '../session-policies.ts';
import type { Session, Sessions } from '../sessions.ts';
import type { IssuerKeys } from '../web-identity.ts';

export interface StsOptions extends AssumingOptions {
  readonly clock: Clock;
  readonly issuers: readonly IssuerKeys[];
}

export function stsOperations(options: StsOptions): Record<string, Operation> {
  return { ...whoOperations(options), ...assumeOperations(options), ...tokenOperations(options) };
}

function whoOperations({ sessions, identities }: StsOptions): Record<string, Operation> {
  return {
    GetCallerIdentity: (_input, { caller }) => ({
      Account: caller.accountId,
      Arn: caller.arn,
      UserId: userIdOf(caller, sessions, identities),
    }),
    // All keys are of the one account.
    GetAccessKeyInfo: () => ({ Account: ACCOUNT_ID }),
  };
}

function assumeOperations(options: StsOptions): Record<string, Operation> {
  const webIdentities = webIdentitiesOf(options);
  return {
    AssumeRole: async (input, { caller, region, origin }) => {
      refuseDevice(input);
      const { RoleArn, RoleSessionName, DurationSeconds, ExternalId, SourceIdentity } = input;
      const assumed = await assume(
        options,
        {
          ...input,
          ...{ action: 'sts:AssumeRole', facts: { region, ...origin }, roleArn: RoleArn, sessionName: RoleSessionName },
          ...{ durationSeconds: DurationSeconds, externalId: ExternalId, sourceIdentity: SourceIdentity },
        },
        { kind: 'caller', caller },
      );
      return { ...toAssumed(assumed), SourceIdentity: assumed.session.grant?.sourceIdentity };
    },
    AssumeRoleWithWebIdentity: async (input, { region, origin }) => {
      const { RoleArn, RoleSessionName, DurationSeconds, WebIdentityToken } = input;
      const identity = await (await webIdentities()).verify(WebIdentityToken);
      const { provider, claims, sourceIdentity, tags, transitiveTagKeys } = identity;
      const assumed = await assume(
        options,
        {
          ...input,
          ...{ action: 'sts:AssumeRoleWithWebIdentity', facts: { region, ...origin } },
          ...{ roleArn: RoleArn, sessionName: RoleSessionName },
          ...{ durationSeconds: DurationSeconds, claims, sourceIdentity },
          ...{ Tags: tags, TransitiveTagKeys: transitiveTagKeys },
        },
        { kind: 'token', provider },
      );
      return {
        ...toAssumed(assumed),
        SubjectFromWebIdentityToken: identity.subject,
        Provider: provider,
        Audience: identity.audience,
        SourceIdentity: sourceIdentity,
      };
    },
  };
}

function tokenOperations({ sessions, identities }: StsOptions): Record<string, Operation> {
  return {
    GetSessionToken: async (input, { caller }) => {
      refuseDevice(input);
      if (caller.session) throw stsError('access-denied', 'Cannot call GetSessionToken with session credentials');
      const userId = userIdOf(caller, sessions, identities);
      const grant = { arn: caller.arn, kind: 'user', principalArn: caller.arn, userId } as const;
      return { Credentials: toCredentials(await sessions.issue(grant, secondsOf(caller, input.DurationSeconds))) };
    },
    GetFederationToken: async (input, { caller }) => {
      if (caller.session) throw stsError('access-denied', 'Cannot call GetFederationToken with session credentials');
      const { Name, DurationSeconds } = input;
      // Without a policy of its own such a session may nothing but what resources allow it.
      const policies = sessionPolicies(input, (arn) => identities.managedPolicy?.(arn)) ?? [];
      const tags = sessionTags(input);
      const userId = `${caller.accountId}:${Name}`;
      const arn = formatArn('sts', '', ACCOUNT_ID, `federated-user/${Name}`);
      const grant = { arn, kind: 'federated-user', principalArn: caller.arn, userId, policies, tags } as const;
      const packed = packedSize(policies, tags);
      const session = await sessions.issue(grant, secondsOf(caller, DurationSeconds));
      return {
        Credentials: toCredentials(session),
        FederatedUser: { FederatedUserId: userId, Arn: arn },
        PackedPolicySize: packed,
      };
    },
  };
}

/** There are no MFA devices: none is the caller's, whichever it names. @throws access-denied */
function refuseDevice({
  SerialNumber,
  TokenCode,
}: {
  readonly SerialNumber?: string;
  readonly TokenCode?: string;
}): void {
  if (SerialNumber === undefined && TokenCode === undefined) return;
  throw stsError(
    'access-denied',
    'MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.',
  );
}

/** Loaded with the first token: few nodes ever see one. */
function webIdentitiesOf(options: StsOptions) {
  let loading: Promise<import('../web-identity.ts').WebIdentities> | undefined;
  return () => {
    loading ??= import('../web-identity.ts').then(({ WebIdentities }) => new WebIdentities(options));
    return loading;
  };
}

function secondsOf({ arn }: Caller, asked: number = STS_LIMITS.sessionSeconds): number {
  return arn.endsWith(':root') ? Math.min(asked, STS_LIMITS.rootSecondsMax) : asked;
}

function userIdOf({ arn, accountId, accessKeyId }: Caller, sessions: Sessions, identities: Identities): string {
  const session = accessKeyId === undefined ? undefined : sessions.get(accessKeyId);
  return session?.userId ?? identities.userIdByArn(arn) ?? accountId;
}

function toAssumed({ session, packedPolicySize }: Assumed) {
  return {
    Credentials: toCredentials(session),
    AssumedRoleUser: { Arn: session.arn, AssumedRoleId: session.userId },
    PackedPolicySize: packedPolicySize,
  };
}

function toCredentials({ accessKeyId, secret, token, expiresAt }: Session) {
  return { AccessKeyId: accessKeyId, SecretAccessKey: secret, SessionToken: token, Expiration: new Date(expiresAt) };
}
