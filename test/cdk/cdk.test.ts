import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CloudFormation } from '@aws-sdk/client-cloudformation';
import { DynamoDB } from '@aws-sdk/client-dynamodb';
import { Lambda } from '@aws-sdk/client-lambda';
import { S3 } from '@aws-sdk/client-s3';
import { SQS } from '@aws-sdk/client-sqs';
import type { Node } from '../../src/node/index.ts';
import { devNode } from '../support/in-process.ts';

/** CDK as npm has it, with the library that its CLI matches: `node scripts/setup.mjs --clients`. */
const PACKAGES = join(import.meta.dirname, '../../node_modules/.millrace-clients/aws-cdk/node_modules');
const CLI = join(PACKAGES, 'aws-cdk/bin/cdk');
const skip = !existsSync(CLI) && 'aws-cdk is not installed: node scripts/setup.mjs --clients';
const ACCOUNT = '000000000000';
/** Loading aws-cdk-lib alone takes seconds of a processor. */
const CDK_MS_MAX = 180_000;

let node: Node;
let root: string;
let app: string;

before(async () => {
  if (skip) return;
  root = await mkdtemp(join(tmpdir(), 'millrace-cdk-'));
  app = join(root, 'app');
  await cp(join(import.meta.dirname, 'app'), app, { recursive: true });
  await symlink(PACKAGES, join(app, 'node_modules'));
  await writeFile(join(app, 'cdk.json'), '{ "app": "node app.js" }');
  node = await devNode(join(root, 'data'));
});

after(async () => {
  await node?.[Symbol.asyncDispose]();
  if (root) await rm(root, { recursive: true });
});

/** Runs the CLI in the folder of the application, with an endpoint, keys and what Node has compiled of it; @returns all that it has printed. */
function cdk(...args: string[]): Promise<string> {
  const env = {
    PATH: process.env.PATH,
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
    HOME: root,
    AWS_ENDPOINT_URL: node.endpoint,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_REGION: 'us-east-1',
    CI: 'true',
    CDK_DISABLE_CLI_TELEMETRY: 'true',
  };
  const options = ['--no-color', '--no-notices', '--no-version-reporting'];
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [CLI, ...args, ...options],
      { cwd: app, env, timeout: CDK_MS_MAX },
      (error, out, err) => {
        if (error) reject(new Error(`cdk ${args.join(' ')} failed:\n${out}${err}`));
        else resolve(out + err);
      },
    );
  });
}

const clientOptions = () => ({
  endpoint: node.endpoint,
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
});

test('cdk bootstrap makes what deployments need', { skip }, async () => {
  assert.match(await cdk('bootstrap', `aws://${ACCOUNT}/us-east-1`), /bootstrapped\./);
});

test('cdk deploys, finds nothing to do, shows no differences and destroys all, objects included', {
  skip,
}, async () => {
  // The library is loaded once; the rest works on what it has written.
  await cdk('synth', '--quiet');
  const out = ['--app', 'cdk.out'];
  const deploy = () => cdk('deploy', ...out, '--require-approval', 'never', '--outputs-file', 'outputs.json');
  assert.match(await deploy(), /✅ {2}shop/);
  const { shop } = JSON.parse(await readFile(join(app, 'outputs.json'), 'utf8'));

  const dynamodb = new DynamoDB(clientOptions());
  const put = await fetch(`${node.endpoint}/_execute-api/${shop.HttpId}/orders/by-http`, { method: 'PUT' });
  assert.deepEqual([put.status, await put.json()], [200, { id: 'by-http' }]);
  const { Item } = await dynamodb.getItem({ TableName: shop.Table, Key: { id: { S: 'by-http' } } });
  assert.deepEqual(Item, { id: { S: 'by-http' } });

  assert.match(await deploy(), /shop \(no changes\)/);
  // Where it cannot make a change set, it fails rather than compare templates.
  assert.match(
    await cdk('diff', ...out, '--method', 'change-set'),
    /There were no differences|Number of stacks with differences: 0/,
  );

  const s3 = new S3(clientOptions());
  await s3.putObject({ Bucket: shop.Bucket, Key: 'left/behind', Body: 'x' });
  assert.match(await cdk('destroy', ...out, '--force'), /✅ {2}shop: destroyed/);
  const { Functions } = await new Lambda(clientOptions()).listFunctions({});
  const { Buckets } = await s3.listBuckets({});
  assert.deepEqual(Functions, []);
  assert.deepEqual(
    Buckets!.map(({ Name }) => Name),
    [`cdk-hnb659fds-assets-${ACCOUNT}-us-east-1`],
  );
});

/** A queue that CDK would make, and to which a stack is to come that is there already. */
const KEEPER = `
const { App, RemovalPolicy, Stack } = require('aws-cdk-lib');
const { Queue } = require('aws-cdk-lib/aws-sqs');
const stack = new Stack(new App(), 'keeper');
new Queue(stack, 'Jobs', { queueName: 'jobs', removalPolicy: RemovalPolicy.RETAIN });
`;

test('cdk imports a queue that was there before', { skip }, async () => {
  const { QueueUrl } = await new SQS(clientOptions()).createQueue({ QueueName: 'jobs' });
  await writeFile(join(app, 'keeper.js'), KEEPER);
  const own = ['keeper', '--app', 'node keeper.js'];
  await cdk('synth', ...own, '--quiet');
  const template = JSON.parse(await readFile(join(app, 'cdk.out/keeper.template.json'), 'utf8'));
  const [id] = Object.keys(template.Resources).filter((name) => name.startsWith('Jobs'));
  await writeFile(join(app, 'mapping.json'), JSON.stringify({ [id!]: { QueueUrl } }));
  await cdk('import', ...own, '--resource-mapping', 'mapping.json', '--force');
  const { Stacks } = await new CloudFormation(clientOptions()).describeStacks({ StackName: 'keeper' });
  assert.equal(Stacks![0]!.StackStatus, 'IMPORT_COMPLETE');
});
