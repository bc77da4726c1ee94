import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as sdk from '@aws-sdk/client-iam';
import { document, House, READ, TRUST } from './support.ts';

let house: House;

before(async () => {
  house = await House.open();
  const { client } = house;
  await client.send(new sdk.CreateUserCommand({ UserName: 'alice', Tags: [{ Key: 'team', Value: 'red' }] }));
  await client.send(new sdk.CreateGroupCommand({ GroupName: 'readers' }));
  await client.send(new sdk.AddUserToGroupCommand({ GroupName: 'readers', UserName: 'alice' }));
  await client.send(new sdk.PutGroupPolicyCommand({ GroupName: 'readers', PolicyName: 'reads', PolicyDocument: READ }));
  await client.send(new sdk.CreateRoleCommand({ RoleName: 'worker', AssumeRolePolicyDocument: TRUST }));
});
after(() => house?.[Symbol.asyncDispose]());

const PHOTO = 'arn:aws:s3:::photos/a.jpg';
const ALICE = 'arn:aws:iam::000000000000:user/alice';

async function principal(more: Partial<sdk.SimulatePrincipalPolicyCommandInput>) {
  const input = { PolicySourceArn: ALICE, ActionNames: ['s3:GetObject'], ResourceArns: [PHOTO], ...more };
  return (await house.client.send(new sdk.SimulatePrincipalPolicyCommand(input))).EvaluationResults!;
}

async function custom(more: Partial<sdk.SimulateCustomPolicyCommandInput>) {
  const input = { PolicyInputList: [READ], ActionNames: ['s3:GetObject'], ResourceArns: [PHOTO], ...more };
  return (await house.client.send(new sdk.SimulateCustomPolicyCommand(input))).EvaluationResults!;
}

test('what a group allows its members is told with the policy and the place of the statement', async () => {
  const [allowed, denied] = await principal({ ActionNames: ['s3:GetObject', 's3:PutObject'] });
  const start = READ.indexOf('[') + 2;
  assert.deepEqual(
    [allowed!.EvalActionName, allowed!.EvalResourceName, allowed!.EvalDecision, allowed!.MatchedStatements],
    [
      ...['s3:GetObject', PHOTO, 'allowed'],
      [
        {
          ...{ SourcePolicyId: 'reads', SourcePolicyType: 'group' },
          StartPosition: { Line: 1, Column: start },
          EndPosition: { Line: 1, Column: READ.length - 1 },
        },
      ],
    ],
  );
  assert.equal(allowed!.ResourceSpecificResults![0]!.EvalResourceDecision, 'allowed');
  assert.deepEqual([denied!.EvalDecision, denied!.MatchedStatements], ['implicitDeny', []]);
});

test('policies that are given count beside those that are attached, and an explicit deny names its statement', async () => {
  const text = JSON.stringify(JSON.parse(document({ Effect: 'Deny', Action: 's3:*', Resource: '*' })), null, 2);
  const [result] = await principal({ PolicyInputList: [text] });
  assert.equal(result!.EvalDecision, 'explicitDeny');
  assert.deepEqual(result!.MatchedStatements, [
    {
      ...{ SourcePolicyId: 'PolicyInputList.1', SourcePolicyType: 'none' },
      ...{ StartPosition: { Line: 4, Column: 5 }, EndPosition: { Line: 8, Column: 6 } },
    },
  ]);
});

test('values that are missing are named, and count when they are given', async () => {
  const Condition = { IpAddress: { 'aws:SourceIp': '192.0.2.0/24' } };
  const PolicyInputList = [document({ Effect: 'Allow', Action: 's3:GetObject', Resource: '*', Condition })];
  const [without] = await custom({ PolicyInputList });
  assert.deepEqual([without!.EvalDecision, without!.MissingContextValues], ['implicitDeny', ['aws:SourceIp']]);
  const entry = { ContextKeyName: 'aws:sourceip', ContextKeyType: 'ip' as const, ContextKeyValues: ['192.0.2.7'] };
  const [given] = await custom({ PolicyInputList, ContextEntries: [entry] });
  assert.deepEqual([given!.EvalDecision, given!.MissingContextValues ?? []], ['allowed', []]);
});

test('what is known of the principal need not be given', async () => {
  const Resource = 'arn:aws:s3:::homes/${aws:username}/${aws:PrincipalTag/team}';
  const PolicyInputList = [document({ Effect: 'Allow', Action: 's3:PutObject', Resource })];
  const ask = { PolicyInputList, ActionNames: ['s3:PutObject'] };
  const [own, other] = await principal({
    ...ask,
    ResourceArns: ['arn:aws:s3:::homes/alice/red', 'arn:aws:s3:::homes/bob/red'],
  });
  assert.deepEqual([own!.EvalDecision, other!.EvalDecision], ['allowed', 'implicitDeny']);
});

test('a boundary limits, its own or one that is given, and the result says so', async () => {
  const boundary = document({ Effect: 'Allow', Action: 's3:ListBucket', Resource: '*' });
  const [outside] = await principal({ PermissionsBoundaryPolicyInputList: [boundary] });
  assert.equal(outside!.EvalDecision, 'implicitDeny');
  assert.deepEqual(outside!.PermissionsBoundaryDecisionDetail, { AllowedByPermissionsBoundary: false });
  const [inside] = await principal({ PermissionsBoundaryPolicyInputList: [READ] });
  assert.equal(inside!.EvalDecision, 'allowed');
  assert.deepEqual(inside!.PermissionsBoundaryDecisionDetail, { AllowedByPermissionsBoundary: true });
});

test('a policy of the resource lets a named caller in, and asks who calls', async () => {
  const ResourcePolicy = document({
    Effect: 'Allow',
    Principal: { AWS: ALICE },
    Action: 's3:*',
    Resource: `${PHOTO}*`,
  });
  const nothing = { PolicyInputList: [document({ Effect: 'Allow', Action: 'sqs:*', Resource: '*' })] };
  await assert.rejects(custom({ ...nothing, ResourcePolicy }), { name: 'InvalidInputException' });
  const [named] = await custom({ ...nothing, ResourcePolicy, CallerArn: ALICE });
  assert.equal(named!.EvalDecision, 'allowed');
  assert.equal(named!.MatchedStatements![0]!.SourcePolicyType, 'resource');
  const [stranger] = await custom({ ...nothing, ResourcePolicy, CallerArn: 'arn:aws:iam::000000000000:user/bob' });
  assert.equal(stranger!.EvalDecision, 'implicitDeny');
});

test('roles and groups are principals too; who is not there is refused', async () => {
  const [group] = await principal({ PolicySourceArn: 'arn:aws:iam::000000000000:group/readers' });
  assert.equal(group!.EvalDecision, 'allowed');
  const [role] = await principal({ PolicySourceArn: 'arn:aws:iam::000000000000:role/worker' });
  assert.equal(role!.EvalDecision, 'implicitDeny');
  await assert.rejects(principal({ PolicySourceArn: 'arn:aws:iam::000000000000:user/nobody' }), {
    name: 'NoSuchEntityException',
  });
});

test('results come in pages, an action on a resource each, in the order of the question', async () => {
  const ask = { ActionNames: ['s3:GetObject', 's3:PutObject'], ResourceArns: [PHOTO, 'arn:aws:s3:::other/b'] };
  const client = house.client;
  const pages = sdk.paginateSimulatePrincipalPolicy({ client, pageSize: 3 }, { PolicySourceArn: ALICE, ...ask });
  const seen: string[][] = [];
  for await (const { EvaluationResults } of pages)
    seen.push(EvaluationResults!.map(({ EvalDecision }) => EvalDecision!));
  assert.deepEqual(seen, [['allowed', 'implicitDeny', 'implicitDeny'], ['implicitDeny']]);
});

test('a document that is none is refused', async () => {
  await assert.rejects(custom({ PolicyInputList: ['{"Statement":[{"Effect":"Perhaps"}]}'] }), {
    name: 'InvalidInputException',
  });
  await assert.rejects(custom({ ActionNames: ['not an action'] }), { name: 'InvalidInputException' });
});
