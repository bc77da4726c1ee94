import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as s3 from '@aws-sdk/client-s3';
import type { Page } from 'playwright-core';
import type { Node } from '../../src/node/index.ts';
import { ROOT, SecuredNode } from '../security/secured-node.ts';
import { devNode } from '../support/in-process.ts';
import { openBrowser, skip } from './browser.ts';

const { onPage } = openBrowser();
const wide = { viewport: { width: 1280, height: 900 } } as const;
const owned = new AsyncDisposableStack();
const Bucket = 'pictures';
let node: Node;
let client: s3.S3;

/** One pixel. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

before(async () => {
  if (skip) return;
  const directory = await mkdtemp(join(tmpdir(), 'millrace-buckets-page-'));
  owned.defer(() => rm(directory, { recursive: true }));
  node = owned.use(await devNode(directory));
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const options = { endpoint: node.endpoint, region: 'us-east-1', credentials, forcePathStyle: true };
  client = owned.adopt(new s3.S3(options), (one) => one.destroy());
  await client.createBucket({ Bucket });
  await client.createBucket({ Bucket: 'another' });
  await client.putBucketVersioning({ Bucket, VersioningConfiguration: { Status: 'Enabled' } });
  const put = (Key: string, Body: string | Buffer, ContentType: string) =>
    client.putObject({ Bucket, Key, Body, ContentType, Metadata: { by: 'press-1' } });
  await put('line <a>/größe & co/pixel.png', PNG, 'image/png');
  await put('line <a>/settings.json', '{"speed":3,"<script>":"alert(1)"}', 'application/json');
  await put('page.html', '<script>document.title = "taken"</script>', 'text/html');
  await put('a+b %41 c.txt', 'plus and percent', 'text/plain');
});

after(() => owned.disposeAsync());

const open = (hash: string, body: (page: Page) => Promise<void>) =>
  onPage({ ...wide, url: `${node.endpoint}/_millrace/console/`, hash }, body);
const told = (page: Page, words: RegExp) => page.getByRole('status').filter({ hasText: words }).waitFor();

test('buckets lead to folders, and those to objects that can be looked at', { skip }, () =>
  open('#buckets', async (page) => {
    await page.getByRole('link', { name: 'another' }).waitFor();
    await page.getByRole('link', { name: Bucket }).click();
    await page.getByRole('link', { name: 'line <a>/' }).click();
    await page.getByRole('button', { name: 'settings.json' }).click();
    const content = page.getByLabel('Content');
    await content.waitFor();
    assert.equal(await content.inputValue(), '{\n  "speed": 3,\n  "<script>": "alert(1)"\n}');
    await page.getByText('press-1').waitFor();
    await page.getByRole('link', { name: 'größe & co/' }).click();
    await page.getByRole('button', { name: 'pixel.png' }).click();
    const image = page.getByRole('img', { name: /pixel\.png/ });
    await image.waitFor();
    assert.equal(await image.evaluate((element) => (element as unknown as { naturalWidth: number }).naturalWidth), 1);
    await page.getByRole('navigation', { name: 'Folder' }).getByRole('link', { name: Bucket }).click();
    await page.getByRole('button', { name: 'a+b %41 c.txt' }).click();
    await content.waitFor();
    assert.equal(await content.inputValue(), 'plus and percent');
    await page.getByRole('button', { name: 'page.html' }).click();
    await page.getByRole('heading', { name: 'page.html' }).waitFor();
    assert.notEqual(await page.title(), 'taken', 'what is stored is text here, and never run');
  }),
);

test('files are uploaded by the button and by dropping, downloaded and deleted', { skip }, () =>
  open(`#buckets/${Bucket}/${encodeURIComponent('up load/')}`, async (page) => {
    await page.getByText('Nothing is in this folder.').waitFor();
    const file = { name: 'größe #1?.txt', mimeType: 'text/plain', buffer: Buffer.from('by the button') };
    await page.getByLabel('Files to upload').setInputFiles(file);
    await told(page, /größe #1\?\.txt is uploaded/);
    const { Body } = await client.getObject({ Bucket, Key: 'up load/größe #1?.txt' });
    assert.equal(await Body!.transformToString(), 'by the button');
    const dataTransfer = await page.evaluateHandle(
      'const given = new DataTransfer(); given.items.add(new File(["dropped"], "dropped.txt", { type: "text/plain" })); given',
    );
    await page.dispatchEvent('.drop-zone', 'drop', { dataTransfer });
    await told(page, /dropped\.txt is uploaded/);
    await page.getByRole('button', { name: 'dropped.txt' }).click();
    const downloading = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download' }).click();
    const download = await downloading;
    assert.equal(download.suggestedFilename(), 'dropped.txt');
    assert.equal(await readFile(await download.path(), 'utf8'), 'dropped');
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await told(page, /The object is deleted/);
    await page.getByRole('button', { name: 'dropped.txt' }).waitFor({ state: 'detached' });
  }),
);

test('versions are listed with their delete markers, and deleted for good one by one', { skip }, async () => {
  const Key = 'versions/a.txt';
  for (const Body of ['first', 'second']) await client.putObject({ Bucket, Key, Body });
  await client.deleteObject({ Bucket, Key });
  await open(`#buckets/${Bucket}/${encodeURIComponent('versions/')}`, async (page) => {
    await page.getByText('Nothing is in this folder.').waitFor();
    await page.getByText('Versions', { exact: true }).click();
    await page.getByRole('button', { name: 'delete marker' }).waitFor();
    assert.equal(await page.getByRole('button', { name: 'a.txt' }).count(), 2);
    await page.getByRole('button', { name: 'delete marker' }).click();
    await page.getByRole('button', { name: 'Delete for good' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await told(page, /The version is deleted for good/);
  });
  const { Body } = await client.getObject({ Bucket, Key });
  assert.equal(await Body!.transformToString(), 'second', 'without its marker the object is there again');
});

test('a node that proves its callers asks for a key, and what the page does is signed with it', { skip }, async () => {
  await using secured = await SecuredNode.start();
  const options = { endpoint: secured.endpoint, region: 'us-east-1', credentials: ROOT, forcePathStyle: true };
  const own = new s3.S3(options);
  await own.createBucket({ Bucket: 'guarded' });
  await own.putObject({ Bucket: 'guarded', Key: "größe/(a) b+c!'.txt", Body: 'signed' });
  own.destroy();
  await onPage({ ...wide, url: `${secured.endpoint}/_millrace/console/`, hash: '#buckets' }, async (page) => {
    await page.getByLabel('Access key ID').fill(ROOT.accessKeyId);
    await page.getByLabel('Secret access key').fill(ROOT.secretAccessKey);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('link', { name: 'guarded' }).click();
    await page.getByRole('link', { name: 'größe/' }).click();
    await page.getByRole('button', { name: "(a) b+c!'.txt" }).click();
    await page.getByRole('button', { name: 'Download' }).waitFor();
    await page.getByText('6 B').first().waitFor();
    const file = { name: 'new.txt', mimeType: 'text/plain', buffer: Buffer.from('x') };
    await page.getByLabel('Files to upload').setInputFiles(file);
    await told(page, /new\.txt is uploaded/);
  });
});
