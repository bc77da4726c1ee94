import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { ACCOUNT_ID, DomainError, SimulatedClock, seededRandom } from '../../src/base/index.ts';
import type { EmbeddedMetric } from '../../src/codec/emf/index.ts';
import { DELIVERY_LIMITS, type Delivery } from '../../src/delivery/index.ts';
import { LOGS_LIMITS, type Logs, openLogs } from '../../src/services/logs/index.ts';
import { EmbeddedLog, openEmbeddedRecords } from '../../src/store/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { context } from '../lambda/support.ts';

const STREAM = 'arn:aws:kinesis:us-east-1:000000000000:stream/lines';
const FUNCTION = 'arn:aws:lambda:us-east-1:000000000000:function:watcher';
const roleArn = 'arn:aws:iam::000000000000:role/lines';
const logGroupName = '/plant';

let directory: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-log-filters-'));
});
after(() => rm(directory, { recursive: true }));

/** The service on stores that outlive it. What it sends is taken, or not, by hand. */
class House implements AsyncDisposable {
  readonly clock = new SimulatedClock();
  readonly sent: Delivery[] = [];
  readonly metrics: EmbeddedMetric[] = [];
  /** What those answer who are asked whether they take it. */
  answer: 'open' | 'refused' = 'open';
  /** Why the outbox takes nothing. */
  full: Error | undefined;
  /** What the outbox waits for, and how often it was asked. */
  sending: Promise<void> | undefined;
  asked = 0;
  readonly #directory: string;
  #logs!: Logs;
  #stop!: () => Promise<void>;

  constructor(name: string) {
    this.#directory = join(directory, name);
  }

  async open(): Promise<this> {
    await using scope = new AsyncDisposableStack();
    const records = scope.use(await openEmbeddedRecords({ directory: join(this.#directory, 'records') }));
    const log = scope.use(await EmbeddedLog.open({ directory: join(this.#directory, 'log') }));
    const ground = { clock: this.clock, random: seededRandom(1), logger: silentLogger, metrics: createMetrics() };
    this.#logs = scope.use(
      await openLogs({
        ...{ records, log, ...ground },
        takeMetrics: (found) => void this.metrics.push(...found),
        delivery: {
          send: async (deliveries) => {
            assert.ok(deliveries.length <= DELIVERY_LIMITS.sendMax, 'the outbox takes so many at once');
            this.asked++;
            await this.sending;
            if (this.full) throw this.full;
            this.sent.push(...deliveries);
          },
        },
        askSubscriber: async (arn) => (arn.endsWith('missing') ? 'missing' : this.answer),
      }),
    );
    const rest = scope.move();
    this.#stop = () => rest.disposeAsync();
    return this;
  }

  resume(): void {
    this.#logs.resume();
  }

  async reopen(): Promise<void> {
    await this.#stop();
    await this.open();
  }

  async call(operation: string, input: object): Promise<any> {
    return this.#logs.service.operations[operation]!(input, context());
  }

  /** Makes the group with a stream. */
  async makeGroup(logStreamName = 'one'): Promise<void> {
    await this.call('CreateLogGroup', { logGroupName });
    await this.call('CreateLogStream', { logGroupName, logStreamName });
  }

  log(...messages: readonly string[]): Promise<unknown> {
    const logEvents = messages.map((message) => ({ timestamp: this.clock.now(), message }));
    return this.call('PutLogEvents', { logGroupName, logStreamName: 'one', logEvents });
  }

  subscribe(filterName: string, more: object = {}): Promise<unknown> {
    const filter = { filterPattern: '', destinationArn: STREAM, roleArn };
    return this.call('PutSubscriptionFilter', { logGroupName, filterName, ...filter, ...more });
  }

  /** Messages that were sent, once so many are there. */
  async messages(count: number): Promise<readonly string[]> {
    const found = () => this.sent.flatMap((one) => unpack(one).logEvents.map(({ message }) => message));
    while (found().length < count) await new Promise((resolve) => setImmediate(resolve));
    return found();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }
}

interface Message {
  readonly messageType: string;
  readonly logGroup: string;
  readonly logStream: string;
  readonly subscriptionFilters: readonly string[];
  readonly logEvents: readonly { readonly id: string; readonly timestamp: number; readonly message: string }[];
}

function unpack({ payload, arn }: Delivery): Message {
  const data = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const packed = arn === FUNCTION ? Buffer.from(JSON.parse(data.toString()).awslogs.data, 'base64') : data;
  return JSON.parse(gunzipSync(packed).toString());
}

test('a subscription sends on what comes after it and matches, packed as AWS packs it', async () => {
  await using house = await new House('shape').open();
  house.resume();
  await house.makeGroup();
  await house.log('ERROR before');
  await house.subscribe('errors', { filterPattern: 'ERROR', destinationArn: FUNCTION, roleArn: undefined });
  await house.log('INFO fine', 'ERROR first', 'ERROR second');
  assert.deepEqual(await house.messages(2), ['ERROR first', 'ERROR second']);
  const [delivery] = house.sent;
  assert.deepEqual(
    [delivery!.arn, delivery!.source],
    [FUNCTION, 'arn:aws:logs:us-east-1:000000000000:log-group:/plant:*'],
  );
  const { logEvents, ...about } = unpack(delivery!);
  assert.deepEqual(about, {
    messageType: 'DATA_MESSAGE',
    owner: ACCOUNT_ID,
    logGroup: logGroupName,
    logStream: 'one',
    subscriptionFilters: ['errors'],
  });
  assert.deepEqual(logEvents[0]!.timestamp, house.clock.now());
  assert.match(logEvents[0]!.id, /^\d{56}$/);

  await house.subscribe('all');
  await house.log('INFO again');
  assert.deepEqual((await house.messages(3)).slice(2), ['INFO again']);
  assert.deepEqual(house.sent.at(-1)!.attributes, { partitionKey: 'one' });
});

test('what a group has taken is sent once the outbox takes it, and after a stop of the node too', async () => {
  await using house = await new House('durable').open();
  house.resume();
  await house.makeGroup();
  await house.subscribe('all');
  await house.log('first');
  assert.deepEqual(await house.messages(1), ['first']);
  house.full = new DomainError('delivery-full', 'too many deliveries wait');
  await house.log('second');
  await house.clock.advance(LOGS_LIMITS.subscriptionPauseMs);
  await house.reopen();
  await house.log('third');
  house.full = undefined;
  house.resume();
  assert.deepEqual(await house.messages(3), ['first', 'second', 'third']);
  house.full = new DomainError('delivery-full', 'too many deliveries wait');
  await house.log('fourth');
  house.full = undefined;
  await house.log('fifth');
  await house.clock.advance(LOGS_LIMITS.subscriptionPauseMs);
  assert.deepEqual((await house.messages(5)).slice(3), ['fourth', 'fifth']);
});

test('what a role may not put into a stream waits until it may', async () => {
  await using house = await new House('role').open();
  house.resume();
  await house.makeGroup();
  await house.subscribe('all');
  house.answer = 'refused';
  await house.log('first');
  await house.clock.advance(LOGS_LIMITS.subscriptionPauseMs);
  assert.deepEqual(house.sent, []);
  house.answer = 'open';
  await house.log('second');
  await house.clock.advance(LOGS_LIMITS.subscriptionPauseMs);
  assert.deepEqual(await house.messages(2), ['first', 'second']);
});

test('events of each stream go in messages of their own, none larger than a destination takes', async () => {
  await using house = await new House('sizes').open();
  house.resume();
  await house.makeGroup();
  await house.call('CreateLogStream', { logGroupName, logStreamName: 'two' });
  await house.subscribe('all', { distribution: 'Random' });
  const long = 'x'.repeat(LOGS_LIMITS.subscriptionBytesMax / 2);
  await house.log(long);
  await house.log(`${long}y`);
  const logEvents = [{ timestamp: house.clock.now(), message: 'short' }];
  await house.call('PutLogEvents', { logGroupName, logStreamName: 'two', logEvents });
  await house.messages(3);
  assert.deepEqual(house.sent.map((one) => unpack(one).logStream).sort(), ['one', 'one', 'two']);
  const keys = house.sent.map(({ attributes }) => attributes!.partitionKey);
  assert.equal(new Set(keys).size, 3, 'Random spreads records');
});

test('events of more streams than the outbox takes messages at once go on too', async () => {
  await using house = await new House('many-streams').open();
  await house.makeGroup();
  await house.subscribe('all');
  const names = Array.from({ length: DELIVERY_LIMITS.sendMax + 50 }, (_, index) => `s${index}`);
  await Promise.all(
    names.map(async (logStreamName) => {
      await house.call('CreateLogStream', { logGroupName, logStreamName });
      const logEvents = [{ timestamp: house.clock.now(), message: logStreamName }];
      await house.call('PutLogEvents', { logGroupName, logStreamName, logEvents });
    }),
  );
  house.resume();
  assert.deepEqual(new Set(await house.messages(names.length)), new Set(names));
});

test('what a stream has taken goes on although the stream is deleted meanwhile', async () => {
  await using house = await new House('deleted-stream').open();
  await house.makeGroup();
  await house.subscribe('all');
  await house.log('taken');
  await house.call('DeleteLogStream', { logGroupName, logStreamName: 'one' });
  await house.call('CreateLogStream', { logGroupName, logStreamName: 'one' });
  await house.log('and more');
  house.resume();
  assert.deepEqual(await house.messages(2), ['taken', 'and more']);
});

test('a filter that is made anew sends nothing of before, although one of its name was sending as it was deleted', async () => {
  await using house = await new House('anew').open();
  await house.makeGroup();
  house.resume();
  await house.subscribe('all');
  const outbox = Promise.withResolvers<void>();
  house.sending = outbox.promise;
  await house.log('of the first');
  while (house.asked === 0) await new Promise((resolve) => setImmediate(resolve));
  await house.call('DeleteSubscriptionFilter', { logGroupName, filterName: 'all' });
  outbox.resolve();
  await house.log('of nobody');
  await house.subscribe('all');
  await house.log('of the second');
  assert.deepEqual(await house.messages(2), ['of the first', 'of the second']);
});

test('a filter whose destination takes nothing holds up no other filter of its group', async () => {
  await using house = await new House('apart').open();
  await house.makeGroup();
  house.resume();
  await house.subscribe('closed');
  await house.subscribe('open', { destinationArn: FUNCTION, roleArn: undefined });
  house.answer = 'refused';
  const sent = ['a', 'b', 'c', 'd', 'e'];
  for (const [index, message] of sent.entries()) {
    await house.log(message);
    await house.messages(index + 1);
  }
  assert.deepEqual(await house.messages(sent.length), sent);
  house.answer = 'open';
  await house.clock.advance(LOGS_LIMITS.subscriptionPauseMs);
  await house.messages(2 * sent.length);
});

test('filters are shown, changed, limited and deleted as AWS does it', async () => {
  await using house = await new House('limits').open();
  house.resume();
  await house.makeGroup();
  await house.subscribe('b');
  await house.subscribe('a');
  await assert.rejects(house.subscribe('c') as Promise<unknown>, { code: 'limit-exceeded' });
  await house.subscribe('a', { filterPattern: 'changed' });
  const { subscriptionFilters } = await house.call('DescribeSubscriptionFilters', { logGroupName });
  assert.deepEqual(
    subscriptionFilters.map(({ filterName, filterPattern, distribution }: any) => [
      filterName,
      filterPattern,
      distribution,
    ]),
    [
      ['a', 'changed', 'ByLogStream'],
      ['b', '', 'ByLogStream'],
    ],
  );
  await house.call('DeleteSubscriptionFilter', { logGroupName, filterName: 'b' });
  await assert.rejects(house.call('DeleteSubscriptionFilter', { logGroupName, filterName: 'b' }), {
    code: 'resource-not-found',
  });
  for (const [more, message] of [
    [{ destinationArn: `${STREAM}-missing` }, /Could not deliver test message to specified Kinesis stream/],
    [{ destinationArn: `${FUNCTION}-missing` }, /Could not execute the lambda function/],
    [{ roleArn: undefined }, /can only be used with roleArn/],
    [
      { destinationArn: 'arn:aws:firehose:us-east-1:000000000000:deliverystream/x' },
      /firehose are not built in Millrace/,
    ],
    [{ filterPattern: '{ $.a = }' }, /Invalid/],
    [{ fieldSelectionCriteria: 'x' }, /fieldSelectionCriteria is not built/],
  ] as const) {
    await assert.rejects(house.subscribe('b', more) as Promise<unknown>, { code: 'invalid-parameter', message });
  }
  await house.call('DeleteLogGroup', { logGroupName });
  await house.makeGroup();
  assert.deepEqual((await house.call('DescribeSubscriptionFilters', { logGroupName })).subscriptionFilters, []);
});

const transformation = { metricNamespace: 'Plant', metricName: 'Errors', metricValue: '1' };

test('a metric filter counts what matches, reads values and dimensions, and gives a quiet minute its default', async () => {
  await using house = await new House('metrics').open();
  await house.makeGroup();
  const put = (filterName: string, filterPattern: string, more: object) =>
    house.call('PutMetricFilter', {
      ...{ logGroupName, filterName, filterPattern },
      metricTransformations: [{ ...transformation, ...more }],
    });
  await put('errors', 'ERROR', { defaultValue: 0 });
  const read = { metricName: 'Size', metricValue: '$.size', unit: 'Bytes', dimensions: { Line: '$.line.name' } };
  await put('sizes', '{ $.size > 0 }', read);
  await house.log('fine', 'fine again');
  await house.log('fine still');
  await house.log('ERROR one', 'ERROR two', '{"size":7,"line":{"name":"a"}}', '{"size":8}');
  const shown = house.metrics.map(({ name, values, dimensions, unit }) => [name, ...values, dimensions, unit]);
  assert.deepEqual(shown, [
    ['Errors', 0, {}, 'None'],
    ['Errors', 1, {}, 'None'],
    ['Errors', 1, {}, 'None'],
    ['Size', 7, { Line: 'a' }, 'Bytes'],
  ]);
  assert.equal((await house.call('DescribeLogGroups', {})).logGroups[0].metricFilterCount, 2);
  const { metricFilters } = await house.call('DescribeMetricFilters', { metricName: 'Size', metricNamespace: 'Plant' });
  assert.deepEqual(
    metricFilters.map(({ filterName }: any) => filterName),
    ['sizes'],
  );

  await assert.rejects(put('x', '', { metricValue: 'much' }), { message: /Invalid metric value: much/ });
  await assert.rejects(put('x', '', { defaultValue: 1, dimensions: { A: '$.a' } }), { message: /mutually exclusive/ });
  await assert.rejects(put('x', '', { metricNamespace: 'AWS/SQS' }), { message: /begin with AWS\/ are reserved/ });
  await assert.rejects(put('x', '[a, b]', {}), { message: /Space-delimited filter patterns are not supported/ });
  await house.call('DeleteMetricFilter', { logGroupName, filterName: 'errors' });
  await house.log('ERROR three');
  assert.equal(house.metrics.length, 4);
});

test('what an event says that is no number and no text is no dimension, and fails nobody', async () => {
  await using house = await new House('odd-events').open();
  await house.makeGroup();
  const metric = {
    metricName: 'Load',
    metricNamespace: 'Plant',
    metricValue: '$.load',
    dimensions: { Line: '$.line' },
  };
  const metricTransformations = [metric];
  await house.call('PutMetricFilter', { logGroupName, filterName: 'load', filterPattern: '', metricTransformations });
  await house.log('{"load":1,"line":{"toString":1,"valueOf":1}}', '{"load":2,"line":[[]]}', '{"load":3,"line":7}');
  assert.deepEqual(
    house.metrics.map(({ dimensions, values }) => [dimensions, values]),
    [[{ Line: '7' }, [3]]],
  );
});

test('resource policies are kept by region, and are documents', async () => {
  await using house = await new House('policies').open();
  const policyDocument = '{"Version":"2012-10-17","Statement":[]}';
  await house.call('PutResourcePolicy', { policyName: 'dns', policyDocument });
  await house.reopen();
  const { resourcePolicies } = await house.call('DescribeResourcePolicies', {});
  assert.deepEqual(resourcePolicies, [{ policyName: 'dns', policyDocument, lastUpdatedTime: house.clock.now() }]);
  await assert.rejects(house.call('PutResourcePolicy', { policyName: 'x', policyDocument: 'no' }), /is invalid/);
  await house.call('DeleteResourcePolicy', { policyName: 'dns' });
  await assert.rejects(house.call('DeleteResourcePolicy', { policyName: 'dns' }), { code: 'resource-not-found' });
});
