import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { zipOf } from '../../support/clients.ts';
import type { Rig, Scenario } from '../scenario.ts';

const ACCOUNT = 'us-east-1:000000000000';
const ARN = `arn:aws:lambda:${ACCOUNT}`;
const Role = 'arn:aws:iam::000000000000:role/r';
/** Says what it got and which version it is; with `fails`, fails. */
const CODE = `exports.handler = async (event, { functionVersion: version }) => {
  console.log('asked', event.n);
  if (event.fails) throw new RangeError('as asked');
  return { event, version, stage: process.env.STAGE };
};`;

const digestOf = (zip: Buffer) => createHash('sha256').update(zip).digest('base64');
const jsonOf = (payload: Buffer) => JSON.parse(payload.toString());
const notFound = { name: 'ResourceNotFoundException' };

/** Lambda: a function with its versions, aliases, layers, permissions, URLs, concurrency and event sources. */
export const lambda: Scenario = {
  service: 'lambda',
  departures: { 'GetFunctionCodeSigningConfig.CodeSigningConfigArn': 'nothing, of a function that has none' },
  async run(rig) {
    const FunctionName = rig.name('worker');
    await account(rig);
    await functions(rig, FunctionName);
    await invocations(rig, FunctionName);
    await versions(rig, FunctionName);
    await aliases(rig, FunctionName);
    await permissions(rig, FunctionName);
    await urls(rig, FunctionName);
    await concurrency(rig, FunctionName);
    await events(rig, FunctionName);
    await management(rig, FunctionName);
    await layers(rig, FunctionName);
    await tags(rig, FunctionName);
    await queueMappings(rig, FunctionName);
    await streamMappings(rig, FunctionName);
    await everySetting(rig);
    await removal(rig, FunctionName);
  },
};

async function account({ call }: Rig): Promise<void> {
  const { AccountLimit, AccountUsage } = await call('GetAccountSettings');
  assert.equal(AccountLimit.ConcurrentExecutions, 1000);
  assert.equal(AccountLimit.CodeSizeZipped, 52_428_800);
  assert.equal(typeof AccountUsage.FunctionCount, 'number');
}

async function functions({ call }: Rig, FunctionName: string): Promise<void> {
  const ZipFile = await zipOf({ 'index.js': CODE });
  const made = await call('CreateFunction', {
    ...{ FunctionName, Role, Code: { ZipFile } },
    ...{ Runtime: 'nodejs22.x', Handler: 'index.handler', Description: 'first', Tags: { team: 'a' } },
    Environment: { Variables: { STAGE: 'one' } },
  });
  assert.equal(made.FunctionArn, `${ARN}:function:${FunctionName}`);
  assert.deepEqual([made.Version, made.CodeSha256, made.CodeSize], ['$LATEST', digestOf(ZipFile), ZipFile.length]);
  assert.deepEqual([made.Timeout, made.MemorySize, made.PackageType], [3, 128, 'Zip']);
  const again = { FunctionName, Role, Code: { ZipFile }, Runtime: 'nodejs22.x', Handler: 'index.handler' };
  await assert.rejects(call('CreateFunction', again), { name: 'ResourceConflictException' });

  const found = await call('GetFunction', { FunctionName });
  assert.deepEqual([found.Tags, found.Configuration.RevisionId], [{ team: 'a' }, made.RevisionId]);
  assert.deepEqual(Buffer.from(await (await fetch(found.Code.Location)).arrayBuffer()), ZipFile);
  await assert.rejects(call('GetFunction', { FunctionName: `${FunctionName}-none` }), notFound);

  const changed = await call('UpdateFunctionConfiguration', {
    ...{ FunctionName, Timeout: 20, MemorySize: 256, RevisionId: made.RevisionId },
    Environment: { Variables: { STAGE: 'two' } },
  });
  assert.deepEqual([changed.Timeout, changed.MemorySize], [20, 256]);
  const stale = call('UpdateFunctionConfiguration', { FunctionName, Timeout: 9, RevisionId: made.RevisionId });
  await assert.rejects(stale, { name: 'PreconditionFailedException' });
  const shown = await call('GetFunctionConfiguration', { FunctionName });
  assert.deepEqual(
    [shown.Timeout, shown.Environment, shown.Description, shown.Runtime, shown.State, shown.LastUpdateStatus],
    [20, { Variables: { STAGE: 'two' } }, 'first', 'nodejs22.x', 'Active', 'Successful'],
  );
  assert.ok(Math.abs(Date.parse(shown.LastModified) - Date.parse(made.LastModified)) < 60_000, shown.LastModified);
  const listed = await listOf(call, 'ListFunctions', 'Functions', {});
  assert.deepEqual(
    listed.filter((one) => one.FunctionName === FunctionName),
    [shown],
  );
}

/** All pages of a list, two items each: a marker goes through each client as it came. */
async function listOf(call: Rig['call'], operation: string, member: string, input: object): Promise<any[]> {
  const all: any[] = [];
  let more: object | undefined = {};
  while (more !== undefined) {
    const answer: any = await call(operation, { ...input, MaxItems: 2, ...more });
    assert.ok(answer[member].length <= 2);
    all.push(...answer[member]);
    more = answer.NextMarker === undefined ? undefined : { Marker: answer.NextMarker };
  }
  return all;
}

async function invocations({ call, knows }: Rig, FunctionName: string): Promise<void> {
  const Payload = Buffer.from('{"n":"grün"}');
  const answer = await call('Invoke', { FunctionName, Payload, LogType: 'Tail' });
  assert.deepEqual([answer.StatusCode, answer.ExecutedVersion, answer.FunctionError], [200, '$LATEST', undefined]);
  assert.deepEqual(jsonOf(answer.Payload), { event: { n: 'grün' }, version: '$LATEST', stage: 'two' });
  assert.match(Buffer.from(answer.LogResult, 'base64').toString(), /asked grün[\s\S]*^REPORT RequestId: /m);
  const failed = await call('Invoke', { FunctionName, Payload: Buffer.from('{"fails":true}') });
  assert.deepEqual([failed.StatusCode, failed.FunctionError], [200, 'Unhandled']);
  assert.equal(jsonOf(failed.Payload).errorType, 'RangeError');
  const event = await call('Invoke', { FunctionName, Payload, InvocationType: 'Event' });
  assert.deepEqual([event.StatusCode, event.Payload?.length ?? 0], [202, 0]);
  assert.equal((await call('Invoke', { FunctionName, InvocationType: 'DryRun' })).StatusCode, 204);
  await assert.rejects(call('Invoke', { FunctionName, Qualifier: '9' }), notFound);
  assert.equal((await call('InvokeAsync', { FunctionName, InvokeArgs: Payload })).Status, 202);

  if (!(await knows('InvokeWithResponseStream'))) return;
  const streamed = await call('InvokeWithResponseStream', { FunctionName, Payload });
  const chunks = streamed.EventStream.flatMap((one: any) => one.PayloadChunk?.Payload ?? []);
  assert.deepEqual(jsonOf(Buffer.concat(chunks)).event, { n: 'grün' });
  assert.deepEqual(Object.keys(streamed.EventStream.at(-1)), ['InvokeComplete']);
}

async function versions({ call }: Rig, FunctionName: string): Promise<void> {
  const first = await call('PublishVersion', { FunctionName, Description: 'kept' });
  assert.deepEqual([first.Version, first.FunctionArn], ['1', `${ARN}:function:${FunctionName}:1`]);
  const ZipFile = await zipOf({ 'index.js': CODE, 'more.js': '' });
  const dry = await call('UpdateFunctionCode', { FunctionName, ZipFile, DryRun: true });
  assert.equal(dry.CodeSha256, digestOf(ZipFile));
  assert.equal((await call('GetFunctionConfiguration', { FunctionName })).CodeSha256, first.CodeSha256);
  const second = await call('UpdateFunctionCode', { FunctionName, ZipFile, Publish: true });
  assert.deepEqual([second.Version, second.CodeSha256], ['2', digestOf(ZipFile)]);
  const listed = await listOf(call, 'ListVersionsByFunction', 'Versions', { FunctionName });
  assert.deepEqual(
    listed.map(({ Version, Description }) => [Version, Description]),
    [
      ['$LATEST', 'first'],
      ['1', 'kept'],
      ['2', 'first'],
    ],
  );
  const old = await call('GetFunctionConfiguration', { FunctionName, Qualifier: '1' });
  assert.equal(old.CodeSha256, first.CodeSha256);
}

async function aliases({ call }: Rig, FunctionName: string): Promise<void> {
  const made = await call('CreateAlias', { FunctionName, Name: 'live', FunctionVersion: '1', Description: 'd' });
  assert.equal(made.AliasArn, `${ARN}:function:${FunctionName}:live`);
  const RoutingConfig = { AdditionalVersionWeights: { 2: 0.25 } };
  const changed = await call('UpdateAlias', { FunctionName, Name: 'live', RoutingConfig });
  assert.deepEqual([changed.FunctionVersion, changed.RoutingConfig], ['1', RoutingConfig]);
  assert.deepEqual(await call('GetAlias', { FunctionName, Name: 'live' }), changed);
  await call('CreateAlias', { FunctionName, Name: 'next', FunctionVersion: '2' });
  const ofSecond = await call('ListAliases', { FunctionName, FunctionVersion: '2' });
  assert.deepEqual(
    ofSecond.Aliases.map((one: any) => one.Name),
    ['next'],
  );
  await call('DeleteAlias', { FunctionName, Name: 'next' });
  await assert.rejects(call('GetAlias', { FunctionName, Name: 'next' }), notFound);
  assert.deepEqual((await call('ListAliases', { FunctionName })).Aliases, [changed]);
}

async function permissions({ call }: Rig, FunctionName: string): Promise<void> {
  const about = { FunctionName, Qualifier: 'live' };
  const { Statement } = await call('AddPermission', {
    ...{ ...about, StatementId: 's', Action: 'lambda:InvokeFunction', Principal: 's3.amazonaws.com' },
    ...{ SourceArn: 'arn:aws:s3:::bucket', SourceAccount: '000000000000' },
  });
  const { Policy, RevisionId } = await call('GetPolicy', about);
  assert.deepEqual(JSON.parse(Policy).Statement, [JSON.parse(Statement)]);
  assert.deepEqual(JSON.parse(Statement).Condition, {
    StringEquals: { 'AWS:SourceAccount': '000000000000' },
    ArnLike: { 'AWS:SourceArn': 'arn:aws:s3:::bucket' },
  });
  await call('RemovePermission', { ...about, StatementId: 's', RevisionId });
  await assert.rejects(call('GetPolicy', about), notFound);
}

async function urls({ call }: Rig, FunctionName: string): Promise<void> {
  const Cors = { AllowOrigins: ['https://shop.example'], AllowMethods: ['GET'], AllowCredentials: true, MaxAge: 60 };
  const made = await call('CreateFunctionUrlConfig', { FunctionName, AuthType: 'NONE', Cors });
  assert.deepEqual([made.FunctionArn, made.AuthType], [`${ARN}:function:${FunctionName}`, 'NONE']);
  const got = await call('GetFunctionUrlConfig', { FunctionName });
  assert.deepEqual([got.FunctionUrl, got.Cors], [made.FunctionUrl, Cors]);
  const changed = await call('UpdateFunctionUrlConfig', { FunctionName, AuthType: 'AWS_IAM' });
  assert.deepEqual([changed.AuthType, changed.Cors], ['AWS_IAM', Cors]);
  const { FunctionUrlConfigs } = await call('ListFunctionUrlConfigs', { FunctionName });
  assert.deepEqual(FunctionUrlConfigs, [changed]);
  await call('DeleteFunctionUrlConfig', { FunctionName });
  await assert.rejects(call('GetFunctionUrlConfig', { FunctionName }), notFound);
}

async function concurrency({ call }: Rig, FunctionName: string): Promise<void> {
  const reserved = { ReservedConcurrentExecutions: 7 };
  assert.deepEqual(await call('PutFunctionConcurrency', { FunctionName, ...reserved }), reserved);
  assert.deepEqual(await call('GetFunctionConcurrency', { FunctionName }), reserved);
  assert.deepEqual((await call('GetFunction', { FunctionName })).Concurrency, reserved);
  await call('DeleteFunctionConcurrency', { FunctionName });
  assert.deepEqual(await call('GetFunctionConcurrency', { FunctionName }), {});

  const about = { FunctionName, Qualifier: '2' };
  const put = await call('PutProvisionedConcurrencyConfig', { ...about, ProvisionedConcurrentExecutions: 1 });
  assert.deepEqual([put.RequestedProvisionedConcurrentExecutions, put.Status], [1, 'IN_PROGRESS']);
  assert.equal((await call('GetProvisionedConcurrencyConfig', about)).RequestedProvisionedConcurrentExecutions, 1);
  const { ProvisionedConcurrencyConfigs } = await call('ListProvisionedConcurrencyConfigs', { FunctionName });
  assert.deepEqual(
    ProvisionedConcurrencyConfigs.map((one: any) => one.FunctionArn),
    [`${ARN}:function:${FunctionName}:2`],
  );
  await call('DeleteProvisionedConcurrencyConfig', about);
  const gone = call('GetProvisionedConcurrencyConfig', about);
  await assert.rejects(gone, { name: 'ProvisionedConcurrencyConfigNotFoundException' });
}

async function events({ call }: Rig, FunctionName: string): Promise<void> {
  const put = await call('PutFunctionEventInvokeConfig', { FunctionName, MaximumRetryAttempts: 1 });
  assert.ok(Math.abs(put.LastModified.getTime() - Date.now()) < 60_000);
  const changed = await call('UpdateFunctionEventInvokeConfig', { FunctionName, MaximumEventAgeInSeconds: 90 });
  assert.deepEqual([changed.MaximumRetryAttempts, changed.MaximumEventAgeInSeconds], [1, 90]);
  assert.deepEqual(await call('GetFunctionEventInvokeConfig', { FunctionName }), changed);
  const listed = await call('ListFunctionEventInvokeConfigs', { FunctionName });
  assert.deepEqual(listed.FunctionEventInvokeConfigs, [changed]);
  await call('DeleteFunctionEventInvokeConfig', { FunctionName });
  await assert.rejects(call('GetFunctionEventInvokeConfig', { FunctionName }), notFound);
}

async function management({ call, knows }: Rig, FunctionName: string): Promise<void> {
  assert.equal((await call('GetFunctionCodeSigningConfig', { FunctionName })).FunctionName, FunctionName);
  if (await knows('PutFunctionRecursionConfig')) {
    await call('PutFunctionRecursionConfig', { FunctionName, RecursiveLoop: 'Allow' });
    assert.equal((await call('GetFunctionRecursionConfig', { FunctionName })).RecursiveLoop, 'Allow');
  }
  if (await knows('PutRuntimeManagementConfig')) {
    const put = await call('PutRuntimeManagementConfig', { FunctionName, UpdateRuntimeOn: 'FunctionUpdate' });
    assert.equal(put.FunctionArn, `${ARN}:function:${FunctionName}`);
    const got = await call('GetRuntimeManagementConfig', { FunctionName });
    assert.equal(got.UpdateRuntimeOn, 'FunctionUpdate');
  }
}

async function layers({ call, name }: Rig, FunctionName: string): Promise<void> {
  const LayerName = name('layer');
  const ZipFile = await zipOf({ 'nodejs/node_modules/shared/index.js': 'exports.n = 1;' });
  const publish = { LayerName, Content: { ZipFile }, CompatibleRuntimes: ['nodejs22.x'] };
  const first = await call('PublishLayerVersion', { ...publish, Description: 'd', LicenseInfo: 'MIT' });
  assert.deepEqual(
    [first.LayerVersionArn, first.Version, first.Content.CodeSha256, first.LicenseInfo],
    [`${ARN}:layer:${LayerName}:1`, 1, digestOf(ZipFile), 'MIT'],
  );
  assert.equal((await call('PublishLayerVersion', publish)).Version, 2);
  const about = { LayerName, VersionNumber: 1 };
  const got = await call('GetLayerVersion', about);
  assert.deepEqual([got.Description, got.Content.CodeSize], ['d', ZipFile.length]);
  const byArn = await call('GetLayerVersionByArn', { Arn: first.LayerVersionArn });
  assert.deepEqual([byArn.Version, byArn.Content.CodeSha256], [1, digestOf(ZipFile)]);
  const listed = await call('ListLayerVersions', { LayerName, CompatibleRuntime: 'nodejs22.x' });
  assert.deepEqual(
    listed.LayerVersions.map((one: any) => one.Version),
    [2, 1],
  );
  const all = await listOf(call, 'ListLayers', 'Layers', {});
  assert.equal(all.find((one) => one.LayerName === LayerName).LatestMatchingVersion.Version, 2);

  const grant = { StatementId: 'all', Action: 'lambda:GetLayerVersion', Principal: '*' };
  const { Statement } = await call('AddLayerVersionPermission', { ...about, ...grant });
  const { Policy, RevisionId } = await call('GetLayerVersionPolicy', about);
  assert.deepEqual(JSON.parse(Policy).Statement, [JSON.parse(Statement)]);
  await call('RemoveLayerVersionPermission', { ...about, StatementId: 'all', RevisionId });
  await assert.rejects(call('GetLayerVersionPolicy', about), notFound);

  const used = await call('UpdateFunctionConfiguration', { FunctionName, Layers: [first.LayerVersionArn] });
  assert.deepEqual(used.Layers, [{ Arn: first.LayerVersionArn, CodeSize: ZipFile.length }]);
  await call('UpdateFunctionConfiguration', { FunctionName, Layers: [] });
  for (const VersionNumber of [1, 2]) await call('DeleteLayerVersion', { LayerName, VersionNumber });
  assert.deepEqual((await call('ListLayerVersions', { LayerName })).LayerVersions, []);
}

async function tags({ call }: Rig, FunctionName: string): Promise<void> {
  const Resource = `${ARN}:function:${FunctionName}`;
  await call('TagResource', { Resource, Tags: { stage: 'test & more', team: 'b' } });
  await call('UntagResource', { Resource, TagKeys: ['team', 'a b'] });
  assert.deepEqual((await call('ListTags', { Resource })).Tags, { stage: 'test & more' });
}

async function queueMappings({ call, of, name }: Rig, FunctionName: string): Promise<void> {
  const QueueName = name('work');
  await of('sqs')('CreateQueue', { QueueName, Attributes: { VisibilityTimeout: '60' } });
  const EventSourceArn = `arn:aws:sqs:${ACCOUNT}:${QueueName}`;
  const FilterCriteria = { Filters: [{ Pattern: '{"body":{"wanted":[true]}}' }] };
  const made = await call('CreateEventSourceMapping', {
    ...{ FunctionName, EventSourceArn, BatchSize: 5, Enabled: false, FilterCriteria },
    FunctionResponseTypes: ['ReportBatchItemFailures'],
  });
  const { UUID } = made;
  assert.deepEqual([made.BatchSize, made.FunctionArn], [5, `${ARN}:function:${FunctionName}`]);
  assert.ok(Math.abs(made.LastModified.getTime() - Date.now()) < 60_000);
  const changed = await call('UpdateEventSourceMapping', { UUID, BatchSize: 7, Enabled: false });
  assert.equal(changed.BatchSize, 7);
  const got = await call('GetEventSourceMapping', { UUID });
  assert.deepEqual(
    [got.BatchSize, got.FilterCriteria, got.FunctionResponseTypes],
    [7, FilterCriteria, ['ReportBatchItemFailures']],
  );
  const { EventSourceMappings } = await call('ListEventSourceMappings', { EventSourceArn });
  assert.deepEqual(
    EventSourceMappings.map((one: any) => one.UUID),
    [UUID],
  );
  assert.equal((await call('DeleteEventSourceMapping', { UUID })).State, 'Deleting');
}

/** What a mapping of a stream may say comes back as it was said, times and lists of one included. */
async function streamMappings({ call, of, name }: Rig, FunctionName: string): Promise<void> {
  const StreamName = name('readings');
  await of('kinesis')('CreateStream', { StreamName, ShardCount: 1 });
  await of('sqs')('CreateQueue', { QueueName: name('failed') });
  const about = {
    ...{ EventSourceArn: `arn:aws:kinesis:${ACCOUNT}:stream/${StreamName}`, BatchSize: 50 },
    ...{ StartingPosition: 'AT_TIMESTAMP', StartingPositionTimestamp: new Date('2026-01-02T03:04:05Z') },
    ...{ MaximumBatchingWindowInSeconds: 5, ParallelizationFactor: 1, TumblingWindowInSeconds: 30 },
    ...{ MaximumRecordAgeInSeconds: 120, MaximumRetryAttempts: 3, BisectBatchOnFunctionError: true },
    DestinationConfig: { OnFailure: { Destination: `arn:aws:sqs:${ACCOUNT}:${name('failed')}` } },
  };
  const { UUID } = await call('CreateEventSourceMapping', { FunctionName, Enabled: false, ...about });
  assert.partialDeepStrictEqual(await call('GetEventSourceMapping', { UUID }), about);
  const changed = { MaximumRetryAttempts: -1, MaximumRecordAgeInSeconds: -1, TumblingWindowInSeconds: 60 };
  await call('UpdateEventSourceMapping', { UUID, Enabled: false, ...changed });
  const { EventSourceMappings } = await call('ListEventSourceMappings', { FunctionName, MaxItems: 100 });
  const [shown] = EventSourceMappings.filter((one: any) => one.UUID === UUID);
  assert.partialDeepStrictEqual(shown, { ...about, ...changed });
  await call('DeleteEventSourceMapping', { UUID });
}

/** What else a function may be given, shown as it was given and taken away again. */
async function everySetting({ call, of, knows, name }: Rig): Promise<void> {
  const FunctionName = name('settings');
  const QueueName = name('letters');
  await of('sqs')('CreateQueue', { QueueName });
  const settings = {
    ...{ FunctionName, Role, Runtime: 'nodejs22.x', Handler: 'index.handler', Architectures: ['arm64'] },
    DeadLetterConfig: { TargetArn: `arn:aws:sqs:${ACCOUNT}:${QueueName}` },
    ...{ EphemeralStorage: { Size: 1024 }, TracingConfig: { Mode: 'Active' } },
    VpcConfig: { SubnetIds: ['subnet-1'], SecurityGroupIds: ['sg-1', 'sg-2'] },
    KMSKeyArn: 'arn:aws:kms:us-east-1:000000000000:key/12345678-1234-1234-1234-123456789012',
    ...((await knows('CreateFunction', 'LoggingConfig')) && {
      LoggingConfig: { LogFormat: 'JSON', ApplicationLogLevel: 'WARN', SystemLogLevel: 'DEBUG', LogGroup: '/all' },
    }),
  };
  await call('CreateFunction', { ...settings, Code: { ZipFile: await zipOf({ 'index.js': CODE }) } });
  const shown = async () => call('GetFunctionConfiguration', { FunctionName });
  assert.partialDeepStrictEqual(await shown(), settings);
  await call('UpdateFunctionConfiguration', {
    ...{ FunctionName, KMSKeyArn: '', VpcConfig: { SubnetIds: [], SecurityGroupIds: [] } },
    ...{ DeadLetterConfig: { TargetArn: '' }, TracingConfig: { Mode: 'PassThrough' } },
  });
  const { VpcConfig, KMSKeyArn, DeadLetterConfig, TracingConfig, EphemeralStorage } = await shown();
  assert.deepEqual(
    [VpcConfig, KMSKeyArn, DeadLetterConfig, TracingConfig, EphemeralStorage],
    [undefined, undefined, undefined, { Mode: 'PassThrough' }, { Size: 1024 }],
  );
  await call('DeleteFunction', { FunctionName });
}

async function removal({ call }: Rig, FunctionName: string): Promise<void> {
  await call('DeleteAlias', { FunctionName, Name: 'live' });
  await call('DeleteFunction', { FunctionName, Qualifier: '1' });
  const { Versions } = await call('ListVersionsByFunction', { FunctionName });
  assert.deepEqual(
    Versions.map((one: any) => one.Version),
    ['$LATEST', '2'],
  );
  await call('DeleteFunction', { FunctionName });
  await assert.rejects(call('Invoke', { FunctionName }), notFound);
}
