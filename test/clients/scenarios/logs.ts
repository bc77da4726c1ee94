import assert from 'node:assert/strict';
import { gunzipSync } from 'node:zlib';
import { aMoment } from '../../support/eventually.ts';
import type { Rig, Scenario } from '../scenario.ts';

const ACCOUNT = 'us-east-1:000000000000';
const MINUTE_MS = 60_000;
const notFound = { name: 'ResourceNotFoundException' };

/** CloudWatch Logs: a group with its streams, events written and found, filters of both kinds, retention, tags, policies. */
export const logs: Scenario = {
  service: 'logs',
  async run(rig) {
    const logGroupName = rig.name('/plant/line');
    await groups(rig, logGroupName);
    await groupSettings(rig);
    await events(rig, logGroupName);
    await found(rig, logGroupName);
    await streams(rig, logGroupName);
    await metricFilters(rig, logGroupName);
    await subscriptionFilters(rig, logGroupName);
    await groupTags(rig, logGroupName);
    await tags(rig, logGroupName);
    await policies(rig);
    await rig.call('DeleteLogGroup', { logGroupName });
    await assert.rejects(rig.call('DescribeLogStreams', { logGroupName }), notFound);
  },
};

async function groups({ call, knows, name }: Rig, logGroupName: string): Promise<void> {
  const before = Date.now();
  await call('CreateLogGroup', { logGroupName, tags: { team: 'a' } });
  await call('CreateLogGroup', { logGroupName: `${logGroupName}-2` });
  await assert.rejects(call('CreateLogGroup', { logGroupName }), { name: 'ResourceAlreadyExistsException' });
  await assert.rejects(call('CreateLogGroup', { logGroupName: 'a b' }), { name: 'InvalidParameterException' });
  const asked = { logGroupNamePrefix: logGroupName, limit: 1 };
  const first = await call('DescribeLogGroups', asked);
  const rest = await call('DescribeLogGroups', { ...asked, nextToken: first.nextToken });
  assert.deepEqual(
    [...first.logGroups, ...rest.logGroups].map((one) => one.arn),
    [logGroupName, `${logGroupName}-2`].map((one) => `arn:aws:logs:${ACCOUNT}:log-group:${one}:*`),
  );
  assert.ok(first.logGroups[0].creationTime >= before - 1 && first.logGroups[0].creationTime <= Date.now());
  const byPattern = await call('DescribeLogGroups', { logGroupNamePattern: name('LINE').toUpperCase() });
  assert.equal(byPattern.logGroups.length, 2);
  if (await knows('ListLogGroups')) {
    const listed = await call('ListLogGroups', { logGroupNamePattern: `^${logGroupName}` });
    assert.deepEqual(listed.logGroups[0], {
      ...{ logGroupName, logGroupClass: 'STANDARD' },
      logGroupArn: `arn:aws:logs:${ACCOUNT}:log-group:${logGroupName}`,
    });
  }
  await call('DeleteLogGroup', { logGroupName: `${logGroupName}-2` });

  const days = async () => (await call('DescribeLogGroups', asked)).logGroups[0].retentionInDays;
  await call('PutRetentionPolicy', { logGroupName, retentionInDays: 7 });
  assert.equal(await days(), 7);
  const odd = call('PutRetentionPolicy', { logGroupName, retentionInDays: 8 });
  await assert.rejects(odd, { name: 'InvalidParameterException' });
  await call('DeleteRetentionPolicy', { logGroupName });
  assert.equal(await days(), undefined);
}

/** What a group is made with beside its name, and what is changed of it. */
async function groupSettings({ call, knows, name }: Rig): Promise<void> {
  const logGroupName = name('/plant/rare');
  const kmsKeyId = 'arn:aws:kms:us-east-1:000000000000:key/12345678-1234-1234-1234-123456789012';
  const described = async () => (await call('DescribeLogGroups', { logGroupNamePrefix: logGroupName })).logGroups[0];
  await call('CreateLogGroup', { logGroupName, kmsKeyId });
  assert.equal((await described()).kmsKeyId, kmsKeyId);
  await call('DisassociateKmsKey', { logGroupName });
  assert.equal((await described()).kmsKeyId, undefined);
  await call('AssociateKmsKey', { logGroupName, kmsKeyId });
  assert.equal((await described()).kmsKeyId, kmsKeyId);
  await call('DeleteLogGroup', { logGroupName });

  if (!(await knows('CreateLogGroup', 'deletionProtectionEnabled'))) return;
  const rare = { logGroupClass: 'INFREQUENT_ACCESS', tags: { site: 'north' } };
  await call('CreateLogGroup', { logGroupName, ...rare, deletionProtectionEnabled: true });
  const { logGroupClass, deletionProtectionEnabled } = await described();
  assert.deepEqual([logGroupClass, deletionProtectionEnabled], ['INFREQUENT_ACCESS', true]);
  await assert.rejects(call('DeleteLogGroup', { logGroupName }), { name: 'ValidationException' });
  const namesOf = (answer: any) => answer.logGroups.map((one: any) => one.logGroupName);
  assert.deepEqual(namesOf(await call('DescribeLogGroups', { logGroupIdentifiers: [logGroupName] })), [logGroupName]);
  const byClass = (of: string) => ({ logGroupNamePrefix: logGroupName, logGroupClass: of });
  assert.deepEqual(namesOf(await call('DescribeLogGroups', byClass('INFREQUENT_ACCESS'))), [logGroupName]);
  assert.deepEqual(namesOf(await call('DescribeLogGroups', byClass('STANDARD'))), []);
  const tagged = async (...values: readonly string[]) =>
    namesOf(
      await call('ListLogGroups', { logGroupTags: [{ key: 'site', values }], logGroupNamePattern: logGroupName }),
    );
  assert.deepEqual(
    [await tagged(), await tagged('north'), await tagged('NOR*'), await tagged('south', '!east')],
    [[logGroupName], [logGroupName], [logGroupName], [logGroupName]],
  );
  assert.deepEqual([await tagged('NORTH'), await tagged('!north'), await tagged('*out*')], [[], [], []]);
  await call('PutLogGroupDeletionProtection', { logGroupIdentifier: logGroupName, deletionProtectionEnabled: false });
  await call('DeleteLogGroup', { logGroupName });
}

async function events({ call }: Rig, logGroupName: string): Promise<void> {
  const about = { logGroupName, logStreamName: 'press/1' };
  await call('CreateLogStream', about);
  await assert.rejects(call('CreateLogStream', about), { name: 'ResourceAlreadyExistsException' });
  const at = Date.now();
  const messages = ['{"level":"info","n":1}', 'ERROR grün <&> ✓', '{"level":"warn","n":3}'];
  const logEvents = messages.map((message, index) => ({ timestamp: at + index, message }));
  const tooOld = { timestamp: at - 15 * 24 * 60 * MINUTE_MS, message: 'forgotten' };
  const tooNew = { timestamp: at + 3 * 60 * MINUTE_MS, message: 'not yet' };
  const put = await call('PutLogEvents', { ...about, logEvents: [tooOld, ...logEvents, tooNew] });
  assert.deepEqual(put.rejectedLogEventsInfo, { tooOldLogEventEndIndex: 1, tooNewLogEventStartIndex: 4 });
  const nowhere = call('PutLogEvents', { ...about, logStreamName: 'none', logEvents });
  await assert.rejects(nowhere, notFound);

  const first = await call('GetLogEvents', { ...about, startFromHead: true, limit: 2 });
  const rest = await call('GetLogEvents', { ...about, nextToken: first.nextForwardToken });
  assert.deepEqual(
    [...first.events, ...rest.events].map(({ timestamp, message }) => ({ timestamp, message })),
    logEvents,
  );
  const end = await call('GetLogEvents', { ...about, nextToken: rest.nextForwardToken });
  assert.deepEqual([end.events, end.nextForwardToken], [[], rest.nextForwardToken]);
  const back = await call('GetLogEvents', { ...about, limit: 1 });
  assert.equal(back.events[0].message, messages[2]);
  const between = await call('GetLogEvents', { ...about, startTime: at + 1, endTime: at + 2 });
  assert.deepEqual(
    between.events.map((one: any) => one.message),
    [messages[1]],
  );
}

async function found({ call }: Rig, logGroupName: string): Promise<void> {
  const search = async (filterPattern: string, more: object = {}) => {
    const answer = await call('FilterLogEvents', { logGroupName, filterPattern, ...more });
    return answer.events.map((one: any) => [one.logStreamName, one.message]);
  };
  assert.deepEqual(await search('ERROR'), [['press/1', 'ERROR grün <&> ✓']]);
  assert.deepEqual(await search('{ $.n > 1 }'), [['press/1', '{"level":"warn","n":3}']]);
  assert.deepEqual(await search('', { logStreamNamePrefix: 'other' }), []);
  const first = await call('FilterLogEvents', { logGroupName, limit: 2 });
  const rest = await call('FilterLogEvents', { logGroupName, nextToken: first.nextToken });
  const ids = [...first.events, ...rest.events].map((one) => one.eventId);
  assert.deepEqual([first.events.length, new Set(ids).size, rest.nextToken], [2, 3, undefined]);
  const wrong = call('FilterLogEvents', { logGroupName, filterPattern: '{ $.n > }' });
  await assert.rejects(wrong, { name: 'InvalidParameterException' });
}

async function streams({ call }: Rig, logGroupName: string): Promise<void> {
  await call('CreateLogStream', { logGroupName, logStreamName: 'press/2' });
  const first = await call('DescribeLogStreams', { logGroupName, logStreamNamePrefix: 'press/', limit: 1 });
  const [{ arn, firstEventTimestamp, lastEventTimestamp }] = first.logStreams;
  assert.equal(arn, `arn:aws:logs:${ACCOUNT}:log-group:${logGroupName}:log-stream:press/1`);
  assert.equal(lastEventTimestamp - firstEventTimestamp, 2);
  const rest = await call('DescribeLogStreams', { logGroupName, nextToken: first.nextToken });
  assert.deepEqual(
    rest.logStreams.map((one: any) => one.logStreamName),
    ['press/2'],
  );
  const latest = await call('DescribeLogStreams', { logGroupName, orderBy: 'LastEventTime', descending: true });
  assert.deepEqual(
    latest.logStreams.map((one: any) => one.logStreamName),
    ['press/1', 'press/2'],
  );
  await call('DeleteLogStream', { logGroupName, logStreamName: 'press/2' });
  assert.equal((await call('DescribeLogStreams', { logGroupName })).logStreams.length, 1);
}

async function metricFilters({ call, name }: Rig, logGroupName: string): Promise<void> {
  const filterName = 'slow';
  const metricNamespace = name('Plant');
  const transformation = { metricName: 'Slow', metricNamespace, metricValue: '$.ms', unit: 'Milliseconds' };
  const metricTransformations = [{ ...transformation, dimensions: { line: '$.line' } }];
  const filter = { logGroupName, filterName, filterPattern: '{ $.ms > 10 }', metricTransformations };
  await call('PutMetricFilter', filter);
  const { metricFilters } = await call('DescribeMetricFilters', { metricName: 'Slow', metricNamespace });
  assert.deepEqual(
    metricFilters.map(({ creationTime: _, applyOnTransformedLogs: __, ...one }: any) => one),
    [filter],
  );
  const named = await call('DescribeMetricFilters', { logGroupName, filterNamePrefix: 'slow' });
  assert.deepEqual(named.metricFilters, metricFilters);
  await call('DeleteMetricFilter', { logGroupName, filterName });
  await assert.rejects(call('DeleteMetricFilter', { logGroupName, filterName }), notFound);
  assert.deepEqual((await call('DescribeMetricFilters', { logGroupName })).metricFilters, []);
}

/** What is written is sent on, compressed, into a stream. */
async function subscriptionFilters({ call, of, name }: Rig, logGroupName: string): Promise<void> {
  const kinesis = of('kinesis');
  const StreamName = name('lines');
  await kinesis('CreateStream', { StreamName, ShardCount: 1 });
  const destinationArn = `arn:aws:kinesis:${ACCOUNT}:stream/${StreamName}`;
  const filter = { logGroupName, filterName: 'errors', filterPattern: 'ERROR', destinationArn };
  const roleArn = 'arn:aws:iam::000000000000:role/logs';
  await assert.rejects(call('PutSubscriptionFilter', filter), { name: 'InvalidParameterException' });
  await call('PutSubscriptionFilter', { ...filter, roleArn, distribution: 'Random' });
  const { subscriptionFilters } = await call('DescribeSubscriptionFilters', { logGroupName });
  assert.deepEqual(
    subscriptionFilters.map(({ creationTime: _, applyOnTransformedLogs: __, ...one }: any) => one),
    [{ ...filter, roleArn, distribution: 'Random' }],
  );
  const logEvents = ['ERROR sent', 'kept'].map((message) => ({ timestamp: Date.now(), message }));
  await call('PutLogEvents', { logGroupName, logStreamName: 'press/1', logEvents });
  const sent = JSON.parse(gunzipSync(await firstOf(kinesis, StreamName)).toString());
  assert.deepEqual(
    [sent.messageType, sent.logGroup, sent.logStream, sent.subscriptionFilters],
    ['DATA_MESSAGE', logGroupName, 'press/1', ['errors']],
  );
  assert.deepEqual(
    sent.logEvents.map((one: any) => one.message),
    ['ERROR sent'],
  );
  await call('DeleteSubscriptionFilter', { logGroupName, filterName: 'errors' });
  assert.deepEqual((await call('DescribeSubscriptionFilters', { logGroupName })).subscriptionFilters, []);
}

/** Data of the first record of a stream that is no test message, once it is there. */
async function firstOf(kinesis: Rig['call'], StreamName: string): Promise<Buffer> {
  const start = { StreamName, ShardId: 'shardId-000000000000', ShardIteratorType: 'TRIM_HORIZON' };
  let { ShardIterator } = await kinesis('GetShardIterator', start);
  for (;;) {
    const { Records, NextShardIterator } = await kinesis('GetRecords', { ShardIterator });
    const found = Records.find((one: any) => !gunzipSync(one.Data).includes('CONTROL_MESSAGE'));
    if (found) return found.Data;
    ShardIterator = NextShardIterator;
    await aMoment();
  }
}

/** The older operations, which take a group's name. */
async function groupTags({ call }: Rig, logGroupName: string): Promise<void> {
  await call('TagLogGroup', { logGroupName, tags: { site: 'grün: 1+1', floor: '2' } });
  await call('UntagLogGroup', { logGroupName, tags: ['team'] });
  const { tags } = await call('ListTagsLogGroup', { logGroupName });
  assert.deepEqual(tags, { site: 'grün: 1+1', floor: '2' });
}

async function tags({ call }: Rig, logGroupName: string): Promise<void> {
  const resourceArn = `arn:aws:logs:${ACCOUNT}:log-group:${logGroupName}`;
  await call('TagResource', { resourceArn, tags: { line: '1' } });
  await call('UntagResource', { resourceArn, tagKeys: ['site', 'floor'] });
  assert.deepEqual((await call('ListTagsForResource', { resourceArn })).tags, { line: '1' });
}

async function policies({ call, name }: Rig): Promise<void> {
  const policyName = name('services');
  const Statement = [{ Effect: 'Allow', Principal: { Service: 'es.amazonaws.com' }, Action: 'logs:*', Resource: '*' }];
  const policyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
  const { resourcePolicy } = await call('PutResourcePolicy', { policyName, policyDocument });
  assert.ok(Math.abs(resourcePolicy.lastUpdatedTime - Date.now()) < MINUTE_MS);
  const { resourcePolicies } = await call('DescribeResourcePolicies');
  assert.deepEqual(resourcePolicies, [resourcePolicy]);
  assert.equal(resourcePolicy.policyDocument, policyDocument);
  await call('DeleteResourcePolicy', { policyName });
  await assert.rejects(call('DeleteResourcePolicy', { policyName }), notFound);
}
