import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SimulatedClock } from '../../../base/index.ts';
import { createMetrics } from '../../../telemetry/index.ts';
import { RoutingBroker } from './broker.ts';
import { Subscriptions } from './subscriptions.ts';

/** What none of these messages reaches. */
const UNUSED = undefined as never;

test('a route that is not used any more does not keep a subscriber that has gone in memory', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const clock = new SimulatedClock();
  const broker = new RoutingBroker({
    ...{ retained: UNUSED, commit: UNUSED, system: UNUSED, sessions: UNUSED },
    rules: { version: 1, match: () => [] } as never,
    subscriptions: new Subscriptions(),
    ...{ clock, metrics: createMetrics() },
  });
  const gone = (() => {
    const subscriber = {
      ...{ clientId: 'c', principal: undefined, isCongested: false },
      ...{ mayReceive: () => true, deliver: () => undefined },
    };
    broker.subscribe({ subscriber, filter: 'a/#', qos: 0, noLocal: false, retainAsPublished: false });
    assert(broker.hasSubscribers('a/b'));
    broker.detach(subscriber);
    return new WeakRef(subscriber);
  })();
  await clock.advance(2_000);
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  assert.equal(gone.deref(), undefined);
});
