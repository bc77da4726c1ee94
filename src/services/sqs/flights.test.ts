import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../base/index.ts';
import { Flights } from './flights.ts';
import type { Entry } from './message.ts';

const flying = (sequence: number, visibleAt: number) => ({ sequence, visibleAt, state: 'in-flight' }) as Entry;

test('messages come up by when they are seen again, whatever was moved and deleted in between', () => {
  const random = seededRandom(7);
  const flights = new Flights();
  const live = new Set<Entry>();
  for (let sequence = 0; sequence < 20_000; sequence++) {
    const entry = flying(sequence, Math.floor(random.next() * 1e6));
    live.add(entry);
    flights.add(entry);
    if (random.next() < 0.5) {
      entry.visibleAt = Math.floor(random.next() * 1e6);
      flights.moved(entry);
    }
    if (random.next() < 0.95) {
      const [oldest] = live;
      oldest!.state = 'gone';
      live.delete(oldest!);
      flights.remove();
    }
  }
  assert.equal(flights.count, live.size);
  const expected = [...live].sort((a, b) => a.visibleAt - b.visibleAt || a.sequence - b.sequence);
  const seen: Entry[] = [];
  for (let entry = flights.due(1e6); entry; entry = flights.due(1e6)) {
    entry.state = 'ready';
    seen.push(entry);
  }
  assert.deepEqual(seen, expected);
  assert.equal(flights.count, 0);
});
