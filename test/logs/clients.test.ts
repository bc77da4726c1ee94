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
  PutLogEventsCommand,
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

test('aws logs tail shows the lines of a group', needs('/usr/bin/aws'), async () => {
  await send(new CreateLogGroupCommand({ logGroupName: 'js' }));
  await send(new CreateLogStreamCommand({ logGroupName: 'js', logStreamName: 's' }));
  const logEvents = ['one', 'ERROR two'].map((message) => ({ timestamp: Date.now(), message }));
  await send(new PutLogEventsCommand({ logGroupName: 'js', logStreamName: 's', logEvents }));
  const aws = (...args: string[]) =>
    run('/usr/bin/aws', ['--endpoint-url', wire.url, 'logs', ...args], clientEnvironment(wire));
  const tail = await aws('tail', 'js', '--since', '1h', '--format', 'short');
  assert.equal(tail.code, 0, tail.stderr);
  assert.match(tail.stdout, /one\n.*ERROR two\n/);
});
