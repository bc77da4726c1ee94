import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  CloudFormation,
  waitUntilStackCreateComplete,
  waitUntilStackDeleteComplete,
} from '@aws-sdk/client-cloudformation';
import { devNode } from '../support/in-process.ts';

/** Takes host and path of the URL alone, as the functions of CDK and osls do, that count on S3 behind it. */
const CODE = `
const https = require('https');
exports.handler = (event) => {
  const { hostname, pathname, search } = new URL(event.ResponseURL);
  const { StackId, RequestId, LogicalResourceId } = event;
  const body = JSON.stringify({ Status: 'SUCCESS', PhysicalResourceId: 'it', StackId, RequestId, LogicalResourceId, Data: { Answer: '42' } });
  const headers = { 'content-type': '', 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    https.request({ hostname, port: PORT, path: pathname + search, method: 'PUT', headers }, resolve).on('error', reject).end(body);
  });
};
`;

const template = (port: string) => ({
  Resources: {
    Role: {
      Type: 'AWS::IAM::Role',
      Properties: {
        AssumeRolePolicyDocument: {
          Version: '2012-10-17',
          Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
        },
      },
    },
    Maker: {
      Type: 'AWS::Lambda::Function',
      Properties: {
        Runtime: 'nodejs24.x',
        Handler: 'index.handler',
        Role: { 'Fn::GetAtt': ['Role', 'Arn'] },
        Code: { ZipFile: CODE.replace('PORT', port) },
      },
    },
    Thing: { Type: 'Custom::Thing', Properties: { ServiceToken: { 'Fn::GetAtt': ['Maker', 'Arn'] } } },
  },
  Outputs: { Answer: { Value: { 'Fn::GetAtt': ['Thing', 'Answer'] } } },
});

test('a custom resource may answer by HTTPS to the host of the URL alone, as on AWS', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-answers-'));
  try {
    await using node = await devNode(join(directory, 'data'));
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    const client = new CloudFormation({ endpoint: node.endpoint, region: 'us-east-1', credentials });
    const waiter = { client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 };
    for (const [StackName, port] of [
      ['unsaid', 'undefined'],
      ['said', '443'],
    ] as const) {
      const TemplateBody = JSON.stringify(template(port));
      await client.createStack({ StackName, TemplateBody, Capabilities: ['CAPABILITY_IAM'] });
      await waitUntilStackCreateComplete(waiter, { StackName });
      const { Stacks } = await client.describeStacks({ StackName });
      assert.equal(Stacks![0]!.Outputs![0]!.OutputValue, '42');
      await client.deleteStack({ StackName });
      await waitUntilStackDeleteComplete(waiter, { StackName });
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});
