import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { conditionsOf, rightsOf, testRows } from '../../../test/support/permissions.ts';
import type { Topic } from './model.ts';
import { snsPermissions } from './permissions.ts';

const ARN = 'arn:aws:sns:eu-west-1:000000000000:alarms';
const SUBSCRIPTION = `${ARN}:6b0e71bd-7e97-4d97-80ce-4a0994e55286`;
const APPLICATION = 'arn:aws:sns:eu-west-1:000000000000:app/GCM/phones';
const ENDPOINT = 'arn:aws:sns:eu-west-1:000000000000:endpoint/GCM/phones/5e3e9847';
const POLICY = '{"Statement":[]}';

const alarms: Topic = {
  ...{ arn: ARN, name: 'alarms', region: 'eu-west-1' },
  attributes: { Policy: POLICY },
  tags: { team: 'a' },
};

const permissions = snsPermissions({ find: (arn) => (arn === ARN ? alarms : undefined) });

describe('rights of SNS, as the Service Authorization Reference lists them', () => {
  testRows(
    () => permissions,
    [
      ['AddPermission', { TopicArn: ARN }, [`sns:AddPermission ${ARN}`]],
      ['CheckIfPhoneNumberIsOptedOut', { phoneNumber: '+15550100' }, ['sns:CheckIfPhoneNumberIsOptedOut *']],
      ['ConfirmSubscription', { TopicArn: ARN, Token: 't' }, [`sns:ConfirmSubscription ${ARN}`]],
      [
        'CreatePlatformApplication',
        { Name: 'phones', Platform: 'GCM' },
        [`sns:CreatePlatformApplication ${APPLICATION}`],
      ],
      [
        'CreatePlatformEndpoint',
        { PlatformApplicationArn: APPLICATION },
        [`sns:CreatePlatformEndpoint ${APPLICATION}`],
      ],
      ['CreateSMSSandboxPhoneNumber', {}, ['sns:CreateSMSSandboxPhoneNumber *']],
      ['CreateTopic', { Name: 'alarms' }, [`sns:CreateTopic ${ARN}`]],
      [
        'CreateTopic',
        { Name: 'alarms', Tags: [{ Key: 'a', Value: 'b' }] },
        [`sns:CreateTopic ${ARN}`, `sns:TagResource ${ARN}`],
      ],
      ['DeleteEndpoint', { EndpointArn: ENDPOINT }, [`sns:DeleteEndpoint ${ENDPOINT}`]],
      [
        'DeletePlatformApplication',
        { PlatformApplicationArn: APPLICATION },
        [`sns:DeletePlatformApplication ${APPLICATION}`],
      ],
      ['DeleteSMSSandboxPhoneNumber', {}, ['sns:DeleteSMSSandboxPhoneNumber *']],
      ['DeleteTopic', { TopicArn: ARN }, [`sns:DeleteTopic ${ARN}`]],
      ['GetEndpointAttributes', { EndpointArn: ENDPOINT }, [`sns:GetEndpointAttributes ${ENDPOINT}`]],
      [
        'GetPlatformApplicationAttributes',
        { PlatformApplicationArn: APPLICATION },
        [`sns:GetPlatformApplicationAttributes ${APPLICATION}`],
      ],
      ['GetSMSAttributes', {}, ['sns:GetSMSAttributes *']],
      ['GetSMSSandboxAccountStatus', {}, ['sns:GetSMSSandboxAccountStatus *']],
      ['GetSubscriptionAttributes', { SubscriptionArn: SUBSCRIPTION }, [`sns:GetSubscriptionAttributes ${ARN}`]],
      ['GetTopicAttributes', { TopicArn: ARN }, [`sns:GetTopicAttributes ${ARN}`]],
      [
        'ListEndpointsByPlatformApplication',
        { PlatformApplicationArn: APPLICATION },
        [`sns:ListEndpointsByPlatformApplication ${APPLICATION}`],
      ],
      ['ListOriginationNumbers', {}, ['sns:ListOriginationNumbers *']],
      ['ListPhoneNumbersOptedOut', {}, ['sns:ListPhoneNumbersOptedOut *']],
      ['ListPlatformApplications', {}, ['sns:ListPlatformApplications *']],
      ['ListSMSSandboxPhoneNumbers', {}, ['sns:ListSMSSandboxPhoneNumbers *']],
      ['ListSubscriptions', {}, ['sns:ListSubscriptions *']],
      ['ListSubscriptionsByTopic', { TopicArn: ARN }, [`sns:ListSubscriptionsByTopic ${ARN}`]],
      ['ListTagsForResource', { ResourceArn: ARN }, [`sns:ListTagsForResource ${ARN}`]],
      ['ListTopics', {}, ['sns:ListTopics *']],
      ['OptInPhoneNumber', { phoneNumber: '+15550100' }, ['sns:OptInPhoneNumber *']],
      ['Publish', { TopicArn: ARN, Message: 'm' }, [`sns:Publish ${ARN}`]],
      ['Publish', { TargetArn: ENDPOINT, Message: 'm' }, [`sns:Publish ${ENDPOINT}`]],
      ['Publish', { PhoneNumber: '+15550100', Message: 'm' }, ['sns:Publish +15550100']],
      ['PublishBatch', { TopicArn: ARN, PublishBatchRequestEntries: [] }, [`sns:Publish ${ARN}`]],
      ['RemovePermission', { TopicArn: ARN }, [`sns:RemovePermission ${ARN}`]],
      ['SetEndpointAttributes', { EndpointArn: ENDPOINT }, [`sns:SetEndpointAttributes ${ENDPOINT}`]],
      [
        'SetPlatformApplicationAttributes',
        { PlatformApplicationArn: APPLICATION },
        [`sns:SetPlatformApplicationAttributes ${APPLICATION}`],
      ],
      ['SetSMSAttributes', {}, ['sns:SetSMSAttributes *']],
      ['SetSubscriptionAttributes', { SubscriptionArn: SUBSCRIPTION }, [`sns:SetSubscriptionAttributes ${ARN}`]],
      ['SetTopicAttributes', { TopicArn: ARN }, [`sns:SetTopicAttributes ${ARN}`]],
      ['Subscribe', { TopicArn: ARN, Protocol: 'sqs' }, [`sns:Subscribe ${ARN}`]],
      ['TagResource', { ResourceArn: ARN, Tags: [] }, [`sns:TagResource ${ARN}`]],
      ['Unsubscribe', { SubscriptionArn: SUBSCRIPTION }, [`sns:Unsubscribe ${ARN}`]],
      ['UntagResource', { ResourceArn: ARN, TagKeys: ['a'] }, [`sns:UntagResource ${ARN}`]],
      ['VerifySMSSandboxPhoneNumber', {}, ['sns:VerifySMSSandboxPhoneNumber *']],
    ],
  );

  it('the policy of a topic has its say in each call on it', async () => {
    for (const [operation, input] of [
      ['Publish', { TopicArn: ARN }],
      ['PublishBatch', { TopicArn: ARN }],
      ['Unsubscribe', { SubscriptionArn: SUBSCRIPTION }],
    ] as const) {
      assert.equal((await rightsOf(permissions, operation, input))[0]!.resourcePolicy, POLICY, operation);
    }
  });

  it('conditions may ask of what is subscribed', async () => {
    const input = { TopicArn: ARN, Protocol: 'https', Endpoint: 'https://example.com/hook' };
    assert.deepEqual(await conditionsOf(permissions, 'Subscribe', input), {
      'aws:ResourceTag/team': 'a',
      'sns:Protocol': 'https',
      'sns:Endpoint': 'https://example.com/hook',
    });
  });

  it('conditions may ask of tags that are given or taken away', async () => {
    const Tags = [{ Key: 'cost', Value: '7' }];
    assert.deepEqual(await conditionsOf(permissions, 'CreateTopic', { Name: 'new', Tags }), {
      'aws:RequestTag/cost': '7',
      'aws:TagKeys': ['cost'],
    });
    assert.deepEqual(await conditionsOf(permissions, 'UntagResource', { ResourceArn: ARN, TagKeys: ['team'] }), {
      'aws:ResourceTag/team': 'a',
      'aws:TagKeys': ['team'],
    });
  });
});
