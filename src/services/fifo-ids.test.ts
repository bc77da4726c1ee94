import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../base/index.ts';
import { newTrace } from '../telemetry/index.ts';
import { fifoIdsOf } from './fifo-ids.ts';

const POLICY = { attemptsMax: 1, ageMsMax: 1000, backoffMsBase: 1, backoffMsMax: 1 };

const delivery = (idempotencyKey: string) => ({
  ...{ arn: 'arn:aws:sqs:us-east-1:000000000000:q.fifo', payload: new Uint8Array(0), source: 'a rule', policy: POLICY },
  ...{ trace: newTrace(seededRandom(1)), idempotencyKey },
});

test('ids that are allowed stay as they are, and others become ones that are', () => {
  assert.deepEqual(fifoIdsOf(delivery('k-1')), { MessageGroupId: 'YSBydWxl', MessageDeduplicationId: 'k-1' });
  assert.equal(fifoIdsOf(delivery('')).MessageDeduplicationId, '-');
});

test('long keys that begin alike stay two: neither is taken for the repetition of the other', () => {
  const long = 'x'.repeat(200);
  const ids = ['1', '2'].map((end) => fifoIdsOf(delivery(long + end)).MessageDeduplicationId);
  assert.notEqual(ids[0], ids[1]);
  for (const id of ids) assert.match(id, /^[\x21-\x7e]{1,128}$/);
});
