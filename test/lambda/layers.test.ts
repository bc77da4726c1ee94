import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SimulatedClock } from '../../src/base/index.ts';
import { zipOf } from '../support/clients.ts';
import { LambdaHouse } from './support.ts';

const house = await LambdaHouse.open({ runtime: { blanks: 0 } });
after(() => house[Symbol.asyncDispose]());

const ARN = 'arn:aws:lambda:us-east-1:000000000000:layer';
let made = 0;

/** Publishes a version; each call has other bytes unless they are given. */
async function publish(LayerName: string, more: Record<string, unknown> = {}): Promise<any> {
  const ZipFile = await zipOf({ 'nodejs/node_modules/shared/index.js': `exports.n = ${made++};` });
  return house.call('PublishLayerVersion', { LayerName, Content: { ZipFile }, ...more });
}

const fails = (promise: Promise<unknown>, code: string, message: RegExp) =>
  assert.rejects(promise, (error: any) => {
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });

test('versions count up, are listed newest first, and numbers of deleted ones do not come back', async () => {
  const first = await publish('counted', { Description: 'one', CompatibleRuntimes: ['nodejs24.x'] });
  assert.equal(first.LayerArn, `${ARN}:counted`);
  assert.equal(first.LayerVersionArn, `${ARN}:counted:1`);
  assert.equal(first.Version, 1);
  assert.equal((await publish(`${ARN}:counted`)).Version, 2);
  await house.call('DeleteLayerVersion', { LayerName: 'counted', VersionNumber: 2 });
  await house.call('DeleteLayerVersion', { LayerName: 'counted', VersionNumber: 2 });
  assert.equal((await publish('counted')).Version, 3);
  const { LayerVersions } = await house.call('ListLayerVersions', { LayerName: 'counted' });
  assert.deepEqual(
    LayerVersions.map(({ Version }: any) => Version),
    [3, 1],
  );
  const filtered = await house.call('ListLayerVersions', { LayerName: 'counted', CompatibleRuntime: 'nodejs24.x' });
  assert.deepEqual(
    filtered.LayerVersions.map(({ Description }: any) => Description),
    ['one'],
  );
  assert.deepEqual(await house.call('ListLayerVersions', { LayerName: 'nobody' }), { LayerVersions: [] });
});

test('a version is found by name and by ARN; one that is not there is not found', async () => {
  const { LayerVersionArn, Content } = await publish('found', { LicenseInfo: 'Apache-2.0' });
  const byName = await house.call('GetLayerVersion', { LayerName: 'found', VersionNumber: 1 });
  const byArn = await house.call('GetLayerVersionByArn', { Arn: LayerVersionArn });
  assert.equal(byName.LicenseInfo, 'Apache-2.0');
  assert.deepEqual({ ...byName, Content: 0 }, { ...byArn, Content: 0 });
  assert.equal(byName.Content.CodeSha256, Content.CodeSha256);
  const missing = /^The resource you requested does not exist\.$/;
  await fails(house.call('GetLayerVersion', { LayerName: 'found', VersionNumber: 2 }), 'resource-not-found', missing);
  await fails(
    house.call('GetLayerVersionByArn', { Arn: 'arn:aws:lambda:us-east-1:123456789012:layer:x:1' }),
    'invalid-parameter',
    /belongs to account 123456789012/,
  );
});

test('lists of layers come in pages, with the newest version that matches', async () => {
  for (const name of ['page-a', 'page-b']) await publish(name, { CompatibleArchitectures: ['arm64'] });
  await publish('page-a', { CompatibleArchitectures: ['x86_64'] });
  const names: string[] = [];
  let Marker: string | undefined;
  do {
    const page: any = await house.call('ListLayers', { Marker, MaxItems: 1, CompatibleArchitecture: 'arm64' });
    for (const { LayerName, LatestMatchingVersion } of page.Layers) {
      names.push(`${LayerName}:${LatestMatchingVersion.Version}`);
    }
    Marker = page.NextMarker;
  } while (Marker);
  assert.deepEqual(names, ['page-a:1', 'page-b:1']);
});

test('the policy of a version is kept as AWS writes it', async () => {
  await publish('shared-with');
  const key = { LayerName: 'shared-with', VersionNumber: 1 };
  const action = 'lambda:GetLayerVersion';
  await fails(house.call('GetLayerVersionPolicy', key), 'resource-not-found', /^No policy is associated/);
  const grant = { ...key, StatementId: 'all', Action: action, Principal: '*', OrganizationId: 'o-a1b2c3d4e5' };
  const { Statement, RevisionId } = await house.call('AddLayerVersionPermission', grant);
  assert.deepEqual(JSON.parse(Statement), {
    Sid: 'all',
    Effect: 'Allow',
    Principal: '*',
    Action: action,
    Resource: `${ARN}:shared-with:1`,
    Condition: { StringEquals: { 'aws:PrincipalOrgID': 'o-a1b2c3d4e5' } },
  });
  await fails(house.call('AddLayerVersionPermission', grant), 'resource-conflict', /all\) provided already exists/);
  const other = { ...key, StatementId: 'one', Action: action, Principal: '123456789012', RevisionId: 'stale' };
  await fails(house.call('AddLayerVersionPermission', other), 'revision-mismatch', /GetLayerVersionPolicy/);
  await house.call('AddLayerVersionPermission', { ...other, RevisionId });
  const { Policy } = await house.call('GetLayerVersionPolicy', key);
  assert.deepEqual(
    JSON.parse(Policy).Statement.map(({ Principal }: any) => Principal),
    ['*', { AWS: 'arn:aws:iam::123456789012:root' }],
  );
  await house.call('RemoveLayerVersionPermission', { ...key, StatementId: 'all' });
  await house.call('RemoveLayerVersionPermission', { ...key, StatementId: 'one' });
  await fails(house.call('GetLayerVersionPolicy', key), 'resource-not-found', /^No policy/);
});

test('a function names its layers in order; removing them all is a change as well', async () => {
  const [a, b] = [await publish('in-order-a'), await publish('in-order-b')];
  const Layers = [b.LayerVersionArn, a.LayerVersionArn];
  const created = await house.create('layered', 'exports.handler = async () => 1;', { Layers });
  assert.deepEqual(created.Layers, [
    { Arn: b.LayerVersionArn, CodeSize: b.Content.CodeSize },
    { Arn: a.LayerVersionArn, CodeSize: a.Content.CodeSize },
  ]);
  const update = (more: object) => house.call('UpdateFunctionConfiguration', { FunctionName: 'layered', ...more });
  assert.equal((await update({ Timeout: 5 })).Layers.length, 2);
  assert.equal((await update({ Layers: [] })).Layers, undefined);
});

test('layers that cannot be had are refused, saying what to do', async () => {
  const { LayerVersionArn: good } = await publish('refusals');
  const { LayerVersionArn: newer } = await publish('refusals');
  const create = (...Layers: string[]) => house.create(`refused-${made++}`, '', { Layers });
  const five = [];
  for (let i = 0; i < 6; i++) five.push((await publish(`many-${i}`)).LayerVersionArn);
  const invalid = 'invalid-parameter';
  await fails(create(...five), invalid, /^Cannot reference more than 5 layers\.$/);
  await fails(create(good, newer), invalid, /^Two different versions of the same layer .* Layer: .*:layer:refusals\.$/);
  await fails(create(`${ARN}:refusals:9`), invalid, /^Layer version .*:refusals:9 does not exist\.$/);
  await fails(create(`${ARN}:refusals`), invalid, /ends with the number of the version/);
  await fails(create(good.replace('us-east-1', 'eu-west-1')), invalid, /not in the same region/);
  await fails(
    create('arn:aws:lambda:us-east-1:580247275435:layer:LambdaInsightsExtension:14'),
    invalid,
    /belongs to account 580247275435.*download its zip .* publish it here \(PublishLayerVersion\)/,
  );
});

test('a deleted layer version serves the functions that use it, also after a restart; then it is swept', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-layers-'));
  try {
    const kept = (await zipOf({ 'kept.txt': 'kept' })) as Buffer;
    const dropped = (await zipOf({ 'dropped.txt': 'dropped' })) as Buffer;
    const folderOf = (zip: Buffer) => join(directory, 'code', createHash('sha256').update(zip).digest('hex'));
    await using first = await LambdaHouse.open({ directory, runtime: { blanks: 0 } });
    const add = (LayerName: string, ZipFile: Buffer) =>
      first.call('PublishLayerVersion', { LayerName, Content: { ZipFile } });
    const { LayerVersionArn } = await add('kept', kept);
    await add('dropped', dropped);
    await first.create('user', 'exports.handler = async () => 1;', { Layers: [LayerVersionArn] });
    for (const LayerName of ['kept', 'dropped'])
      await first.call('DeleteLayerVersion', { LayerName, VersionNumber: 1 });
    await first[Symbol.asyncDispose]();
    await using second = await LambdaHouse.open({ directory, runtime: { blanks: 0 } });
    const { Layers } = await second.call('GetFunctionConfiguration', { FunctionName: 'user' });
    assert.equal(Layers[0].Arn, LayerVersionArn);
    assert.deepEqual(readdirSync(folderOf(kept)), ['kept.txt']);
    assert.equal(existsSync(folderOf(dropped)), false);
    assert.equal(existsSync(`${folderOf(dropped)}.zip`), false);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test('packages are downloaded from their addresses for ten minutes, and by no other', async () => {
  const clock = new SimulatedClock();
  await using timed = await LambdaHouse.open({ runtime: { blanks: 0 }, lambda: { clock } });
  const server = createServer((request, response) => void timed.lambda.packages.handle(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const ZipFile = await zipOf({ 'index.js': 'exports.handler = 1;' });
    await timed.create('down', '', { Code: { ZipFile } });
    const { Code } = await timed.call('GetFunction', { FunctionName: 'down' }, { endpoint });
    const status = async (url: string, method = 'GET') => (await fetch(url, { method })).status;
    const answer = await fetch(Code.Location);
    assert.deepEqual(Buffer.from(await answer.arrayBuffer()), ZipFile);
    assert.equal(await status(Code.Location, 'DELETE'), 405);
    assert.equal(await status(Code.Location.replace(/.$/, (last: string) => (last === '0' ? '1' : '0'))), 403);
    assert.equal(await status(Code.Location.replace(/expires=(\d)/, 'expires=9$1')), 403);
    assert.equal(await status(`${endpoint}/_lambda/packages/../package.json`), 403);
    await clock.advance(600_001);
    assert.equal(await status(Code.Location), 403);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
