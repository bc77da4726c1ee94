import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { zipOf } from '../support/clients.ts';
import { LambdaHouse } from './support.ts';

const ECHO =
  'exports.handler = async (event, context) => ({ event, arn: context.invokedFunctionArn, v: context.functionVersion });';
let house: LambdaHouse;

before(async () => {
  house = await LambdaHouse.open();
});
after(() => house[Symbol.asyncDispose]());

const fails = (promise: Promise<unknown>, code: string, message?: RegExp) =>
  assert.rejects(promise, (error: any) => {
    assert.equal(error.code, code);
    if (message) assert.match(error.message, message);
    return true;
  });

test('a created function has the defaults that AWS gives', async () => {
  const made = await house.create('defaults', ECHO);
  assert.equal(made.FunctionArn, 'arn:aws:lambda:us-east-1:000000000000:function:defaults');
  assert.equal(made.State, 'Active');
  assert.equal(made.LastUpdateStatus, 'Successful');
  assert.deepEqual([made.MemorySize, made.Timeout, made.Version, made.EphemeralStorage.Size], [128, 3, '$LATEST', 512]);
  assert.match(made.LastModified, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$/);
  assert.equal(made.LoggingConfig.LogGroup, '/aws/lambda/defaults');
  await fails(house.create('defaults', ECHO), 'resource-conflict', /^Function already exist: defaults$/);
});

test('a function is found by every form of its name', async () => {
  await house.create('forms', ECHO);
  const forms = [
    'forms',
    'forms:$LATEST',
    'function:forms',
    '000000000000:function:forms',
    'arn:aws:lambda:us-east-1:000000000000:function:forms',
    'arn:aws:lambda:us-east-1:000000000000:function:forms:$LATEST',
  ];
  for (const FunctionName of forms) {
    assert.equal((await house.call('GetFunction', { FunctionName })).Configuration.FunctionName, 'forms');
  }
  await fails(
    house.call('GetFunction', { FunctionName: 'no' }),
    'function-not-found',
    /^Function not found: arn:aws:lambda:us-east-1:000000000000:function:no$/,
  );
  await fails(house.call('GetFunction', { FunctionName: 'forms:1', Qualifier: '2' }), 'invalid-parameter');
  await fails(house.call('GetFunction', { FunctionName: 'a b' }), 'invalid-parameter');
});

test('new code serves the next invocation, and warm environments of the old one are gone', async () => {
  await house.create('swap', 'exports.handler = async () => 1;');
  assert.equal((await house.invoke('swap')).payload, 1);
  await house.call('UpdateFunctionCode', {
    FunctionName: 'swap',
    ZipFile: await zipOf({ 'index.js': 'exports.handler = async () => 2;' }),
  });
  assert.equal((await house.invoke('swap')).payload, 2);
});

test('a revision id that is not the latest refuses the change', async () => {
  const { RevisionId } = await house.create('revised', ECHO);
  const next = await house.call('UpdateFunctionConfiguration', { FunctionName: 'revised', Timeout: 5, RevisionId });
  assert.equal(next.Timeout, 5);
  await fails(
    house.call('UpdateFunctionConfiguration', { FunctionName: 'revised', Timeout: 6, RevisionId }),
    'revision-mismatch',
  );
});

test('publishing twice without a change gives the same version; aliases follow versions', async () => {
  await house.create('versions', 'exports.handler = async (e, c) => [1, c.invokedFunctionArn];');
  assert.equal((await house.call('PublishVersion', { FunctionName: 'versions' })).Version, '1');
  assert.equal((await house.call('PublishVersion', { FunctionName: 'versions' })).Version, '1');
  const ZipFile = await zipOf({ 'index.js': 'exports.handler = async (e, c) => [2, c.invokedFunctionArn];' });
  const published = await house.call('UpdateFunctionCode', { FunctionName: 'versions', ZipFile, Publish: true });
  assert.equal(published.Version, '2');
  await house.call('CreateAlias', { FunctionName: 'versions', Name: 'live', FunctionVersion: '1' });
  const first = await house.invoke('versions:live');
  assert.deepEqual(first.payload, [1, 'arn:aws:lambda:us-east-1:000000000000:function:versions:live']);
  assert.equal(first.ExecutedVersion, '1');
  await house.call('UpdateAlias', { FunctionName: 'versions', Name: 'live', FunctionVersion: '2' });
  assert.equal((await house.invoke('versions', {}, { Qualifier: 'live' })).payload[0], 2);
  await fails(house.call('DeleteFunction', { FunctionName: 'versions', Qualifier: '2' }), 'resource-conflict');
  await fails(
    house.call('CreateAlias', { FunctionName: 'versions', Name: 'x', FunctionVersion: '9' }),
    'function-not-found',
  );
  const { Versions } = await house.call('ListVersionsByFunction', { FunctionName: 'versions' });
  assert.deepEqual(
    Versions.map((one: any) => one.Version),
    ['$LATEST', '1', '2'],
  );
});

test('lists come in pages', async () => {
  for (const name of ['page-a', 'page-b', 'page-c']) await house.create(name, ECHO);
  const names: string[] = [];
  let Marker: string | undefined;
  do {
    const page = await house.call('ListFunctions', { MaxItems: 2, Marker });
    names.push(...page.Functions.map((one: any) => one.FunctionName));
    Marker = page.NextMarker;
  } while (Marker);
  assert.deepEqual(
    names.filter((name) => name.startsWith('page-')),
    ['page-a', 'page-b', 'page-c'],
  );
  assert.deepEqual(names, [...new Set(names)]);
});

test('a page begins behind the one before, though that was deleted', async () => {
  const FunctionName = 'walked';
  const versions = async (input: object) => {
    const { Versions, NextMarker } = await house.call('ListVersionsByFunction', {
      FunctionName,
      MaxItems: 2,
      ...input,
    });
    return [Versions.map(({ Version }: { Version: string }) => Version), NextMarker] as const;
  };
  await house.create(FunctionName, ECHO);
  for (let Timeout = 4; Timeout < 15; Timeout++) {
    await house.call('UpdateFunctionConfiguration', { FunctionName, Timeout });
    await house.call('PublishVersion', { FunctionName });
  }
  const [first, Marker] = await versions({ MaxItems: 10 });
  assert.deepEqual(first, ['$LATEST', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
  await house.call('DeleteFunction', { FunctionName, Qualifier: '9' });
  assert.deepEqual(await versions({ Marker }), [['10', '11'], undefined]);
  await fails(house.call('ListFunctions', { Marker: 'bm9uZQ' }), 'invalid-parameter', /Marker/);

  // One name begins as another one does; the function of the marker goes.
  const names = ['walk', 'walk-a', 'walk-b', 'walkb'];
  for (const name of names) await house.create(name, ECHO, { Publish: true });
  const seen: string[] = [];
  let NextMarker: string | undefined;
  do {
    const input = { FunctionVersion: 'ALL', MaxItems: 1, Marker: NextMarker };
    const { Functions, NextMarker: next } = await house.call('ListFunctions', input);
    const [{ FunctionName: name, Version }] = Functions;
    if (name.startsWith('walk') && name !== FunctionName) seen.push(`${name} ${Version}`);
    if (Version === '1' && names.includes(name)) await house.call('DeleteFunction', { FunctionName: name });
    NextMarker = next;
  } while (NextMarker && seen.length < 20);
  assert.deepEqual(
    seen,
    names.flatMap((name) => [`${name} $LATEST`, `${name} 1`]),
  );
});

test('reserved words, too large environments and runtimes that are not here are refused', async () => {
  await fails(
    house.create('bad', ECHO, { Environment: { Variables: { AWS_REGION: 'x' } } }),
    'invalid-parameter',
    /Reserved keys used in this request: AWS_REGION/,
  );
  await fails(
    house.create('bad', ECHO, { Environment: { Variables: { A: 'x'.repeat(5000) } } }),
    'invalid-parameter',
    /exceeded the 4KB limit/,
  );
  await fails(house.create('bad', ECHO, { MemorySize: 10_241 }), 'invalid-parameter', /equal to 10240$/);
  await fails(house.create('bad', ECHO, { Timeout: 901 }), 'invalid-parameter', /'901' at 'timeout'/);
  await fails(house.create('bad', ECHO, { Runtime: 'cobol' }), 'invalid-parameter');
  await fails(house.create('bad', ECHO, { Code: {} }), 'invalid-parameter', /Please provide a source/);
});

test('code comes from a bucket as well', async () => {
  house.objects.set('bucket/key.zip', await zipOf({ 'index.js': 'exports.handler = async () => "from a bucket";' }));
  await house.create('bucketed', '', { Code: { S3Bucket: 'bucket', S3Key: 'key.zip' } });
  assert.equal((await house.invoke('bucketed')).payload, 'from a bucket');
  await fails(
    house.create('bad', '', { Code: { S3Bucket: 'bucket', S3Key: 'none' } }),
    'invalid-parameter',
    /NoSuchKey/,
  );
});

test('a package.json above the data directory does not decide how functions are loaded', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-lambda-'));
  try {
    await writeFile(join(directory, 'package.json'), '{"type":"module"}');
    await using inside = await LambdaHouse.open({ directory: join(directory, '.millrace') });
    await inside.create('common', 'exports.handler = async () => "common";');
    assert.equal((await inside.invoke('common')).payload, 'common');
    const ZipFile = await zipOf({
      'index.js': 'export const handler = async () => "esm";',
      'package.json': '{"type":"module"}',
    });
    await inside.create('esm', '', { Code: { ZipFile } });
    assert.equal((await inside.invoke('esm')).payload, 'esm');
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test('permissions make the policy that AWS would', async () => {
  await house.create('allowed', ECHO);
  const permission = {
    FunctionName: 'allowed',
    StatementId: 's1',
    Action: 'lambda:InvokeFunction',
    Principal: 'iot.amazonaws.com',
  };
  await house.call('AddPermission', { ...permission, SourceArn: 'arn:aws:iot:us-east-1:000000000000:rule/r' });
  await fails(house.call('AddPermission', permission), 'resource-conflict');
  const { Policy } = await house.call('GetPolicy', { FunctionName: 'allowed' });
  assert.deepEqual(JSON.parse(Policy), {
    Version: '2012-10-17',
    Id: 'default',
    Statement: [
      {
        Sid: 's1',
        Effect: 'Allow',
        Principal: { Service: 'iot.amazonaws.com' },
        Action: 'lambda:InvokeFunction',
        Resource: 'arn:aws:lambda:us-east-1:000000000000:function:allowed',
        Condition: { ArnLike: { 'AWS:SourceArn': 'arn:aws:iot:us-east-1:000000000000:rule/r' } },
      },
    ],
  });
  await house.call('RemovePermission', { FunctionName: 'allowed', StatementId: 's1' });
  await fails(house.call('GetPolicy', { FunctionName: 'allowed' }), 'resource-not-found');
});

test('who may use an alias is forgotten with it', async () => {
  const FunctionName = 'forgetful';
  await house.create(FunctionName, ECHO, { Publish: true });
  const alias = { FunctionName, Name: 'live', FunctionVersion: '1' };
  const policy = { FunctionName, Qualifier: 'live' };
  const grant = { StatementId: 's', Action: 'lambda:InvokeFunction', Principal: '111111111111' };
  await house.call('CreateAlias', alias);
  await house.call('AddPermission', { ...policy, ...grant });
  await house.call('DeleteAlias', alias);
  await house.call('CreateAlias', alias);
  await fails(house.call('GetPolicy', policy), 'resource-not-found');
});

test('an alias that is called as members of objects are has no policy but its own', async () => {
  const FunctionName = 'members';
  await house.create(FunctionName, ECHO, { Publish: true });
  for (const Name of ['constructor', '__proto__', 'toString']) {
    await house.call('CreateAlias', { FunctionName, Name, FunctionVersion: '1' });
    const named = { FunctionName, Qualifier: Name };
    await fails(house.call('GetPolicy', named), 'resource-not-found');
    const grant = { StatementId: Name, Action: 'lambda:InvokeFunction', Principal: '111111111111' };
    await house.call('AddPermission', { ...named, ...grant });
    const [statement] = JSON.parse((await house.call('GetPolicy', named)).Policy).Statement;
    assert.equal(statement.Sid, Name);
  }
});

test('a version has one spelling, and stays while an alias names it, at whatever weight', async () => {
  const FunctionName = 'spelt';
  await house.create(FunctionName, ECHO, { Publish: true });
  await house.call('UpdateFunctionConfiguration', { FunctionName, Timeout: 4 });
  await house.call('PublishVersion', { FunctionName });
  const weighed = { RoutingConfig: { AdditionalVersionWeights: { 2: 0 } } };
  await house.call('CreateAlias', { FunctionName, Name: 'live', FunctionVersion: '1', ...weighed });
  for (const Qualifier of ['01', '0000000001', '0']) {
    await fails(house.call('Invoke', { FunctionName, Qualifier }), 'function-not-found');
    await house.call('DeleteFunction', { FunctionName, Qualifier });
  }
  await fails(house.call('CreateAlias', { FunctionName, Name: 'x', FunctionVersion: '01' }), 'function-not-found');
  for (const Qualifier of ['1', '2']) {
    await fails(
      house.call('DeleteFunction', { FunctionName, Qualifier }),
      'resource-conflict',
      /referenced by alias live/,
    );
  }
  assert.equal((await house.invoke('spelt:1')).ExecutedVersion, '1');
});

test('tags and concurrency are kept, and shown by GetFunction', async () => {
  const { FunctionArn } = await house.create('tagged', ECHO, { Tags: { a: '1' } });
  await house.call('TagResource', { Resource: FunctionArn, Tags: { b: '2' } });
  await house.call('UntagResource', { Resource: FunctionArn, TagKeys: ['a'] });
  assert.deepEqual((await house.call('ListTags', { Resource: FunctionArn })).Tags, { b: '2' });
  await house.call('PutFunctionConcurrency', { FunctionName: 'tagged', ReservedConcurrentExecutions: 5 });
  const shown = await house.call('GetFunction', { FunctionName: 'tagged' });
  assert.deepEqual([shown.Tags, shown.Concurrency], [{ b: '2' }, { ReservedConcurrentExecutions: 5 }]);
  assert.equal((await house.call('GetAccountSettings')).AccountLimit.UnreservedConcurrentExecutions, 995);
  await fails(
    house.call('PutFunctionConcurrency', { FunctionName: 'tagged', ReservedConcurrentExecutions: 901 }),
    'invalid-parameter',
    /below its minimum value of \[100\]/,
  );
  await house.call('DeleteFunctionConcurrency', { FunctionName: 'tagged' });
  assert.deepEqual(await house.call('GetFunctionConcurrency', { FunctionName: 'tagged' }), {});
});

test('functions that are given concurrency at the same time have no more than the account leaves them', async () => {
  const names = ['greedy-a', 'greedy-b', 'greedy-c'];
  for (const name of names) await house.create(name, ECHO, { Publish: true });
  const put = (FunctionName: string) =>
    FunctionName === 'greedy-c'
      ? house.call('PutProvisionedConcurrencyConfig', {
          FunctionName,
          Qualifier: '1',
          ProvisionedConcurrentExecutions: 500,
        })
      : house.call('PutFunctionConcurrency', { FunctionName, ReservedConcurrentExecutions: 500 });
  const outcomes = await Promise.allSettled(names.map(put));
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'rejected'],
  );
  for (const FunctionName of names) await house.call('DeleteFunction', { FunctionName });
});

test('a deleted function is gone with all that belongs to it', async () => {
  await house.create('gone', ECHO, { Publish: true });
  await house.invoke('gone');
  await house.call('DeleteFunction', { FunctionName: 'gone' });
  await fails(house.call('Invoke', { FunctionName: 'gone' }), 'function-not-found');
  await house.create('gone', ECHO);
  await fails(house.call('Invoke', { FunctionName: 'gone:1' }), 'function-not-found');
});

test('functions, versions and code survive a restart; packages without a function do not', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-lambda-'));
  try {
    await using first = await LambdaHouse.open({ directory });
    await first.create('kept', 'exports.handler = async () => "kept";', { Publish: true });
    await first.create('dropped', 'exports.handler = async () => "dropped";');
    await first.call('DeleteFunction', { FunctionName: 'dropped' });
    await first[Symbol.asyncDispose]();
    await using second = await LambdaHouse.open({ directory });
    assert.equal((await second.invoke('kept:1')).payload, 'kept');
    const left = (await readdir(join(directory, 'code'))).filter((name) => name !== 'package.json').sort();
    assert.deepEqual(
      left.map((name) => name.slice(64)),
      ['', '.zip'],
    );
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
