import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { eventually } from '../pollers/fakes.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { client, counted, foreign, listen, openSide, reaches, route, type Seen } from './harness.ts';

let mosquitto: Mosquitto;
before(async () => {
  mosquitto = await Mosquitto.start();
});
after(() => mosquitto[Symbol.asyncDispose]());

const plant = (more = {}) => foreign('plant', mosquitto.port, more);

/** Until the bridge has its subscriptions there. */
async function bridged(topic: string): Promise<void> {
  await using probe = await client(mosquitto.port);
  while (!(await reaches(probe, topic, 'probe')));
}

const real = (seen: readonly Seen[]) => seen.filter(({ text }) => text !== 'probe');

// Shows [3.1.1: MQTT-7.0.0-1]
test('topics go both ways with their prefixes, retained flag and properties, and nothing comes back', async () => {
  const routes = [route('plant', 'a/#', { localPrefix: 'plant/', remotePrefix: 'site/' })];
  await using side = await openSide({ brokers: [plant()], routes });
  await bridged('site/a/probe');
  await using there = await client(mosquitto.port);
  await using here = await client(side.port);
  const seenThere = await listen(there, 'site/#');
  const seenHere = await listen(here, 'plant/#');
  const properties = { contentType: 'text/plain', userProperties: { k: 'v' } };
  await there.publishAsync('site/a/1', 'in', { qos: 1, retain: true, properties });
  await here.publishAsync('plant/a/2', 'out', { qos: 1, properties });
  await here.publishAsync('plant/a/2', 'quick', { qos: 0 });
  await eventually(() => real(seenHere).length === 3 && real(seenThere).length === 3);
  // A message after all others: whatever went round would have come before it.
  await here.publishAsync('plant/a/2', 'last', { qos: 1 });
  await eventually(() => seenThere.some(({ text }) => text === 'last'));
  const heard = real(seenHere).map(({ topic, text }) => `${topic} ${text}`);
  assert.deepEqual(heard.toSorted(), ['plant/a/1 in', 'plant/a/2 last', 'plant/a/2 out', 'plant/a/2 quick']);
  const byText = Object.groupBy(real(seenThere), ({ text }) => text);
  assert.deepEqual(Object.keys(byText).toSorted(), ['in', 'last', 'out', 'quick']);
  assert.ok(Object.values(byText).every((copies) => copies!.length === 1));
  assert.equal(byText.out![0]!.topic, 'site/a/2');
  assert.equal(byText.out![0]!.userProperties.k, 'v');
  assert.match(String(byText.out![0]!.userProperties['millrace-path']), /^[0-9a-f]{12}$/);
  await using late = await client(side.port);
  const retained = await listen(late, 'plant/a/1');
  await eventually(() => retained.length === 1);
  assert.deepEqual([retained[0]!.text, retained[0]!.retain], ['in', true]);
  assert.equal(counted(side.metrics, 'millrace_bridge_messages_total', 'direction="out"'), 3);
});

test('store and forward: what goes out while the broker is away, and over a restart of the node, arrives once and in order', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-bridge-'));
  await using broker = await Mosquitto.start();
  const options = { brokers: [foreign('plant', broker.port)], routes: [route('plant', 'b/#', { direction: 'out' })] };
  {
    await using side = await openSide({ ...options, directory });
    await broker.stop();
    await using device = await client(side.port);
    for (let n = 0; n < 40; n++) await device.publishAsync(`b/${n % 4}`, `m${n}`, { qos: 1 });
    await device.publishAsync('b/0', 'lost', { qos: 0 });
    await eventually(() => counted(side.metrics, 'millrace_bridge_dropped_total', 'offline') === 1);
  }
  await broker.start();
  await using there = await client(broker.port);
  const seen = await listen(there, 'b/#');
  await using side = await openSide({ ...options, directory });
  await eventually(() => seen.length >= 40);
  await using device = await client(side.port);
  await device.publishAsync('b/end', 'end', { qos: 1 });
  await eventually(() => seen.some(({ text }) => text === 'end'));
  assert.equal(seen.length, 41);
  for (let topic = 0; topic < 4; topic++) {
    const numbers = seen.filter((one) => one.topic === `b/${topic}`).map(({ text }) => Number(text.slice(1)));
    assert.deepEqual(
      numbers,
      Array.from({ length: 10 }, (_, n) => topic + 4 * n),
    );
  }
  await rm(directory, { recursive: true });
});

test('what comes in while the node is away waits in the broker', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-bridge-'));
  const options = { brokers: [plant()], routes: [route('plant', 'c/#', { direction: 'in', localPrefix: 'from/' })] };
  {
    await using _side = await openSide({ ...options, directory });
    await bridged('c/probe');
  }
  await using there = await client(mosquitto.port);
  await there.publishAsync('c/1', 'waited', { qos: 1 });
  const kept: string[] = [];
  await using side = await openSide({
    ...options,
    directory,
    onMessage: (topic, text) => void kept.push(`${topic} ${text}`),
  });
  await eventually(() => kept.includes('from/c/1 waited'));
  await side[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

test('a line that is taken out of the configuration brings nothing any more', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-bridge-'));
  const both = [route('plant', 'd/#', { direction: 'in' }), route('plant', 'e/#', { direction: 'in' })];
  {
    await using _side = await openSide({ brokers: [plant()], routes: both, directory });
    await bridged('d/probe');
  }
  {
    await using _side = await openSide({ brokers: [plant()], routes: both.slice(1), directory });
    await using there = await client(mosquitto.port);
    while (await reaches(there, 'd/1', 'x'));
    assert.equal(await reaches(there, 'e/1', 'x'), true);
  }
  await rm(directory, { recursive: true });
});

test('three nodes in a ring: a message does not go round', async () => {
  await using third = await openSide();
  await using second = await openSide({
    brokers: [foreign('third', third.port)],
    routes: [route('third', 'r/#')],
  });
  await using first = await openSide({
    brokers: [foreign('second', second.port), foreign('third', third.port)],
    routes: [route('second', 'r/#'), route('third', 'r/#')],
  });
  await using device = await client(first.port);
  const ears = await Promise.all([first, second, third].map((side) => client(side.port)));
  const seen = await Promise.all(ears.map((ear) => listen(ear, 'r/#')));
  // Both bridges of the first and that of the second must be there.
  const connected = async (to: { readonly port: number }, topic: string) => {
    await using probe = await client(to.port);
    while (!(await reaches(probe, topic, 'probe')));
  };
  await connected(second, 'r/p');
  await device.publishAsync('r/1', 'round', { qos: 1 });
  await eventually(() => seen.every((one) => one.some(({ text }) => text === 'round')));
  await device.publishAsync('r/1', 'end', { qos: 1 });
  await eventually(() => seen.every((one) => one.some(({ text }) => text === 'end')));
  const loops = [first, second, third].map(({ metrics }) => counted(metrics, 'millrace_bridge_dropped_total', 'loop'));
  assert.ok(loops.reduce((sum, one) => sum + one, 0) > 0, 'the ring was closed, and broken');
  assert.deepEqual(
    seen[0]!.filter(({ text }) => text === 'round').length,
    1,
    'it does not come back to where it was published',
  );
  for (const ear of ears) await ear.endAsync(true);
});

// Shows [3.1.1: MQTT-7.0.0-1]
test('MQTT 3.1.1 both ways on topics that do not overlap; those that do are refused', async () => {
  const old = plant({ protocol: 4 });
  await assert.rejects(
    openSide({ brokers: [old], routes: [route('plant', 'f/#')] }),
    /round in a circle: that takes protocol 5/,
  );
  const twice = [route('plant', 'f/+/x', { direction: 'in' }), route('plant', 'f/1/#', { direction: 'in' })];
  await assert.rejects(openSide({ brokers: [plant()], routes: twice }), /would come in twice/);
  const routes = [route('plant', 'f/up/#', { direction: 'out' }), route('plant', 'f/down/#', { direction: 'in' })];
  await using side = await openSide({ brokers: [old], routes });
  await bridged('f/down/probe');
  await using there = await client(mosquitto.port);
  await using here = await client(side.port);
  const seenThere = await listen(there, 'f/up/#');
  const seenHere = await listen(here, 'f/down/#');
  await here.publishAsync('f/up/1', 'up', { qos: 1, properties: { userProperties: { k: 'v' } } });
  await there.publishAsync('f/down/1', 'down', { qos: 1 });
  await eventually(() => seenThere.length === 1 && real(seenHere).length === 1);
});
