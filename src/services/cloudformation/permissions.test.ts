import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { conditionsOf, testRows } from '../../../test/support/permissions.ts';
import { cloudformationPermissions } from './permissions.ts';

const ID = 'arn:aws:cloudformation:eu-west-1:000000000000:stack/app/0a1b';
const GONE = 'arn:aws:cloudformation:eu-west-1:000000000000:stack/gone/*';
const CHANGES = 'arn:aws:cloudformation:eu-west-1:000000000000:changeSet/next/2c3d';
const ROLE = 'arn:aws:iam::000000000000:role/deployer';
const StackName = 'app';

const onStack = [
  ...['CancelUpdateStack', 'CreateChangeSet', 'CreateStack', 'DeleteChangeSet', 'DeleteStack', 'DescribeChangeSet'],
  ...['DescribeStackEvents', 'DescribeStackResource', 'DescribeStackResources', 'DescribeStacks', 'ExecuteChangeSet'],
  ...['GetTemplate', 'GetTemplateSummary', 'ListChangeSets', 'ListStackResources', 'UpdateStack'],
  ...['UpdateTerminationProtection'],
];
const onAnything = ['ListExports', 'ListImports', 'ListStacks', 'ValidateTemplate'];

const permissions = cloudformationPermissions(
  {
    find: (_region, name) => (name === StackName || name === ID ? ({ id: ID } as never) : undefined),
    definition: () => ({ tags: [{ Key: 'team', Value: 'a' }] }) as never,
    changeSets: {
      get: (_region, name) => {
        if (name !== CHANGES) throw new Error('none');
        return { stackId: ID } as never;
      },
    },
  },
  [...onStack, ...onAnything],
);

describe('rights of CloudFormation, as the Service Authorization Reference lists them', () => {
  testRows(
    () => permissions,
    [
      ...onStack.map((name) => [name, { StackName }, [`cloudformation:${name} ${ID}`]] as const),
      ...onAnything.map((name) => [name, {}, [`cloudformation:${name} *`]] as const),
      ['CreateStack', { StackName: 'gone' }, [`cloudformation:CreateStack ${GONE}`]],
      ['DescribeStacks', {}, ['cloudformation:DescribeStacks *']],
      ['GetTemplateSummary', { TemplateBody: '' }, ['cloudformation:GetTemplateSummary *']],
      ['ExecuteChangeSet', { ChangeSetName: CHANGES }, [`cloudformation:ExecuteChangeSet ${ID}`]],
      ...['CreateStack', 'UpdateStack', 'DeleteStack', 'CreateChangeSet'].map(
        (name) =>
          [name, { StackName, RoleARN: ROLE }, [`cloudformation:${name} ${ID}`, `iam:PassRole ${ROLE}`]] as const,
      ),
    ],
  );

  it('conditions may ask of the template, the role, the types and the change set', async () => {
    const input = {
      ...{ StackName, RoleARN: ROLE, TemplateURL: 'https://s3.amazonaws.com/t/a.yaml', ChangeSetName: 'next' },
      ...{ ResourceTypes: ['AWS::SQS::*'], Tags: [{ Key: 'cost', Value: '7' }] },
    };
    assert.deepEqual(await conditionsOf(permissions, 'CreateChangeSet', input), {
      'aws:ResourceTag/team': 'a',
      'cloudformation:RoleArn': ROLE,
      'cloudformation:TemplateUrl': 'https://s3.amazonaws.com/t/a.yaml',
      'cloudformation:ChangeSetName': 'next',
      'cloudformation:ResourceTypes': ['AWS::SQS::*'],
      'aws:RequestTag/cost': '7',
      'aws:TagKeys': ['cost'],
    });
  });
});
