import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CloudFormation } from '@aws-sdk/client-cloudformation';
import { CloudWatchLogs } from '@aws-sdk/client-cloudwatch-logs';
import type { Node } from '../../src/node/index.ts';
import { temporaryDirectory } from '../support/directory.ts';
import { eventually } from '../support/eventually.ts';
import { devNode } from '../support/in-process.ts';

const scope = new AsyncDisposableStack();
let node: Node;
let stacks: CloudFormation;
let logs: CloudWatchLogs;

before(async () => {
  const { path } = scope.use(await temporaryDirectory());
  node = scope.use(await devNode(join(path, 'data')));
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const options = { endpoint: node.endpoint, region: 'us-east-1', credentials };
  stacks = new CloudFormation(options);
  logs = new CloudWatchLogs(options);
  scope.defer(() => [stacks, logs].forEach((client) => void client.destroy()));
});

after(() => scope.disposeAsync());

test('a log group of a stack is made with its class, key and protection, and an update changes the last two', async () => {
  const StackName = 'logging';
  const KmsKeyId = 'arn:aws:kms:us-east-1:000000000000:key/12345678-1234-1234-1234-123456789012';
  const template = (more: object) => {
    const Properties = { LogGroupName: 'kept', LogGroupClass: 'INFREQUENT_ACCESS', ...more };
    const Resources = { Group: { Type: 'AWS::Logs::LogGroup', Properties } };
    return { StackName, TemplateBody: JSON.stringify({ Resources }) };
  };
  const settled = async (status: string) => {
    const ask = async () => (await stacks.describeStacks({ StackName })).Stacks![0]!.StackStatus!;
    assert.equal(await eventually(ask, (now) => !now.endsWith('_IN_PROGRESS')), status);
  };
  const group = async () => {
    const { logGroups } = await logs.describeLogGroups({ logGroupNamePrefix: 'kept' });
    return logGroups!.map((one) => [one.logGroupClass, one.kmsKeyId, one.deletionProtectionEnabled]);
  };

  await stacks.createStack(template({ KmsKeyId, DeletionProtectionEnabled: true }));
  await settled('CREATE_COMPLETE');
  assert.deepEqual(await group(), [['INFREQUENT_ACCESS', KmsKeyId, true]]);
  await stacks.updateStack(template({ DeletionProtectionEnabled: 'false' }));
  await settled('UPDATE_COMPLETE');
  assert.deepEqual(await group(), [['INFREQUENT_ACCESS', undefined, false]]);

  await stacks.updateStack(template({ KmsKeyId, DeletionProtectionEnabled: 'true' }));
  await settled('UPDATE_COMPLETE');
  assert.deepEqual(await group(), [['INFREQUENT_ACCESS', KmsKeyId, true]]);
  await stacks.deleteStack({ StackName });
  await settled('DELETE_FAILED');
  await logs.putLogGroupDeletionProtection({ logGroupIdentifier: 'kept', deletionProtectionEnabled: false });
  await stacks.deleteStack({ StackName });
  await eventually(group, (left) => left.length === 0);
});
