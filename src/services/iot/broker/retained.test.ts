import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '../../../base/index.ts';
import type * as mqtt from '../../../codec/mqtt/index.ts';
import { silentLogger } from '../../../telemetry/index.ts';
import { IOT_LIMITS } from '../limits.ts';
import { RetainedMessages } from './retained.ts';

/** Over a store that has nothing and takes everything. */
async function openEmpty() {
  const clock = new SimulatedClock();
  const records = { range: async () => [], commit: async () => {} } as unknown as Parameters<
    typeof RetainedMessages.open
  >[0]['records'];
  const retained = await RetainedMessages.open({ records, clock, logger: silentLogger });
  const keep = (topic: string, properties: mqtt.Properties, payload = 'x') => {
    const packet = { type: 'publish', topic, qos: 1, retain: true, dup: false, packetId: 1, properties } as const;
    return retained.set({ ...packet, payload: Buffer.from(payload) }, properties);
  };
  return { clock, retained, keep };
}

test('properties count among the bytes of retained messages', async () => {
  const { keep, retained } = await openEmpty();
  const userProperties = Array.from({ length: 4 }, (): [string, string] => ['a', 'x'.repeat(60_000)]);
  const fitting = Math.floor(IOT_LIMITS.retainedBytesMax / 240_000);
  const kept = Array.from({ length: fitting + 10 }, (_, i) => keep(`k/${i}`, { userProperties })).filter(Boolean);
  assert(kept.length <= fitting && kept.length > fitting - 10, `${kept.length} of ${fitting}`);
  assert(keep('k/1', { userProperties }), 'in the place of another');
  for (let i = 0; i < kept.length; i++) keep(`k/${i}`, {}, '');
  assert.equal(retained.size, 0);
  assert(keep('new', { userProperties }));
});

test('what has expired is not shown, and makes room', async () => {
  const { clock, keep, retained } = await openEmpty();
  const properties = { messageExpiryInterval: 60 };
  for (let i = 0; i < IOT_LIMITS.retainedMessagesMax; i++) keep(`k/${i}`, properties);
  await retained.committed();
  assert.equal(keep('new', {}), false);
  assert.equal(retained.get('k/1')?.topic, 'k/1');
  await clock.advance(60_000);
  assert.equal(retained.get('k/1'), undefined);
  assert.deepEqual(retained.topicsBehind(undefined, 10), []);
  assert(keep('new', {}));
  assert.deepEqual(retained.topicsBehind(undefined, 10), ['new']);
  assert(retained.size < IOT_LIMITS.retainedMessagesMax);
});

test('pages of topics are in order, whatever order they came in, and leave out what has expired', async () => {
  const { clock, keep, retained } = await openEmpty();
  const names = Array.from({ length: 1_000 }, (_, i) => `k/${String((i * 7) % 1_000).padStart(3, '0')}`);
  for (const [index, topic] of names.entries()) keep(topic, index % 10 === 0 ? { messageExpiryInterval: 1 } : {});
  await clock.advance(1_000);
  const expected = names.filter((_, index) => index % 10 !== 0).sort();
  for (const limit of [1, 7, 450, 900, 2_000]) {
    const found: string[] = [];
    for (let page = retained.topicsBehind(undefined, limit); page.length > 0; ) {
      assert(page.length <= limit);
      found.push(...page);
      page = retained.topicsBehind(page.at(-1), limit);
    }
    assert.deepEqual(found, expected, `${limit} at a time`);
  }
});

test('a filter that matches little of much is looked for a piece at a time', async () => {
  const { keep, retained } = await openEmpty();
  for (let i = 0; i < 10_000; i++) keep(`k/${i}/state`, {});
  keep('k/5000/command', {});
  for (const [filter, matching] of [
    ['k/+/command', 1],
    ['+/+/+/+', 0],
    ['k/1/state', 1],
  ] as const) {
    const found = [...retained.matching(filter)];
    assert.equal(found.filter((message) => message).length, matching);
    const pieces = found.filter((message) => message === undefined).length;
    assert(filter === 'k/1/state' ? pieces === 0 : pieces > 30, `${filter}: ${pieces}`);
  }
});
