import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { conditionsOf, rightsOf, testRows } from '../../../test/support/permissions.ts';
import { formatTaskHandle, type MoveTask } from './move-task.ts';
import { sqsPermissions } from './permissions.ts';
import type { QueueState } from './queues.ts';

const ARN = 'arn:aws:sqs:eu-west-1:000000000000:orders';
const DEAD = 'arn:aws:sqs:eu-west-1:000000000000:dead';
const POLICY = '{"Statement":[]}';
const QueueUrl = 'http://127.0.0.1:4566/000000000000/orders';

const orders = {
  region: 'eu-west-1',
  name: 'orders',
  attributes: { Policy: POLICY },
  tags: { team: 'a' },
} as unknown as QueueState;

const permissions = sqsPermissions({
  find: (region, name) => (region === 'eu-west-1' && name === 'orders' ? orders : undefined),
  stateOf: (arn) => (arn === ARN ? orders : undefined),
  sourcesOf: (arn) => (arn === DEAD ? [orders] : []),
});

const task = formatTaskHandle({ id: '1', sourceArn: DEAD } as MoveTask);
const moving = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'].map((one) => `${one} ${DEAD}`);

describe('rights of SQS, as the Service Authorization Reference lists them', () => {
  testRows(
    () => permissions,
    [
      ['AddPermission', { QueueUrl }, [`sqs:AddPermission ${ARN}`]],
      ['CancelMessageMoveTask', { TaskHandle: task }, [`sqs:CancelMessageMoveTask ${DEAD}`, ...moving]],
      ['ChangeMessageVisibility', { QueueUrl }, [`sqs:ChangeMessageVisibility ${ARN}`]],
      ['ChangeMessageVisibilityBatch', { QueueUrl }, [`sqs:ChangeMessageVisibility ${ARN}`]],
      ['CreateQueue', { QueueName: 'orders' }, [`sqs:CreateQueue ${ARN}`]],
      ['CreateQueue', { QueueName: 'orders', tags: { a: 'b' } }, [`sqs:CreateQueue ${ARN}`, `sqs:TagQueue ${ARN}`]],
      ['DeleteMessage', { QueueUrl }, [`sqs:DeleteMessage ${ARN}`]],
      ['DeleteMessageBatch', { QueueUrl }, [`sqs:DeleteMessage ${ARN}`]],
      ['DeleteQueue', { QueueUrl }, [`sqs:DeleteQueue ${ARN}`]],
      ['GetQueueAttributes', { QueueUrl }, [`sqs:GetQueueAttributes ${ARN}`]],
      ['GetQueueUrl', { QueueName: 'orders' }, [`sqs:GetQueueUrl ${ARN}`]],
      ['ListDeadLetterSourceQueues', { QueueUrl }, [`sqs:ListDeadLetterSourceQueues ${ARN}`]],
      ['ListMessageMoveTasks', { SourceArn: DEAD }, [`sqs:ListMessageMoveTasks ${DEAD}`, ...moving]],
      ['ListQueueTags', { QueueUrl }, [`sqs:ListQueueTags ${ARN}`]],
      ['ListQueues', {}, ['sqs:ListQueues *']],
      ['PurgeQueue', { QueueUrl }, [`sqs:PurgeQueue ${ARN}`]],
      ['ReceiveMessage', { QueueUrl }, [`sqs:ReceiveMessage ${ARN}`]],
      ['RemovePermission', { QueueUrl }, [`sqs:RemovePermission ${ARN}`]],
      ['SendMessage', { QueueUrl }, [`sqs:SendMessage ${ARN}`]],
      ['SendMessageBatch', { QueueUrl }, [`sqs:SendMessage ${ARN}`]],
      ['SetQueueAttributes', { QueueUrl }, [`sqs:SetQueueAttributes ${ARN}`]],
      [
        'StartMessageMoveTask',
        { SourceArn: DEAD },
        [`sqs:StartMessageMoveTask ${DEAD}`, ...moving, `sqs:SendMessage ${ARN}`],
      ],
      [
        'StartMessageMoveTask',
        { SourceArn: DEAD, DestinationArn: 'arn:aws:sqs:eu-west-1:000000000000:other' },
        [`sqs:StartMessageMoveTask ${DEAD}`, ...moving, 'sqs:SendMessage arn:aws:sqs:eu-west-1:000000000000:other'],
      ],
      ['TagQueue', { QueueUrl, Tags: { a: 'b' } }, [`sqs:TagQueue ${ARN}`]],
      ['UntagQueue', { QueueUrl, TagKeys: ['a'] }, [`sqs:UntagQueue ${ARN}`]],
      // Queues that do not exist have the ARN that they would have, and what is no URL is the operation's to refuse.
      [
        'SendMessage',
        { QueueUrl: 'http://other:1/000000000000/gone' },
        ['sqs:SendMessage arn:aws:sqs:eu-west-1:000000000000:gone'],
      ],
      [
        'SendMessage',
        { QueueUrl: 'what is this' },
        ['sqs:SendMessage arn:aws:sqs:eu-west-1:000000000000:what is this'],
      ],
    ],
  );

  it('the policy of a queue has its say in each call on it', async () => {
    const [right] = await rightsOf(permissions, 'SendMessage', { QueueUrl });
    assert.equal(right!.resourcePolicy, POLICY);
  });

  it('conditions may ask of tags: those of the queue, those that are given, and the keys of those that go', async () => {
    assert.deepEqual(await conditionsOf(permissions, 'SendMessage', { QueueUrl }), { 'aws:ResourceTag/team': 'a' });
    assert.deepEqual(await conditionsOf(permissions, 'TagQueue', { QueueUrl, Tags: { cost: '7' } }), {
      'aws:ResourceTag/team': 'a',
      'aws:RequestTag/cost': '7',
      'aws:TagKeys': ['cost'],
    });
    assert.deepEqual(await conditionsOf(permissions, 'UntagQueue', { QueueUrl, TagKeys: ['team'] }), {
      'aws:ResourceTag/team': 'a',
      'aws:TagKeys': ['team'],
    });
    assert.deepEqual(await conditionsOf(permissions, 'CreateQueue', { QueueName: 'new', tags: { cost: '7' } }), {
      'aws:RequestTag/cost': '7',
      'aws:TagKeys': ['cost'],
    });
  });
});
