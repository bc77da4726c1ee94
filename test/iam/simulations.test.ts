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
  const [result] = await principal({
    ...ask,
    ResourceArns: ['arn:aws:s3:::homes/alice/red', 'arn:aws:s3:::homes/bob/red'],
  });
  const each = result!.ResourceSpecificResults!.map(({ EvalResourceDecision }) => EvalResourceDecision);
  assert.deepEqual(each, ['allowed', 'implicitDeny']);
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

test('results come in pages, one an action, in the order of the question', async () => {
  const ask = { ActionNames: ['s3:PutObject', 's3:GetObject', 's3:DeleteObject'], ResourceArns: [PHOTO] };
  const client = house.client;
  const pages = sdk.paginateSimulatePrincipalPolicy({ client, pageSize: 2 }, { PolicySourceArn: ALICE, ...ask });
  const seen: string[][] = [];
  for await (const { EvaluationResults } of pages)
    seen.push(EvaluationResults!.map(({ EvalActionName, EvalDecision }) => `${EvalActionName} ${EvalDecision}`));
  assert.deepEqual(seen, [['s3:PutObject implicitDeny', 's3:GetObject allowed'], ['s3:DeleteObject implicitDeny']]);
});

test('of several resources the most restrictive decision is that of the action, and each has its own', async () => {
  const names = ['arn:aws:s3:::a/x', 'arn:aws:s3:::b/x', 'arn:aws:s3:::c/x'] as const;
  const allowed = { Effect: 'Allow', Action: 's3:GetObject', Resource: [names[0], names[2]] };
  const tagged = {
    ...{ Effect: 'Allow', Action: 's3:GetObject', Resource: names[1] },
    Condition: { StringEquals: { 's3:ExistingObjectTag/open': 'yes' } },
  };
  const denied = { Effect: 'Deny', Action: 's3:*', Resource: names[2] };
  const of = async (...statements: object[]) => {
    const PolicyInputList = [document(...statements)];
    const results = await custom({ PolicyInputList, ResourceArns: [...names] });
    assert.equal(results.length, 1);
    const [{ EvalResourceName, EvalDecision, ResourceSpecificResults, ...more }] = results as [
      (typeof results)[number],
    ];
    const each = ResourceSpecificResults!.map((one) => [one.EvalResourceName, one.EvalResourceDecision]);
    return {
      name: EvalResourceName,
      said: EvalDecision,
      each: Object.fromEntries(each),
      specific: ResourceSpecificResults!,
      ...more,
    };
  };
  const some = await of(allowed, tagged);
  assert.deepEqual([some.name, some.said], ['*', 'implicitDeny']);
  assert.deepEqual(some.each, { [names[0]]: 'allowed', [names[1]]: 'implicitDeny', [names[2]]: 'allowed' });
  assert.deepEqual(some.MatchedStatements, []);
  assert.deepEqual(
    some.specific.map((one) => one.MissingContextValues ?? []),
    [[], ['s3:ExistingObjectTag/open'], []],
  );
  assert.deepEqual(some.MissingContextValues, ['s3:ExistingObjectTag/open']);
  const refused = await of(allowed, tagged, denied);
  assert.deepEqual([refused.said, refused.each[names[2]]], ['explicitDeny', 'explicitDeny']);
  // Of several statements the one that denies is told alone.
  assert.equal(refused.MatchedStatements!.length, 1);
  const everything = await of({ Effect: 'Allow', Action: '*', Resource: '*' });
  assert.deepEqual([everything.said, everything.MatchedStatements!.length], ['allowed', 1]);
});

test('without resources, or with all of them, there are no results of each', async () => {
  for (const ResourceArns of [undefined, ['*']]) {
    const [result] = await custom({ ResourceArns });
    assert.deepEqual([result!.EvalResourceName, result!.ResourceSpecificResults ?? []], ['*', []]);
  }
});

test('a boundary is told of each resource, and of the action where it holds for all', async () => {
  const within = 'arn:aws:s3:::within/x';
  const boundary = document({ Effect: 'Allow', Action: 's3:*', Resource: within });
  const PolicyInputList = [document({ Effect: 'Allow', Action: '*', Resource: '*' })];
  const [result] = await custom({
    ...{ PolicyInputList, PermissionsBoundaryPolicyInputList: [boundary] },
    ResourceArns: [within, PHOTO],
  });
  const detail = (AllowedByPermissionsBoundary: boolean) => ({ AllowedByPermissionsBoundary });
  assert.deepEqual(result!.PermissionsBoundaryDecisionDetail, detail(false));
  const each = result!.ResourceSpecificResults!.map((one) => one.PermissionsBoundaryDecisionDetail);
  assert.deepEqual(each, [detail(true), detail(false)]);
});

test('values of context keys must be of their type, one unless it is a list', async () => {
  const entry = (ContextKeyType: sdk.ContextKeyTypeEnum, ...ContextKeyValues: string[]) => ({
    ContextEntries: [{ ContextKeyName: 'aws:x', ContextKeyType, ContextKeyValues }],
  });
  const good = [
    ...[entry('numeric', '-1.5'), entry('boolean', 'true'), entry('ip', '192.0.2.0/24'), entry('ip', '2001:db8::1')],
    ...[entry('date', '2026-01-01T00:00:00Z'), entry('stringList', 'a', 'b'), entry('numericList', '1', '2')],
  ];
  for (const one of good) await custom(one);
  const bad = [
    ...[entry('numeric', 'one'), entry('boolean', 'yes'), entry('ip', 'here'), entry('date', 'soon')],
    ...[entry('numericList', '1', 'two'), entry('string', 'a', 'b')],
  ];
  for (const one of bad) await assert.rejects(custom(one), { name: 'InvalidInputException' }, JSON.stringify(one));
});

test('a document that is none is refused', async () => {
  await assert.rejects(custom({ PolicyInputList: ['{"Statement":[{"Effect":"Perhaps"}]}'] }), {
    name: 'InvalidInputException',
  });
  await assert.rejects(custom({ ActionNames: ['not an action'] }), { name: 'InvalidInputException' });
});
