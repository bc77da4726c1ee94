import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStacksCommand,
  UpdateStackCommand,
} from '@aws-sdk/client-cloudformation';
import {
  GetFunctionConfigurationCommand,
  GetProvisionedConcurrencyConfigCommand,
  InvokeCommand,
  LambdaClient,
  ListLayerVersionsCommand,
  ListTagsCommand,
} from '@aws-sdk/client-lambda';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { startNode } from '../../src/node/index.ts';
import { zipOf } from '../support/clients.ts';
import { aMoment } from '../support/eventually.ts';

const template = (layerKey: string) => `
Transform: AWS::Serverless-2016-10-31
Resources:
  Shared:
    Type: AWS::Serverless::LayerVersion
    Properties: { ContentUri: s3://code/${layerKey}, CompatibleRuntimes: [nodejs24.x], RetentionPolicy: Delete }
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: layered
      Runtime: nodejs24.x
      Handler: index.handler
      InlineCode: "exports.handler = async () => require('/opt/word.js')"
      Role: arn:aws:iam::000000000000:role/layers
      Layers: [!Ref Shared]
      Architectures: [x86_64]
      EphemeralStorage: { Size: 600 }
      Tags: { 'millrace:egress': none }
      AutoPublishAlias: live
      ProvisionedConcurrencyConfig: { ProvisionedConcurrentExecutions: 1 }
`;

test('a stack has a layer, a function that uses it, and an alias whose environments stand ready', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-layers-'));
  try {
    const listen = { host: '127.0.0.1', httpPort: 0, mqttPort: 0, mode: 'dev', blankEnvironments: 1 } as const;
    await using node = await startNode({ dataDirectory: directory, ...listen });
    const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
    const options = { endpoint: node.endpoint, region: 'us-east-1', credentials, forcePathStyle: true };
    const [cloudFormation, lambda, s3] = [
      new CloudFormationClient(options),
      new LambdaClient(options),
      new S3Client(options),
    ];
    const send = (client: { send(command: any): Promise<any> }, command: any): Promise<any> => client.send(command);
    await send(s3, new CreateBucketCommand({ Bucket: 'code' }));
    for (const word of ['one', 'two']) {
      const Body = await zipOf({ 'word.js': `module.exports = '${word}';` });
      await send(s3, new PutObjectCommand({ Bucket: 'code', Key: `${word}.zip`, Body }));
    }
    const stack = { StackName: 's', Capabilities: ['CAPABILITY_AUTO_EXPAND' as const] };
    const settled = async (until: string) => {
      for (;;) {
        const { Stacks } = await send(cloudFormation, new DescribeStacksCommand({ StackName: 's' }));
        const { StackStatus, StackStatusReason } = Stacks[0];
        if (StackStatus === until) return;
        assert.match(StackStatus, /IN_PROGRESS$/, StackStatusReason);
        await aMoment();
      }
    };
    const said = async (Qualifier: string) => {
      const { Payload } = await send(lambda, new InvokeCommand({ FunctionName: 'layered', Qualifier }));
      return JSON.parse(Buffer.from(Payload).toString());
    };

    await send(cloudFormation, new CreateStackCommand({ ...stack, TemplateBody: template('one.zip') }));
    await settled('CREATE_COMPLETE');
    assert.equal(await said('live'), 'one');
    const shown = await send(lambda, new GetFunctionConfigurationCommand({ FunctionName: 'layered' }));
    assert.match(shown.Layers[0].Arn, /:layer:Shared:1$/);
    assert.deepEqual([shown.EphemeralStorage, shown.Architectures], [{ Size: 600 }, ['x86_64']]);
    const tags = await send(lambda, new ListTagsCommand({ Resource: shown.FunctionArn }));
    assert.equal(tags.Tags['millrace:egress'], 'none');
    const key = { FunctionName: 'layered', Qualifier: 'live' };
    const provisioned = await send(lambda, new GetProvisionedConcurrencyConfigCommand(key));
    assert.deepEqual([provisioned.Status, provisioned.AvailableProvisionedConcurrentExecutions], ['READY', 1]);

    await send(cloudFormation, new UpdateStackCommand({ ...stack, TemplateBody: template('two.zip') }));
    await settled('UPDATE_COMPLETE');
    assert.equal(await said('$LATEST'), 'two');
    // SAM publishes no version for a layer alone: the alias stays with the old one, which is deleted and serves on.
    assert.equal(await said('live'), 'one');
    const { LayerVersions } = await send(lambda, new ListLayerVersionsCommand({ LayerName: 'Shared' }));
    assert.deepEqual(
      LayerVersions.map(({ Version }: any) => Version),
      [2],
    );
    await send(cloudFormation, new DeleteStackCommand({ StackName: 's' }));
    for (const client of [cloudFormation, lambda, s3]) client.destroy();
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
