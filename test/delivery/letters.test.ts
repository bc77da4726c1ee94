import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DomainError, SimulatedClock, seededRandom } from '../../src/base/index.ts';
import { encodeKey } from '../../src/codec/index.ts';
import {
  DELIVERY_LIMITS,
  type Delivery,
  type LetterFilter,
  type LetterSummary,
  type Target,
} from '../../src/delivery/index.ts';
import { type KeyRange, openEmbeddedRecords, type Records } from '../../src/store/index.ts';
import { createMetrics, createSpans, type Datum, newTrace } from '../../src/telemetry/index.ts';
import { advanceUntil, eventually, gate } from '../pollers/fakes.ts';
import { delivery, type House, openHouse, SOURCE } from './support.ts';

const arnOf = (name: string) => `arn:aws:fake:us-east-1:000000000000:${name}`;
const [ONE, TWO, DEAD] = [arnOf('one'), arnOf('two'), arnOf('dead')];

/** Refuses for good as long as it is told to. */
class Refusing implements Target {
  refuses = true;
  readonly received: Delivery[] = [];
  async deliver(one: Delivery): Promise<void> {
    if (this.refuses && one.arn !== DEAD) throw new DomainError('gone', 'no such thing');
    this.received.push(one);
  }
}

/** A wall clock that is set while the monotonic one goes on. */
class SetClock extends SimulatedClock {
  offset = 0;
  override now(): number {
    return super.now() + this.offset;
  }
}

async function all(house: House, filter: LetterFilter = {}): Promise<LetterSummary[]> {
  const found: LetterSummary[] = [];
  for (let after: string | undefined; ; ) {
    const { letters, next } = await house.outbox.letters({
      ...filter,
      limit: 7,
      ...(after !== undefined && { after }),
    });
    found.push(...letters);
    if (next === undefined) return found;
    after = next;
  }
}

async function withLost(count: number, more: Partial<Delivery> = {}) {
  const target = new Refusing();
  const clock = new SimulatedClock();
  const house = await openHouse({ clock, targets: { fake: target } });
  for (let n = 0; n < count; n++) {
    await house.outbox.send([delivery(n % 2 === 0 ? ONE : TWO, String(n), more)]);
    await clock.advance(1000);
  }
  await eventually(() => house.outbox.edges().every(({ pending }) => pending === 0));
  return { target, clock, house };
}

test('what is given up to nobody is listed, the oldest first, by source, target and time, page by page', async () => {
  const { house, clock } = await withLost(40, { attributes: { subject: 's' } });
  await using _house = house;
  const letters = await all(house);
  assert.equal(letters.length, 40);
  const times = letters.map(({ origin }) => origin.givenUpAt);
  assert.deepEqual(times, times.toSorted());
  assert.equal((await all(house, { arn: TWO })).length, 20);
  assert.equal((await all(house, { source: 'arn:aws:sns:us-east-1:000000000000:other' })).length, 0);
  assert.equal((await all(house, { source: SOURCE, from: times[10]!, to: times[20]! })).length, 10);
  const whole = await house.outbox.letter(letters[3]!.id);
  assert.equal(Buffer.from(whole!.payload).toString(), '3');
  assert.deepEqual(whole!.origin, {
    ...{ arn: TWO, source: SOURCE, attempts: 1, errorCode: 'gone', errorMessage: 'no such thing' },
    ...{ traceId: newTrace(seededRandom(1)).traceId, sentAt: times[3], givenUpAt: times[3] },
    attributes: { subject: 's' },
  });
  assert.ok(times[0]! <= clock.now());
});

test('a letter is sent again once, as it was or edited, and is a letter no more', async () => {
  const { house, target } = await withLost(2, { attributes: { subject: 's' }, idempotencyKey: 'k' });
  await using _house = house;
  target.refuses = false;
  const [first, second] = await all(house);
  await house.outbox.redrive(first!.id);
  await house.outbox.redrive(second!.id, { payload: Buffer.from('edited') });
  await eventually(() => target.received.length === 2);
  assert.deepEqual(
    target.received.map(({ arn, payload, attributes }) => [arn, Buffer.from(payload).toString(), attributes]).sort(),
    [
      [ONE, '0', { subject: 's' }],
      [TWO, 'edited', { subject: 's' }],
    ],
  );
  assert.deepEqual(await all(house), []);
  await assert.rejects(house.outbox.redrive(first!.id), { code: 'letter-not-found' });
  await assert.rejects(house.outbox.redrive('%%%'), { code: 'letter-not-found' });
});

test('two who send the same letter again, or throw it away, do it once', async () => {
  const { house, target } = await withLost(1);
  await using _house = house;
  target.refuses = false;
  const [letter] = await all(house);
  const ends = await Promise.allSettled([
    house.outbox.redrive(letter!.id),
    house.outbox.redrive(letter!.id),
    house.outbox.discard(letter!.id),
  ]);
  assert.deepEqual(
    ends.map(({ status }) => status),
    ['fulfilled', 'rejected', 'rejected'],
  );
  await eventually(() => target.received.length === 1);
});

test('a range of letters is replayed in order; what fails again is a letter again', async () => {
  const { house, target } = await withLost(30);
  await using _house = house;
  assert.equal(await house.outbox.redriveAll({ arn: TWO }), 15);
  await eventually(() => house.outbox.edges().every(({ pending }) => pending === 0));
  assert.equal((await all(house)).length, 30);
  target.refuses = false;
  assert.equal(await house.outbox.redriveAll({ arn: ONE }), 15);
  await eventually(() => target.received.length === 15);
  assert.deepEqual(
    target.received.map(({ payload }) => Number(Buffer.from(payload).toString())),
    Array.from({ length: 15 }, (_, n) => n * 2),
  );
  assert.equal((await all(house)).length, 15);
});

test('letters that were given up while the clock was ahead are replayed too, and once each', async () => {
  const clock = new SetClock();
  const target = new Refusing();
  await using house = await openHouse({ clock, targets: { fake: target } });
  const isDone = () => house.outbox.edges().every(({ pending }) => pending === 0);
  const give = async (payloads: readonly string[]) => {
    await house.outbox.send(payloads.map((payload) => delivery(ONE, payload)));
    await eventually(isDone);
  };
  await clock.advance(400 * 86_400_000);
  clock.offset = 365 * 86_400_000;
  await give(['a', 'b']);
  clock.offset = -365 * 86_400_000;
  await give(['c']);
  clock.offset = 0;
  await give(['d']);
  assert.equal(await house.outbox.redriveAll({}), 4);
  await eventually(isDone);
  target.refuses = false;
  assert.equal(await house.outbox.redriveAll({}), 4);
  await eventually(() => target.received.length === 4);
  assert.deepEqual(target.received.map(({ payload }) => Buffer.from(payload).toString()).sort(), ['a', 'b', 'c', 'd']);
});

test('the outbox stops when it has ended throwing letters away that are too many', async () => {
  await using scope = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'millrace-letters-'));
  scope.defer(() => rm(directory, { recursive: true }));
  const store = scope.use(await openEmbeddedRecords({ directory }));
  // As if so many were there.
  const value = Buffer.from(JSON.stringify({ count: DELIVERY_LIMITS.lettersMax, bytes: 0 }));
  await store.commit({ writes: [{ kind: 'put', space: 'delivery-counts', key: encodeKey(['letters']), value }] });
  const { opened: isLooking, open: looks } = gate();
  const { opened: mayGoOn, open: goOn } = gate();
  const records: Records = new Proxy(store, {
    get: (target, name: keyof Records) => {
      if (name !== 'range') return (target[name] as (...args: unknown[]) => unknown).bind(target);
      return async (space: string, range: KeyRange) => {
        if (space === 'delivery-letters') {
          looks();
          await mayGoOn;
        }
        return target.range(space, range);
      };
    },
  });
  await using house = await openHouse({ records, targets: { fake: new Refusing() } });
  await house.outbox.send([delivery(ONE, 'a')]);
  await isLooking;
  let isStopped = false;
  const stopped = house.outbox.stop().then(() => {
    isStopped = true;
  });
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isStopped, false);
  goOn();
  await stopped;
});

test('letters are thrown away after two weeks', async () => {
  const { house, clock } = await withLost(10);
  await using _house = house;
  await clock.advance(DELIVERY_LIMITS.letterMsMax - 60_000);
  assert.equal((await all(house)).length, 10);
  await advanceUntil(clock, 30_000, () => true);
  for (let left = 10; left > 0; left = (await all(house)).length) await clock.advance(30_000);
});

test('dead letters carry the attributes of the service that they come from', async () => {
  const target = new Refusing();
  await using house = await openHouse({ targets: { fake: target } });
  const from = (source: string) =>
    delivery(ONE, source, { source, deadLetterArn: DEAD, attributes: { requestId: 'r-1' } });
  const sources = {
    lambda: 'arn:aws:lambda:us-east-1:000000000000:function:f',
    events: 'arn:aws:events:us-east-1:000000000000:rule/r',
    sns: 'arn:aws:sns:us-east-1:000000000000:t',
  };
  await house.outbox.send(Object.values(sources).map(from));
  await eventually(() => target.received.length === 3);
  const by = (source: string) => target.received.find((one) => one.source === source)!.attributes!;
  const string = (StringValue: string) => ({ DataType: 'String', StringValue });
  assert.deepEqual(by(sources.lambda).messageAttributes, {
    RequestID: string('r-1'),
    ErrorCode: { DataType: 'Number', StringValue: '500' },
    ErrorMessage: string('no such thing'),
  });
  assert.deepEqual(by(sources.events).messageAttributes, {
    RULE_ARN: string(sources.events),
    TARGET_ARN: string(ONE),
    ERROR_CODE: string('gone'),
    ERROR_MESSAGE: string('no such thing'),
    RETRY_ATTEMPTS: { DataType: 'Number', StringValue: '0' },
  });
  assert.equal(by(sources.sns).messageAttributes, undefined);
});

test('edges are told in Prometheus and CloudWatch, by target and by source', async () => {
  const metrics = createMetrics();
  const data: Datum[] = [];
  metrics.onDatum((datum) => data.push(datum));
  const clock = new SimulatedClock();
  const target = new Refusing();
  target.refuses = false;
  await using house = await openHouse({ clock, metrics, targets: { fake: target } });
  const other = 'arn:aws:sns:us-east-1:000000000000:other';
  await house.outbox.send([delivery(ONE, 'a'), delivery(ONE, 'b', { source: other })]);
  await eventually(() => house.edge(ONE)?.pending === 0);
  target.refuses = true;
  await house.outbox.send([delivery(ONE, 'c')]);
  await eventually(() => house.edge(ONE)?.lost === 1);
  assert.deepEqual(house.edge(ONE)?.sources, [
    { source: SOURCE, delivered: 1, retried: 0, deadLettered: 0, lost: 1 },
    { source: other, delivered: 1, retried: 0, deadLettered: 0, lost: 0 },
  ]);
  assert.equal(house.edge(ONE)?.lastError?.code, 'gone');
  await clock.advance(5000);
  const value = (name: string, labels: object) =>
    metrics.read(name).find((one) => Object.entries(labels).every(([key, is]) => one.labels[key] === is))?.value;
  assert.equal(value('millrace_edge_deliveries_total', { target: ONE, outcome: 'delivered' }), 2);
  assert.equal(value('millrace_edge_deliveries_total', { target: ONE, outcome: 'lost' }), 1);
  assert.equal(value('millrace_edge_pending', { target: ONE }), 0);
  assert.equal(value('millrace_lost_letters', {}), 1);
  const toldOf = () =>
    data.filter(({ namespace, name }) => `${namespace} ${name}` === 'Millrace/Delivery DeliveriesSucceeded');
  await advanceUntil(clock, 5000, () => toldOf().length === 3);
  assert.ok(clock.monotonic() >= 120_000, 'once a minute');
  const told = toldOf();
  assert.deepEqual(told[0], {
    ...{
      namespace: 'Millrace/Delivery',
      name: 'DeliveriesSucceeded',
      dimensions: { Target: ONE },
      value: 2,
      unit: 'Count',
    },
  });
  assert.equal(
    told.slice(1).reduce((sum, { value: one }) => sum + one, 0),
    0,
  );
});

test('webhooks that differ in their secrets only are told as one', async () => {
  const metrics = createMetrics();
  const data: Datum[] = [];
  metrics.onDatum((datum) => data.push({ ...datum }));
  const clock = new SimulatedClock();
  const target = new Refusing();
  target.refuses = false;
  await using house = await openHouse({ clock, metrics, targets: { http: target } });
  const urls = Array.from({ length: 300 }, (_, n) => `http://me:secret-${n}@host/hook?token=${n}`);
  await house.outbox.send(urls.map((url) => delivery(url, 'a')));
  await eventually(() => target.received.length === urls.length);
  await eventually(() => house.outbox.edges().every(({ pending }) => pending === 0));
  const told = (name: string) => data.filter((datum) => datum.name === name);
  await advanceUntil(clock, 5000, () => told('DeliveriesLost').length > 0);
  const Target = 'http://***@host/hook?***';
  const common = { namespace: 'Millrace/Delivery', dimensions: { Target }, unit: 'Count' };
  assert.equal(told('DeliveriesSucceeded').length, 1, 'one line for all');
  assert.deepEqual(told('DeliveriesSucceeded')[0], { ...common, name: 'DeliveriesSucceeded', value: urls.length });
  assert.deepEqual(told('PendingDeliveries')[0], { ...common, name: 'PendingDeliveries', value: 0 });
  target.refuses = true;
  await house.outbox.send(urls.slice(0, 7).map((url) => delivery(url, 'b')));
  await eventually(() => house.outbox.edges().reduce((sum, { lost }) => sum + lost, 0) === 7);
  await advanceUntil(clock, 5000, () => told('DeliveriesLost').length > 1);
  assert.deepEqual(
    told('DeliveriesSucceeded').map(({ value }) => value),
    [urls.length, 0],
  );
  assert.deepEqual(
    told('DeliveriesLost').map(({ value }) => value),
    [0, 7],
  );
});

test('every attempt of a sampled trace is a span, and what the target does goes below it', async () => {
  const spans = createSpans();
  const traces: Delivery['trace'][] = [];
  let failures = 1;
  const fake: Target = {
    deliver: async ({ trace }) => {
      traces.push(trace);
      if (failures-- > 0) throw new Error('busy');
    },
  };
  await using house = await openHouse({ spans, targets: { fake } });
  const sampled = newTrace(seededRandom(4), true);
  await house.outbox.send([
    delivery(ONE, 'a', { trace: sampled }),
    delivery(TWO, 'b', { trace: newTrace(seededRandom(5), false) }),
  ]);
  await eventually(() => traces.length === 3 && spans.recent().length === 2);
  const [failed, done] = spans.recent();
  assert.deepEqual([failed?.error, done?.error], ['busy', undefined]);
  assert.deepEqual([failed?.parentSpanId, failed?.traceId], [sampled.spanId, sampled.traceId]);
  assert.deepEqual([failed?.attributes['millrace.attempt'], done?.attributes['millrace.attempt']], [1, 2]);
  const below = traces.filter(({ traceId }) => traceId === sampled.traceId).map(({ spanId }) => spanId);
  assert.deepEqual(below, [failed?.spanId, done?.spanId]);
});
