import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemRandom } from '../../../base/index.ts';
import { NO_PROPERTIES } from '../../../codec/mqtt/index.ts';
import { RuleInput } from './input.ts';

test('a payload that is kept, by several actions of several rules, outlives the memory that it came in', () => {
  const memory = Buffer.from('{"t":1}');
  const packet = {
    type: 'publish',
    topic: 'a/b',
    payload: memory.subarray(),
    qos: 0,
    retain: false,
    dup: false,
    packetId: 0,
    properties: NO_PROPERTIES,
  } as const;
  const input = new RuleInput(packet, ['a', 'b'], { clientId: 'c', principal: undefined }, 0, systemRandom);
  const passedThrough = input.payload;
  const made = Buffer.from('{"sum":2}');
  const kept = [input.keep(passedThrough), input.keep(passedThrough), input.keep(input.payload), input.keep(made)];
  memory.fill(0);
  assert.deepEqual(kept.map(String), ['{"t":1}', '{"t":1}', '{"t":1}', '{"sum":2}']);
  assert.equal(kept[0], kept[1]);
  assert.equal(kept[3], made);
  assert.deepEqual(input.json(), { t: 1 });
});
