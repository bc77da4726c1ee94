import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { IAM } from '@aws-sdk/client-iam';
import type { Page } from 'playwright-core';
import { CREDENTIALS, type House, openHouse } from '../http-apis/support.ts';
import { openBrowser, skip } from './browser.ts';

const { onPage } = openBrowser();
const wide = { viewport: { width: 1440, height: 900 } } as const;

const document = (...statements: readonly object[]) => JSON.stringify({ Version: '2012-10-17', Statement: statements });
const allow = (Action: unknown, Resource: unknown, more = {}) => ({ ...more, Effect: 'Allow', Action, Resource });

const ACCOUNT = 'arn:aws:iam::000000000000';
const ORDERS = 'arn:aws:dynamodb:us-east-1:000000000000:table/orders';

let house: House;

before(async () => {
  if (skip) return;
  house = await openHouse();
  await fill(new IAM({ endpoint: house.node.endpoint, region: 'us-east-1', credentials: CREDENTIALS }));
});

after(() => house?.[Symbol.asyncDispose]());

async function fill(iam: IAM): Promise<void> {
  const trust = { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' };
  const limit = document(allow(['dynamodb:*', 's3:*', 'logs:*'], '*'));
  await iam.createPolicy({ PolicyName: 'limit', PolicyDocument: limit });
  await iam.createRole({
    RoleName: 'orders-writer',
    AssumeRolePolicyDocument: document(trust),
    Description: 'What the order function runs as',
    PermissionsBoundary: `${ACCOUNT}:policy/limit`,
    Tags: [{ Key: 'team', Value: 'sales' }],
  });
  const RoleName = 'orders-writer';
  const ofOffice = { Condition: { IpAddress: { 'aws:SourceIp': '192.0.2.0/24' } } };
  const inline = document(
    allow(['dynamodb:PutItem', 'dynamodb:GetItem'], ORDERS, { Sid: 'Orders' }),
    { Sid: 'Keep', Effect: 'Deny', Action: 'dynamodb:DeleteTable', Resource: '*' },
    allow('sqs:SendMessage', '*'),
    allow('s3:GetObject', 'arn:aws:s3:::photos/*', { Sid: 'Office', ...ofOffice }),
  );
  // Laid out over several lines, so that places in it have lines too.
  const PolicyDocument = JSON.stringify(JSON.parse(inline), undefined, 2);
  await iam.putRolePolicy({ RoleName, PolicyName: 'orders', PolicyDocument });
  const PolicyArn = 'arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole';
  await iam.attachRolePolicy({ RoleName, PolicyArn });
  await iam.createUser({ UserName: 'alice' });
  await iam.createGroup({ GroupName: 'readers' });
  await iam.addUserToGroup({ GroupName: 'readers', UserName: 'alice' });
  const reads = document(allow('dynamodb:GetItem', '*'));
  await iam.putGroupPolicy({ GroupName: 'readers', PolicyName: 'reads', PolicyDocument: reads });
}

const open = (hash: string, body: (page: Page) => Promise<void>) =>
  onPage({ ...wide, url: `${house.node.endpoint}/_millrace/console/`, hash }, body);

test('a role is found and shows trust, inline and managed policies, and its boundary', { skip }, async () => {
  await open('#identities', async (page) => {
    await page.getByRole('row', { name: /alice user/ }).waitFor();
    await page.getByRole('searchbox', { name: 'Search identities' }).fill('lambda.amazon');
    await page.getByRole('row', { name: /alice user/ }).waitFor({ state: 'detached' });
    await page.getByRole('row', { name: /orders-writer role lambda.amazonaws.com .* What the order/ }).waitFor();
    await page.getByRole('link', { name: 'orders-writer' }).click();
    await page
      .getByRole('definition')
      .filter({ hasText: `${ACCOUNT}:role/orders-writer` })
      .waitFor();
    const section = (name: string) => page.getByRole('region', { name });
    assert.match((await section('Trust policy').locator('pre').textContent())!, /\n {6}"Effect": "Allow",\n/);
    const policies = section('Policies').locator('details');
    await policies.filter({ hasText: 'orders inline' }).filter({ hasText: '"Sid": "Keep"' }).waitFor();
    await policies.filter({ hasText: /AWSLambdaBasicExecutionRole managed by AWS, v\d/ }).waitFor();
    await section('Permissions boundary').filter({ hasText: 'limit boundary, managed, v1' }).waitFor();
  });
});

test('a user shows what its groups let it do', { skip }, async () => {
  await open('#identities/user/alice', async (page) => {
    await page.locator('details').filter({ hasText: 'reads inline, by group readers' }).waitFor();
    assert.equal(await page.getByRole('region', { name: 'Trust policy' }).count(), 0);
  });
});

test('the simulator says for each action and resource which statement decides', { skip }, async () => {
  await open('#identities/role/orders-writer', async (page) => {
    await page.getByRole('link', { name: 'Simulate' }).click();
    const principal = page.getByRole('combobox', { name: 'Principal' });
    assert.equal(await principal.inputValue(), `${ACCOUNT}:role/orders-writer`);
    await page
      .getByRole('textbox', { name: 'Actions' })
      .fill('dynamodb:GetItem, dynamodb:DeleteTable\ndynamodb:Scan,sqs:SendMessage');
    await page.getByRole('textbox', { name: 'Resource ARNs' }).fill(`${ORDERS}, ${ORDERS}/index/x`);
    await page.getByRole('button', { name: 'Simulate' }).click();
    await page.getByText('1 allowed, 5 implicit deny, 2 explicit deny').waitFor();
    const answers = page.getByRole('list', { name: 'Answers' }).getByRole('listitem');
    const first = (await answers.first().textContent())!;
    assert.match(first, /^allowed dynamodb:GetItem on \S+table\/ordersBy orders inline\{\n {2}"Sid": "Orders"/);
    const denied = answers.filter({ hasText: 'DeleteTable' });
    assert.match((await denied.first().textContent())!, /^explicit deny .*By orders inline.*"Sid": "Keep"/s);
    await answers.filter({ hasText: 'dynamodb:Scan' }).filter({ hasText: 'No statement allows it.' }).first().waitFor();
    await answers.filter({ hasText: 'sqs:SendMessage' }).filter({ hasText: 'boundary does not' }).first().waitFor();
  });
});

test('what is missing is named, and counts once it is given', { skip }, async () => {
  await open('#identities/simulator', async (page) => {
    await page.getByRole('combobox', { name: 'Principal' }).fill(`${ACCOUNT}:role/orders-writer`);
    await page.getByRole('textbox', { name: 'Actions' }).fill('s3:GetObject');
    await page.getByRole('textbox', { name: 'Resource ARNs' }).fill('arn:aws:s3:::photos/a,b.jpg');
    const simulate = page.getByRole('button', { name: 'Simulate' });
    await simulate.click();
    await page.getByText('1 implicit deny').waitFor();
    await page.getByRole('button', { name: 'aws:SourceIp' }).click();
    assert.equal(await page.getByRole('combobox', { name: 'Type of aws:SourceIp' }).inputValue(), 'ip');
    await page.getByRole('textbox', { name: 'Value of aws:SourceIp' }).fill('192.0.2.7');
    await simulate.click();
    await page.getByText('1 allowed').waitFor();
    await page.getByRole('listitem').filter({ hasText: '"Sid": "Office"' }).waitFor();
  });
});

test('a group answers for itself, and what cannot be asked is told', { skip }, async () => {
  await open('#identities/simulator', async (page) => {
    const principal = page.getByRole('combobox', { name: 'Principal' });
    await principal.fill(`${ACCOUNT}:group/readers`);
    await page.getByRole('textbox', { name: 'Actions' }).fill('dynamodb:GetItem');
    await page.getByRole('button', { name: 'Simulate' }).click();
    await page.getByRole('listitem').filter({ hasText: 'By reads inline, by group readers' }).waitFor();
    await principal.fill(`${ACCOUNT}:role/nobody`);
    await page.getByRole('button', { name: 'Simulate' }).click();
    await page.getByRole('alert').filter({ hasText: 'role/nobody' }).waitFor();
  });
});
