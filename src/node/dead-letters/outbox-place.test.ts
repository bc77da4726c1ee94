import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../base/index.ts';
import type { Delivery, Letter, Outbox } from '../../delivery/index.ts';
import { newTrace } from '../../telemetry/index.ts';
import { OUTBOX, OutboxPlace } from './outbox-place.ts';

const MIB = 1024 * 1024;

function letter(id: string, payload: Uint8Array): Letter {
  const origin = {
    ...{ arn: 'arn:aws:lambda:us-east-1:000000000000:function:f', source: 's', attempts: 3, errorCode: 'E' },
    ...{ errorMessage: 'm', sentAt: 1, givenUpAt: 2, traceId: '1'.repeat(32) },
  };
  return { id, origin, reason: 'attempts', payloadBytes: payload.length, payload };
}

/** The outbox's side: what it holds, what was sent, and how many bodies were asked for. */
function opened(letters: readonly Letter[]) {
  const sent: Delivery[] = [];
  let read = 0;
  const outbox: Pick<Outbox, 'letters' | 'letter' | 'send' | 'discard'> = {
    letters: async ({ after = '', limit }) => ({ letters: letters.filter(({ id }) => id > after).slice(0, limit) }),
    letter: async (id) => {
      read++;
      return letters.find((one) => one.id === id);
    },
    send: async (deliveries) => void sent.push(...deliveries),
    // As if the node had ended before it was taken away.
    discard: async () => {},
  };
  const place = new OutboxPlace(outbox as Outbox, () => newTrace(seededRandom(1), false));
  return { place, sent, bodiesRead: () => read };
}

test('a page of large letters holds few of them in memory, and goes on', async () => {
  const { place, bodiesRead } = opened(
    Array.from({ length: 20 }, (_, index) => letter(String(index + 10), Buffer.alloc(7 * MIB))),
  );
  const first = await place.browse(OUTBOX, { limit: 100 });
  assert.deepEqual([first.letters.length, bodiesRead(), first.more], [2, 2, true]);
  const last = await place.browse(OUTBOX, { after: '28', limit: 100 });
  assert.deepEqual([last.letters.length, last.more], [1, false]);
});

test('letters of one group of a target are a group: they are sent again one after the other', async () => {
  const ordered = (id: string): Letter => ({ ...letter(id, Buffer.from(id)), orderingGroup: 'g' });
  const { place } = opened([ordered('1'), letter('2', Buffer.from('2')), ordered('3')]);
  const { letters } = await place.browse(OUTBOX, { limit: 10 });
  const { arn } = letter('1', Buffer.alloc(0)).origin;
  assert.deepEqual(
    letters.map(({ group }) => group),
    [`${arn} g`, undefined, `${arn} g`],
  );
});

test('a letter that is sent elsewhere again is the same delivery; another body is another', async () => {
  const { place, sent } = opened([letter('a', Buffer.from('{}'))]);
  const to = 'arn:aws:sqs:us-east-1:000000000000:q';
  await place.redrive(OUTBOX, 'a', { to });
  await place.redrive(OUTBOX, 'a', { to });
  await place.redrive(OUTBOX, 'a', { to, body: '{"edited":true}' });
  const [first, again, edited] = sent.map(({ idempotencyKey }) => idempotencyKey);
  assert.equal(first, again);
  assert.notEqual(first, edited);
});
