/** Finding the receivers of a topic that was never published before among 100,000 wildcard subscriptions: the routes' cache is out of it. */
import { Subscriptions } from '../src/services/iot/broker/subscriptions.ts';
import type { Figure } from './figure.ts';

const SUBSCRIPTIONS = 100_000;
const MATCHES = 100_000;
const MICROS_MAX = 5;

/** Subscribers of one device's everything, of one kind of reading of all devices of a line, and of whole lines. */
export function matchFigure(): Figure {
  const subscriptions = new Subscriptions();
  const subscriber = (clientId: string) => ({
    clientId,
    principal: undefined,
    isCongested: false,
    mayReceive: () => true,
    deliver: () => undefined,
  });
  for (let i = 0; i < SUBSCRIPTIONS; i++) {
    const [line, device] = [i % 200, i];
    const filter =
      i % 10 === 0
        ? `plant/line-${line}/+/reading-${i}`
        : i % 10 === 1
          ? `plant/+/device-${device}/#`
          : `plant/line-${line}/device-${device}/+`;
    const options = { qos: 0, noLocal: false, retainAsPublished: false } as const;
    subscriptions.add({ subscriber: subscriber(`client-${i}`), filter, ...options });
  }
  const topics = Array.from({ length: MATCHES }, (_, i) => [
    'plant',
    `line-${i % 200}`,
    `device-${i}`,
    `reading-${(i * 7) % SUBSCRIPTIONS}`,
  ]);
  let found = 0;
  for (const levels of topics.slice(0, 5_000)) found += subscriptions.receivers(levels).length;
  // Processor time: of this thread alone, on a machine that others use too.
  const before = process.threadCpuUsage();
  for (const levels of topics) found += subscriptions.receivers(levels).length;
  const { user, system } = process.threadCpuUsage(before);
  const micros = (user + system) / MATCHES;
  if (found === 0) throw new Error('nothing matches');
  return {
    name: `MQTT match of a new topic among ${SUBSCRIPTIONS} wildcard subscriptions`,
    value: micros,
    unit: 'µs',
    target: { value: MICROS_MAX, met: micros <= MICROS_MAX },
  };
}
