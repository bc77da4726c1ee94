import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LambdaHouse } from './support.ts';

let house: LambdaHouse;
const QUEUE = 'arn:aws:sqs:us-east-1:000000000000:results';

before(async () => {
  house = await LambdaHouse.open();
});
after(() => house[Symbol.asyncDispose]());

test('an event is queued with the policy that AWS documents, and run once when it succeeds', async () => {
  await house.create('event', 'exports.handler = async (e) => { console.log("ran", e.n); };');
  const answer = await house.invoke('event', { n: 7 }, { InvocationType: 'Event' });
  assert.equal(answer.StatusCode, 202);
  const { policy, arn } = house.delivery.held[0]!;
  assert.equal(arn, 'arn:aws:lambda:us-east-1:000000000000:function:event');
  assert.deepEqual([policy.attemptsMax, policy.ageMsMax], [3, 6 * 3600 * 1000]);
  assert.equal(await house.delivery.handOver(house.lambda.target), 1);
  assert.ok(house.lines.some((line) => line.endsWith('\tran 7')));
});

test('a failing event is tried three times under one request id, then its record goes to the on-failure destination', async () => {
  await house.create(
    'failing',
    'exports.handler = async (e, c) => { console.log("try", c.awsRequestId); throw new Error("never"); };',
  );
  await house.call('PutFunctionEventInvokeConfig', {
    FunctionName: 'failing',
    DestinationConfig: { OnFailure: { Destination: QUEUE } },
  });
  await house.invoke('failing', { id: 1 }, { InvocationType: 'Event' });
  assert.equal(await house.delivery.handOver(house.lambda.target), 3);
  const tries = house.lines.filter((line) => line.includes('\ttry ')).map((line) => line.split('\ttry ')[1]);
  assert.equal(tries.length, 3);
  assert.equal(new Set(tries).size, 1);
  const { arn, payload } = house.delivery.held.shift()!;
  const record = JSON.parse(Buffer.from(payload).toString());
  assert.equal(arn, QUEUE);
  assert.equal(record.requestContext.condition, 'RetriesExhausted');
  assert.equal(record.requestContext.approximateInvokeCount, 3);
  assert.equal(record.requestContext.functionArn, 'arn:aws:lambda:us-east-1:000000000000:function:failing:$LATEST');
  assert.deepEqual(record.requestPayload, { id: 1 });
  assert.deepEqual([record.responseContext.functionError, record.responsePayload.errorMessage], ['Unhandled', 'never']);
});

test('retries and age can be set; a success goes to the on-success destination', async () => {
  await house.create('set', 'exports.handler = async () => "fine";');
  await house.call('PutFunctionEventInvokeConfig', {
    FunctionName: 'set',
    MaximumRetryAttempts: 0,
    MaximumEventAgeInSeconds: 60,
    DestinationConfig: { OnSuccess: { Destination: QUEUE } },
  });
  await house.invoke('set', {}, { InvocationType: 'Event' });
  const { policy } = house.delivery.held[0]!;
  assert.deepEqual([policy.attemptsMax, policy.ageMsMax], [1, 60_000]);
  await house.delivery.handOver(house.lambda.target);
  const record = JSON.parse(Buffer.from(house.delivery.held.shift()!.payload).toString());
  assert.deepEqual([record.requestContext.condition, record.responsePayload], ['Success', 'fine']);
  await house.call('DeleteFunctionEventInvokeConfig', { FunctionName: 'set' });
  await assert.rejects(house.call('GetFunctionEventInvokeConfig', { FunctionName: 'set' }), {
    code: 'resource-not-found',
  });
});

test('an event that is given up goes to the dead-letter queue of the function as it is then', async () => {
  await house.create('lettered', 'exports.handler = async () => { throw new Error("bad"); };');
  await house.invoke('lettered', { a: 1 }, { InvocationType: 'Event' });
  await house.call('UpdateFunctionConfiguration', { FunctionName: 'lettered', DeadLetterConfig: { TargetArn: QUEUE } });
  assert.equal(await house.delivery.handOver(house.lambda.target), 3);
  const { arn, payload, attributes } = house.delivery.held.shift()!;
  assert.deepEqual([arn, Buffer.from(payload).toString()], [QUEUE, '{"a":1}']);
  const { RequestID, ...others } = attributes!.messageAttributes as Record<string, { StringValue: string }>;
  assert.match(RequestID!.StringValue, /^[0-9a-f-]{36}$/);
  assert.deepEqual(others, {
    ErrorCode: { DataType: 'Number', StringValue: '200' },
    ErrorMessage: { DataType: 'String', StringValue: 'bad' },
  });
});
