import assert from 'node:assert/strict';
import type { Rig, Scenario } from '../scenario.ts';

const ACCOUNT = 'arn:aws:iam::000000000000';
const READ_ONLY = 'arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess';

const read = {
  Version: '2012-10-17',
  Statement: [
    {
      ...{ Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::photos/${aws:username}/*' },
      Condition: { IpAddress: { 'aws:SourceIp': '192.0.2.0/24' } },
    },
  ],
};
const write = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 's3:PutObject', Resource: '*' }] };
const trusting = (Service: string) => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service }, Action: 'sts:AssumeRole' }],
});
const text = JSON.stringify;

/** A document of an answer: percent-encoded text, which the clients in Python decode by themselves. */
const documentOf = (value: unknown) => (typeof value === 'string' ? JSON.parse(decodeURIComponent(value)) : value);

const each = (items: readonly Readonly<Record<string, unknown>>[], member: string) => items.map((one) => one[member]);

/** Users, groups, roles, policies and what else IAM has. */
export const iam: Scenario = {
  service: 'iam',
  departures: {
    'GetRole.Role.PermissionsBoundary.PermissionsBoundaryType': 'Policy; the model has PermissionsBoundaryPolicy',
    'GetUser.User.PermissionsBoundary.PermissionsBoundaryType': 'Policy; the model has PermissionsBoundaryPolicy',
  },
  refused: {
    DeleteLoginProfile: 'nobody signs in with a password, so that no user has a profile to lose',
    GetAccountPasswordPolicy: 'nobody signs in with a password, so that there is no policy for them',
    GetLoginProfile: 'nobody signs in with a password, so that no user has a profile',
  },
  async run(rig) {
    await account(rig);
    await users(rig);
    await groups(rig);
    await roles(rig);
    await serviceLinkedRoles(rig);
    await managedPolicies(rig);
    await instanceProfiles(rig);
    await oidcProviders(rig);
    await simulations(rig);
  },
};

async function account({ call, name }: Rig) {
  const AccountAlias = name('alias').toLowerCase();
  await call('CreateAccountAlias', { AccountAlias });
  assert.deepEqual((await call('ListAccountAliases')).AccountAliases, [AccountAlias]);
  await call('DeleteAccountAlias', { AccountAlias });
  assert.deepEqual((await call('ListAccountAliases')).AccountAliases, []);

  const { SummaryMap } = await call('GetAccountSummary');
  assert.deepEqual([SummaryMap.UsersQuota, SummaryMap.AccountMFAEnabled], [5000, 0]);
  await assert.rejects(call('GetAccountPasswordPolicy'), { name: 'NoSuchEntity' });
  assert.deepEqual((await call('ListVirtualMFADevices')).VirtualMFADevices, []);
  assert.deepEqual((await call('ListServerCertificates')).ServerCertificateMetadataList, []);
  assert.deepEqual((await call('ListSAMLProviders')).SAMLProviderList, []);

  assert.equal((await call('GenerateCredentialReport')).State, 'COMPLETE');
  const report = await call('GetCredentialReport');
  assert.equal(report.ReportFormat, 'text/csv');
  assert.match(report.Content.toString(), /^user,arn,user_creation_time,/);
  assert.ok(report.GeneratedTime instanceof Date);
}

async function users({ call, name }: Rig) {
  const [before, UserName] = [name('ann'), name('anna')];
  const Path = `/${name('staff')}/`;
  const { User } = await call('CreateUser', { UserName: before, Path, Tags: [{ Key: 'shift', Value: 'day + night' }] });
  assert.deepEqual([User.UserName, User.Arn], [before, `${ACCOUNT}:user${Path}${before}`]);
  await assert.rejects(call('CreateUser', { UserName: before }), { name: 'EntityAlreadyExists' });
  await call('UpdateUser', { UserName: before, NewUserName: UserName });
  await assert.rejects(call('GetUser', { UserName: before }), { name: 'NoSuchEntity' });

  await call('PutUserPermissionsBoundary', { UserName, PermissionsBoundary: READ_ONLY });
  const got = (await call('GetUser', { UserName })).User;
  assert.deepEqual([got.UserId, got.CreateDate], [User.UserId, User.CreateDate]);
  assert.deepEqual(got.Tags, [{ Key: 'shift', Value: 'day + night' }]);
  assert.equal(got.PermissionsBoundary.PermissionsBoundaryArn, READ_ONLY);
  await call('DeleteUserPermissionsBoundary', { UserName });
  const { UserDetailList } = await call('GetAccountAuthorizationDetails', { Filter: ['User'] });
  const [detail] = UserDetailList.filter((one: { UserName: string }) => one.UserName === UserName);
  assert.deepEqual([detail.UserId, detail.PermissionsBoundary], [User.UserId, undefined]);
  assert.deepEqual(each((await call('ListUsers', { PathPrefix: Path })).Users, 'Arn'), [got.Arn]);

  await call('TagUser', { UserName, Tags: [{ Key: 'site', Value: 'north' }] });
  await call('UntagUser', { UserName, TagKeys: ['shift'] });
  assert.deepEqual((await call('ListUserTags', { UserName })).Tags, [{ Key: 'site', Value: 'north' }]);

  const { AccessKey } = await call('CreateAccessKey', { UserName });
  assert.match(AccessKey.SecretAccessKey, /^[A-Za-z0-9+/]{40}$/);
  await call('UpdateAccessKey', { UserName, AccessKeyId: AccessKey.AccessKeyId, Status: 'Inactive' });
  const { AccessKeyMetadata } = await call('ListAccessKeys', { UserName });
  assert.deepEqual(
    [...each(AccessKeyMetadata, 'AccessKeyId'), ...each(AccessKeyMetadata, 'Status')],
    [AccessKey.AccessKeyId, 'Inactive'],
  );
  await call('DeleteAccessKey', { UserName, AccessKeyId: AccessKey.AccessKeyId });

  assert.deepEqual((await call('ListMFADevices', { UserName })).MFADevices, []);
  assert.deepEqual((await call('ListSSHPublicKeys', { UserName })).SSHPublicKeys, []);
  assert.deepEqual((await call('ListSigningCertificates', { UserName })).Certificates, []);
  assert.deepEqual((await call('ListServiceSpecificCredentials', { UserName })).ServiceSpecificCredentials, []);
  await assert.rejects(call('GetLoginProfile', { UserName }), { name: 'NoSuchEntity' });
  await assert.rejects(call('DeleteLoginProfile', { UserName }), { name: 'NoSuchEntity' });

  await policiesOf({ call }, 'User', UserName);
  await call('DeleteUser', { UserName });
}

/** What hangs on a user, a group or a role, inline and managed; leaves nothing behind. */
async function policiesOf({ call }: Pick<Rig, 'call'>, kind: 'User' | 'Group' | 'Role', holder: string) {
  const who = { [`${kind}Name`]: holder };
  const PolicyName = 'own';
  await call(`Put${kind}Policy`, { ...who, PolicyName, PolicyDocument: text(read) });
  const got = await call(`Get${kind}Policy`, { ...who, PolicyName });
  assert.deepEqual([got[`${kind}Name`], got.PolicyName], [holder, PolicyName]);
  assert.deepEqual(documentOf(got.PolicyDocument), read);
  assert.deepEqual((await call(`List${kind}Policies`, who)).PolicyNames, [PolicyName]);
  await assert.rejects(call(`Put${kind}Policy`, { ...who, PolicyName, PolicyDocument: '{}' }), {
    name: 'MalformedPolicyDocument',
  });
  await call(`Attach${kind}Policy`, { ...who, PolicyArn: READ_ONLY });
  assert.deepEqual((await call(`ListAttached${kind}Policies`, who)).AttachedPolicies, [
    { PolicyName: 'AmazonS3ReadOnlyAccess', PolicyArn: READ_ONLY },
  ]);
  await assert.rejects(call(`Delete${kind}`, who), { name: 'DeleteConflict' });
  await call(`Detach${kind}Policy`, { ...who, PolicyArn: READ_ONLY });
  await call(`Delete${kind}Policy`, { ...who, PolicyName });
  assert.deepEqual((await call(`List${kind}Policies`, who)).PolicyNames, []);
  assert.deepEqual((await call(`ListAttached${kind}Policies`, who)).AttachedPolicies, []);
}

async function groups({ call, name }: Rig) {
  const [before, GroupName, UserName] = [name('fitters'), name('mechanics'), name('bob')];
  const Path = `/${name('plant')}/`;
  const { Group } = await call('CreateGroup', { GroupName: before, Path });
  assert.equal(Group.Arn, `${ACCOUNT}:group${Path}${before}`);
  await call('UpdateGroup', { GroupName: before, NewGroupName: GroupName });
  assert.deepEqual(each((await call('ListGroups', { PathPrefix: Path })).Groups, 'GroupName'), [GroupName]);

  await call('CreateUser', { UserName });
  await call('AddUserToGroup', { GroupName, UserName });
  const got = await call('GetGroup', { GroupName });
  assert.deepEqual([got.Group.GroupId, ...each(got.Users, 'UserName')], [Group.GroupId, UserName]);
  assert.deepEqual(each((await call('ListGroupsForUser', { UserName })).Groups, 'GroupName'), [GroupName]);
  await call('RemoveUserFromGroup', { GroupName, UserName });
  assert.deepEqual((await call('GetGroup', { GroupName })).Users, []);
  await call('DeleteUser', { UserName });

  await policiesOf({ call }, 'Group', GroupName);
  await call('DeleteGroup', { GroupName });
  await assert.rejects(call('GetGroup', { GroupName }), { name: 'NoSuchEntity' });
}

async function roles({ call, name }: Rig) {
  const RoleName = name('worker');
  const Path = `/${name('jobs')}/`;
  const AssumeRolePolicyDocument = text(trusting('lambda.amazonaws.com'));
  const made = (await call('CreateRole', { RoleName, Path, AssumeRolePolicyDocument, MaxSessionDuration: 7200 })).Role;
  assert.deepEqual([made.Arn, made.MaxSessionDuration], [`${ACCOUNT}:role${Path}${RoleName}`, 7200]);
  assert.deepEqual(documentOf(made.AssumeRolePolicyDocument), trusting('lambda.amazonaws.com'));
  await call('UpdateRole', { RoleName, Description: 'works', MaxSessionDuration: 3600 });
  const described = (await call('UpdateRoleDescription', { RoleName, Description: 'works at night' })).Role;
  assert.deepEqual([described.Description, described.MaxSessionDuration], ['works at night', 3600]);
  await call('UpdateAssumeRolePolicy', { RoleName, PolicyDocument: text(trusting('events.amazonaws.com')) });
  await call('PutRolePermissionsBoundary', { RoleName, PermissionsBoundary: READ_ONLY });
  await call('TagRole', {
    RoleName,
    Tags: [
      { Key: 'a', Value: '1' },
      { Key: 'b', Value: '' },
    ],
  });
  const { Role } = await call('GetRole', { RoleName });
  assert.deepEqual(documentOf(Role.AssumeRolePolicyDocument), trusting('events.amazonaws.com'));
  assert.deepEqual(Role.PermissionsBoundary, {
    ...{ PermissionsBoundaryType: 'Policy', PermissionsBoundaryArn: READ_ONLY },
  });
  assert.deepEqual(Role.Tags, [
    { Key: 'a', Value: '1' },
    { Key: 'b', Value: '' },
  ]);
  await call('DeleteRolePermissionsBoundary', { RoleName });
  await assert.rejects(call('DeleteRolePermissionsBoundary', { RoleName }), { name: 'NoSuchEntity' });
  await call('UntagRole', { RoleName, TagKeys: ['b'] });
  assert.deepEqual((await call('ListRoleTags', { RoleName })).Tags, [{ Key: 'a', Value: '1' }]);
  assert.deepEqual(each((await call('ListRoles', { PathPrefix: Path })).Roles, 'RoleId'), [made.RoleId]);
  await policiesOf({ call }, 'Role', RoleName);
  await call('DeleteRole', { RoleName });
}

async function serviceLinkedRoles({ call, name }: Rig) {
  const named = { AWSServiceName: 'lex.amazonaws.com', CustomSuffix: name('bot') };
  const { Role } = await call('CreateServiceLinkedRole', named);
  assert.equal(Role.RoleName, `AWSServiceRoleForLexBots_${named.CustomSuffix}`);
  await assert.rejects(call('DeleteRole', { RoleName: Role.RoleName }), { name: 'UnmodifiableEntity' });
  const { DeletionTaskId } = await call('DeleteServiceLinkedRole', { RoleName: Role.RoleName });
  assert.equal((await call('GetServiceLinkedRoleDeletionStatus', { DeletionTaskId })).Status, 'SUCCEEDED');
  await assert.rejects(call('GetRole', { RoleName: Role.RoleName }), { name: 'NoSuchEntity' });
}

async function managedPolicies({ call, name }: Rig) {
  const [PolicyName, RoleName] = [name('reader'), name('holder')];
  const Path = `/${name('policies')}/`;
  const Tags = [{ Key: 'team', Value: 'blue' }];
  const { Policy } = await call('CreatePolicy', { PolicyName, Path, PolicyDocument: text(read), Tags });
  const { Arn: PolicyArn } = Policy;
  assert.deepEqual([PolicyArn, Policy.AttachmentCount], [`${ACCOUNT}:policy${Path}${PolicyName}`, 0]);

  const second = { PolicyArn, PolicyDocument: text(write), SetAsDefault: true };
  const { PolicyVersion } = await call('CreatePolicyVersion', second);
  assert.deepEqual([PolicyVersion.VersionId, PolicyVersion.IsDefaultVersion], ['v2', true]);
  await call('SetDefaultPolicyVersion', { PolicyArn, VersionId: 'v1' });
  const got = (await call('GetPolicyVersion', { PolicyArn, VersionId: 'v2' })).PolicyVersion;
  assert.deepEqual([documentOf(got.Document), got.IsDefaultVersion], [write, false]);
  const { Versions } = await call('ListPolicyVersions', { PolicyArn });
  assert.deepEqual(
    [each(Versions, 'VersionId'), each(Versions, 'IsDefaultVersion')],
    [
      ['v2', 'v1'],
      [false, true],
    ],
  );
  await call('DeletePolicyVersion', { PolicyArn, VersionId: 'v2' });

  await call('CreateRole', { RoleName, AssumeRolePolicyDocument: text(trusting('lambda.amazonaws.com')) });
  await call('AttachRolePolicy', { RoleName, PolicyArn });
  const holders = await call('ListEntitiesForPolicy', { PolicyArn });
  assert.deepEqual([each(holders.PolicyRoles, 'RoleName'), holders.PolicyUsers], [[RoleName], []]);
  await assert.rejects(call('DeletePolicy', { PolicyArn }), { name: 'DeleteConflict' });
  await call('DetachRolePolicy', { RoleName, PolicyArn });
  await call('DeleteRole', { RoleName });

  await call('TagPolicy', { PolicyArn, Tags: [{ Key: 'site', Value: 'north' }] });
  await call('UntagPolicy', { PolicyArn, TagKeys: ['team'] });
  assert.deepEqual((await call('ListPolicyTags', { PolicyArn })).Tags, [{ Key: 'site', Value: 'north' }]);
  const shown = (await call('GetPolicy', { PolicyArn })).Policy;
  assert.deepEqual([shown.DefaultVersionId, shown.AttachmentCount, shown.IsAttachable], ['v1', 0, true]);
  const { Policies } = await call('ListPolicies', { Scope: 'Local', PathPrefix: Path });
  assert.deepEqual(each(Policies, 'PolicyId'), [Policy.PolicyId]);
  await call('DeletePolicy', { PolicyArn });
}

async function instanceProfiles({ call, name }: Rig) {
  const [InstanceProfileName, RoleName] = [name('profile'), name('inside')];
  const { InstanceProfile } = await call('CreateInstanceProfile', { InstanceProfileName });
  assert.equal(InstanceProfile.Arn, `${ACCOUNT}:instance-profile/${InstanceProfileName}`);
  await call('CreateRole', { RoleName, AssumeRolePolicyDocument: text(trusting('ec2.amazonaws.com')) });
  await call('AddRoleToInstanceProfile', { InstanceProfileName, RoleName });
  const got = (await call('GetInstanceProfile', { InstanceProfileName })).InstanceProfile;
  assert.deepEqual(each(got.Roles, 'RoleName'), [RoleName]);
  assert.deepEqual(documentOf(got.Roles[0].AssumeRolePolicyDocument), trusting('ec2.amazonaws.com'));
  const ofRole = await call('ListInstanceProfilesForRole', { RoleName });
  assert.deepEqual(each(ofRole.InstanceProfiles, 'InstanceProfileId'), [InstanceProfile.InstanceProfileId]);
  const all = each((await call('ListInstanceProfiles')).InstanceProfiles, 'InstanceProfileName');
  assert.ok(all.includes(InstanceProfileName));
  await call('TagInstanceProfile', {
    InstanceProfileName,
    Tags: [
      { Key: 'a', Value: '1' },
      { Key: 'b', Value: '2' },
    ],
  });
  await call('UntagInstanceProfile', { InstanceProfileName, TagKeys: ['a'] });
  assert.deepEqual((await call('ListInstanceProfileTags', { InstanceProfileName })).Tags, [{ Key: 'b', Value: '2' }]);
  await call('RemoveRoleFromInstanceProfile', { InstanceProfileName, RoleName });
  await call('DeleteInstanceProfile', { InstanceProfileName });
  await call('DeleteRole', { RoleName });
}

async function oidcProviders({ call, name }: Rig) {
  const host = `${name('tokens').toLowerCase()}.example.com`;
  const [thumb, other] = ['a'.repeat(40), 'b'.repeat(40)];
  const made = await call('CreateOpenIDConnectProvider', {
    ...{ Url: `https://${host}`, ClientIDList: ['first'], ThumbprintList: [thumb] },
    Tags: [{ Key: 'a', Value: '1' }],
  });
  const { OpenIDConnectProviderArn } = made;
  const it = { OpenIDConnectProviderArn };
  assert.equal(OpenIDConnectProviderArn, `${ACCOUNT}:oidc-provider/${host}`);
  await call('AddClientIDToOpenIDConnectProvider', { ...it, ClientID: 'second' });
  await call('RemoveClientIDFromOpenIDConnectProvider', { ...it, ClientID: 'first' });
  await call('UpdateOpenIDConnectProviderThumbprint', { ...it, ThumbprintList: [other] });
  const got = await call('GetOpenIDConnectProvider', it);
  assert.deepEqual([got.Url, got.ClientIDList, got.ThumbprintList], [host, ['second'], [other]]);
  await call('TagOpenIDConnectProvider', { ...it, Tags: [{ Key: 'b', Value: '2' }] });
  await call('UntagOpenIDConnectProvider', { ...it, TagKeys: ['a'] });
  assert.deepEqual((await call('ListOpenIDConnectProviderTags', it)).Tags, [{ Key: 'b', Value: '2' }]);
  const listed = async () => each((await call('ListOpenIDConnectProviders')).OpenIDConnectProviderList, 'Arn');
  assert.ok((await listed()).includes(OpenIDConnectProviderArn));
  await call('DeleteOpenIDConnectProvider', it);
  assert.ok(!(await listed()).includes(OpenIDConnectProviderArn));
}

async function simulations({ call, name }: Rig) {
  const keys = ['aws:SourceIp', 'aws:username'];
  const custom = await call('GetContextKeysForCustomPolicy', { PolicyInputList: [text(read)] });
  assert.deepEqual(custom.ContextKeyNames, keys);
  const UserName = name('carol');
  const PolicySourceArn = (await call('CreateUser', { UserName })).User.Arn;
  await call('PutUserPolicy', { UserName, PolicyName: 'read', PolicyDocument: text(read) });
  assert.deepEqual((await call('GetContextKeysForPrincipalPolicy', { PolicySourceArn })).ContextKeyNames, keys);

  const ContextEntries = [{ ContextKeyName: 'aws:SourceIp', ContextKeyValues: ['192.0.2.7'], ContextKeyType: 'ip' }];
  const ask = {
    ...{ ActionNames: ['s3:GetObject', 's3:DeleteObject'], ContextEntries },
    ResourceArns: [`arn:aws:s3:::photos/${UserName}/1`],
  };
  const decisions = ({ EvaluationResults }: { readonly EvaluationResults: readonly any[] }) =>
    EvaluationResults.map(({ EvalActionName, EvalDecision }) => `${EvalActionName} ${EvalDecision}`);
  const ofUser = await call('SimulatePrincipalPolicy', { PolicySourceArn, ...ask });
  assert.deepEqual(decisions(ofUser), ['s3:GetObject allowed', 's3:DeleteObject implicitDeny']);
  const [matched] = ofUser.EvaluationResults[0].MatchedStatements;
  assert.deepEqual([matched.SourcePolicyId, matched.StartPosition.Line], ['read', 1]);
  const given = await call('SimulateCustomPolicy', { PolicyInputList: [text(write)], ActionNames: ['s3:PutObject'] });
  assert.deepEqual(decisions(given), ['s3:PutObject allowed']);
  await call('DeleteUserPolicy', { UserName, PolicyName: 'read' });
  await call('DeleteUser', { UserName });
}
