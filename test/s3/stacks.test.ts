import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  CloudFormation,
  waitUntilStackCreateComplete,
  waitUntilStackDeleteComplete,
  waitUntilStackUpdateComplete,
} from '@aws-sdk/client-cloudformation';
import * as s3 from '@aws-sdk/client-s3';
import { SQS } from '@aws-sdk/client-sqs';
import { devNode } from '../support/in-process.ts';

const Rules = { OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerPreferred' }] } };

/** A bucket with every property that is a setting, and a function that its events go to. */
const TEMPLATE = {
  Transform: 'AWS::Serverless-2016-10-31',
  Parameters: { Age: { Type: 'Number', Default: 30 } },
  Resources: {
    Uploads: {
      Type: 'AWS::S3::Bucket',
      Properties: {
        BucketName: 'stack-uploads',
        ...Rules,
        PublicAccessBlockConfiguration: { BlockPublicAcls: false, IgnorePublicAcls: false, BlockPublicPolicy: 'true' },
        AccessControl: 'PublicRead',
        ObjectLockEnabled: true,
        ObjectLockConfiguration: {
          ObjectLockEnabled: 'Enabled',
          Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: '1' } },
        },
        VersioningConfiguration: { Status: 'Enabled' },
        CorsConfiguration: {
          CorsRules: [
            { Id: 'all', AllowedMethods: ['GET'], AllowedOrigins: ['*'], ExposedHeaders: ['etag'], MaxAge: '60' },
          ],
        },
        LifecycleConfiguration: {
          TransitionDefaultMinimumObjectSize: 'varies_by_storage_class',
          Rules: [
            {
              Id: 'old',
              Status: 'Enabled',
              Prefix: 'tmp/',
              TagFilters: [{ Key: 'keep', Value: 'no' }],
              ExpirationInDays: { Ref: 'Age' },
              NoncurrentVersionExpiration: { NoncurrentDays: 3, NewerNoncurrentVersions: 2 },
            },
            { Id: 'parts', Status: 'Enabled', AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 } },
          ],
        },
        WebsiteConfiguration: {
          IndexDocument: 'index.html',
          RoutingRules: [
            { RoutingRuleCondition: { KeyPrefixEquals: 'a/' }, RedirectRule: { ReplaceKeyPrefixWith: 'b/' } },
          ],
        },
        Tags: [{ Key: 'team', Value: 'plant' }],
      },
    },
    Results: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'stack-results' } },
    OnUpload: {
      Type: 'AWS::Serverless::Function',
      Properties: {
        Runtime: 'nodejs24.x',
        Handler: 'index.handler',
        InlineCode: 'exports.handler = async ({ Records: [{ eventName, s3 }] }) => `${eventName} ${s3.object.key}`;',
        EventInvokeConfig: {
          DestinationConfig: { OnSuccess: { Type: 'SQS', Destination: { 'Fn::GetAtt': ['Results', 'Arn'] } } },
        },
        Events: {
          Jpeg: {
            Type: 'S3',
            Properties: {
              Bucket: { Ref: 'Uploads' },
              Events: 's3:ObjectCreated:*',
              Filter: { S3Key: { Rules: [{ Name: 'suffix', Value: '.jpg' }] } },
            },
          },
        },
      },
    },
  },
  Outputs: { Url: { Value: { 'Fn::GetAtt': ['Uploads', 'WebsiteURL'] } } },
};

test('a SAM template makes a bucket with all its settings, whose events call a function', async () => {
  await using scope = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'millrace-bucket-stack-'));
  scope.defer(() => rm(directory, { recursive: true }));
  const node = scope.use(await devNode(directory));
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const options = { endpoint: node.endpoint, region: 'us-east-1', credentials };
  const stacks = scope.adopt(new CloudFormation(options), (client) => client.destroy());
  const client = scope.adopt(new s3.S3({ ...options, forcePathStyle: true }), (client) => client.destroy());
  const sqs = scope.adopt(new SQS(options), (client) => client.destroy());
  const StackName = 'buckets';
  const Capabilities = ['CAPABILITY_IAM' as const, 'CAPABILITY_AUTO_EXPAND' as const];
  const waiting = { client: stacks, maxWaitTime: 60, minDelay: 1, maxDelay: 1 };

  await stacks.createStack({ StackName, Capabilities, TemplateBody: JSON.stringify(TEMPLATE) });
  await waitUntilStackCreateComplete(waiting, { StackName });
  const Bucket = 'stack-uploads';
  const cors = await client.getBucketCors({ Bucket });
  assert.deepEqual(cors.CORSRules, [
    { ID: 'all', AllowedMethods: ['GET'], AllowedOrigins: ['*'], ExposeHeaders: ['etag'], MaxAgeSeconds: 60 },
  ]);
  const lifecycle = await client.getBucketLifecycleConfiguration({ Bucket });
  assert.equal(lifecycle.TransitionDefaultMinimumObjectSize, 'varies_by_storage_class');
  assert.deepEqual(lifecycle.Rules, [
    {
      ID: 'old',
      Status: 'Enabled',
      Filter: { And: { Prefix: 'tmp/', Tags: [{ Key: 'keep', Value: 'no' }] } },
      Expiration: { Days: 30 },
      NoncurrentVersionExpiration: { NoncurrentDays: 3, NewerNoncurrentVersions: 2 },
    },
    {
      ID: 'parts',
      Status: 'Enabled',
      Filter: {},
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
    },
  ]);
  assert.equal((await client.getBucketVersioning({ Bucket })).Status, 'Enabled');
  const lock = await client.getObjectLockConfiguration({ Bucket });
  assert.deepEqual(lock.ObjectLockConfiguration?.Rule, { DefaultRetention: { Mode: 'GOVERNANCE', Days: 1 } });
  assert.equal((await client.getBucketAcl({ Bucket })).Grants?.length, 2);
  const block = await client.getPublicAccessBlock({ Bucket });
  assert.equal(block.PublicAccessBlockConfiguration?.BlockPublicPolicy, true);
  const website = await client.getBucketWebsite({ Bucket });
  assert.deepEqual(website.RoutingRules, [
    { Condition: { KeyPrefixEquals: 'a/' }, Redirect: { ReplaceKeyPrefixWith: 'b/' } },
  ]);

  await client.putObject({ Bucket, Key: 'a b.jpg', Body: 'x' });
  const { QueueUrl } = await sqs.getQueueUrl({ QueueName: 'stack-results' });
  const { Messages } = await sqs.receiveMessage({ QueueUrl, WaitTimeSeconds: 20 });
  assert.equal(JSON.parse(Messages![0]!.Body!).responsePayload, 'ObjectCreated:Put a+b.jpg');

  // What is no longer in the template is taken away.
  const { Results, Uploads } = TEMPLATE.Resources;
  const { BucketName, ObjectLockEnabled, VersioningConfiguration } = Uploads.Properties;
  const Properties = { BucketName, ObjectLockEnabled, VersioningConfiguration };
  const smaller = { Resources: { Results, Uploads: { ...Uploads, DeletionPolicy: 'Retain', Properties } } };
  await stacks.updateStack({ StackName, TemplateBody: JSON.stringify(smaller) });
  await waitUntilStackUpdateComplete(waiting, { StackName });
  await assert.rejects(client.getBucketCors({ Bucket }), { name: 'NoSuchCORSConfiguration' });
  await assert.rejects(client.getBucketWebsite({ Bucket }), { name: 'NoSuchWebsiteConfiguration' });
  const { $metadata: _, ...events } = await client.getBucketNotificationConfiguration({ Bucket });
  assert.deepEqual(events, {});
  await stacks.deleteStack({ StackName });
  await waitUntilStackDeleteComplete(waiting, { StackName });
});
