import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DomainError } from '../../src/base/index.ts';
import type { Delivery } from '../../src/delivery/index.ts';
import { eventually } from '../pollers/fakes.ts';
import { EventsHouse } from './events-house.ts';

const QUEUE = 'arn:aws:sqs:us-east-1:000000000000:failed';
const GOOD = 'arn:aws:sqs:us-east-1:000000000000:good';
const DEAD = 'arn:aws:sqs:us-east-1:000000000000:dead';
const BUCKET = 'arn:aws:s3:::records';
const SECOND = 1000;
const MINUTE = 60 * SECOND;

const fails = () => {
  throw new Error('never');
};
const recordIn = ({ payload }: Delivery) => JSON.parse(Buffer.from(payload).toString());
const sum = ({ data }: EventsHouse, name: string) =>
  data.filter((one) => one.name === name && one.dimensions.FunctionName).reduce((total, { value }) => total + value, 0);
const idle = ({ delivery }: EventsHouse) => delivery.edges().every(({ pending }) => pending === 0);
const onFailure = (Destination: string) => ({ DestinationConfig: { OnFailure: { Destination } } });

/** When each invocation began, in seconds from now on. */
function times(house: EventsHouse): number[] {
  const start = house.clock.now();
  const seen: number[] = [];
  const { behaviour } = house.runtime;
  house.runtime.behaviour = (...call) => {
    seen.push(Math.round((house.clock.now() - start) / SECOND));
    return behaviour(...call);
  };
  return seen;
}

test('a failing event runs at once, a minute later and two minutes later, under one request id; then its record is sent', async () => {
  await using house = await EventsHouse.open();
  await house.create('f');
  await house.call('PutFunctionEventInvokeConfig', { FunctionName: 'f', ...onFailure(QUEUE) });
  house.runtime.behaviour = fails;
  const seen = times(house);
  await house.send('f', '{"big": 12345678901234567890, "text": "ä"}');
  await house.advanceUntil(SECOND, () => house.received.length === 1);
  assert.deepEqual(seen, [0, 60, 180]);
  assert.equal(new Set(house.runtime.ran.map(({ requestId }) => requestId)).size, 1);
  const [record] = house.received;
  // What a parser would have rounded is there digit for digit.
  assert.match(
    Buffer.from(record!.payload).toString(),
    /"requestPayload":\{"big": 12345678901234567890, "text": "ä"\}/,
  );
  assert.deepEqual(recordIn(record!).requestContext, {
    requestId: house.runtime.ran[0]!.requestId,
    functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST',
    condition: 'RetriesExhausted',
    approximateInvokeCount: 3,
  });
  assert.deepEqual([sum(house, 'AsyncEventsReceived'), sum(house, 'AsyncEventsDropped')], [1, 1]);
});

test("the record has the form of the documentation's example, member by member", async () => {
  // Lambda developer guide, "Example invocation record".
  const example = {
    version: '1.0',
    timestamp: '2019-11-14T18:16:05.568Z',
    requestContext: {
      requestId: 'e4b46cbf-b738-xmpl-8880-a18cdf61200e',
      functionArn: 'arn:aws:lambda:us-east-1:123456789012:function:my-function:$LATEST',
      condition: 'RetriesExhausted',
      approximateInvokeCount: 3,
    },
    requestPayload: {
      ORDER_IDS: [
        '9e07af03-ce31-4ff3-xmpl-36dce652cb4f',
        '637de236-e7b2-464e-xmpl-baf57f86bb53',
        'a81ddca6-2c35-45c7-xmpl-c3a03a31ed15',
      ],
    },
    responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
    responsePayload: {
      errorMessage: 'RequestId: e4b46cbf-b738-xmpl-8880-a18cdf61200e Process exited before completing request',
    },
  };
  await using house = await EventsHouse.open();
  await house.create('my-function');
  await house.call('PutFunctionEventInvokeConfig', { FunctionName: 'my-function', ...onFailure(QUEUE) });
  house.runtime.behaviour = (_event, { requestId }) => {
    throw new Error(`RequestId: ${requestId} Process exited before completing request`);
  };
  await house.send('my-function', example.requestPayload);
  await house.advanceUntil(MINUTE, () => house.received.length === 1);
  const text = Buffer.from(house.received[0]!.payload).toString();
  const record = JSON.parse(text);
  const { requestId } = record.requestContext;
  assert.equal(record.responsePayload.errorMessage, example.responsePayload.errorMessage.replace(/e4b\S+/, requestId));
  const filled = {
    ...example,
    timestamp: record.timestamp,
    requestContext: {
      ...example.requestContext,
      requestId,
      functionArn: example.requestContext.functionArn.replace('123456789012', '000000000000'),
    },
    responsePayload: record.responsePayload,
  };
  assert.equal(text, JSON.stringify(filled));
  assert.match(record.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

test('a success sends its record to the on-success destination, from whichever try it came', async () => {
  await using house = await EventsHouse.open();
  await house.create('f', { Publish: true, DeadLetterConfig: { TargetArn: DEAD } });
  await house.call('CreateAlias', { FunctionName: 'f', Name: 'live', FunctionVersion: '1' });
  const destinations = { OnSuccess: { Destination: GOOD }, OnFailure: { Destination: QUEUE } };
  await house.call('PutFunctionEventInvokeConfig', {
    FunctionName: 'f',
    Qualifier: 'live',
    DestinationConfig: destinations,
  });
  house.runtime.behaviour = () => (house.runtime.ran.length === 1 ? fails() : { fine: true });
  await house.send('f', { n: 1 }, { Qualifier: 'live' });
  await house.advanceUntil(SECOND, () => house.received.length === 1 && idle(house));
  const { arn } = house.received[0]!;
  const { requestContext, responseContext, responsePayload } = recordIn(house.received[0]!);
  assert.equal(arn, GOOD);
  assert.equal(requestContext.functionArn, 'arn:aws:lambda:us-east-1:000000000000:function:f:live');
  assert.deepEqual([requestContext.condition, requestContext.approximateInvokeCount], ['Success', 2]);
  assert.deepEqual(responseContext, { statusCode: 200, executedVersion: '1' });
  assert.deepEqual(responsePayload, { fine: true });
  // The alias has its own configuration, and the function none.
  await house.send('f', { n: 2 });
  await eventually(() => house.runtime.ran.length === 3 && idle(house));
  assert.equal(house.received.length, 1);
});

test('throttled events are kept up to their age, without using up the two retries', async () => {
  await using house = await EventsHouse.open();
  await house.create('f');
  house.runtime.places = 0;
  house.runtime.behaviour = () => (house.runtime.ran.length < 3 ? fails() : 'done');
  await house.send('f', {});
  // It waits for a place a minute each time, with a longer pause after each.
  await house.advanceUntil(MINUTE, () => sum(house, 'Throttles') >= 12);
  assert.equal(house.runtime.ran.length, 0);
  house.runtime.free(1);
  await house.advanceUntil(SECOND * 10, () => house.runtime.ran.length === 3 && idle(house));
  assert.equal(sum(house, 'AsyncEventsDropped'), 0);
});

test('an event that runs for as long as a function may is run once', async () => {
  await using house = await EventsHouse.open();
  await house.create('f', { Timeout: 900 });
  const { promise, resolve } = Promise.withResolvers<string>();
  house.runtime.behaviour = () => promise;
  await house.send('f', {});
  await eventually(() => house.runtime.ran.length === 1);
  await house.clock.advance(15 * MINUTE - SECOND);
  resolve('at last');
  await eventually(() => idle(house));
  assert.equal(house.runtime.ran.length, 1);
});

test('a place that comes free is taken at once by an event that waits for it', async () => {
  await using house = await EventsHouse.open();
  await house.create('f');
  house.runtime.places = 0;
  for (let n = 0; n < 50; n++) await house.send('f', { n });
  await eventually(() => house.runtime.waiting === 50);
  house.runtime.free(1);
  await eventually(() => house.runtime.ran.length === 50 && idle(house));
  assert.equal(sum(house, 'Throttles'), 0);
});

test('an event that was throttled until it was too old is told with 429, at its age and not before', async () => {
  await using house = await EventsHouse.open();
  await house.create('f', { DeadLetterConfig: { TargetArn: DEAD } });
  const config = { FunctionName: 'f', MaximumEventAgeInSeconds: 150, ...onFailure(QUEUE) };
  await house.call('PutFunctionEventInvokeConfig', config);
  house.runtime.places = 0;
  const sentAt = house.clock.now();
  await house.send('f', { n: 1 });
  await house.advanceUntil(SECOND / 2, () => house.received.length === 2);
  const seconds = (house.clock.now() - sentAt) / SECOND;
  assert.ok(seconds >= 150 && seconds <= 151, `${seconds} s`);
  const record = recordIn(house.received.find(({ arn }) => arn === QUEUE)!);
  assert.deepEqual(
    [record.requestContext.condition, record.requestContext.approximateInvokeCount],
    ['EventAgeExceeded', 0],
  );
  assert.deepEqual([record.responseContext, 'responsePayload' in record], [{ statusCode: 429 }, false]);
  const letter = house.received.find(({ arn }) => arn === DEAD)!;
  assert.equal(Buffer.from(letter.payload).toString(), '{"n":1}');
  const { ErrorCode, ErrorMessage } = letter.attributes!.messageAttributes as Record<string, { StringValue: string }>;
  assert.deepEqual([ErrorCode!.StringValue, ErrorMessage!.StringValue], ['429', 'Rate Exceeded.']);
});

test('errors of the system are tried again as throttles are, whatever they are', async () => {
  await using house = await EventsHouse.open();
  await house.create('f');
  house.runtime.refusal = new DomainError('runtime-unavailable', 'not now', { remedy: 'never' });
  await house.send('f', {});
  await house.advanceUntil(MINUTE, () => (house.delivery.edges()[0]?.retried ?? 0) >= 10);
  house.runtime.refusal = undefined;
  await house.advanceUntil(MINUTE, () => house.runtime.ran.length === 1 && idle(house));
});

test('reserved concurrency of zero gives events up without a try', async () => {
  await using house = await EventsHouse.open();
  await house.create('f', { DeadLetterConfig: { TargetArn: DEAD } });
  await house.call('PutFunctionEventInvokeConfig', { FunctionName: 'f', ...onFailure(QUEUE) });
  await house.call('PutFunctionConcurrency', { FunctionName: 'f', ReservedConcurrentExecutions: 0 });
  await house.send('f', { n: 1 });
  await eventually(() => house.received.length === 2);
  assert.equal(house.runtime.ran.length, 0);
  const { requestContext, ...record } = recordIn(house.received.find(({ arn }) => arn === QUEUE)!);
  assert.deepEqual([requestContext.condition, requestContext.approximateInvokeCount], ['ZeroReservedConcurrency', 0]);
  assert.deepEqual(Object.keys(record), ['version', 'timestamp', 'requestPayload']);
  const letter = house.received.find(({ arn }) => arn === DEAD)!;
  const attributes = letter.attributes!.messageAttributes as Record<string, { StringValue: string }>;
  assert.deepEqual(Object.keys(attributes), ['RequestID', 'ErrorMessage']);
  assert.match(attributes.ErrorMessage!.StringValue, /zero reserved concurrent executions$/);
});

test('events of a deleted function go where it sent them, after the retries that a new one of its name would have had', async () => {
  await using house = await EventsHouse.open();
  await house.create('f', { DeadLetterConfig: { TargetArn: DEAD } });
  await house.call('PutFunctionEventInvokeConfig', { FunctionName: 'f', MaximumRetryAttempts: 1, ...onFailure(QUEUE) });
  house.runtime.behaviour = fails;
  await house.send('f', { n: 1 });
  await eventually(() => house.runtime.ran.length === 1);
  await house.call('DeleteFunction', { FunctionName: 'f' });
  await house.advanceUntil(SECOND, () => house.received.length === 2);
  assert.equal(house.runtime.ran.length, 1);
  const { requestContext, responseContext } = recordIn(house.received.find(({ arn }) => arn === QUEUE)!);
  assert.deepEqual([requestContext.approximateInvokeCount, responseContext], [2, { statusCode: 404 }]);
  const letter = house.received.find(({ arn }) => arn === DEAD)!;
  const { ErrorCode } = letter.attributes!.messageAttributes as Record<string, { StringValue: string }>;
  assert.equal(ErrorCode!.StringValue, '404');
});

test('an event that waits runs what $LATEST is by then, with the retries that are set by then', async () => {
  await using house = await EventsHouse.open();
  await house.create('f');
  const seen: string[] = [];
  house.runtime.behaviour = (_event, _invocation, spec) => {
    seen.push(spec.environment.COLOUR ?? 'none');
    return fails();
  };
  await house.send('f', {});
  await eventually(() => seen.length === 1);
  await house.call('UpdateFunctionConfiguration', {
    FunctionName: 'f',
    Environment: { Variables: { COLOUR: 'blue' } },
  });
  await house.call('PutFunctionEventInvokeConfig', { FunctionName: 'f', MaximumRetryAttempts: 1 });
  await house.advanceUntil(SECOND, () => idle(house));
  assert.deepEqual(seen, ['none', 'blue']);
});

test('a failed invocation of an event that SNS has sent is treated by the configuration of the function, not of the topic', async () => {
  await using house = await EventsHouse.open();
  await house.create('f');
  await house.call('PutFunctionEventInvokeConfig', { FunctionName: 'f', ...onFailure(QUEUE) });
  house.runtime.behaviour = fails;
  const fromTopic = (name: string): Delivery => ({
    arn: `arn:aws:lambda:us-east-1:000000000000:function:${name}`,
    payload: Buffer.from('{}'),
    policy: { attemptsMax: 100_000, ageMsMax: 23 * 86_400_000, backoffMsBase: 1, backoffMsMax: 1 },
    deadLetterArn: DEAD,
    source: 'arn:aws:sns:us-east-1:000000000000:topic',
    trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: false },
  });
  await house.delivery.send([fromTopic('f')]);
  await house.advanceUntil(MINUTE, () => house.received.length === 1);
  assert.deepEqual([house.received[0]!.arn, house.runtime.ran.length], [QUEUE, 3]);
  // A function that is not there never took the event over: it is the topic's to bury.
  await house.delivery.send([fromTopic('gone')]);
  await eventually(() => house.received.length === 2);
  assert.equal(house.received[1]!.arn, DEAD);
  assert.equal(sum(house, 'AsyncEventsDropped'), 1);
});

test('records for buckets are named as the documentation has it, and a response that is no JSON comes as text', async () => {
  await using house = await EventsHouse.open();
  await house.create('f');
  await house.create('odd');
  const none = { MaximumRetryAttempts: 0 };
  await house.call('PutFunctionEventInvokeConfig', { FunctionName: 'f', ...none, ...onFailure(BUCKET) });
  const OnSuccess = { Destination: GOOD };
  await house.call('PutFunctionEventInvokeConfig', { FunctionName: 'odd', DestinationConfig: { OnSuccess } });
  house.runtime.behaviour = (_event, _invocation, { name }) => (name === 'odd' ? Buffer.from('<html>') : fails());
  await house.clock.advance(((13 * 60 + 7) * 60 + 9) * SECOND);
  await house.send('f', {});
  await eventually(() => house.received.length === 1);
  const { arn, attributes } = house.received[0]!;
  assert.equal(arn, BUCKET);
  assert.match(
    String(attributes!.key),
    /^aws\/lambda\/async\/f\/2026\/01\/01\/2026-01-01T13\.07\.09-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  );
  await house.send('odd', {});
  await eventually(() => house.received.length === 2);
  assert.equal(recordIn(house.received[1]!).responsePayload, '<html>');
});

test('a record that its destination does not take and a letter that its queue does not take are counted', async () => {
  const fail = () => {
    throw new DomainError('queue-not-found', 'no such queue');
  };
  await using house = await EventsHouse.open(undefined, undefined, fail);
  await house.create('f', { DeadLetterConfig: { TargetArn: DEAD } });
  const config = { FunctionName: 'f', MaximumRetryAttempts: 0, ...onFailure(QUEUE) };
  await house.call('PutFunctionEventInvokeConfig', config);
  house.runtime.behaviour = fails;
  await house.send('f', {});
  await eventually(() => sum(house, 'DestinationDeliveryFailures') === 1 && sum(house, 'DeadLetterErrors') === 1);
  assert.equal(sum(house, 'AsyncEventsDropped'), 1);
});

test('an event that nobody is told of becomes a lost letter, which can be sent again', async () => {
  await using house = await EventsHouse.open();
  await house.create('f');
  await house.call('PutFunctionEventInvokeConfig', { FunctionName: 'f', MaximumRetryAttempts: 0 });
  house.runtime.behaviour = fails;
  await house.send('f', { n: 1 });
  await eventually(() => house.runtime.ran.length === 1 && idle(house));
  const { letters } = await house.delivery.letters({ limit: 10 });
  assert.deepEqual(
    letters.map(({ origin }) => [origin.arn, origin.errorCode, origin.errorMessage]),
    [['arn:aws:lambda:us-east-1:000000000000:function:f', 'function-failed', 'never']],
  );
  house.runtime.behaviour = () => 'now';
  await house.delivery.redrive(letters[0]!.id);
  await eventually(() => house.runtime.ran.length === 2 && idle(house));
  assert.equal(Buffer.from(house.runtime.ran[1]!.payload).toString(), '{"n":1}');
});

test('a function can be the destination of another, and its own failures are its own', async () => {
  await using house = await EventsHouse.open();
  await house.create('first');
  await house.create('second');
  const OnSuccess = { Destination: 'arn:aws:lambda:us-east-1:000000000000:function:second' };
  await house.call('PutFunctionEventInvokeConfig', { FunctionName: 'first', DestinationConfig: { OnSuccess } });
  const events: unknown[] = [];
  house.runtime.behaviour = (event, _invocation, { name }) => {
    if (name === 'first') return 'from first';
    events.push(event.responsePayload);
    return fails();
  };
  await house.send('first', {});
  await house.advanceUntil(MINUTE, () => events.length === 3 && idle(house));
  assert.deepEqual(events, ['from first', 'from first', 'from first']);
});

test('age of events is told with each try, and grows', async () => {
  await using house = await EventsHouse.open();
  await house.create('f');
  house.runtime.behaviour = fails;
  await house.send('f', {});
  await house.advanceUntil(SECOND, () => house.runtime.ran.length === 3);
  const ages = house.data.filter(({ name, dimensions }) => name === 'AsyncEventAge' && dimensions.FunctionName);
  assert.deepEqual(
    ages.map(({ value }) => Math.round(value / SECOND)),
    [0, 60, 180],
  );
});

test('the configuration is checked as AWS checks it', async () => {
  await using house = await EventsHouse.open();
  await house.create('f', { Publish: true });
  await house.create('other');
  const refused = (input: Record<string, unknown>, code: string, message: RegExp | string) =>
    assert.rejects(house.call('PutFunctionEventInvokeConfig', { FunctionName: 'f', ...input }), { code, message });
  const self = 'arn:aws:lambda:us-east-1:000000000000:function:f';
  const none = 'You must specify at least one of error handling or destination setting.';
  await refused({}, 'invalid-parameter', none);
  await refused({ DestinationConfig: { OnSuccess: {}, OnFailure: {} } }, 'invalid-parameter', none);
  await refused(onFailure(self), 'invalid-parameter', "You can't specify the function as a destination for itself.");
  await refused(
    onFailure(`${self.slice(0, -1)}gone`),
    'invalid-parameter',
    `The destination ARN ${self.slice(0, -1)}gone is invalid.`,
  );
  await refused(
    { DestinationConfig: { OnSuccess: { Destination: BUCKET } } },
    'invalid-parameter',
    `The provided destination config DestinationConfig(onSuccess=OnSuccess(destination=${BUCKET}), onFailure=null) is invalid.`,
  );
  await refused(onFailure('arn:aws:kinesis:us-east-1:000000000000:stream/s'), 'invalid-parameter', /is invalid\.$/);
  await refused(
    onFailure('arn:aws:events:us-east-1:000000000000:event-bus/default'),
    'invalid-parameter',
    /EventBridge is not built here/,
  );
  await refused({ Qualifier: '2', MaximumRetryAttempts: 1 }, 'resource-not-found', "The function doesn't exist.");
});

test('Put replaces the configuration, Update changes what it names, and each version and alias has its own', async () => {
  await using house = await EventsHouse.open();
  await house.create('f', { Publish: true });
  await house.call('CreateAlias', { FunctionName: 'f', Name: 'live', FunctionVersion: '1' });
  const put = (more: Record<string, unknown>) =>
    house.call('PutFunctionEventInvokeConfig', { FunctionName: 'f', MaximumRetryAttempts: 1, ...more });
  await put({ MaximumEventAgeInSeconds: 100, ...onFailure(QUEUE) });
  await put({ Qualifier: '1' });
  await put({ Qualifier: 'live' });
  const updated = await house.call('UpdateFunctionEventInvokeConfig', {
    FunctionName: 'f:$LATEST',
    DestinationConfig: { OnSuccess: { Destination: GOOD } },
  });
  assert.deepEqual(
    { ...updated, LastModified: 0 },
    {
      LastModified: 0,
      FunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST',
      MaximumRetryAttempts: 1,
      MaximumEventAgeInSeconds: 100,
      DestinationConfig: { OnSuccess: { Destination: GOOD }, OnFailure: { Destination: QUEUE } },
    },
  );
  const cleared = await house.call('UpdateFunctionEventInvokeConfig', { FunctionName: 'f', ...onFailure('') });
  assert.deepEqual(cleared.DestinationConfig, { OnSuccess: { Destination: GOOD }, OnFailure: {} });
  const replaced = await put({ FunctionName: 'f' });
  assert.deepEqual(
    [replaced.MaximumEventAgeInSeconds, replaced.DestinationConfig],
    [undefined, { OnSuccess: {}, OnFailure: {} }],
  );
  const page = await house.call('ListFunctionEventInvokeConfigs', { FunctionName: 'f', MaxItems: 2 });
  const rest = await house.call('ListFunctionEventInvokeConfigs', { FunctionName: 'f', Marker: page.NextMarker });
  const listed = [...page.FunctionEventInvokeConfigs, ...rest.FunctionEventInvokeConfigs];
  assert.deepEqual(listed.map(({ FunctionArn }) => FunctionArn.split(':')[7]).sort(), ['$LATEST', '1', 'live']);
  await house.call('DeleteAlias', { FunctionName: 'f', Name: 'live' });
  const gone = { code: 'resource-not-found', message: /doesn't have an EventInvokeConfig$/ };
  await assert.rejects(house.call('GetFunctionEventInvokeConfig', { FunctionName: 'f:live' }), gone);
  await assert.rejects(
    house.call('UpdateFunctionEventInvokeConfig', { FunctionName: 'other', MaximumRetryAttempts: 1 }),
    { code: 'resource-not-found', message: "The function doesn't exist." },
  );
  await assert.rejects(house.call('ListFunctionEventInvokeConfigs', { FunctionName: 'f:1' }), {
    message: 'The function name must not include a version number or alias.',
  });
});
