import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../base/index.ts';
import * as mqtt from '../../codec/mqtt/index.ts';
import { WaitingBudget } from './budget.ts';
import { MQTT_LIMITS } from './limits.ts';
import { Turn } from './turn.ts';
import { OutboundWindow, type OutgoingFrame } from './window.ts';

const limits = { ...MQTT_LIMITS, inFlightOutMax: 3, queuedMessagesMax: 20 };

function frameOf(payloadBytes: number): mqtt.PublishFrame {
  const payload = Buffer.alloc(payloadBytes);
  const packet = { type: 'publish', topic: 't', payload, qos: 1, retain: false, dup: false, packetId: 1 } as const;
  return mqtt.encodePublishFrame({ ...packet, properties: mqtt.NO_PROPERTIES }, 5);
}

const unlimited = () => new WaitingBudget(Number.MAX_SAFE_INTEGER, new Turn(), () => {});

test('a message that waits for many clients counts once, also where some have a copy of it', () => {
  const budget = unlimited();
  const frame = frameOf(100_000);
  const windows = Array.from({ length: 50 }, () => new OutboundWindow({ ...limits, inFlightOutMax: 0 }, budget, 0));
  for (const [i, window] of windows.entries()) {
    const copy = { ...frame, of: frame, expiry: { seconds: 5, queuedAt: 0 } };
    assert.ok(window.enqueue(i % 2 === 0 ? frame : copy));
  }
  assert.ok(budget.bytes > 100_000 && budget.bytes < 110_000, String(budget.bytes));
  for (const window of windows) window.end();
  assert.equal(budget.bytes, 0);
});

test('whatever becomes of messages, what they took of the budget is given back', () => {
  const random = seededRandom(7);
  const pick = (below: number) => Math.floor(random.next() * below);
  const budget = unlimited();
  for (let round = 0; round < 50; round++) {
    const windows = Array.from({ length: 4 }, () => new OutboundWindow(limits, budget, 100));
    const frames = Array.from({ length: 5 }, () => frameOf(pick(1000)));
    const under: number[][] = windows.map(() => []);
    for (let step = 0; step < 200; step++) {
      const which = pick(windows.length);
      const window = windows[which]!;
      const plain = frames[pick(frames.length)]!;
      const frame: OutgoingFrame = pick(2) === 0 ? plain : { ...plain, of: plain, redeliver: () => true };
      const packetId = pick(2) === 0 ? window.begin(frame) : (window.next()?.packetId ?? 0);
      if (packetId > 0) under[which]!.push(packetId);
      else window.enqueue(frame);
      const done = pick(3) === 0 ? under[which]!.shift() : undefined;
      if (done !== undefined) window.acknowledge(done, 'puback');
      if (pick(100) === 0) window.end();
    }
    for (const window of windows) window.end();
    assert.equal(budget.bytes, 0);
  }
});
