import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamedResponse } from './response-stream.ts';

test('a response that is written by the byte while the client is behind comes in few events, whole', async () => {
  const stream = new StreamedResponse();
  for (let n = 0; n < 200_000; n++) void stream.write(Buffer.from([n & 255]));
  stream.complete(undefined, {});
  let events = 0;
  let bytes = 0;
  for await (const event of stream) {
    events++;
    if (!('PayloadChunk' in event)) continue;
    for (const byte of event.PayloadChunk.Payload) assert.equal(byte, bytes++ & 255);
  }
  assert.equal(bytes, 200_000);
  assert.ok(events <= 8, `${events} events`);
});
