import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  CreateFunctionCommand,
  DeleteFunctionCommand,
  DeleteLayerVersionCommand,
  DeleteProvisionedConcurrencyConfigCommand,
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  GetLayerVersionByArnCommand,
  GetProvisionedConcurrencyConfigCommand,
  InvokeCommand,
  InvokeWithResponseStreamCommand,
  LambdaClient,
  ProvisionedConcurrencyConfigNotFoundException,
  PublishLayerVersionCommand,
  PutFunctionConcurrencyCommand,
  PutFunctionEventInvokeConfigCommand,
  PutProvisionedConcurrencyConfigCommand,
  paginateListFunctions,
  ResourceNotFoundException,
  TooManyRequestsException,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionActiveV2,
  waitUntilFunctionUpdatedV2,
  waitUntilPublishedVersionActive,
} from '@aws-sdk/client-lambda';
import { build } from 'esbuild';
import type { NodeDoor } from '../../src/runtime/index.ts';
import type { Datum } from '../../src/telemetry/index.ts';
import { zipOf } from '../support/clients.ts';
import { eventually } from '../support/eventually.ts';
import { clientEnvironment, clientOptions, KEY, run, startWire, type TestWire } from '../wire/support.ts';
import { LambdaHouse } from './support.ts';

const needs = (file: string) => ({ skip: existsSync(file) ? false : `needs ${file}` });
let house: LambdaHouse;
let wire: TestWire;
let client: LambdaClient;
let directory: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-clients-'));
  const credentials = () => ({ accessKeyId: KEY.accessKeyId, secretAccessKey: KEY.secretAccessKey, sessionToken: '' });
  const nodeDoor: NodeDoor = {
    address: () => wire && { port: wire.port, hostAddress: `127.0.0.1:${wire.port}` },
    accept: (socket) => wire.server.accept(socket),
  };
  house = await LambdaHouse.open({ runtime: { nodeDoor, credentials } });
  wire = await startWire([house.lambda.service]);
  client = new LambdaClient(clientOptions(wire));
});
after(async () => {
  client.destroy();
  await wire[Symbol.asyncDispose]();
  await house[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const send = (command: any): Promise<any> => client.send(command);
const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString();
const role = 'arn:aws:iam::000000000000:role/test';

async function create(FunctionName: string, code: string, more: object = {}): Promise<any> {
  const Code = { ZipFile: await zipOf({ 'index.js': code }) };
  return send(
    new CreateFunctionCommand({
      FunctionName,
      Runtime: 'nodejs24.x',
      Role: role,
      Handler: 'index.handler',
      Code,
      ...more,
    }),
  );
}

test('AWS SDK for JS: a function is made, waited for, called, changed and deleted', async () => {
  const made = await create('js', 'exports.handler = async (e) => ({ got: e, mine: process.env.MINE });', {
    Environment: { Variables: { MINE: 'one' } },
    Tags: { a: 'b' },
  });
  assert.equal(made.FunctionArn, 'arn:aws:lambda:eu-central-1:000000000000:function:js');
  await waitUntilFunctionActiveV2({ client, maxWaitTime: 5 }, { FunctionName: 'js' });
  const answer = await send(
    new InvokeCommand({ FunctionName: 'js', Payload: Buffer.from('{"n":1}'), LogType: 'Tail' }),
  );
  assert.deepEqual([answer.StatusCode, answer.ExecutedVersion, answer.FunctionError], [200, '$LATEST', undefined]);
  assert.deepEqual(JSON.parse(text(answer.Payload)), { got: { n: 1 }, mine: 'one' });
  assert.match(Buffer.from(answer.LogResult, 'base64').toString(), /^START RequestId: /m);
  await send(
    new UpdateFunctionConfigurationCommand({ FunctionName: 'js', Environment: { Variables: { MINE: 'two' } } }),
  );
  const again = await send(new InvokeCommand({ FunctionName: 'js' }));
  assert.deepEqual(JSON.parse(text(again.Payload)), { got: {}, mine: 'two' });
  const shown = await send(new GetFunctionCommand({ FunctionName: 'js' }));
  assert.deepEqual([shown.Tags, shown.Configuration.Environment], [{ a: 'b' }, { Variables: { MINE: 'two' } }]);
  await send(new DeleteFunctionCommand({ FunctionName: 'js' }));
  await assert.rejects(send(new InvokeCommand({ FunctionName: 'js' })), (error: any) => {
    assert.ok(error instanceof ResourceNotFoundException);
    assert.equal(error.$metadata.httpStatusCode, 404);
    return true;
  });
});

test('AWS SDK for JS: failures of a function and of the platform are told apart', async () => {
  await create('fails', 'exports.handler = async () => { throw new RangeError("out"); };');
  const answer = await send(new InvokeCommand({ FunctionName: 'fails' }));
  assert.deepEqual([answer.StatusCode, answer.FunctionError], [200, 'Unhandled']);
  assert.equal(JSON.parse(text(answer.Payload)).errorType, 'RangeError');
  await send(new PutFunctionConcurrencyCommand({ FunctionName: 'fails', ReservedConcurrentExecutions: 0 }));
  await assert.rejects(send(new InvokeCommand({ FunctionName: 'fails' })), (error: any) => {
    assert.ok(error instanceof TooManyRequestsException);
    assert.equal(error.Reason, 'ReservedFunctionConcurrentInvocationLimitExceeded');
    assert.equal(error.$metadata.httpStatusCode, 429);
    return true;
  });
});

test('AWS SDK for JS: payloads that are too large are refused as AWS does', async () => {
  await create('small', 'exports.handler = async () => 1;');
  const refuses = (bytes: number, InvocationType: 'RequestResponse' | 'Event', message: string) =>
    assert.rejects(
      send(new InvokeCommand({ FunctionName: 'small', InvocationType, Payload: Buffer.alloc(bytes, '1') })),
      (error: any) => {
        const { name, message: said, $metadata } = error;
        assert.deepEqual([name, said, $metadata.httpStatusCode], ['RequestEntityTooLargeException', message, 413]);
        return true;
      },
    );
  const synchronous = 'Request must be smaller than 6291456 bytes for the InvokeFunction operation';
  await refuses(6_291_457, 'RequestResponse', synchronous);
  const event = '1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)';
  await refuses(1_048_577, 'Event', event);
});

test('AWS SDK for JS: events are accepted with 202, and paginators walk', async () => {
  await create('later', 'exports.handler = async () => {};');
  await send(new PutFunctionEventInvokeConfigCommand({ FunctionName: 'later', MaximumRetryAttempts: 1 }));
  const answer = await send(
    new InvokeCommand({ FunctionName: 'later', InvocationType: 'Event', Payload: Buffer.from('{}') }),
  );
  assert.equal(answer.StatusCode, 202);
  assert.equal(house.delivery.held.shift()!.policy.attemptsMax, 2);
  const dry = await send(new InvokeCommand({ FunctionName: 'later', InvocationType: 'DryRun' }));
  assert.equal(dry.StatusCode, 204);
  const names: string[] = [];
  for await (const page of paginateListFunctions({ client, pageSize: 1 }, {})) {
    names.push(...page.Functions!.map(({ FunctionName }) => FunctionName!));
  }
  assert.ok(names.includes('later') && names.includes('fails'));
});

test('a handler with an AWS client in it calls the node back, with the credentials that it was given', async () => {
  const contents = `
    import { GetAccountSettingsCommand, LambdaClient } from '@aws-sdk/client-lambda';
    const client = new LambdaClient({});
    export const handler = async () => (await client.send(new GetAccountSettingsCommand({}))).AccountLimit.ConcurrentExecutions;
  `;
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: import.meta.dirname },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    write: false,
    logLevel: 'error',
  });
  await create('calls-back', outputFiles[0]!.text, { Timeout: 10, MemorySize: 256 });
  assert.equal(text((await send(new InvokeCommand({ FunctionName: 'calls-back' }))).Payload), '1000');
});

test('AWS SDK for JS: a layer is published, used from /opt, and provisioned versions become ready', async () => {
  const zip = await zipOf({ 'nodejs/node_modules/shared/index.js': 'exports.say = () => "from the layer";' });
  const layer = await send(
    new PublishLayerVersionCommand({ LayerName: 'js', Content: { ZipFile: zip }, CompatibleRuntimes: ['nodejs24.x'] }),
  );
  assert.equal(layer.LayerVersionArn, 'arn:aws:lambda:eu-central-1:000000000000:layer:js:1');
  const found = await send(new GetLayerVersionByArnCommand({ Arn: layer.LayerVersionArn }));
  assert.equal(found.Content.CodeSha256, layer.Content.CodeSha256);
  await create('layered', 'exports.handler = async () => require("shared").say();', {
    Layers: [layer.LayerVersionArn],
    Publish: true,
  });
  await waitUntilPublishedVersionActive(
    { client, maxWaitTime: 5, minDelay: 1 },
    { FunctionName: 'layered', Qualifier: '1' },
  );
  await waitUntilFunctionUpdatedV2({ client, maxWaitTime: 5, minDelay: 1 }, { FunctionName: 'layered' });
  await send(new DeleteLayerVersionCommand({ LayerName: 'js', VersionNumber: 1 }));
  assert.equal(text((await send(new InvokeCommand({ FunctionName: 'layered' }))).Payload), '"from the layer"');
  const key = { FunctionName: 'layered', Qualifier: '1' };
  const begun = await send(new PutProvisionedConcurrencyConfigCommand({ ...key, ProvisionedConcurrentExecutions: 1 }));
  assert.equal(begun.Status, 'IN_PROGRESS');
  house.lambda.resume();
  const state = await eventually(
    () => send(new GetProvisionedConcurrencyConfigCommand(key)),
    ({ Status }) => Status !== 'IN_PROGRESS',
  );
  assert.deepEqual([state.Status, state.AvailableProvisionedConcurrentExecutions], ['READY', 1]);
  const { Payload } = await send(new InvokeCommand({ ...key }));
  assert.equal(text(Payload), '"from the layer"');
  const isUsed = ({ name, dimensions }: Datum) =>
    name === 'ProvisionedConcurrencyInvocations' && dimensions.Resource === 'layered:1';
  assert.ok(house.data.some(isUsed));
  await send(new DeleteProvisionedConcurrencyConfigCommand(key));
  await assert.rejects(
    send(new GetProvisionedConcurrencyConfigCommand(key)),
    ProvisionedConcurrencyConfigNotFoundException,
  );
});

test('AWS SDK for JS: a handler streams its response', async () => {
  await create(
    'streams',
    `exports.handler = awslambda.streamifyResponse(async (event, stream) => {
       stream.write('one');
       stream.write('two');
       stream.end();
     });`,
  );
  const answer = await send(new InvokeWithResponseStreamCommand({ FunctionName: 'streams', LogType: 'Tail' }));
  let body = '';
  let complete: any;
  for await (const event of answer.EventStream) {
    if (event.PayloadChunk) body += text(event.PayloadChunk.Payload);
    else complete = event.InvokeComplete;
  }
  assert.equal(body, 'onetwo');
  assert.equal(complete.ErrorCode, undefined);
  assert.match(Buffer.from(complete.LogResult, 'base64').toString(), /^REPORT RequestId: /m);
});

test('AWS SDK for JS: a version with SnapStart becomes active and runs', async () => {
  await create('snapped', 'exports.handler = async () => process.env.AWS_LAMBDA_INITIALIZATION_TYPE;', {
    SnapStart: { ApplyOn: 'PublishedVersions' },
    Publish: true,
  });
  const key = { FunctionName: 'snapped', Qualifier: '1' };
  await waitUntilPublishedVersionActive({ client, maxWaitTime: 30, minDelay: 1 }, key);
  const { SnapStart } = await send(new GetFunctionConfigurationCommand(key));
  assert.equal(SnapStart.ApplyOn, 'PublishedVersions');
  // A machine that cannot make snapshots says so, and starts it as any other.
  const type = SnapStart.OptimizationStatus === 'On' ? 'snap-start' : 'on-demand';
  assert.equal(text((await send(new InvokeCommand(key))).Payload), JSON.stringify(type));
});

const BOTO3 = `
import boto3, json, os, io, zipfile, base64
c = boto3.client('lambda', endpoint_url=os.environ['ENDPOINT'])
b = io.BytesIO()
with zipfile.ZipFile(b, 'w') as z:
    z.writestr('index.js', 'exports.handler = async (e) => { console.log("hello", e.n); return e.n * 2; };')
f = c.create_function(FunctionName='py', Runtime='nodejs24.x', Role='${role}', Handler='index.handler', Code={'ZipFile': b.getvalue()}, Publish=True)
assert f['Version'] == '1', f
c.get_waiter('function_active').wait(FunctionName='py')
r = c.invoke(FunctionName='py', Payload=json.dumps({'n': 21}), LogType='Tail')
assert r['StatusCode'] == 200 and json.loads(r['Payload'].read()) == 42
assert 'hello 21' in base64.b64decode(r['LogResult']).decode()
c.create_alias(FunctionName='py', Name='prod', FunctionVersion='1')
r = c.invoke(FunctionName='py', Qualifier='prod', Payload=b'{"n": 1}')
assert r['ExecutedVersion'] == '1'
c.add_permission(FunctionName='py', StatementId='s', Action='lambda:InvokeFunction', Principal='iot.amazonaws.com')
assert json.loads(c.get_policy(FunctionName='py')['Policy'])['Statement'][0]['Sid'] == 's'
try:
    c.get_function(FunctionName='none')
    raise SystemExit('found')
except c.exceptions.ResourceNotFoundException as e:
    assert e.response['Error']['Message'].startswith('Function not found: arn:aws:lambda:')
try:
    c.create_function(FunctionName='py', Runtime='nodejs24.x', Role='${role}', Handler='index.handler', Code={'ZipFile': b'no zip'})
    raise SystemExit('made')
except c.exceptions.ResourceConflictException: pass
def layer(text):
    b = io.BytesIO()
    with zipfile.ZipFile(b, 'w') as z: z.writestr('nodejs/node_modules/shared/index.js', 'exports.n = ' + text)
    return c.publish_layer_version(LayerName='py', Content={'ZipFile': b.getvalue()}, CompatibleRuntimes=['nodejs22.x', 'python3.9'])
assert [layer('1')['Version'], layer('2')['Version']] == [1, 2]
assert [v['Version'] for p in c.get_paginator('list_layer_versions').paginate(LayerName='py') for v in p['LayerVersions']] == [2, 1]
assert [l['LatestMatchingVersion']['Version'] for l in c.list_layers(CompatibleRuntime='python3.9')['Layers'] if l['LayerName'] == 'py'] == [2]
arn = c.get_layer_version(LayerName='py', VersionNumber=2)['LayerVersionArn']
c.add_layer_version_permission(LayerName='py', VersionNumber=2, StatementId='all', Action='lambda:GetLayerVersion', Principal='*')
assert json.loads(c.get_layer_version_policy(LayerName='py', VersionNumber=2)['Policy'])['Statement'][0]['Principal'] == '*'
assert c.update_function_configuration(FunctionName='py', Layers=[arn])['Layers'][0]['Arn'] == arn
c.get_waiter('function_updated').wait(FunctionName='py')
c.put_provisioned_concurrency_config(FunctionName='py', Qualifier='1', ProvisionedConcurrentExecutions=1)
assert c.list_provisioned_concurrency_configs(FunctionName='py')['ProvisionedConcurrencyConfigs'][0]['FunctionArn'].endswith(':py:1')
c.delete_provisioned_concurrency_config(FunctionName='py', Qualifier='1')
try:
    c.get_provisioned_concurrency_config(FunctionName='py', Qualifier='1')
    raise SystemExit('found')
except c.exceptions.ProvisionedConcurrencyConfigNotFoundException: pass
try:
    c.tag_resource(Resource=f['FunctionArn'].rsplit(':', 1)[0], Tags={'millrace:egress': 'some'})
    raise SystemExit('tagged')
except c.exceptions.InvalidParameterValueException as e:
    assert 'millrace:egress' in e.response['Error']['Message']
print(len([v for p in c.get_paginator('list_versions_by_function').paginate(FunctionName='py') for v in p['Versions']]))
`;

test(
  'boto3: the same, with its own waiters and errors',
  needs('/usr/lib/python3/dist-packages/boto3/__init__.py'),
  async () => {
    const { code, stdout, stderr } = await run('/usr/bin/python3', ['-c', BOTO3], clientEnvironment(wire));
    assert.equal(code, 0, stderr);
    assert.equal(stdout.trim(), '2');
  },
);

test('aws CLI: create, invoke, update and list', needs('/usr/bin/aws'), async () => {
  const file = join(directory, 'code.zip');
  await writeFile(file, await zipOf({ 'index.js': 'exports.handler = async (e) => e;' }));
  const aws = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(
      '/usr/bin/aws',
      ['--endpoint-url', wire.url, 'lambda', ...args],
      clientEnvironment(wire),
    );
    assert.equal(code, 0, stderr);
    return stdout.trim() === '' ? undefined : JSON.parse(stdout);
  };
  const base = ['--function-name', 'cli'];
  await aws(
    'create-function',
    ...base,
    '--runtime',
    'nodejs24.x',
    '--role',
    role,
    '--handler',
    'index.handler',
    '--zip-file',
    `fileb://${file}`,
  );
  const out = join(directory, 'out.json');
  const answer = await aws(
    'invoke',
    ...base,
    '--cli-binary-format',
    'raw-in-base64-out',
    '--payload',
    '{"from":"cli"}',
    out,
  );
  assert.equal(answer.StatusCode, 200);
  assert.equal(await readFile(out, 'utf8'), '{"from":"cli"}');
  assert.equal((await aws('update-function-configuration', ...base, '--timeout', '9')).Timeout, 9);
  const { Functions } = await aws('list-functions');
  assert.ok(Functions.some((one: any) => one.FunctionName === 'cli' && one.Timeout === 9));
  const layer = ['--layer-name', 'cli'];
  const published = await aws('publish-layer-version', ...layer, '--zip-file', `fileb://${file}`);
  assert.equal(published.Version, 1);
  const change = await aws('update-function-configuration', ...base, '--layers', published.LayerVersionArn);
  assert.equal(change.Layers[0].Arn, published.LayerVersionArn);
  const version = (await aws('publish-version', ...base)).Version;
  const key = [...base, '--qualifier', version];
  const provisioned = ['--provisioned-concurrent-executions', '2'];
  const begun = await aws('put-provisioned-concurrency-config', ...key, ...provisioned);
  assert.equal(begun.RequestedProvisionedConcurrentExecutions, 2);
});
