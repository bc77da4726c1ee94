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
  DescribeThingCommand,
  DescribeThingGroupCommand,
  type IoTClient,
  ListTagsForResourceCommand,
  ListThingPrincipalsCommand,
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

function template(principal: string, attributes: object, description?: string): string {
  return JSON.stringify({
    Resources: {
      Plant: { Type: 'AWS::IoT::ThingGroup', Properties: { ThingGroupName: 'plant' } },
      Hall: {
        Type: 'AWS::IoT::ThingGroup',
        Properties: {
          ThingGroupName: 'hall',
          ParentGroupName: { Ref: 'Plant' },
          ...(description && { ThingGroupProperties: { ThingGroupDescription: description } }),
          Tags: [{ Key: 'site', Value: 'north' }],
        },
      },
      Pump: {
        Type: 'AWS::IoT::Thing',
        Properties: { ThingName: 'pump-1', AttributePayload: { Attributes: attributes } },
      },
      Key: {
        Type: 'AWS::IoT::ThingPrincipalAttachment',
        Properties: { ThingName: { Ref: 'Pump' }, Principal: principal },
      },
    },
    Outputs: { Arn: { Value: { 'Fn::GetAtt': ['Pump', 'Arn'] } } },
  });
}

test('a stack makes things with groups and certificates, changes them and takes them down', async () => {
  const { certificateArn } = await iot.send(new CreateKeysAndCertificateCommand({ setAsActive: true }));
  const StackName = 'fleet';
  const waiting = { client: cloudFormation, maxWaitTime: 30, minDelay: 1, maxDelay: 1 };
  const made = template(certificateArn!, { Serial: 'A1', line: '3' });
  await cloudFormation.send(new CreateStackCommand({ StackName, TemplateBody: made }));
  await waitUntilStackCreateComplete(waiting, { StackName });
  const pump = await iot.send(new DescribeThingCommand({ thingName: 'pump-1' }));
  assert.deepEqual(pump.attributes, { Serial: 'A1', line: '3' });
  assert.deepEqual((await iot.send(new ListThingPrincipalsCommand({ thingName: 'pump-1' }))).principals, [
    certificateArn,
  ]);
  const hall = await iot.send(new DescribeThingGroupCommand({ thingGroupName: 'hall' }));
  assert.equal(hall.thingGroupMetadata?.parentGroupName, 'plant');
  const { tags } = await iot.send(new ListTagsForResourceCommand({ resourceArn: hall.thingGroupArn }));
  assert.deepEqual(
    tags?.filter(({ Key }) => Key === 'site'),
    [{ Key: 'site', Value: 'north' }],
  );
  const changed = template(certificateArn!, { Serial: 'A2' }, 'Hall 1');
  await cloudFormation.send(new UpdateStackCommand({ StackName, TemplateBody: changed }));
  await waitUntilStackUpdateComplete(waiting, { StackName });
  assert.deepEqual((await iot.send(new DescribeThingCommand({ thingName: 'pump-1' }))).attributes, { Serial: 'A2' });
  const updated = await iot.send(new DescribeThingGroupCommand({ thingGroupName: 'hall' }));
  assert.equal(updated.thingGroupProperties?.thingGroupDescription, 'Hall 1');
  await cloudFormation.send(new DeleteStackCommand({ StackName }));
  await waitUntilStackDeleteComplete(waiting, { StackName });
  await assert.rejects(iot.send(new DescribeThingCommand({ thingName: 'pump-1' })), {
    name: 'ResourceNotFoundException',
  });
});
