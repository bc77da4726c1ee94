import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as sdk from '@aws-sdk/client-iam';
import { document, House, READ, TRUST } from './support.ts';

let house: House;

before(async () => {
  house = await House.open();
});

after(() => house?.[Symbol.asyncDispose]());

const send: sdk.IAMClient['send'] = ((command: never) => house.client.send(command)) as never;
const ACCOUNT = 'arn:aws:iam::000000000000';

const fails = (sent: Promise<unknown>, name: string, message: string | RegExp) =>
  assert.rejects(sent, { name, message });

test('a group gives its members what hangs on it, until they leave', async () => {
  const { Group } = await send(new sdk.CreateGroupCommand({ GroupName: 'operators', Path: '/plant/' }));
  assert.equal(Group?.Arn, `${ACCOUNT}:group/plant/operators`);
  assert.match(Group?.GroupId ?? '', /^AGPA[A-Z2-7]{16}$/);
  await send(new sdk.CreateUserCommand({ UserName: 'ann' }));
  await send(new sdk.PutGroupPolicyCommand({ GroupName: 'operators', PolicyName: 'read', PolicyDocument: READ }));
  const arn = `${ACCOUNT}:user/ann`;
  assert.deepEqual(house.iam.policiesOf(arn)?.identity, []);
  await send(new sdk.AddUserToGroupCommand({ GroupName: 'operators', UserName: 'ann' }));
  await send(new sdk.AddUserToGroupCommand({ GroupName: 'operators', UserName: 'ann' }));
  assert.deepEqual(house.iam.policiesOf(arn)?.identity, [{ name: 'read', from: 'group', text: READ }]);
  const got = await send(new sdk.GetGroupCommand({ GroupName: 'operators' }));
  assert.deepEqual(
    got.Users?.map(({ UserName }) => UserName),
    ['ann'],
  );
  await fails(
    send(new sdk.DeleteGroupCommand({ GroupName: 'operators' })),
    'DeleteConflictException',
    'Cannot delete entity, must remove users from group first.',
  );
  await fails(
    send(new sdk.DeleteUserCommand({ UserName: 'ann' })),
    'DeleteConflictException',
    'Cannot delete entity, must remove users from group first.',
  );
  await send(new sdk.RemoveUserFromGroupCommand({ GroupName: 'operators', UserName: 'ann' }));
  assert.deepEqual(house.iam.policiesOf(arn)?.identity, []);
});

test('a user and its group keep each other, keys and policies under new names', async () => {
  await send(new sdk.CreateUserCommand({ UserName: 'bob' }));
  await send(new sdk.CreateGroupCommand({ GroupName: 'fitters' }));
  await send(new sdk.AddUserToGroupCommand({ GroupName: 'fitters', UserName: 'bob' }));
  await send(new sdk.PutUserPolicyCommand({ UserName: 'bob', PolicyName: 'read', PolicyDocument: READ }));
  const { AccessKey } = await send(new sdk.CreateAccessKeyCommand({ UserName: 'bob' }));
  await send(new sdk.UpdateUserCommand({ UserName: 'bob', NewUserName: 'robert', NewPath: '/staff/' }));
  await send(new sdk.UpdateGroupCommand({ GroupName: 'fitters', NewGroupName: 'mechanics' }));
  await fails(
    send(new sdk.GetUserCommand({ UserName: 'bob' })),
    'NoSuchEntityException',
    'The user with name bob cannot be found.',
  );
  const groups = await send(new sdk.ListGroupsForUserCommand({ UserName: 'robert' }));
  assert.deepEqual(
    groups.Groups?.map(({ Arn }) => Arn),
    [`${ACCOUNT}:group/mechanics`],
  );
  const keys = await send(new sdk.ListAccessKeysCommand({ UserName: 'robert' }));
  assert.deepEqual(
    keys.AccessKeyMetadata?.map(({ AccessKeyId }) => AccessKeyId),
    [AccessKey?.AccessKeyId],
  );
  assert.equal(house.iam.secretFor(AccessKey!.AccessKeyId!)?.caller.arn, `${ACCOUNT}:user/staff/robert`);
  assert.equal(house.iam.policiesOf(`${ACCOUNT}:user/staff/robert`)?.identity[0]?.text, READ);
  await house.reopen();
  assert.equal(house.iam.secretFor(AccessKey!.AccessKeyId!)?.caller.arn, `${ACCOUNT}:user/staff/robert`);
});

test('the secret of a key is shown once, and stands in no list, report or log', async () => {
  await send(new sdk.CreateUserCommand({ UserName: 'carol' }));
  const { AccessKey } = await send(new sdk.CreateAccessKeyCommand({ UserName: 'carol' }));
  const secret = AccessKey!.SecretAccessKey!;
  assert.equal(secret.length, 40);
  await send(new sdk.GenerateCredentialReportCommand({}));
  const { Content } = await send(new sdk.GetCredentialReportCommand({}));
  const report = Buffer.from(Content!).toString();
  assert.match(report, /^user,arn,user_creation_time,/);
  assert.match(report, /\ncarol,arn:aws:iam::000000000000:user\/carol,2026-03-01T00:00:00\+00:00,false,/);
  const shown = [
    await send(new sdk.ListAccessKeysCommand({ UserName: 'carol' })),
    await send(new sdk.GetAccountAuthorizationDetailsCommand({})),
    report,
    house.log,
  ];
  assert.ok(!JSON.stringify(shown).includes(secret));
  await send(new sdk.CreateAccessKeyCommand({ UserName: 'carol' }));
  await fails(
    send(new sdk.CreateAccessKeyCommand({ UserName: 'carol' })),
    'LimitExceededException',
    'Cannot exceed quota for AccessKeysPerUser: 2',
  );
});

test('a managed policy has five versions, one of which decides, and counts who uses it', async () => {
  const { Policy } = await send(new sdk.CreatePolicyCommand({ PolicyName: 'reader', PolicyDocument: READ }));
  const PolicyArn = Policy!.Arn!;
  assert.equal(PolicyArn, `${ACCOUNT}:policy/reader`);
  await fails(
    send(new sdk.CreatePolicyCommand({ PolicyName: 'READER', PolicyDocument: READ })),
    'EntityAlreadyExistsException',
    'A policy called READER already exists. Duplicate names are not allowed.',
  );
  await send(
    new sdk.CreateRoleCommand({ RoleName: 'worker', AssumeRolePolicyDocument: TRUST, PermissionsBoundary: PolicyArn }),
  );
  await send(new sdk.AttachRolePolicyCommand({ RoleName: 'worker', PolicyArn }));
  await send(new sdk.CreateUserCommand({ UserName: 'dora' }));
  await send(new sdk.AttachUserPolicyCommand({ UserName: 'dora', PolicyArn }));
  const counted = await send(new sdk.GetPolicyCommand({ PolicyArn }));
  assert.deepEqual([counted.Policy?.AttachmentCount, counted.Policy?.PermissionsBoundaryUsageCount], [2, 1]);
  const users = await send(new sdk.ListEntitiesForPolicyCommand({ PolicyArn }));
  assert.deepEqual(
    users.PolicyRoles?.map(({ RoleName }) => RoleName),
    ['worker'],
  );
  assert.deepEqual(
    users.PolicyUsers?.map(({ UserName }) => UserName),
    ['dora'],
  );

  const write = document({ Effect: 'Allow', Action: 's3:PutObject', Resource: '*' });
  const role = `${ACCOUNT}:role/worker`;
  const before = house.iam.generation;
  for (let version = 2; version <= 5; version++) {
    const made: sdk.CreatePolicyVersionCommandOutput = await send(
      new sdk.CreatePolicyVersionCommand({ PolicyArn, PolicyDocument: write, SetAsDefault: version === 3 }),
    );
    assert.equal(made.PolicyVersion?.VersionId, `v${version}`);
  }
  assert.ok(house.iam.generation >= before + 4);
  assert.deepEqual(house.iam.policiesOf(role)?.identity, [
    { name: 'reader', arn: PolicyArn, from: 'user-managed', text: write },
  ]);
  assert.equal(
    house.iam.policiesOf(`${ACCOUNT.replace('iam', 'sts')}:assumed-role/worker/session`)?.boundary?.text,
    write,
  );
  await fails(
    send(new sdk.CreatePolicyVersionCommand({ PolicyArn, PolicyDocument: write })),
    'LimitExceededException',
    'A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.',
  );
  await fails(
    send(new sdk.DeletePolicyVersionCommand({ PolicyArn, VersionId: 'v3' })),
    'DeleteConflictException',
    'Cannot delete the default version of a policy.',
  );
  await send(new sdk.DeletePolicyVersionCommand({ PolicyArn, VersionId: 'v5' }));
  const sixth = await send(new sdk.CreatePolicyVersionCommand({ PolicyArn, PolicyDocument: READ }));
  assert.equal(sixth.PolicyVersion?.VersionId, 'v6', 'a number is not used again');
  await send(new sdk.SetDefaultPolicyVersionCommand({ PolicyArn, VersionId: 'v1' }));
  await house.reopen();
  assert.equal(house.iam.policiesOf(role)?.identity[0]?.text, READ);
  const got = await send(new sdk.GetPolicyVersionCommand({ PolicyArn, VersionId: 'v2' }));
  assert.equal(decodeURIComponent(got.PolicyVersion!.Document!), write);
  const { Versions } = await send(new sdk.ListPolicyVersionsCommand({ PolicyArn }));
  assert.deepEqual(
    Versions?.map(({ VersionId }) => VersionId),
    ['v6', 'v4', 'v3', 'v2', 'v1'],
  );
  await fails(
    send(new sdk.DeletePolicyCommand({ PolicyArn })),
    'DeleteConflictException',
    'Cannot delete a policy attached to entities.',
  );
});

test("AWS's own policies are known by their documents, or kept by their names with a notice", async () => {
  await send(new sdk.CreateRoleCommand({ RoleName: 'logs', AssumeRolePolicyDocument: TRUST }));
  const attach = (PolicyArn: string) => send(new sdk.AttachRolePolicyCommand({ RoleName: 'logs', PolicyArn }));
  const basic = 'arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole';
  await attach(basic);
  const [policy] = house.iam.policiesOf(`${ACCOUNT}:role/logs`)!.identity;
  assert.equal(policy?.from, 'aws-managed');
  assert.deepEqual(JSON.parse(policy!.text).Statement[0].Action, [
    'logs:CreateLogGroup',
    'logs:CreateLogStream',
    'logs:PutLogEvents',
  ]);
  await fails(
    attach('arn:aws:iam::aws:policy/AWSLambdaBasicExecutionRole'),
    'NoSuchEntityException',
    'Policy arn:aws:iam::aws:policy/AWSLambdaBasicExecutionRole does not exist or is not attachable.',
  );
  const unknown = 'arn:aws:iam::aws:policy/AmazonChimeFullAccess';
  await attach(unknown);
  assert.equal(house.iam.policiesOf(`${ACCOUNT}:role/logs`)!.identity.length, 1, 'it grants nothing');
  const notice = house.log.map((line) => JSON.parse(line)).find((line) => line.policy === unknown);
  assert.equal(notice?.level, 'warn');
  const attached = await send(new sdk.ListAttachedRolePoliciesCommand({ RoleName: 'logs' }));
  assert.deepEqual(
    attached.AttachedPolicies?.map(({ PolicyName }) => PolicyName),
    ['AmazonChimeFullAccess', 'AWSLambdaBasicExecutionRole'],
  );
  await fails(
    attach('AdministratorAccess-of-mine-here'),
    'InvalidInputException',
    'ARN AdministratorAccess-of-mine-here is not valid.',
  );
  await fails(
    send(new sdk.DeletePolicyCommand({ PolicyArn: basic })),
    'AccessDenied',
    'Policy is outside your own account.',
  );
  const listed = await send(new sdk.ListPoliciesCommand({ Scope: 'AWS', OnlyAttached: true }));
  assert.deepEqual(
    listed.Policies?.map(({ Arn, AttachmentCount }) => [Arn, AttachmentCount]),
    [[basic, 1]],
  );
});

test('a boundary must exist, and one that is gone leaves nothing', async () => {
  const PermissionsBoundary = `${ACCOUNT}:policy/nowhere`;
  await send(new sdk.CreateUserCommand({ UserName: 'eve' }));
  await fails(
    send(new sdk.PutUserPermissionsBoundaryCommand({ UserName: 'eve', PermissionsBoundary })),
    'NoSuchEntityException',
    `Scope ARN: ${PermissionsBoundary} does not exist or is not attachable.`,
  );
  await fails(
    send(new sdk.CreateRoleCommand({ RoleName: 'bounded', AssumeRolePolicyDocument: TRUST, PermissionsBoundary })),
    'NoSuchEntityException',
    /^Scope ARN/,
  );
  const power = 'arn:aws:iam::aws:policy/PowerUserAccess';
  await send(new sdk.PutUserPermissionsBoundaryCommand({ UserName: 'eve', PermissionsBoundary: power }));
  const { User } = await send(new sdk.GetUserCommand({ UserName: 'eve' }));
  assert.deepEqual(User?.PermissionsBoundary, {
    PermissionsBoundaryType: 'Policy',
    PermissionsBoundaryArn: power,
  });
  assert.equal(house.iam.policiesOf(`${ACCOUNT}:user/eve`)?.boundary?.name, 'PowerUserAccess');
  await send(new sdk.DeleteUserPermissionsBoundaryCommand({ UserName: 'eve' }));
  assert.equal(house.iam.policiesOf(`${ACCOUNT}:user/eve`)?.boundary, undefined);
});

test('pages neither hide an entity nor give it twice when others come and go between them', async () => {
  const names = ['p1', 'p2', 'p3', 'p4', 'p5'];
  for (const UserName of names) await send(new sdk.CreateUserCommand({ UserName, Path: '/pages/' }));
  const page = async (Marker?: string) => {
    const { Users, ...rest } = await send(new sdk.ListUsersCommand({ PathPrefix: '/pages/', MaxItems: 2, Marker }));
    return { names: Users!.map(({ UserName }) => UserName), ...rest };
  };
  const first = await page();
  assert.deepEqual([first.names, first.IsTruncated], [['p1', 'p2'], true]);
  await send(new sdk.DeleteUserCommand({ UserName: 'p1' }));
  await send(new sdk.DeleteUserCommand({ UserName: 'p2' }));
  await send(new sdk.CreateUserCommand({ UserName: 'p0', Path: '/pages/' }));
  const second = await page(first.Marker);
  assert.deepEqual(second.names, ['p3', 'p4']);
  const third = await page(second.Marker);
  assert.deepEqual([third.names, third.IsTruncated, third.Marker], [['p5'], false, undefined]);
  await fails(page('no-marker'), 'ValidationError', 'Invalid Marker.');
});

test('tags are told apart without regard to case, and keep the case they were set with', async () => {
  const RoleName = 'tagged';
  const Tags = [{ Key: 'Team', Value: 'blue' }];
  await send(new sdk.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: TRUST, Tags }));
  await send(new sdk.TagRoleCommand({ RoleName, Tags: [{ Key: 'team', Value: 'red' }] }));
  const { Role } = await send(new sdk.GetRoleCommand({ RoleName }));
  assert.deepEqual(Role?.Tags, [{ Key: 'team', Value: 'red' }]);
  const twice = [...Tags, { Key: 'TEAM', Value: 'green' }];
  await fails(
    send(new sdk.TagRoleCommand({ RoleName, Tags: twice })),
    'InvalidInputException',
    'Duplicate tag keys found. Please note that Tag keys are case insensitive.',
  );
  await send(new sdk.UntagRoleCommand({ RoleName, TagKeys: ['TEAM'] }));
  assert.deepEqual((await send(new sdk.ListRoleTagsCommand({ RoleName }))).Tags, []);
  const many = Array.from({ length: 50 }, (_, index) => ({ Key: `k${index}`, Value: '' }));
  await send(new sdk.TagRoleCommand({ RoleName, Tags: many }));
  await assert.rejects(send(new sdk.TagRoleCommand({ RoleName, Tags })), { name: 'LimitExceededException' });
});

test('inline policies are as long together as their holder may have, white space aside', async () => {
  await send(new sdk.CreateUserCommand({ UserName: 'frank' }));
  const long = (characters: number) => {
    const empty = document({ Sid: '', Effect: 'Allow', Action: '*', Resource: '*' });
    return document({ Sid: 'x'.repeat(characters - empty.length), Effect: 'Allow', Action: '*', Resource: '*' });
  };
  const put = (PolicyName: string, PolicyDocument: string) =>
    send(new sdk.PutUserPolicyCommand({ UserName: 'frank', PolicyName, PolicyDocument }));
  await put('one', JSON.stringify(JSON.parse(long(1024)), undefined, 2));
  await put('two', long(1024));
  await fails(
    put('three', long(100)),
    'LimitExceededException',
    'Maximum policy size of 2048 bytes exceeded for user frank',
  );
  await put('two', long(1000));
});

test('ten managed policies hang on a role and not one more', async () => {
  await send(new sdk.CreateRoleCommand({ RoleName: 'loaded', AssumeRolePolicyDocument: TRUST }));
  const attach = async (index: number) => {
    const { Policy } = await send(new sdk.CreatePolicyCommand({ PolicyName: `load-${index}`, PolicyDocument: READ }));
    await send(new sdk.AttachRolePolicyCommand({ RoleName: 'loaded', PolicyArn: Policy?.Arn }));
  };
  for (let index = 0; index < 10; index++) await attach(index);
  await fails(attach(10), 'LimitExceededException', 'Cannot exceed quota for PoliciesPerRole: 10');
});

test('an instance profile holds its role', async () => {
  const InstanceProfileName = 'gateway';
  await send(new sdk.CreateRoleCommand({ RoleName: 'device', AssumeRolePolicyDocument: TRUST }));
  await send(new sdk.CreateInstanceProfileCommand({ InstanceProfileName }));
  await send(new sdk.AddRoleToInstanceProfileCommand({ InstanceProfileName, RoleName: 'device' }));
  await fails(
    send(new sdk.AddRoleToInstanceProfileCommand({ InstanceProfileName, RoleName: 'worker' })),
    'LimitExceededException',
    'Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1',
  );
  await fails(
    send(new sdk.DeleteRoleCommand({ RoleName: 'device' })),
    'DeleteConflictException',
    'Cannot delete entity, must remove roles from instance profile first.',
  );
  const held = await send(new sdk.ListInstanceProfilesForRoleCommand({ RoleName: 'device' }));
  assert.deepEqual(
    held.InstanceProfiles?.map(({ Arn }) => Arn),
    [`${ACCOUNT}:instance-profile/gateway`],
  );
  await send(new sdk.RemoveRoleFromInstanceProfileCommand({ InstanceProfileName, RoleName: 'device' }));
  await send(new sdk.DeleteInstanceProfileCommand({ InstanceProfileName }));
  await send(new sdk.DeleteRoleCommand({ RoleName: 'device' }));
});

test('an OpenID Connect provider is found by what tokens name as their issuer', async () => {
  const Url = 'https://token.actions.githubusercontent.com';
  const ThumbprintList = ['6938fd4d98bab03faadb97b34396831e3780aea1'];
  const made = await send(
    new sdk.CreateOpenIDConnectProviderCommand({ Url, ClientIDList: ['sts.amazonaws.com'], ThumbprintList }),
  );
  const OpenIDConnectProviderArn = made.OpenIDConnectProviderArn!;
  assert.equal(OpenIDConnectProviderArn, `${ACCOUNT}:oidc-provider/token.actions.githubusercontent.com`);
  await assert.rejects(send(new sdk.CreateOpenIDConnectProviderCommand({ Url })), {
    name: 'EntityAlreadyExistsException',
  });
  await send(new sdk.AddClientIDToOpenIDConnectProviderCommand({ OpenIDConnectProviderArn, ClientID: 'mine' }));
  assert.deepEqual(house.iam.oidcProvider('token.actions.githubusercontent.com')?.clientIds, [
    'sts.amazonaws.com',
    'mine',
  ]);
  await assert.rejects(send(new sdk.CreateOpenIDConnectProviderCommand({ Url: 'http://insecure.example' })), {
    name: 'ValidationError',
    message: 'Invalid Open ID Connect Provider URL',
  });
  await send(new sdk.DeleteOpenIDConnectProviderCommand({ OpenIDConnectProviderArn }));
  assert.equal(house.iam.oidcProvider('token.actions.githubusercontent.com'), undefined);
});

test("a service's own role is not the account's to change", async () => {
  const { Role } = await send(
    new sdk.CreateServiceLinkedRoleCommand({ AWSServiceName: 'replication.dynamodb.amazonaws.com' }),
  );
  const RoleName = Role!.RoleName!;
  assert.equal(
    Role?.Arn,
    `${ACCOUNT}:role/aws-service-role/replication.dynamodb.amazonaws.com/AWSServiceRoleForDynamoDBReplication`,
  );
  const protectedRole = /^Cannot perform the operation on the protected role/;
  await fails(send(new sdk.DeleteRoleCommand({ RoleName })), 'UnmodifiableEntityException', protectedRole);
  await fails(
    send(new sdk.PutRolePolicyCommand({ RoleName, PolicyName: 'p', PolicyDocument: READ })),
    'UnmodifiableEntityException',
    protectedRole,
  );
  const { DeletionTaskId } = await send(new sdk.DeleteServiceLinkedRoleCommand({ RoleName }));
  const status = await send(new sdk.GetServiceLinkedRoleDeletionStatusCommand({ DeletionTaskId }));
  assert.equal(status.Status, 'SUCCEEDED');
});

test('the account is summed up, and told whole page by page', async () => {
  const { SummaryMap } = await send(new sdk.GetAccountSummaryCommand({}));
  assert.equal(SummaryMap?.UsersQuota, 5000);
  const users = await send(new sdk.ListUsersCommand({}));
  assert.equal(SummaryMap?.Users, users.Users?.length);
  const seen: string[] = [];
  for await (const page of sdk.paginateGetAccountAuthorizationDetails({ client: house.client, pageSize: 7 }, {})) {
    seen.push(
      ...page.UserDetailList!.map(({ UserName }) => UserName!),
      ...page.RoleDetailList!.map(({ RoleName }) => RoleName!),
    );
  }
  const roles = await send(new sdk.ListRolesCommand({}));
  const all = [...users.Users!.map(({ UserName }) => UserName!), ...roles.Roles!.map(({ RoleName }) => RoleName!)];
  assert.deepEqual(seen.sort(), all.sort());
  await send(new sdk.CreateAccountAliasCommand({ AccountAlias: 'plant-7' }));
  await house.reopen();
  assert.deepEqual((await send(new sdk.ListAccountAliasesCommand({}))).AccountAliases, ['plant-7']);
});

test('names differ by more than case', async () => {
  await send(new sdk.CreateUserCommand({ UserName: 'Grace' }));
  await fails(
    send(new sdk.CreateUserCommand({ UserName: 'grace' })),
    'EntityAlreadyExistsException',
    'User with name grace already exists.',
  );
});

test('changes that are made at the same time do not lose each other', async () => {
  const RoleName = 'busy';
  await send(new sdk.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: TRUST }));
  const names = Array.from({ length: 20 }, (_, index) => `p${index}`);
  await Promise.all(
    names.map((PolicyName) => send(new sdk.PutRolePolicyCommand({ RoleName, PolicyName, PolicyDocument: READ }))),
  );
  await house.reopen();
  const { PolicyNames } = await send(new sdk.ListRolePoliciesCommand({ RoleName }));
  assert.deepEqual(PolicyNames, names.sort());
});

test('data of a release without groups and policies is read', async () => {
  const value = (entity: object) => Buffer.from(JSON.stringify(entity));
  await using old = await House.open(async (records) => {
    const user = { name: 'old', id: 'AIDAOLD', arn: `${ACCOUNT}:user/old`, path: '/', createdAt: 1, tags: {} };
    const key = { accessKeyId: 'AKIAOLD', secret: 's', userName: 'old', active: true, createdAt: 1 };
    const role = {
      ...{ name: 'r', id: 'AROAOLD', arn: `${ACCOUNT}:role/r`, path: '/', createdAt: 1, trustPolicy: TRUST },
      ...{ maxSessionSeconds: 3600, tags: {}, inlinePolicies: { p: READ } },
      attachedPolicies: [`${ACCOUNT}:policy/never-made`],
    };
    await records.commit({
      writes: [
        { kind: 'put', space: 'iam-users', key: Buffer.from('old'), value: value(user) },
        { kind: 'put', space: 'iam-access-keys', key: Buffer.from('AKIAOLD'), value: value(key) },
        { kind: 'put', space: 'iam-roles', key: Buffer.from('r'), value: value(role) },
      ],
    });
  });
  assert.equal(old.iam.secretFor('AKIAOLD')?.caller.arn, `${ACCOUNT}:user/old`);
  assert.deepEqual(old.iam.policiesOf(`${ACCOUNT}:user/old`)?.identity, []);
  assert.deepEqual(old.iam.policiesOf(`${ACCOUNT}:role/r`)?.identity, [{ name: 'p', from: 'role', text: READ }]);
  await old.client.send(new sdk.CreateGroupCommand({ GroupName: 'g' }));
  await old.client.send(new sdk.AddUserToGroupCommand({ GroupName: 'g', UserName: 'old' }));
  const PolicyArn = `${ACCOUNT}:policy/never-made`;
  await old.client.send(new sdk.DetachRolePolicyCommand({ RoleName: 'r', PolicyArn }));
});
