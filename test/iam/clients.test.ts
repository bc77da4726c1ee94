import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as cloudFormation from '@aws-sdk/client-cloudformation';
import * as iamSdk from '@aws-sdk/client-iam';
import type { Node } from '../../src/node/index.ts';
import { devNode } from '../support/in-process.ts';
import { run } from '../wire/support.ts';

const AWS = '/usr/bin/aws';
const PYTHON = '/usr/bin/python3';
const ACCOUNT = 'arn:aws:iam::000000000000';

let node: Node;
let directory: string;
let client: Record<'endpoint' | 'region', string> & { credentials: { accessKeyId: string; secretAccessKey: string } };
let iam: iamSdk.IAMClient;
let stacks: cloudFormation.CloudFormationClient;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-iam-'));
  node = await devNode(join(directory, 'data'));
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  client = { endpoint: node.endpoint, region: 'us-east-1', credentials };
  iam = new iamSdk.IAMClient(client);
  stacks = new cloudFormation.CloudFormationClient(client);
});

after(async () => {
  iam?.destroy();
  stacks?.destroy();
  await node?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

function environment(): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
    ENDPOINT: node.endpoint,
  };
}

const READ = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: '*' }],
};

/** What a template says of identities; `later` is its next form. */
function template(later: boolean): string {
  const trust = (principal: object) => ({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: principal, Action: ['sts:AssumeRole'] }],
  });
  const Resources = {
    Operators: {
      Type: 'AWS::IAM::Group',
      Properties: {
        Path: later ? '/shop/' : '/plant/',
        ManagedPolicyArns: ['arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess'],
        Policies: [{ PolicyName: 'own', PolicyDocument: READ }],
      },
    },
    Night: { Type: 'AWS::IAM::Group', Properties: { GroupName: 'night' } },
    Reader: { Type: 'AWS::IAM::ManagedPolicy', Properties: { PolicyDocument: READ, Groups: [{ Ref: 'Night' }] } },
    Ann: {
      Type: 'AWS::IAM::User',
      Properties: {
        UserName: 'ann',
        Groups: [{ Ref: later ? 'Night' : 'Operators' }],
        PermissionsBoundary: { Ref: 'Reader' },
        Tags: [{ Key: 'shift', Value: later ? 'night' : 'day' }],
      },
    },
    Bob: { Type: 'AWS::IAM::User', Properties: {} },
    Additions: {
      Type: 'AWS::IAM::UserToGroupAddition',
      Properties: { GroupName: { Ref: 'Night' }, Users: later ? [] : [{ Ref: 'Bob' }] },
    },
    Key: {
      Type: 'AWS::IAM::AccessKey',
      Properties: { UserName: { Ref: 'Ann' }, Status: later ? 'Inactive' : 'Active' },
    },
    AnnPolicy: {
      Type: 'AWS::IAM::UserPolicy',
      Properties: { UserName: { Ref: 'Ann' }, PolicyName: 'extra', PolicyDocument: JSON.stringify(READ) },
    },
    Deploy: {
      Type: 'AWS::IAM::Role',
      Properties: {
        AssumeRolePolicyDocument: trust({ AWS: { Ref: 'AWS::AccountId' } }),
        ManagedPolicyArns: ['arn:aws:iam::aws:policy/ReadOnlyAccess'],
      },
    },
    RolePolicy: {
      Type: 'AWS::IAM::RolePolicy',
      Properties: { RoleName: { Ref: 'Deploy' }, PolicyName: 'extra', PolicyDocument: READ },
    },
    Profile: { Type: 'AWS::IAM::InstanceProfile', Properties: { Roles: [{ Ref: 'Deploy' }] } },
    GitHub: {
      Type: 'AWS::IAM::OIDCProvider',
      Properties: {
        Url: 'https://token.actions.githubusercontent.com',
        ClientIdList: [later ? 'other' : 'sts.amazonaws.com'],
      },
    },
    Linked: { Type: 'AWS::IAM::ServiceLinkedRole', Properties: { AWSServiceName: 'events.amazonaws.com' } },
  };
  const Outputs = {
    Secret: { Value: { 'Fn::GetAtt': ['Key', 'SecretAccessKey'] } },
    Group: { Value: { 'Fn::GetAtt': ['Operators', 'Arn'] } },
    Provider: { Value: { Ref: 'GitHub' } },
    Linked: { Value: { 'Fn::GetAtt': ['Linked', 'RoleName'] } },
  };
  return JSON.stringify({ Resources, Outputs });
}

test('a stack makes, changes and removes every type of identity', async () => {
  const StackName = 'identities';
  const Capabilities: cloudFormation.Capability[] = ['CAPABILITY_NAMED_IAM'];
  const waiting = { client: stacks, maxWaitTime: 60, minDelay: 1, maxDelay: 1 };
  const outputs = async () => {
    const { Stacks } = await stacks.send(new cloudFormation.DescribeStacksCommand({ StackName }));
    return Object.fromEntries(Stacks![0]!.Outputs!.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]));
  };
  await stacks.send(new cloudFormation.CreateStackCommand({ StackName, TemplateBody: template(false), Capabilities }));
  await cloudFormation.waitUntilStackCreateComplete(waiting, { StackName });
  const made = await outputs();
  assert.equal(made.Secret?.length, 40);
  assert.match(made.Group!, /^arn:aws:iam::000000000000:group\/plant\/identities-Operators-/);
  assert.equal(made.Provider, `${ACCOUNT}:oidc-provider/token.actions.githubusercontent.com`);
  assert.equal(made.Linked, 'AWSServiceRoleForCloudWatchEvents');
  const groups = async () => (await iam.send(new iamSdk.ListGroupsForUserCommand({ UserName: 'ann' }))).Groups!;
  assert.match((await groups())[0]!.GroupName!, /^identities-Operators-/);
  const night = async () => (await iam.send(new iamSdk.GetGroupCommand({ GroupName: 'night' }))).Users!;
  assert.match((await night())[0]!.UserName!, /^identities-Bob-/);

  await stacks.send(new cloudFormation.UpdateStackCommand({ StackName, TemplateBody: template(true), Capabilities }));
  await cloudFormation.waitUntilStackUpdateComplete(waiting, { StackName });
  assert.deepEqual(
    (await groups()).map(({ GroupName }) => GroupName),
    ['night'],
  );
  assert.deepEqual(
    (await night()).map(({ UserName }) => UserName),
    ['ann'],
  );
  const { AccessKeyMetadata } = await iam.send(new iamSdk.ListAccessKeysCommand({ UserName: 'ann' }));
  assert.deepEqual(
    AccessKeyMetadata?.map(({ Status }) => Status),
    ['Inactive'],
  );
  const { User } = await iam.send(new iamSdk.GetUserCommand({ UserName: 'ann' }));
  assert.deepEqual(User?.Tags, [{ Key: 'shift', Value: 'night' }]);
  assert.match((await outputs()).Group!, /:group\/shop\//);

  await stacks.send(new cloudFormation.DeleteStackCommand({ StackName }));
  await cloudFormation.waitUntilStackDeleteComplete(waiting, { StackName });
  const { SummaryMap } = await iam.send(new iamSdk.GetAccountSummaryCommand({}));
  const { Users, Groups, Roles, Policies, InstanceProfiles, Providers } = SummaryMap!;
  assert.deepEqual(
    { Users, Groups, Roles, Policies, InstanceProfiles, Providers },
    {
      ...{ Users: 0, Groups: 0, Roles: 0, Policies: 0, InstanceProfiles: 0, Providers: 0 },
    },
  );
});

const SCRIPT = `
import boto3, json, os
from botocore.exceptions import ClientError
iam = boto3.resource('iam', endpoint_url=os.environ['ENDPOINT'])
client = iam.meta.client
read = dict(Version='2012-10-17', Statement=[dict(Effect='Allow', Action='s3:GetObject', Resource='*')])
group = iam.create_group(GroupName='boto')
user = iam.create_user(UserName='boto', Tags=[dict(Key='a', Value='b')])
user.add_group(GroupName='boto')
assert [g.name for g in user.groups.all()] == ['boto']
policy = iam.create_policy(PolicyName='boto', PolicyDocument=json.dumps(read))
group.attach_policy(PolicyArn=policy.arn)
policy.reload()
assert policy.attachment_count == 1 and [g.name for g in policy.attached_groups.all()] == ['boto']
# boto3 decodes the documents of answers itself.
assert policy.default_version.document == read
key = user.create_access_key_pair()
assert len(key.secret) == 40
assert client.list_access_keys(UserName='boto')['AccessKeyMetadata'][0]['AccessKeyId'] == key.id
assert client.list_mfa_devices(UserName='boto')['MFADevices'] == []
for wrong, code in [
    (lambda: client.get_group(GroupName='none'), 'NoSuchEntity'),
    (lambda: client.get_login_profile(UserName='boto'), 'NoSuchEntity'),
    (lambda: client.create_group(GroupName='boto'), 'EntityAlreadyExists'),
    (lambda: client.delete_policy(PolicyArn=policy.arn), 'DeleteConflict'),
    (lambda: client.put_user_policy(UserName='boto', PolicyName='p', PolicyDocument='{}'), 'MalformedPolicyDocument'),
    (lambda: client.create_user(UserName='a b'), 'ValidationError'),
]:
    try:
        wrong()
        raise SystemExit('no ' + code)
    except ClientError as error:
        assert error.response['Error']['Code'] == code, error
details = client.get_paginator('get_account_authorization_details').paginate(Filter=['User', 'Group'], PaginationConfig=dict(PageSize=1)).build_full_result()
assert [u['UserName'] for u in details['UserDetailList']] == ['boto'], details
assert details['GroupDetailList'][0]['AttachedManagedPolicies'][0]['PolicyArn'] == policy.arn, details
key.delete(); user.remove_group(GroupName='boto'); user.delete()
group.detach_policy(PolicyArn=policy.arn); group.delete(); policy.delete()
print('done')
`;

test('boto3 makes, reads and removes what IAM has', {
  skip: !existsSync(PYTHON) && 'python3 is not installed',
}, async () => {
  const { code, stdout, stderr } = await run(PYTHON, ['-c', SCRIPT], environment());
  assert.equal(code, 0, stderr);
  assert.equal(stdout, 'done\n');
});

test('the aws CLI waits for what it makes', { skip: !existsSync(AWS) && 'awscli is not installed' }, async () => {
  const aws = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(
      AWS,
      ['--endpoint-url', node.endpoint, '--output', 'json', 'iam', ...args],
      environment(),
    );
    assert.equal(code, 0, stderr);
    return stdout === '' ? undefined : JSON.parse(stdout);
  };
  const { Policy } = await aws('create-policy', '--policy-name', 'cli', '--policy-document', JSON.stringify(READ));
  await aws('wait', 'policy-exists', '--policy-arn', Policy.Arn);
  const got = await aws('get-policy-version', '--policy-arn', Policy.Arn, '--version-id', 'v1');
  assert.deepEqual(got.PolicyVersion.Document, READ);
  const listed = await aws('list-policies', '--scope', 'Local', '--max-items', '1');
  assert.deepEqual(
    listed.Policies.map(({ Arn }: { Arn: string }) => Arn),
    [Policy.Arn],
  );
  await aws('delete-policy', '--policy-arn', Policy.Arn);
});
