import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SimulatedClock } from '../../base/index.ts';
import { createMetrics, silentLogger } from '../../telemetry/index.ts';
import { AUDIT_LIMITS } from './limits.ts';
import { readTrail } from './reading.ts';
import { type AuditedCall, isDataEvent, isTold, recordOf } from './record.ts';
import { AuditTrail, trailFiles } from './trail.ts';

let directory: string;
let clock: SimulatedClock;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-audit-'));
  clock = new SimulatedClock(Date.parse('2026-03-01T00:00:00Z'));
});
after(() => rm(directory, { recursive: true }));

const open = (name: string, files = 3) =>
  AuditTrail.open({
    ...{ directory: join(directory, name), series: 'audit', files },
    ...{ clock, logger: silentLogger, metrics: createMetrics() },
  });

function call(more: Partial<AuditedCall> = {}): AuditedCall {
  return {
    caller: { accountId: '000000000000', arn: 'arn:aws:iam::000000000000:user/alice', accessKeyId: 'AKIAALICE' },
    ...{ service: 'iam', operation: 'CreateRole', region: 'us-east-1', requestId: 'r-1', eventId: 'e-1' },
    ...{
      at: clock.now(),
      sourceIp: '192.0.2.7',
      userAgent: 'aws-cli',
      resources: ['arn:aws:iam::000000000000:role/r'],
    },
    ...more,
  };
}

const all = { limit: 1000 };

test('a record has the names of CloudTrail and says who did what to what', () => {
  assert.deepEqual(recordOf(call({ failure: { type: 'EntityAlreadyExists' } })), {
    eventVersion: '1.11',
    userIdentity: {
      type: 'IAMUser',
      arn: 'arn:aws:iam::000000000000:user/alice',
      accountId: '000000000000',
      accessKeyId: 'AKIAALICE',
      userName: 'alice',
    },
    eventTime: '2026-03-01T00:00:00.000Z',
    eventSource: 'iam.amazonaws.com',
    eventName: 'CreateRole',
    awsRegion: 'us-east-1',
    sourceIPAddress: '192.0.2.7',
    userAgent: 'aws-cli',
    errorCode: 'EntityAlreadyExists',
    requestParameters: null,
    responseElements: null,
    requestID: 'r-1',
    eventID: 'e-1',
    readOnly: false,
    resources: [{ ARN: 'arn:aws:iam::000000000000:role/r', accountId: '000000000000' }],
    eventType: 'AwsApiCall',
    managementEvent: true,
    eventCategory: 'Management',
    recipientAccountId: '000000000000',
  });
});

test('a session is told with the role that it is of', () => {
  const arn = 'arn:aws:sts::000000000000:assumed-role/reader/f';
  const role = 'arn:aws:iam::000000000000:role/reader';
  const session = { kind: 'role', principalArn: role, userId: 'AROA1:f', issuedAt: clock.now() } as const;
  const { userIdentity } = recordOf(
    call({ caller: { accountId: '000000000000', arn, accessKeyId: 'ASIA1', session } }),
  );
  assert.deepEqual(userIdentity, {
    ...{ type: 'AssumedRole', principalId: 'AROA1:f', arn, accountId: '000000000000', accessKeyId: 'ASIA1' },
    sessionContext: {
      sessionIssuer: { type: 'Role', arn: role, accountId: '000000000000' },
      attributes: { creationDate: '2026-03-01T00:00:00.000Z', mfaAuthenticated: 'false' },
    },
  });
});

test('what changes things is told, what moves data is data, what reads is neither', () => {
  assert.ok(isTold('CreateRole') && isTold('AssumeRole') && isTold('GetSecretValue') && !isTold('ListRoles'));
  for (const [service, operation] of [
    ...[
      ['s3', 'PutObject'],
      ['s3', 'UploadPart'],
      ['sqs', 'SendMessage'],
      ['lambda', 'Invoke'],
      ['kinesis', 'PutRecords'],
    ],
  ] as const) {
    assert.ok(isDataEvent(service, operation) && isTold(operation), operation);
  }
  for (const [service, operation] of [
    ['s3', 'PutBucketPolicy'],
    ['s3', 'PutObjectLockConfiguration'],
    ['sqs', 'CreateQueue'],
    ['lambda', 'CreateFunction'],
  ] as const) {
    assert.ok(!isDataEvent(service, operation) && isTold(operation), operation);
  }
});

test('what was recorded is read after a restart, and what a crash cut off swallows nothing', async () => {
  {
    await using trail = await open('restarts');
    trail.record(recordOf(call({ requestId: 'first' })));
  }
  const [path] = await trailFiles(join(directory, 'restarts'), 'audit');
  await appendFile(path!, '{"eventVersion":"1.11","eventNa');
  {
    await using trail = await open('restarts');
    trail.record(recordOf(call({ requestId: 'second', operation: 'DeleteRole' })));
  }
  assert.equal((await stat(path!)).mode & 0o777, 0o600);
  assert.deepEqual(
    (await readTrail(join(directory, 'restarts'), all)).map(({ requestID }) => requestID),
    ['first', 'second'],
  );
  assert.equal((await readTrail(join(directory, 'restarts'), { ...all, eventName: 'DeleteRole' })).length, 1);
});

test('a full file is followed by the next, and only so many are kept', async () => {
  await using trail = await open('rotation', 2);
  const long = recordOf(
    call({ resources: Array.from({ length: 25 }, (_, n) => `arn:aws:s3:::${n}${'x'.repeat(900)}`) }),
  );
  const perFile = Math.ceil(AUDIT_LIMITS.fileBytesMax / JSON.stringify(long).length);
  for (let file = 0; file < 3; file++) {
    await clock.advance(1000);
    for (let written = 0; written < perFile; written++) {
      trail.record(long);
      if (written % 200 === 0) await trail.flushed();
    }
    await trail.flushed();
  }
  const files = await trailFiles(join(directory, 'rotation'), 'audit');
  assert.equal(files.length, 2);
  for (const file of files) assert.ok((await stat(file)).size <= AUDIT_LIMITS.fileBytesMax);
});

test('beyond what may wait records are counted, and the log says how many are lost', async () => {
  await using trail = await open('flood');
  const record = recordOf(call());
  const fit = Math.floor(AUDIT_LIMITS.pendingBytesMax / (JSON.stringify(record).length + 1));
  for (let count = 0; count < fit + 7; count++) trail.record(record);
  await trail.flushed();
  trail.record(record);
  await trail.flushed();
  const [path] = await trailFiles(join(directory, 'flood'), 'audit');
  const lines = (await readFile(path!, 'utf8')).trimEnd().split('\n');
  assert.equal(lines.length, fit + 2);
  assert.deepEqual(JSON.parse(lines[fit]!), {
    ...{ eventVersion: '1.11', eventTime: '2026-03-01T00:00:03.000Z', eventName: 'RecordsLost', count: 7 },
  });
});

test('records are found by who, what, when and whether they were refused', async () => {
  const place = join(directory, 'queries');
  {
    await using trail = await open('queries');
    trail.record(recordOf(call({ requestId: 'old' })));
    await clock.advance(60_000);
    const bob = { accountId: '000000000000', arn: 'arn:aws:iam::000000000000:user/bob' };
    trail.record(recordOf(call({ requestId: 'bob', caller: bob, failure: { type: 'AccessDenied', denial: 'no' } })));
    trail.record(recordOf(call({ requestId: 'new', resources: ['arn:aws:iam::000000000000:role/other'] })));
  }
  const ids = async (query: object) => (await readTrail(place, { ...all, ...query })).map(({ requestID }) => requestID);
  assert.deepEqual(await ids({}), ['old', 'bob', 'new']);
  assert.deepEqual(await ids({ limit: 2 }), ['bob', 'new']);
  assert.deepEqual(await ids({ principal: 'bob' }), ['bob']);
  assert.deepEqual(await ids({ denied: true }), ['bob']);
  assert.deepEqual(await ids({ resource: 'role/other' }), ['new']);
  assert.deepEqual(await ids({ since: clock.now() }), ['bob', 'new']);
  assert.deepEqual(await ids({ until: clock.now() }), ['old']);
});
