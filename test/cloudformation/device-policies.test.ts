import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  type CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  UpdateStackCommand,
  waitUntilStackCreateComplete,
  waitUntilStackDeleteComplete,
  waitUntilStackUpdateComplete,
} from '@aws-sdk/client-cloudformation';
import {
  CreateKeysAndCertificateCommand,
  DescribeAuthorizerCommand,
  GetPolicyCommand,
  type IoTClient,
  ListTargetsForPolicyCommand,
} from '@aws-sdk/client-iot';
import { type IotStage, openIotStage } from './iot-stage.ts';

let stage: IotStage;
let cloudFormation: CloudFormationClient;
let iot: IoTClient;

before(async () => {
  stage = await openIotStage();
  ({ cloudFormation, iot } = stage);
});

after(async () => {
  await stage?.[Symbol.asyncDispose]();
});

function template(principal: string, action: string, status: string): string {
  const Statement = [{ Effect: 'Allow', Action: action, Resource: '*' }];
  return JSON.stringify({
    Resources: {
      Policy: {
        Type: 'AWS::IoT::Policy',
        Properties: { PolicyName: 'plant', PolicyDocument: { Version: '2012-10-17', Statement } },
      },
      Attachment: {
        Type: 'AWS::IoT::PolicyPrincipalAttachment',
        Properties: { PolicyName: { Ref: 'Policy' }, Principal: principal },
      },
      Authorizer: {
        Type: 'AWS::IoT::Authorizer',
        Properties: {
          AuthorizerName: 'mine',
          AuthorizerFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:f',
          SigningDisabled: true,
          Status: status,
        },
      },
    },
  });
}

test('a stack makes, changes and deletes policies, their attachments and authorizers', async () => {
  const { certificateArn } = await iot.send(new CreateKeysAndCertificateCommand({ setAsActive: true }));
  const StackName = 'access';
  const wait = { client: cloudFormation, maxWaitTime: 30, minDelay: 1 };
  const make = (action: string, status: string) => ({
    StackName,
    TemplateBody: template(certificateArn!, action, status),
  });
  await cloudFormation.send(new CreateStackCommand(make('iot:Connect', 'ACTIVE')));
  await waitUntilStackCreateComplete(wait, { StackName });
  const targets = await iot.send(new ListTargetsForPolicyCommand({ policyName: 'plant' }));
  assert.deepEqual(targets.targets, [certificateArn]);

  // One version more than there may be: old ones make room.
  for (const action of ['iot:Publish', 'iot:Subscribe', 'iot:Receive', 'iot:Connect', 'iot:*']) {
    await cloudFormation.send(new UpdateStackCommand(make(action, 'INACTIVE')));
    await waitUntilStackUpdateComplete(wait, { StackName });
  }
  const policy = await iot.send(new GetPolicyCommand({ policyName: 'plant' }));
  assert.equal(policy.defaultVersionId, '6');
  assert.match(policy.policyDocument!, /iot:\*/);
  const described = await iot.send(new DescribeAuthorizerCommand({ authorizerName: 'mine' }));
  assert.equal(described.authorizerDescription!.status, 'INACTIVE');

  await cloudFormation.send(new DeleteStackCommand({ StackName }));
  await waitUntilStackDeleteComplete(wait, { StackName });
  await assert.rejects(iot.send(new GetPolicyCommand({ policyName: 'plant' })), { name: 'ResourceNotFoundException' });
  const gone = iot.send(new DescribeAuthorizerCommand({ authorizerName: 'mine' }));
  await assert.rejects(gone, { name: 'ResourceNotFoundException' });
});
