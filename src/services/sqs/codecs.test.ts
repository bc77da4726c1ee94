import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Message } from './message.ts';
import { parseTaskHandle } from './move-task.ts';
import { formatReceipt, parseReceipt } from './receipt.ts';
import { decodeMessage, encodeMessage } from './rows.ts';

const ID = '01234567-89ab-4def-8123-456789abcdef';
const text = fc.string({ unit: 'grapheme' });
const attribute = fc.oneof(
  fc.record({ DataType: fc.constant('String'), StringValue: text }, { noNullPrototype: true }),
  fc.record(
    {
      DataType: fc.constant('Binary'),
      BinaryValue: fc.uint8Array({ minLength: 1 }).map((b) => Buffer.from(b)),
    },
    { noNullPrototype: true },
  ),
);
const message = fc.record(
  {
    id: text,
    body: text,
    bodyMd5: text,
    attributes: fc.dictionary(fc.string({ minLength: 1 }), attribute, { noNullPrototype: true }),
    senderId: text,
    sentAt: fc.nat(),
    group: text,
    deduplicationId: text,
    sequenceNumber: text,
    traceHeader: text,
    deadLetterSource: text,
    movedAt: fc.nat(),
    origin: fc.record({ arn: text, attempts: fc.nat() }, { noNullPrototype: true }),
  },
  { requiredKeys: ['id', 'body', 'bodyMd5', 'attributes', 'senderId', 'sentAt'], noNullPrototype: true },
);

test('any message is read back as it was written', () => {
  fc.assert(
    fc.property(message, (one) => {
      assert.deepEqual(decodeMessage(encodeMessage(one as Message)), one);
    }),
  );
});

test('a message of a later format is refused by name', () => {
  const bytes = encodeMessage({ id: 'i', body: 'b', bodyMd5: 'm', attributes: {}, senderId: 's', sentAt: 1 });
  bytes[0] = 2;
  assert.throws(() => decodeMessage(bytes), { code: 'format-too-new', message: /format 2/ });
});

test('a message that is cut anywhere is refused or differs only in its body, and never ends the process', () => {
  const whole = encodeMessage({ id: 'i', body: 'body', bodyMd5: 'm', attributes: {}, senderId: 's', sentAt: 1 });
  for (let length = 0; length < whole.length; length++) {
    try {
      assert.ok('body'.startsWith(decodeMessage(whole.subarray(0, length)).body));
    } catch (error) {
      assert.ok(error instanceof Error);
    }
  }
});

test('receipts say what they were made of, and nothing else passes for one', () => {
  const number = fc.nat({ max: Number.MAX_SAFE_INTEGER });
  fc.assert(
    fc.property(number, number, fc.nat(), (delayUntil, sequence, receive) => {
      const receipt = { queueId: ID, delayUntil, sequence, receive };
      assert.deepEqual(parseReceipt(formatReceipt(receipt), ID), receipt);
      assert.throws(() => parseReceipt(formatReceipt(receipt), ID.replace('0', '1')), { code: 'receipt-invalid' });
    }),
  );
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String()), (handle) => {
      assert.throws(() => parseReceipt(handle, ID), { code: 'receipt-invalid' });
    }),
  );
});

test('any text passes as a task handle or does not, and never throws', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json().map((one) => Buffer.from(one).toString('base64')),
      ),
      (handle) => {
        const parsed = parseTaskHandle(handle);
        assert.ok(parsed === undefined || typeof parsed.id === 'string');
      },
    ),
  );
});
