import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SimulatedClock } from '../../base/index.ts';
import { createMetrics, silentLogger } from '../../telemetry/index.ts';
import { AUDIT_LIMITS } from './limits.ts';
import { AuditLog } from './log.ts';
import { readTrail } from './reading.ts';
import { type AuditedCall, recordOf } from './record.ts';
import { type Series, trailFiles } from './trail.ts';

let directory: string;
let clock: SimulatedClock;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-audit-log-'));
  clock = new SimulatedClock(Date.parse('2026-03-01T00:00:00Z'));
});
after(() => rm(directory, { recursive: true }));

const open = (name: string) =>
  AuditLog.open({
    ...{ directory: join(directory, name), files: 2, clock, logger: silentLogger, metrics: createMetrics() },
  });

const ALICE = 'arn:aws:iam::000000000000:user/alice';
const accountId = '000000000000';

function recordFor(requestId: string, denial?: string, caller: AuditedCall['caller'] = { accountId, arn: ALICE }) {
  return recordOf({
    ...{ caller, service: 'sqs', operation: 'SendMessage', region: 'us-east-1', requestId, eventId: 'e' },
    ...{ at: clock.now(), sourceIp: '192.0.2.7', userAgent: 'aws-cli', resources: [] },
    ...(denial !== undefined && { failure: { type: 'AccessDenied', denial } }),
  });
}

async function linesOf(name: string, series: Series): Promise<readonly any[]> {
  const texts = await Promise.all(
    (await trailFiles(join(directory, name), series)).map((path) => readFile(path, 'utf8')),
  );
  return texts
    .join('')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

test('what was refused stands in files of its own, and is read together with what was done', async () => {
  await using log = await open('apart');
  log.record(recordFor('1'));
  await clock.advance(1);
  log.record(recordFor('2', 'no'));
  await clock.advance(1);
  log.record(recordFor('3'));
  await log.flushed();
  const ids = (records: readonly any[]) => records.map(({ requestID }) => requestID);
  assert.deepEqual(ids(await linesOf('apart', 'audit')), ['1', '3']);
  assert.deepEqual(ids(await linesOf('apart', 'refused')), ['2']);
  assert.deepEqual(ids(await readTrail(join(directory, 'apart'), { limit: 10 })), ['1', '2', '3']);
  assert.deepEqual(ids(await readTrail(join(directory, 'apart'), { limit: 2 })), ['2', '3']);
});

test('a flood of refusals pushes out no record of what was done', async () => {
  await using log = await open('flood');
  log.record(recordFor('done'));
  // More than all its files hold, of as many principals as it takes.
  const long = 'x'.repeat(1000);
  const { fileBytesMax, refusedMax } = AUDIT_LIMITS;
  const records = Math.ceil((2.2 * fileBytesMax) / 1600);
  for (let i = 0; i < records; i++) {
    log.record(recordFor(`refused-${i}`, long, { accountId, arn: `${ALICE}-${Math.floor(i / refusedMax)}` }));
    if (i % 5000 === 0) await log.flushed();
  }
  await log.flushed();
  assert.deepEqual((await trailFiles(join(directory, 'flood'), 'refused')).length, 1);
  assert.equal((await linesOf('flood', 'audit'))[0].requestID, 'done');
});

test('of one principal so many refusals a minute are kept; the others are counted, and nobody else is', async () => {
  const log = await open('bound');
  const { refusedMax, refusedMs } = AUDIT_LIMITS;
  const session = { kind: 'role', principalArn: 'arn:aws:iam::000000000000:role/r', userId: 'r', issuedAt: 0 } as const;
  for (let i = 0; i < refusedMax + 7; i++) {
    // Sessions are named by whoever takes the role on.
    const arn = `arn:aws:sts::000000000000:assumed-role/r/${i}`;
    log.record(recordFor(`r-${i}`, 'no', { accountId, arn, session }));
  }
  log.record(recordFor('alice', 'no'));
  await clock.advance(refusedMs);
  log.record(recordFor('r-later', 'no', { accountId, arn: 'arn:aws:sts::000000000000:assumed-role/r/x', session }));
  await log[Symbol.asyncDispose]();
  const lines = await linesOf('bound', 'refused');
  assert.equal(lines.filter(({ requestID = '' }) => /^r-\d/.test(requestID)).length, refusedMax);
  assert.ok(lines.some(({ requestID }) => requestID === 'alice'));
  assert.ok(lines.some(({ requestID }) => requestID === 'r-later'));
  const remarks = lines.filter(({ eventName }) => eventName === 'RefusalsLeftOut');
  assert.deepEqual(
    remarks.map(({ count, userIdentity }) => [count, userIdentity.sessionContext.sessionIssuer.arn]),
    [[7, session.principalArn]],
  );
  const denied = await readTrail(join(directory, 'bound'), { limit: 1000, denied: true, principal: 'role/r' });
  assert.ok(
    denied.some(({ eventName }) => eventName === 'RefusalsLeftOut'),
    'they were refused as well',
  );
});
