/** The documents and events of AWS's own guide, made from what they say. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newWork, type Work } from './attempt.ts';
import { objectKey } from './destination.ts';
import { discardDocument } from './discard.ts';
import { encodeEvent } from './payload.ts';
import type { InvocationOutcome, SourceRecord } from './source.ts';
import { windowMembers } from './tumbling.ts';

function record(id: string, arrivedAt: string, event = ''): SourceRecord {
  const body = Buffer.alloc(0);
  return { id, orderingKey: '', arrivedAt: Date.parse(arrivedAt), sizeBytes: 0, body, toEvent: () => event };
}

const first = record('49601189658422359378836298521827638475320189012309704722', '2019-11-14T00:38:04.835Z');
const last = record('49601189658422359378836298522902373528957594348623495186', '2019-11-14T00:38:05.580Z');
const work: Work = { ...newWork([first, ...Array<SourceRecord>(498).fill(first), last]), invocations: 1 };
const outcome: InvocationOutcome = {
  kind: 'function-error',
  payload: Buffer.from('{}'),
  errorType: 'Error',
  requestId: 'c9b8fa9f-5a7f-xmpl-af9c-0c604cde93a5',
};
const context = {
  settings: { functionArn: 'arn:aws:lambda:us-east-2:123456789012:function:myfunction' },
  source: { streamArn: 'arn:aws:kinesis:us-east-2:123456789012:stream/mystream', batchInfo: 'KinesisBatchInfo' },
  now: Date.parse('2019-11-14T00:38:06.021Z'),
};

const DOCUMENT = {
  requestContext: {
    requestId: 'c9b8fa9f-5a7f-xmpl-af9c-0c604cde93a5',
    functionArn: 'arn:aws:lambda:us-east-2:123456789012:function:myfunction',
    condition: 'RetryAttemptsExhausted',
    approximateInvokeCount: 1,
  },
  responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
  version: '1.0',
  timestamp: '2019-11-14T00:38:06.021Z',
  KinesisBatchInfo: {
    shardId: 'shardId-000000000001',
    startSequenceNumber: '49601189658422359378836298521827638475320189012309704722',
    endSequenceNumber: '49601189658422359378836298522902373528957594348623495186',
    approximateArrivalOfFirstRecord: '2019-11-14T00:38:04.835Z',
    approximateArrivalOfLastRecord: '2019-11-14T00:38:05.580Z',
    batchSize: 500,
    streamArn: 'arn:aws:kinesis:us-east-2:123456789012:stream/mystream',
  },
};

const discarded = { work, condition: 'RetryAttemptsExhausted', shardId: 'shardId-000000000001' } as const;

test('a queue or topic gets the document of the guide', () => {
  assert.deepEqual(JSON.parse(discardDocument(discarded, outcome, context)), DOCUMENT);
});

test('a bucket gets it with the whole event, under the key of the guide', () => {
  const document = discardDocument(discarded, outcome, { ...context, payload: '{"Records":[]}' });
  assert.deepEqual(JSON.parse(document), { ...DOCUMENT, payload: '{"Records":[]}' });
  assert.equal(
    objectKey('14e0db71-5d35', 'shardId-000000000001', context.now, 'random'),
    'aws/lambda/14e0db71-5d35/shardId-000000000001/2019/11/14/2019-11-14T00.38.06-random',
  );
});

test('a tumbling window has the event of the guide', () => {
  const kinesis = {
    kinesisSchemaVersion: '1.0',
    partitionKey: '1',
    sequenceNumber: '49590338271490256608559692538361571095921575989136588898',
    data: 'SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==',
    approximateArrivalTimestamp: 1607497475,
  };
  const window = {
    start: Date.parse('2020-12-09T07:04:00Z'),
    end: Date.parse('2020-12-09T07:06:00Z'),
    state: '{"1":282,"2":715}',
  };
  const stream = 'arn:aws:kinesis:us-east-1:123456789012:stream/lambda-stream';
  const members = windowMembers(window, 'shardId-000000000006', stream, false, false);
  const event = encodeEvent([JSON.stringify({ kinesis, eventSource: 'aws:kinesis' })], members);
  assert.deepEqual(JSON.parse(event.toString()), {
    Records: [{ kinesis, eventSource: 'aws:kinesis' }],
    window: { start: '2020-12-09T07:04:00Z', end: '2020-12-09T07:06:00Z' },
    state: { 1: 282, 2: 715 },
    shardId: 'shardId-000000000006',
    eventSourceARN: 'arn:aws:kinesis:us-east-1:123456789012:stream/lambda-stream',
    isFinalInvokeForWindow: false,
    isWindowTerminatedEarly: false,
  });
});
