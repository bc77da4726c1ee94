import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  DescribeLogGroupsCommand,
  FilterLogEventsCommand,
  GetLogEventsCommand,
  PutLogEventsCommand,
  ResourceNotFoundException,
} from '@aws-sdk/client-cloudwatch-logs';
import { systemClock, systemRandom } from '../../src/base/index.ts';
import { openLogs } from '../../src/services/logs/index.ts';
import { EmbeddedLog, openEmbeddedRecords } from '../../src/store/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { clientEnvironment, clientOptions, run, startWire, type TestWire } from '../wire/support.ts';

const needs = (file: string) => ({ skip: existsSync(file) ? false : `needs ${file}` });
const scope = new AsyncDisposableStack();
let wire: TestWire;
let client: CloudWatchLogsClient;
const now = Date.now();

before(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-logs-'));
  scope.defer(() => rm(directory, { recursive: true, force: true }));
  const records = scope.use(await openEmbeddedRecords({ directory: join(directory, 'records') }));
  const log = scope.use(await EmbeddedLog.open({ directory: join(directory, 'log') }));
  const ground = { clock: systemClock, random: systemRandom, logger: silentLogger, metrics: createMetrics() };
  const subscribers = { delivery: { send: async () => {} }, askSubscriber: async () => 'missing' as const };
  const logs = scope.use(await openLogs({ records, log, takeMetrics: () => {}, ...subscribers, ...ground }));
  wire = scope.use(await startWire([logs.service]));
  client = new CloudWatchLogsClient(clientOptions(wire));
  scope.defer(() => client.destroy());
});
after(() => scope.disposeAsync());

const send = (command: any): Promise<any> => client.send(command);

test('AWS SDK for JS writes and reads events', async () => {
  await send(new CreateLogGroupCommand({ logGroupName: 'js', tags: { a: 'b' } }));
  await send(new CreateLogStreamCommand({ logGroupName: 'js', logStreamName: 's' }));
  const logEvents = ['one', 'ERROR two'].map((message) => ({ timestamp: now, message }));
  const put = await send(new PutLogEventsCommand({ logGroupName: 'js', logStreamName: 's', logEvents }));
  assert.ok(put.nextSequenceToken);
  const got = await send(new GetLogEventsCommand({ logGroupName: 'js', logStreamName: 's', startFromHead: true }));
  assert.deepEqual(
    got.events.map(({ message }: any) => message),
    ['one', 'ERROR two'],
  );
  const filtered = await send(new FilterLogEventsCommand({ logGroupName: 'js', filterPattern: 'ERROR' }));
  assert.deepEqual(
    filtered.events.map(({ message, timestamp }: any) => [message, timestamp]),
    [['ERROR two', now]],
  );
  const { logGroups } = await send(new DescribeLogGroupsCommand({}));
  assert.equal(logGroups[0].arn, 'arn:aws:logs:eu-central-1:000000000000:log-group:js:*');
  await assert.rejects(
    send(new GetLogEventsCommand({ logGroupName: 'none', logStreamName: 's' })),
    (error: unknown) => error instanceof ResourceNotFoundException,
  );
});

const BOTO3 = `
import boto3, os, time
c = boto3.client('logs', endpoint_url=os.environ['ENDPOINT'])
c.create_log_group(logGroupName='py'); c.create_log_stream(logGroupName='py', logStreamName='s')
now = int(time.time() * 1000)
c.put_log_events(logGroupName='py', logStreamName='s', logEvents=[{'timestamp': now, 'message': '{"level":"ERROR","i":%d}' % i} for i in range(5)])
found = [e for p in c.get_paginator('filter_log_events').paginate(logGroupName='py', filterPattern='{ $.i > 2 }') for e in p['events']]
assert len(found) == 2, found
assert c.describe_log_streams(logGroupName='py', orderBy='LastEventTime')['logStreams'][0]['lastEventTimestamp'] == now
c.put_retention_policy(logGroupName='py', retentionInDays=7)
assert c.describe_log_groups(logGroupNamePrefix='py')['logGroups'][0]['retentionInDays'] == 7
try: c.create_log_group(logGroupName='py'); raise SystemExit('made')
except c.exceptions.ResourceAlreadyExistsException: pass
`;

test('boto3 does the same', needs('/usr/lib/python3/dist-packages/boto3/__init__.py'), async () => {
  const { code, stderr } = await run('/usr/bin/python3', ['-c', BOTO3], clientEnvironment(wire));
  assert.equal(code, 0, stderr);
});

test('aws logs tail shows the lines of a group', needs('/usr/bin/aws'), async () => {
  const aws = (...args: string[]) =>
    run('/usr/bin/aws', ['--endpoint-url', wire.url, 'logs', ...args], clientEnvironment(wire));
  const tail = await aws('tail', 'js', '--since', '1h', '--format', 'short');
  assert.equal(tail.code, 0, tail.stderr);
  assert.match(tail.stdout, /one\n.*ERROR two\n/);
});
