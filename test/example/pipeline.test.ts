import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { AlertTopic } from '../../examples/machine-health/src/alerts.ts';
import { DeadLetterQueue } from '../../examples/machine-health/src/dead-letters.ts';
import type { KinesisRecord } from '../../examples/machine-health/src/kinesis-event.ts';
import { Pipeline } from '../../examples/machine-health/src/pipeline.ts';
import { SeriesClient } from '../../examples/machine-health/src/series.ts';
import { type FarEdge, startFarEdge } from './far-edge.ts';

const START = Date.UTC(2026, 0, 1);
const STEP_MS = 300_000;

let edge: FarEdge;
const aws = { region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 's' }, maxAttempts: 1 };

before(async () => {
  edge = await startFarEdge();
});
beforeEach(() => {
  edge.points.clear();
  edge.letters.length = 0;
  edge.alerts.length = 0;
  edge.stateQueries.length = 0;
  edge.broken.clear();
  edge.refuses = () => false;
});
after(() => edge[Symbol.asyncDispose]());

/** An environment of its own: nothing is remembered from another. */
function environment(): Pipeline {
  const client = { ...aws, endpoint: edge.url };
  return new Pipeline({
    series: new SeriesClient(edge.url, 'machines'),
    alerts: new AlertTopic(new SNSClient(client), 'arn:aws:sns:us-east-1:000000000000:machine-alerts'),
    deadLetters: new DeadLetterQueue(new SQSClient(client), `${edge.url}/000000000000/machine-dead-letters`),
  });
}

function record(device: string, seq: number, data: unknown): KinesisRecord {
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  return {
    kinesis: {
      partitionKey: device,
      sequenceNumber: `49${String(seq).padStart(10, '0')}`,
      data: Buffer.from(text).toString('base64'),
      approximateArrivalTimestamp: START / 1000,
    },
  };
}

const reading = (device: string, seq: number, fahrenheit = 86) =>
  record(device, seq, {
    seq,
    ts: START + seq * 20,
    temperature: fahrenheit,
    unit: 'F',
    recordedAt: new Date(START + seq * STEP_MS).toISOString(),
  });

/** A machine at 86 °F that falls to 40 °F from reading 1,900 on. */
const history = (device: string, from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) =>
    reading(device, from + i, from + i < 1900 ? 86 + Math.sin((from + i) / 7) : 40),
  );

const points = (measurement: string) => [...edge.points].filter(([key]) => key.startsWith(`${measurement},`));

test('a reading becomes a point in degrees Celsius, with its time', async () => {
  await environment().run([reading('press-1', 0, 212)]);
  const [[key, fields]] = points('machine') as [[string, Record<string, string>]];
  assert.equal(key, `machine,device=press-1 ${START}`);
  assert.equal(Number(fields.temperature_c), 100);
});

test('bad records go to the dead-letter queue with their reason, and hold up nobody', async () => {
  const cut = '{"seq":1,"ts":17';
  const bad = [
    record('press-1', 1, cut),
    record('press-1', 2, { seq: 2, ts: 'now', temperature: 80, unit: 'F' }),
    record('press-1', 3, { seq: 3, ts: START, unit: 'F' }),
    record('press-1', 4, { seq: 4, ts: START, temperature: 80, unit: 'K' }),
    record('press-1', 5, Buffer.from([0xff, 0xfe]).toString('latin1')),
    record('press-1', 6, { seq: 6, ts: START, temperature: 80, unit: 'F', recordedAt: '2026-99-99T00:00:00Z' }),
  ];
  const report = await environment().run([reading('press-1', 0), ...bad, reading('press-1', 7)]);
  assert.deepEqual(report.batchItemFailures, []);
  assert.equal(points('machine').length, 2);
  assert.equal(edge.letters.length, bad.length);
  assert.equal(Buffer.from(edge.letters[0]!.data, 'base64').toString(), cut);
  assert.match(edge.letters[0]!.reason, /no JSON/);
  assert.match(edge.letters[2]!.reason, /temperature/);
});

test('a bad record that the queue does not take is reported, and no other', async () => {
  edge.refuses = (body) => body.includes('"4900000002"') || body.includes('490000000002');
  const report = await environment().run([record('p', 1, '!'), record('p', 2, '!'), reading('p', 3)]);
  assert.deepEqual(report.batchItemFailures, [{ itemIdentifier: '490000000002' }]);
  edge.broken.add('sqs');
  const all = await environment().run([record('p', 1, '!'), record('p', 2, '!')]);
  assert.equal(all.batchItemFailures.length, 2);
});

test('hundreds of bad records fit into batches of ten and of their bytes', async () => {
  const large = 'x'.repeat(100_000);
  const bad = Array.from({ length: 30 }, (_, i) => record('p', i, i < 5 ? large : 'short'));
  await environment().run(bad);
  assert.equal(edge.letters.length, 30);
});

test('an alert is raised once, written and published', async () => {
  const pipeline = environment();
  for (let at = 0; at < 2200; at += 500) await pipeline.run(history('press-1', at, Math.min(at + 500, 2200)));
  assert.equal(edge.alerts.length, 1);
  assert.equal(points('alerts').length, 1);
  assert.match(
    String((edge.alerts[0] as unknown as { message: string }).message),
    /press-1 runs colder than usual: 4\.4 °C/,
  );
  assert.equal(points('machine').length, 2200);
});

test('environments that take turns see one machine: the state is that of its last reading', async () => {
  const environments = [environment(), environment(), environment()];
  for (let at = 0, turn = 0; at < 2200; at += 100, turn++)
    await environments[turn % 3]!.run(history('press-1', at, at + 100));
  assert.equal(edge.alerts.length, 1);
  const alternating = edge.alerts[0]!.alertId;
  edge.points.clear();
  edge.alerts.length = 0;
  const one = environment();
  for (let at = 0; at < 2200; at += 100) await one.run(history('press-1', at, at + 100));
  assert.equal(edge.alerts[0]!.alertId, alternating);
});

test('a warm environment asks for no state', async () => {
  const pipeline = environment();
  for (let at = 0; at < 500; at += 100) await pipeline.run(history('press-1', at, at + 100));
  assert.equal(edge.stateQueries.length, 1);
});

test('a bad record between two good ones does not make a warm environment ask again', async () => {
  const pipeline = environment();
  await pipeline.run([reading('p', 0), reading('q', 0)]);
  await pipeline.run([reading('p', 1), record('p', 2, '!'), reading('p', 3), record('q', 1, '!')]);
  await pipeline.run([record('p', 4, '!'), reading('p', 5), reading('q', 2)]);
  assert.equal(edge.stateQueries.length, 1);
  await pipeline.run([reading('p', 7)]);
  assert.equal(edge.stateQueries.length, 2, 'a gap that nobody here has seen is another matter');
});

test('batches that come twice change nothing', async () => {
  const pipeline = environment();
  const other = environment();
  for (let at = 0; at < 2200; at += 100) {
    await pipeline.run(history('press-1', at, at + 100));
    await (at % 300 === 0 ? other : pipeline).run(history('press-1', at, at + 100));
  }
  assert.equal(edge.alerts.length, 1);
  assert.equal(points('machine').length, 2200);
});

test('a batch that fails at its end is taken again as if it were new, its alert under the same id', async () => {
  const pipeline = environment();
  for (let at = 0; at < 1900; at += 100) await pipeline.run(history('press-1', at, at + 100));
  edge.broken.add('write');
  await assert.rejects(pipeline.run(history('press-1', 1900, 2200)), /series write: 503/);
  edge.broken.clear();
  await pipeline.run(history('press-1', 1900, 2200));
  assert.equal(new Set(edge.alerts.map(({ alertId }) => alertId)).size, 1);
  assert.equal(edge.alerts.length, 2, 'at least once: subscribers drop the second by its id');
  assert.equal(points('machine').length, 2200);
});

test('an alert that cannot be published fails the batch before anything is written', async () => {
  const pipeline = environment();
  for (let at = 0; at < 1900; at += 100) await pipeline.run(history('press-1', at, at + 100));
  const before = edge.points.size;
  edge.broken.add('sns');
  await assert.rejects(pipeline.run(history('press-1', 1900, 2200)));
  assert.equal(edge.points.size, before);
});

test('names that mean something in SQL or in line protocol are only names', async () => {
  await environment().run([reading("it's, a=b", 0)]);
  assert.match(edge.stateQueries[0]!, /'it''s, a=b'/);
  assert.equal(points('machine').length, 1);
});
