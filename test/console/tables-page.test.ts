import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { TablesNode } from '../dynamodb/support.ts';
import { ROOT, SecuredNode } from '../security/secured-node.ts';
import { openBrowser, skip } from './browser.ts';

const { onPage } = openBrowser();
const wide = { viewport: { width: 1440, height: 900 } } as const;

let tables: TablesNode;
let orders: string;

before(async () => {
  if (skip) return;
  tables = await TablesNode.start();
  orders = await tables.table('customer:S at:N', {
    others: 'status:S',
    GlobalSecondaryIndexes: [
      {
        IndexName: 'by-status',
        KeySchema: [{ AttributeName: 'status', KeyType: 'HASH' }],
        Projection: { ProjectionType: 'KEYS_ONLY' },
      },
    ],
    StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
  });
  await each(400, (at) =>
    put(orders, {
      ...{ customer: { S: `c-${at % 4}` }, at: { N: `${at}` }, status: { S: at === 7 ? 'late' : 'open' } },
      total: { N: '12345678901234567890.5' },
    }),
  );
});

after(() => tables?.[Symbol.asyncDispose]());

const put = (TableName: string, Item: Record<string, any>) => tables.client.putItem({ TableName, Item });

/** Some at a time. */
async function each(count: number, body: (at: number) => Promise<unknown>): Promise<void> {
  const numbers = Array.from({ length: count }, (_, at) => at).values();
  const lane = async () => {
    for (const at of numbers) await body(at);
  };
  await Promise.all(Array.from({ length: 16 }, lane));
}

const onTable = (name: string, body: (page: Page) => Promise<void>) =>
  onPage({ ...wide, url: `${tables.node.endpoints.http}/_millrace/console/`, hash: `#tables/${name}` }, body);

const rows = (page: Page) => page.locator('.item-table tbody tr');
const found = (page: Page, words: RegExp) => page.getByRole('status').filter({ hasText: words }).waitFor();
/** The page draws what it is given in a later frame; its policy forbids the evaluation that Playwright would wait by. */
async function eventually(page: Page, ready: () => Promise<boolean>): Promise<void> {
  for (let frame = 0; frame < 1_000; frame++) {
    if (await ready()) return;
    await page.evaluate('new Promise(requestAnimationFrame)');
  }
  assert.fail(`not within a thousand frames: ${ready}`);
}
const holds = (page: Page, part: string) =>
  eventually(page, async () => (await page.getByLabel('Item as JSON').inputValue()).includes(part));

test('tables are listed with what they are, and lead to their items', { skip }, async () => {
  await onPage({ ...wide, url: `${tables.node.endpoints.http}/_millrace/console/`, hash: '#tables' }, async (page) => {
    const row = page.getByRole('row', { name: new RegExp(orders) });
    await row.filter({ hasText: 'customer (S), at (N)' }).filter({ hasText: 'NEW_AND_OLD_IMAGES' }).waitFor();
    await row.getByRole('link').click();
    await rows(page).first().waitFor();
    await page.getByText('Definition').click();
    const index = page.getByRole('row', { name: /by-status/ });
    for (const part of ['global', 'status (S)', 'keys only', 'ACTIVE']) await index.filter({ hasText: part }).waitFor();
  });
});

test('a query by key, index, filter and projection asks what it shows', { skip }, async () => {
  await onTable(orders, async (page) => {
    await found(page, /100 items, there are more/);
    await page.getByLabel('Operation').selectOption('Query');
    await page.getByRole('button', { name: 'Run' }).click();
    await page.getByRole('alert').filter({ hasText: 'Query needs a value of customer' }).waitFor();
    await page.getByLabel(/^customer/).fill('c-1');
    await page.getByLabel(/^at/).selectOption('between');
    await page.getByLabel('from').fill('5');
    await page.getByLabel('to', { exact: true }).fill('13');
    await page.getByLabel('descending').check();
    await page.getByRole('button', { name: 'Run' }).click();
    await found(page, /^3 items;/);
    assert.deepEqual(await rows(page).locator('td:nth-child(2)').allTextContents(), ['13', '9', '5']);
    await page.getByText('Request', { exact: true }).click();
    const text = await page.locator('.request-text pre').textContent();
    const { KeyConditionExpression, ScanIndexForward } = JSON.parse(text!.slice('Query '.length));
    assert.deepEqual([KeyConditionExpression, ScanIndexForward], ['#n0 = :v0 AND #n1 BETWEEN :v1 AND :v2', false]);
    await page.getByLabel('Of').selectOption('by-status');
    await page.getByLabel(/^status/).fill('late');
    await page.getByRole('button', { name: 'Run' }).click();
    await found(page, /^1 items;/);
    await page.getByLabel('Operation').selectOption('Scan');
    await page.getByLabel('Of').selectOption('');
    await page.getByRole('button', { name: 'Add filter' }).click();
    await page.getByLabel('Filter: attribute').fill('status');
    await page.getByLabel('value').fill('late');
    await page.getByLabel('Attributes').fill('customer, at');
    await page.getByRole('button', { name: 'Run' }).click();
    await found(page, /^1 items of \d+ read/);
    assert.equal(await page.getByRole('columnheader', { name: 'total' }).count(), 0);
  });
});

test('an index of several partition and sort attributes is queried by all of them', { skip }, async () => {
  const name = await tables.table('id:S', {
    others: 'tournament:S region:S round:N bracket:S',
    GlobalSecondaryIndexes: [
      {
        IndexName: 'by-place',
        KeySchema: [
          { AttributeName: 'tournament', KeyType: 'HASH' },
          { AttributeName: 'region', KeyType: 'HASH' },
          { AttributeName: 'round', KeyType: 'RANGE' },
          { AttributeName: 'bracket', KeyType: 'RANGE' },
        ],
        Projection: { ProjectionType: 'ALL' },
      },
    ],
  });
  await each(24, (at) =>
    put(name, {
      ...{ id: { S: `g-${at}` }, tournament: { S: 'cup' }, region: { S: at % 2 ? 'eu' : 'us' } },
      ...{ round: { N: `${at % 4}` }, bracket: { S: at < 12 ? 'lower' : 'upper' } },
    }),
  );
  await onTable(name, async (page) => {
    await found(page, /^24 items;/);
    await page.getByLabel('Operation').selectOption('Query');
    await page.getByLabel('Of').selectOption('by-place');
    await page.getByLabel(/^tournament/).fill('cup');
    await page.getByRole('button', { name: 'Run' }).click();
    await page.getByRole('alert').filter({ hasText: 'Query needs a value of region' }).waitFor();
    await page.getByLabel(/^region/).fill('eu');
    await page.getByRole('button', { name: 'Run' }).click();
    await found(page, /^12 items;/);
    await page.getByLabel('value').nth(1).fill('lower');
    await page.getByRole('button', { name: 'Run' }).click();
    await page.getByRole('alert').filter({ hasText: 'A condition on bracket needs one on round' }).waitFor();
    await page.getByLabel('value').nth(0).fill('3');
    await page.getByRole('button', { name: 'Run' }).click();
    await found(page, /^3 items;/);
    const ids = await rows(page).getByRole('button').allTextContents();
    assert.deepEqual(ids.sort(), ['g-11', 'g-3', 'g-7']);
  });
});

test('an item is edited as JSON or DynamoDB JSON, and nobody’s change is overwritten', { skip }, async () => {
  const name = await tables.table('id:S');
  await put(name, { id: { S: 'one' }, n: { N: '12345678901234567890123456789' }, tags: { SS: ['a'] } });
  await onTable(name, async (page) => {
    const text = page.getByLabel('Item as JSON');
    await page.getByRole('button', { name: 'one' }).click();
    await holds(page, '"n": 12345678901234567890123456789,');
    await text.fill('{"id": "one", "n": }');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('This is no item.').waitFor();
    await text.fill('{"id": "one", "n": 12345678901234567890123456780, "tags": {"$SS": ["a"]}, "new": null}');
    await page.getByText('DynamoDB JSON', { exact: true }).click();
    await holds(page, '"NULL": true');
    await page.getByRole('button', { name: 'Save' }).click();
    await found(page, /The item is saved/);
    const Key = { id: { S: 'one' } };
    const read = async () => (await tables.client.getItem({ TableName: name, Key })).Item;
    assert.deepEqual((await read())!.n, { N: '12345678901234567890123456780' });

    await page.getByRole('button', { name: 'one' }).click();
    await holds(page, '"n": 12345678901234567890123456780');
    await put(name, { ...(await read())!, n: { N: '1' }, other: { S: 'theirs' } });
    await text.fill((await text.inputValue()).replace(/1234\d+/, '2'));
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Nothing was overwritten').waitFor();
    assert.deepEqual((await read())!.n, { N: '1' });
    await page.getByRole('button', { name: 'Read it again' }).click();
    await holds(page, 'theirs');
    await put(name, { ...(await read())!, other: { S: 'theirs again' } });
    await text.fill((await text.inputValue()).replace('"n": 1', '"n": 2'));
    await page.getByRole('button', { name: 'Save' }).click();
    await found(page, /The item is saved/);
    const { n, other } = (await read())!;
    assert.deepEqual([n, other], [{ N: '2' }, { S: 'theirs again' }], 'what was not edited is as others have left it');

    await page.getByRole('button', { name: 'New item…' }).click();
    await text.fill('{"id": "one"}');
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByText('There is an item of this key already').waitFor();
    await text.fill('{"id": "two", "b": {"$B": "AQID"}}');
    await page.getByRole('button', { name: 'Create' }).click();
    await found(page, /The item is made/);
    await page.getByRole('button', { name: 'one' }).click();
    await text.waitFor();
    await page.getByRole('button', { name: 'Delete…' }).click();
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await found(page, /The item is deleted/);
    assert.equal(await read(), undefined);
    await eventually(page, async () => (await rows(page).locator('td:first-child').allTextContents()).join() === 'two');
  });
});

test('changes of a table appear as they are made', { skip }, async () => {
  const name = await tables.table('id:S', {
    StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
  });
  await put(name, { id: { S: 'before' } });
  await onTable(name, async (page) => {
    await page.getByText('Stream', { exact: true }).click();
    await page.getByText('No change yet.').waitFor();
    // The iterators are there when the first round has been read.
    await page.waitForResponse((response) =>
      (response.request().headers()['x-amz-target'] ?? '').endsWith('GetRecords'),
    );
    for (const at of [1, 2]) await put(name, { id: { S: 'x' }, at: { N: `${at}` } });
    await tables.client.deleteItem({ TableName: name, Key: { id: { S: 'x' } } });
    await page.locator('.stream-tail li').nth(2).waitFor();
    assert.deepEqual(await page.locator('.stream-tail b').allTextContents(), ['REMOVE', 'MODIFY', 'INSERT']);
    await page.locator('.stream-tail summary').nth(1).click();
    assert.deepEqual(await page.locator('.stream-tail li').nth(1).locator('figcaption').allTextContents(), [
      'before',
      'after',
    ]);
  });
});

test('a long table is scrolled page by page, with only the rows on the screen in the page', { skip }, async () => {
  const name = await tables.table('id:S');
  await each(1_500, (at) =>
    put(name, { id: { S: `item-${at}` }, text: { S: 'x'.repeat(at % 100 === 0 ? 40_000 : 40) } }),
  );
  await onTable(name, async (page) => {
    for (let read = 100; read < 1_500; read += 100) {
      await found(page, new RegExp(`^${read.toLocaleString('en')} items, there are more`));
      await page.evaluate("document.querySelector('.item-table').scrollTo(0, 1e9)");
    }
    await eventually(page, async () => {
      await page.evaluate("document.querySelector('.item-table').scrollTo(0, 1e9)");
      return (
        (await page
          .getByRole('status')
          .filter({ hasText: /^1,500 items;/ })
          .count()) > 0
      );
    });
    assert.ok((await rows(page).count()) < 80);
    assert.equal(await page.getByRole('table', { name: 'Items' }).getAttribute('aria-rowcount'), '1501');
  });
});

test('a node in secured mode asks for a key, and takes calls that are signed with it', { skip }, async () => {
  await using secured = await SecuredNode.start();
  await onPage({ ...wide, url: `${secured.endpoint}/_millrace/console/`, hash: '#tables' }, async (page) => {
    await page.getByLabel('Access key ID').fill(ROOT.accessKeyId);
    await page.getByLabel('Secret access key').fill('wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByLabel('Access key ID').waitFor();
    await page.getByLabel('Access key ID').fill(ROOT.accessKeyId);
    await page.getByLabel('Secret access key').fill(ROOT.secretAccessKey);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('No tables yet.').waitFor();
  });
});
