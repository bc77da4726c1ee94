import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../base/index.ts';
import type { RecordEntry } from '../store/index.ts';
import { newTrace } from '../telemetry/index.ts';
import { decodeLetterBody, putLetter } from './letter-rows.ts';
import * as rows from './rows.ts';

const EDGE = 'arn:aws:sqs:us-east-1:000000000000:q.fifo';

function row(orderingGroup?: string): rows.Row {
  const policy = { attemptsMax: 1, ageMsMax: 1, backoffMsBase: 1, backoffMsMax: 1 };
  const group = orderingGroup === undefined ? {} : { orderingGroup };
  const delivery = { arn: EDGE, payload: Buffer.from('p'), policy, source: EDGE, trace: newTrace(seededRandom(1)) };
  return {
    edge: EDGE,
    sequence: 1,
    dueAt: 5,
    sentAt: 5,
    attempts: 0,
    uncounted: 0,
    delivery: { ...delivery, ...group },
  };
}

const origin = { arn: EDGE, source: EDGE, attempts: 1, errorCode: 'c', errorMessage: 'm', sentAt: 5, givenUpAt: 6 };
const letter = { origin: { ...origin, traceId: 't' }, reason: 'age' as const, payloadBytes: 1 };

for (const [what, writes, decode] of [
  ['delivery', rows.insert(row()), rows.decodeDue],
  ['delivery of a group', rows.insert(row('g')).slice(0, 1), rows.decodeOrdered],
  ['turn of a group', rows.insert(row('g')).slice(1), rows.decodeDue],
  ['letter', putLetter(1, letter, row()).writes.slice(1), decodeLetterBody],
] as const) {
  test(`a ${what} of a later format is refused by name, never misread`, () => {
    const [put] = writes;
    assert.ok(put?.kind === 'put');
    const { key, value } = put;
    assert.doesNotThrow(() => decode({ key, value, version: 1 }));
    for (const format of [0, 2, 255]) {
      const later: RecordEntry = { key, value: Buffer.from(value), version: 1 };
      later.value[0] = format;
      assert.throws(() => decode(later), { code: 'format-too-new', message: new RegExp(`format ${format};`) });
    }
  });
}
