import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { Rig, Scenario } from '../scenario.ts';

const ACCOUNT = '000000000000';
const ISSUER = 'https://tokens.example.com';
const AUDIENCE = 'plant';
const ALGORITHM = 'ES256';

const issuer = await generateKeyPair(ALGORITHM);

export const sts: Scenario = {
  service: 'sts',
  async configure(directory) {
    const keys = join(directory, 'issuer.json');
    await writeFile(keys, JSON.stringify({ keys: [{ ...(await exportJWK(issuer.publicKey)), alg: ALGORITHM }] }));
    return { tokenIssuers: [{ name: 'pipelines', issuer: ISSUER, keys }] };
  },
  async run(rig) {
    await whoIsWho(rig);
    await ownSessions(rig);
    await roles(rig);
    await tokens(rig);
  },
};

async function whoIsWho({ call }: Rig): Promise<void> {
  assert.deepEqual(await call('GetCallerIdentity'), {
    ...{ Account: ACCOUNT, UserId: ACCOUNT, Arn: `arn:aws:iam::${ACCOUNT}:root` },
  });
  assert.deepEqual(await call('GetAccessKeyInfo', { AccessKeyId: 'AKIAIOSFODNN7EXAMPLE' }), { Account: ACCOUNT });
}

async function ownSessions({ call, name }: Rig): Promise<void> {
  const before = Date.now();
  checkCredentials((await call('GetSessionToken', { DurationSeconds: 1800 })).Credentials, before, 1800);
  const device = { SerialNumber: `arn:aws:iam::${ACCOUNT}:mfa/ann`, TokenCode: '123456' };
  await assert.rejects(call('GetSessionToken', device), { name: 'AccessDenied', message: /MultiFactorAuth/ });

  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: '*' }],
  });
  const wish = { Name: name('ann'), DurationSeconds: 900, Policy, Tags: [{ Key: 'shift', Value: 'night' }] };
  const { Credentials, FederatedUser, PackedPolicySize } = await call('GetFederationToken', wish);
  checkCredentials(Credentials, before, 900);
  assert.deepEqual(FederatedUser, {
    FederatedUserId: `${ACCOUNT}:${wish.Name}`,
    Arn: `arn:aws:sts::${ACCOUNT}:federated-user/${wish.Name}`,
  });
  assert.ok(PackedPolicySize >= 1 && PackedPolicySize <= 100, `${PackedPolicySize} %`);
  await assert.rejects(call('GetFederationToken', { Name: wish.Name, Policy: '{}' }), {
    name: 'MalformedPolicyDocument',
  });
}

async function roles({ call, name, of }: Rig): Promise<void> {
  const RoleName = name('reader');
  const { Role } = await of('iam')('CreateRole', {
    RoleName,
    AssumeRolePolicyDocument: trust({ AWS: ACCOUNT }, 'sts:AssumeRole', 'sts:SetSourceIdentity', 'sts:TagSession'),
  });
  const before = Date.now();
  const wish = { RoleArn: Role.Arn, RoleSessionName: 'day', SourceIdentity: 'Ann', DurationSeconds: 900 };
  const answer = await call('AssumeRole', { ...wish, Tags: [{ Key: 'line', Value: '7' }] });
  checkCredentials(answer.Credentials, before, 900);
  assert.ok(answer.PackedPolicySize >= 1 && answer.PackedPolicySize <= 100, `${answer.PackedPolicySize} %`);
  assert.deepEqual(
    { AssumedRoleUser: answer.AssumedRoleUser, SourceIdentity: answer.SourceIdentity },
    {
      AssumedRoleUser: {
        AssumedRoleId: `${Role.RoleId}:day`,
        Arn: `arn:aws:sts::${ACCOUNT}:assumed-role/${RoleName}/day`,
      },
      SourceIdentity: 'Ann',
    },
  );
  await assert.rejects(call('AssumeRole', { ...wish, RoleArn: `${Role.Arn}-none` }), { name: 'AccessDenied' });
  const device = { SerialNumber: `arn:aws:iam::${ACCOUNT}:mfa/ann`, TokenCode: '123456' };
  await assert.rejects(call('AssumeRole', { ...wish, ...device }), { message: /MultiFactorAuth/ });
}

async function tokens({ call, name, of }: Rig): Promise<void> {
  const provider = `arn:aws:iam::${ACCOUNT}:oidc-provider/${new URL(ISSUER).host}`;
  const made = { Url: ISSUER, ClientIDList: [AUDIENCE], ThumbprintList: ['0'.repeat(40)] };
  await of('iam')('CreateOpenIDConnectProvider', made);
  const RoleName = name('pipeline');
  const { Role } = await of('iam')('CreateRole', {
    RoleName,
    AssumeRolePolicyDocument: trust({ Federated: provider }, 'sts:AssumeRoleWithWebIdentity'),
  });
  const wish = { RoleArn: Role.Arn, RoleSessionName: 'run-1' };
  const before = Date.now();
  const answer = await call('AssumeRoleWithWebIdentity', { ...wish, WebIdentityToken: await tokenFor(AUDIENCE) });
  checkCredentials(answer.Credentials, before, 3600);
  assert.deepEqual(
    { ...answer, Credentials: undefined },
    {
      AssumedRoleUser: {
        AssumedRoleId: `${Role.RoleId}:run-1`,
        Arn: `arn:aws:sts::${ACCOUNT}:assumed-role/${RoleName}/run-1`,
      },
      ...{ SubjectFromWebIdentityToken: 'repo:plant', Provider: provider, Audience: AUDIENCE, Credentials: undefined },
    },
  );
  await assert.rejects(
    call('AssumeRoleWithWebIdentity', { ...wish, WebIdentityToken: await tokenFor('somebody else') }),
    { name: 'InvalidIdentityToken' },
  );
  await of('iam')('DeleteOpenIDConnectProvider', { OpenIDConnectProviderArn: provider });
}

function trust(Principal: object, ...Action: readonly string[]): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal, Action }] });
}

function tokenFor(audience: string): Promise<string> {
  return new SignJWT()
    .setProtectedHeader({ alg: ALGORITHM })
    .setIssuer(ISSUER)
    .setAudience(audience)
    .setSubject('repo:plant')
    .setIssuedAt()
    .setExpirationTime('5 minutes')
    .sign(issuer.privateKey);
}

/** @param from  when they were asked for at the earliest, epoch milliseconds */
function checkCredentials(credentials: any, from: number, seconds: number): void {
  assert.match(credentials.AccessKeyId, /^ASIA[A-Z0-9]{16}$/);
  assert.match(credentials.SecretAccessKey, /^[A-Za-z0-9+/]{40}$/);
  assert.ok(credentials.SessionToken.length > 0);
  // The wire has whole seconds.
  const lifetime = credentials.Expiration.getTime() - from;
  assert.ok(lifetime > seconds * 1000 - 1000 && lifetime <= seconds * 1000 + 60_000, `${lifetime} ms`);
}
