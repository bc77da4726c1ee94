import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { conditionsOf, testRows } from '../../../test/support/permissions.ts';
import { IOT_DATA_PERMISSIONS, iotPermissions } from './permissions.ts';

const arn = (resource: string) => `arn:aws:iot:eu-west-1:000000000000:${resource}`;
const CERT = arn('cert/abc');
const ROLE = 'arn:aws:iam::000000000000:role/rules';

const permissions = iotPermissions({
  list: (resource) => (resource === arn('thinggroup/plant') ? [{ Key: 'team', Value: 'a' }] : []),
});

/** By resource type of the reference: how inputs name one, its ARN, and the operations on it. */
const TYPES: readonly (readonly [object, string, readonly string[]])[] = [
  [
    { certificateId: 'abc' },
    CERT,
    [
      ...['AcceptCertificateTransfer', 'CancelCertificateTransfer', 'DeleteCertificate', 'DescribeCertificate'],
      ...['RejectCertificateTransfer', 'TransferCertificate', 'UpdateCertificate'],
    ],
  ],
  [
    { certificateId: 'abc' },
    arn('cacert/abc'),
    ['DeleteCACertificate', 'DescribeCACertificate', 'UpdateCACertificate'],
  ],
  [
    { thingName: 'press' },
    arn('thing/press'),
    [
      ...['CreateThing', 'DeleteThing', 'DescribeThing', 'UpdateThing', 'ListThingGroupsForThing'],
      ...['ListThingPrincipals', 'ListThingPrincipalsV2', 'GetThingConnectivityData', 'UpdateThingGroupsForThing'],
    ],
  ],
  [
    { thingGroupName: 'plant' },
    arn('thinggroup/plant'),
    ['CreateThingGroup', 'DeleteThingGroup', 'DescribeThingGroup', 'ListThingsInThingGroup', 'UpdateThingGroup'],
  ],
  [
    { thingTypeName: 'press' },
    arn('thingtype/press'),
    ['CreateThingType', 'DeleteThingType', 'DeprecateThingType', 'DescribeThingType', 'UpdateThingType'],
  ],
  [
    { policyName: 'p' },
    arn('policy/p'),
    [
      ...['CreatePolicy', 'CreatePolicyVersion', 'DeletePolicy', 'DeletePolicyVersion', 'GetPolicy'],
      ...['GetPolicyVersion', 'ListPolicyVersions', 'ListTargetsForPolicy', 'SetDefaultPolicyVersion'],
    ],
  ],
  [
    { authorizerName: 'a' },
    arn('authorizer/a'),
    [
      ...['CreateAuthorizer', 'DeleteAuthorizer', 'DescribeAuthorizer', 'SetDefaultAuthorizer'],
      ...['TestInvokeAuthorizer', 'UpdateAuthorizer'],
    ],
  ],
  [
    { ruleName: 'r' },
    arn('rule/r'),
    [
      ...['CreateTopicRule', 'DeleteTopicRule', 'DisableTopicRule', 'EnableTopicRule', 'GetTopicRule'],
      ...['ReplaceTopicRule'],
    ],
  ],
  [
    { templateName: 't' },
    arn('provisioningtemplate/t'),
    [
      ...['CreateProvisioningClaim', 'CreateProvisioningTemplate', 'CreateProvisioningTemplateVersion'],
      ...['DeleteProvisioningTemplate', 'DeleteProvisioningTemplateVersion', 'DescribeProvisioningTemplate'],
      ...['DescribeProvisioningTemplateVersion', 'ListProvisioningTemplateVersions', 'UpdateProvisioningTemplate'],
    ],
  ],
  [
    { principal: CERT, target: CERT, thingName: 'press' },
    CERT,
    [
      ...['AttachPolicy', 'DetachPolicy', 'AttachPrincipalPolicy', 'DetachPrincipalPolicy', 'GetEffectivePolicies'],
      ...['ListPrincipalThings', 'ListPrincipalThingsV2', 'TestAuthorization', 'AttachThingPrincipal'],
      ...['DetachThingPrincipal'],
    ],
  ],
  [
    { resourceArn: arn('thinggroup/plant') },
    arn('thinggroup/plant'),
    ['ListTagsForResource', 'TagResource', 'UntagResource'],
  ],
];

const onAnything = [
  ...['ClearDefaultAuthorizer', 'CreateCertificateFromCsr', 'CreateKeysAndCertificate', 'DeleteRegistrationCode'],
  ...['DescribeDefaultAuthorizer', 'DescribeEndpoint', 'DescribeEventConfigurations', 'GetRegistrationCode'],
  ...['ListAttachedPolicies', 'ListAuthorizers', 'ListCACertificates', 'ListCertificates', 'ListCertificatesByCA'],
  ...['ListOutgoingCertificates', 'ListPolicies', 'ListPolicyPrincipals', 'ListPrincipalPolicies'],
  ...['ListProvisioningTemplates', 'ListThingGroups', 'ListThingTypes', 'ListThings', 'ListTopicRules'],
  ...['RegisterCACertificate', 'RegisterCertificate', 'RegisterCertificateWithoutCA', 'RegisterThing'],
  ...['UpdateEventConfigurations'],
];

describe('rights of IoT, as the Service Authorization Reference lists them', () => {
  testRows(
    () => permissions,
    [
      ...TYPES.flatMap(([input, resource, names]) =>
        names.map((name) => [name, input, [`iot:${name} ${resource}`]] as const),
      ),
      ...onAnything.map((name) => [name, {}, [`iot:${name} *`]] as const),
      ...['AddThingToThingGroup', 'RemoveThingFromThingGroup'].map(
        (name) =>
          [
            name,
            { thingName: 'press', thingGroupArn: arn('thinggroup/plant') },
            [`iot:${name} ${arn('thing/press')}`, `iot:${name} ${arn('thinggroup/plant')}`],
          ] as const,
      ),
      [
        'UpdateThingGroupsForThing',
        { thingName: 'press', thingGroupsToAdd: ['a'], thingGroupsToRemove: ['b'] },
        ['thing/press', 'thinggroup/a', 'thinggroup/b'].map((one) => `iot:UpdateThingGroupsForThing ${arn(one)}`),
      ],
      [
        'CreateTopicRule',
        {
          ruleName: 'r',
          topicRulePayload: {
            actions: [{ sqs: { roleArn: ROLE } }, { sns: { roleArn: ROLE } }],
            errorAction: { s3: { roleArn: `${ROLE}-errors` } },
          },
          tags: 'a=b',
        },
        [
          ...[`iot:CreateTopicRule ${arn('rule/r')}`, `iot:TagResource ${arn('rule/r')}`],
          ...[`iam:PassRole ${ROLE}`, `iam:PassRole ${ROLE}-errors`],
        ],
      ],
      ...['RegisterCACertificate', 'UpdateCACertificate'].map(
        (name) =>
          [
            name,
            { certificateId: 'c', registrationConfig: { templateBody: '{}', roleArn: ROLE } },
            [`iot:${name} ${name === 'UpdateCACertificate' ? arn('cacert/c') : '*'}`, `iam:PassRole ${ROLE}`],
          ] as const,
      ),
      [
        'CreateProvisioningTemplate',
        { templateName: 't', provisioningRoleArn: ROLE },
        [`iot:CreateProvisioningTemplate ${arn('provisioningtemplate/t')}`, `iam:PassRole ${ROLE}`],
      ],
      [
        'CreateThingGroup',
        { thingGroupName: 'new', tags: [{ Key: 'a', Value: 'b' }] },
        [`iot:CreateThingGroup ${arn('thinggroup/new')}`, `iot:TagResource ${arn('thinggroup/new')}`],
      ],
    ],
  );
  testRows(
    () => IOT_DATA_PERMISSIONS,
    [
      ['Publish', { topic: 'plant/1' }, [`iot:Publish ${arn('topic/plant/1')}`]],
      [
        'Publish',
        { topic: 'plant/1', retain: true },
        [`iot:Publish ${arn('topic/plant/1')}`, `iot:RetainPublish ${arn('topic/plant/1')}`],
      ],
      ['GetRetainedMessage', { topic: 'plant/1' }, [`iot:GetRetainedMessage ${arn('topic/plant/1')}`]],
      ['ListRetainedMessages', {}, ['iot:ListRetainedMessages *']],
      ...['DeleteConnection', 'GetConnection', 'ListSubscriptions'].map(
        (name) => [name, { clientId: 'press' }, [`iot:${name} ${arn('client/press')}`]] as const,
      ),
    ],
  );

  it('conditions may ask of tags and of the thing that a certificate is attached to', async () => {
    assert.deepEqual(await conditionsOf(permissions, 'DescribeThingGroup', { thingGroupName: 'plant' }), {
      'aws:ResourceTag/team': 'a',
    });
    assert.deepEqual(await conditionsOf(permissions, 'AttachThingPrincipal', { thingName: 'press', principal: CERT }), {
      'iot:thingArn': arn('thing/press'),
    });
  });
});
