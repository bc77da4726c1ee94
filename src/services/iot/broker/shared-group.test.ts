import assert from 'node:assert/strict';
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { describe, test } from 'node:test';
import { NO_PROPERTIES } from '../../../codec/mqtt/index.ts';
import { RoutedMessage } from './message.ts';
import { SharedGroup } from './shared-group.ts';
import type { Subscription } from './subscriptions.ts';

const FILTER = '$share/group/filter';

class Group {
  readonly group = new SharedGroup(FILTER);
  readonly busy = new Set<string>();
  readonly #received: string[] = [];
  readonly #subscriptions = new Map<string, Subscription>();

  join(...clientIds: readonly string[]): void {
    for (const clientId of clientIds) {
      const { busy } = this;
      const subscriber = {
        clientId,
        principal: undefined,
        get isCongested() {
          return busy.has(clientId);
        },
        mayReceive: () => true,
        deliver: () => void this.#received.push(clientId),
      };
      const subscription = { subscriber, filter: FILTER, qos: 1, noLocal: false, retainAsPublished: false } as const;
      this.#subscriptions.set(clientId, subscription);
      this.group.add(subscription);
    }
  }

  leave(...clientIds: readonly string[]): void {
    for (const clientId of clientIds) this.group.remove(this.#subscriptions.get(clientId)!);
  }

  /** Who gets so many messages, one after the other. */
  receivers(messages: number): string {
    this.#received.length = 0;
    const packet = { type: 'publish', topic: 'filter', payload: Buffer.alloc(0), dup: false, retain: false } as const;
    const message = new RoutedMessage({ ...packet, qos: 0, packetId: 0, properties: NO_PROPERTIES });
    for (let i = 0; i < messages; i++) this.group.deliver(message);
    return this.#received.join(' ');
  }
}

describe('a shared subscription', () => {
  test('gives each member its turn, in the order in which they came', () => {
    const group = new Group();
    group.join('a', 'b', 'c');
    assert.equal(group.receivers(7), 'a b c a b c a');
  });

  test('who comes has the last turn, and nobody loses one by who goes', () => {
    const group = new Group();
    group.join('a', 'b', 'c', 'd');
    assert.equal(group.receivers(2), 'a b');
    group.join('new');
    group.leave('a');
    assert.equal(group.receivers(4), 'c d b new');
    group.leave('d', 'c');
    assert.equal(group.receivers(3), 'b new b');
  });

  test('passes over who can take no more, and goes on behind', () => {
    const group = new Group();
    group.join('a', 'b', 'c');
    group.busy.add('b');
    assert.equal(group.receivers(4), 'a c a c');
    group.busy.clear();
    assert.equal(group.receivers(3), 'a b c');
  });

  test('is empty when all have gone, and goes on with who comes then', () => {
    const group = new Group();
    group.join('a', 'b');
    group.leave('b', 'a');
    assert.equal(group.group.isEmpty, true);
    assert.equal(group.receivers(1), '');
    group.join('c');
    assert.equal(group.receivers(2), 'c c');
  });

  test('a fleet of members that comes or leaves at once does not have the group copied for each', async () => {
    // A copy of the group for each would be 800 MB together, which shows in how often memory is collected.
    let collections = 0;
    const observer = new PerformanceObserver((list) => {
      for (const { detail } of list.getEntries() as unknown as readonly {
        readonly detail: { readonly kind: number };
      }[])
        if (detail.kind !== constants.NODE_PERFORMANCE_GC_WEAKCB) collections++;
    });
    const fleet = Array.from({ length: 10_000 }, (_, i) => `c${i}`);
    const group = new Group();
    observer.observe({ entryTypes: ['gc'] });
    group.join(...fleet);
    group.leave(...fleet);
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    observer.disconnect();
    assert.ok(collections < 10, `${collections} collections`);
  });
});
