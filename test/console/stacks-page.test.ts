import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CloudFormation, waitUntilStackCreateComplete } from '@aws-sdk/client-cloudformation';
import type { Page } from 'playwright-core';
import { CREDENTIALS, type House, openHouse } from '../http-apis/support.ts';
import { openBrowser, skip } from './browser.ts';

const { onPage } = openBrowser();
const wide = { viewport: { width: 1440, height: 900 } } as const;

const TEMPLATE = `
Description: Orders and their queue
Parameters:
  Name: { Type: String, Default: orders }
Resources:
  Orders:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Ref Name
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]
      KeySchema: [{ AttributeName: id, KeyType: HASH }]
  Queue: { Type: AWS::SQS::Queue }
Outputs:
  QueueUrl: { Value: !Ref Queue, Export: { Name: orders-queue } }
`;

const BROKEN = `
Resources:
  Queue: { Type: AWS::SQS::Queue }
  Function:
    Type: AWS::Lambda::Function
    DependsOn: Queue
    Properties:
      Runtime: nodejs24.x
      Handler: index.handler
      Role: arn:aws:iam::000000000000:role/r
      Code: { S3Bucket: nowhere, S3Key: nothing.zip }
`;

let house: House;
let stacks: CloudFormation;

before(async () => {
  if (skip) return;
  house = await openHouse();
  stacks = new CloudFormation({ endpoint: house.node.endpoint, region: 'us-east-1', credentials: CREDENTIALS });
  await make('shop', TEMPLATE);
});

after(() => house?.[Symbol.asyncDispose]());

async function make(StackName: string, TemplateBody: string): Promise<void> {
  await stacks.createStack({ StackName, TemplateBody, Tags: [{ Key: 'team', Value: 'sales' }] });
  await waitUntilStackCreateComplete({ client: stacks, maxWaitTime: 30, minDelay: 1, maxDelay: 1 }, { StackName });
}

const open = (hash: string, body: (page: Page) => Promise<void>) =>
  onPage({ ...wide, url: `${house.node.endpoint}/_millrace/console/`, hash }, body);
const part = (page: Page, name: string) => page.getByText(name, { exact: true }).click();

test('a stack shows its resources, events, outputs, parameters and template', { skip }, async () => {
  await open('#stacks', async (page) => {
    await page.getByRole('row', { name: /shop CREATE_COMPLETE .* Orders and their queue/ }).waitFor();
    await page.getByRole('link', { name: 'shop' }).click();
    await page.getByRole('row', { name: /Queue AWS::SQS::Queue CREATE_COMPLETE http/ }).waitFor();
    await part(page, 'Events');
    const events = page.getByRole('list', { name: 'Events' }).getByRole('listitem');
    assert.match((await events.first().textContent())!, /CREATE_COMPLETEshop/);
    await part(page, 'Outputs');
    await page.getByRole('row', { name: /QueueUrl http\S+ orders-queue/ }).waitFor();
    await part(page, 'Parameters');
    await page.getByRole('row', { name: 'Name orders –' }).waitFor();
    await page.getByRole('row', { name: 'team sales' }).waitFor();
    await part(page, 'Template');
    await page.locator('pre.template').filter({ hasText: 'Description: Orders and their queue' }).waitFor();
    await part(page, 'Resources');
    await page.getByRole('link', { name: 'orders' }).click();
    await page.getByRole('heading', { name: 'orders' }).waitFor();
    assert.match(page.url(), /#tables\/orders$/);
  });
});

test('on a phone a long description makes its row a few lines high, and the table scrolls', { skip }, async () => {
  const phone = {
    viewport: { width: 420, height: 800 },
    url: `${house.node.endpoint}/_millrace/console/`,
    hash: '#stacks',
  };
  const Description = 'What this stack is good for, in as many words as people write who like to explain. '.repeat(2);
  const TemplateBody = JSON.stringify({ Description, Resources: { Queue: { Type: 'AWS::SQS::Queue' } } });
  await stacks.createStack({ StackName: 'worded', TemplateBody });
  await onPage(phone, async (page) => {
    const row = page.getByRole('row', { name: /^worded/ });
    await row.waitFor();
    const { height } = (await row.boundingBox())!;
    assert.ok(height < 200, `${height} pixels`);
  });
  await stacks.deleteStack({ StackName: 'worded' });
});

test('events appear as they come, and a failure says why', { skip }, async () => {
  await open('#stacks', async (page) => {
    await page.getByRole('link', { name: 'shop' }).waitFor();
    await stacks.createStack({ StackName: 'broken', TemplateBody: BROKEN });
    await page.getByRole('link', { name: 'broken' }).click();
    await part(page, 'Events');
    await page.getByRole('listitem').filter({ hasText: 'ROLLBACK_COMPLETEbroken' }).waitFor();
    const failed = page.getByRole('listitem').filter({ hasText: /CREATE_FAILED\s*Function/ });
    assert.match((await failed.textContent())!, /NoSuchKey/);
    await page.getByText('ROLLBACK_COMPLETE').first().waitFor();
    await stacks.deleteStack({ StackName: 'broken' });
    await page.getByRole('listitem').filter({ hasText: 'DELETE_COMPLETEbroken' }).waitFor();
  });
});
