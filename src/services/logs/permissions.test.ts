import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { conditionsOf, testRows } from '../../../test/support/permissions.ts';
import { logsPermissions } from './permissions.ts';

const GROUP = 'arn:aws:logs:eu-west-1:000000000000:log-group:/aws/lambda/resize';
const logGroupName = '/aws/lambda/resize';
const resize = { region: 'eu-west-1', name: logGroupName, createdAt: 0, tags: { team: 'a' } };

const permissions = logsPermissions({ list: () => [resize as never] });

describe('rights of CloudWatch Logs, as the Service Authorization Reference lists them', () => {
  testRows(
    () => permissions,
    [
      ...[
        ...['CreateLogGroup', 'DeleteLogGroup', 'PutRetentionPolicy', 'DeleteRetentionPolicy', 'DescribeLogStreams'],
        ...['FilterLogEvents', 'PutSubscriptionFilter', 'DeleteSubscriptionFilter', 'DescribeSubscriptionFilters'],
        ...['PutMetricFilter', 'DeleteMetricFilter', 'DescribeMetricFilters', 'AssociateKmsKey', 'DisassociateKmsKey'],
      ].map((name) => [name, { logGroupName }, [`logs:${name} ${GROUP}:log-stream:`]] as const),
      ...['CreateLogStream', 'DeleteLogStream', 'PutLogEvents', 'GetLogEvents'].map(
        (name) => [name, { logGroupName, logStreamName: 's/[1]' }, [`logs:${name} ${GROUP}:log-stream:s/[1]`]] as const,
      ),
      ['FilterLogEvents', { logGroupIdentifier: `${GROUP}:*` }, [`logs:FilterLogEvents ${GROUP}:log-stream:`]],
      ...['AssociateKmsKey', 'DisassociateKmsKey'].map(
        (name) => [name, { resourceIdentifier: GROUP }, [`logs:${name} ${GROUP}:log-stream:`]] as const,
      ),
      [
        'PutLogGroupDeletionProtection',
        { logGroupIdentifier: GROUP },
        [`logs:PutLogGroupDeletionProtection ${GROUP}:log-stream:`],
      ],
      ['ListLogGroups', {}, ['logs:ListLogGroups *']],
      ...['PutResourcePolicy', 'DeleteResourcePolicy', 'DescribeResourcePolicies'].map(
        (name) => [name, {}, [`logs:${name} *`]] as const,
      ),
      [
        'PutSubscriptionFilter',
        { logGroupName, roleArn: 'arn:aws:iam::000000000000:role/r' },
        [`logs:PutSubscriptionFilter ${GROUP}:log-stream:`, 'iam:PassRole arn:aws:iam::000000000000:role/r'],
      ],
      ['DescribeLogGroups', {}, ['logs:DescribeLogGroups arn:aws:logs:eu-west-1:000000000000:log-group::log-stream:']],
      [
        'CreateLogGroup',
        { logGroupName, tags: { a: 'b' } },
        [`logs:CreateLogGroup ${GROUP}:log-stream:`, `logs:TagResource ${GROUP}:log-stream:`],
      ],
      ...['ListTagsLogGroup', 'TagLogGroup', 'UntagLogGroup'].map(
        (name) => [name, { logGroupName }, [`logs:${name} ${GROUP}`]] as const,
      ),
      ...['ListTagsForResource', 'TagResource', 'UntagResource'].map(
        (name) => [name, { resourceArn: GROUP }, [`logs:${name} ${GROUP}`]] as const,
      ),
    ],
  );

  it('conditions may ask of tags', async () => {
    const tag = { 'aws:ResourceTag/team': 'a' };
    assert.deepEqual(await conditionsOf(permissions, 'GetLogEvents', { logGroupName, logStreamName: 's' }), tag);
    assert.deepEqual(await conditionsOf(permissions, 'TagLogGroup', { logGroupName, tags: { b: 'c' } }), {
      ...{ ...tag, 'aws:RequestTag/b': 'c', 'aws:TagKeys': ['b'] },
    });
    for (const input of [
      ['UntagLogGroup', { logGroupName, tags: ['b'] }],
      ['UntagResource', { resourceArn: GROUP, tagKeys: ['b'] }],
    ] as const) {
      assert.deepEqual(await conditionsOf(permissions, input[0], input[1]), { ...tag, 'aws:TagKeys': ['b'] });
    }
  });
});
