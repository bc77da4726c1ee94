import assert from 'node:assert/strict';
import { test } from 'node:test';
import type * as mqtt from '../../src/codec/mqtt/index.ts';
import {
  type ClientPermissions,
  type ConnectRequest,
  type DeviceAccess,
  OPEN_ACCESS,
} from '../../src/services/iot/index.ts';
import { openRig, publish, RawClient, type Rig } from './harness.ts';

const { permissions: EVERYTHING } = OPEN_ACCESS.connect({} as ConnectRequest) as { permissions: ClientPermissions };

/** What clients may receive, as it is now: everything but what is withheld, by client. */
class Withheld implements DeviceAccess {
  readonly #topics = new Map<string, string>();

  withhold(clientId: string, topic: string): void {
    this.#topics.set(clientId, topic);
  }

  connect({ clientId }: Pick<ConnectRequest, 'clientId'>) {
    const topics = this.#topics;
    const permissions: ClientPermissions = {
      ...EVERYTHING,
      mayReceive: (topic) => topics.get(clientId) !== topic,
      get receivesAll() {
        return !topics.has(clientId);
      },
    };
    return { kind: 'accepted', permissions } as const;
  }

  publisher() {
    return { kind: 'accepted', permissions: EVERYTHING } as const;
  }
}

async function payload(client: RawClient): Promise<string> {
  const packet = await client.next();
  assert(packet?.type === 'publish', JSON.stringify(packet));
  return packet.payload.toString();
}

const puback = (packetId: number) => ({ type: 'puback', packetId, reasonCode: 0, properties: {} }) as const;

/** Publishes in order, and waits until all is acknowledged. */
async function published(rig: Rig, ...messages: readonly (readonly [topic: string, payload: string])[]): Promise<void> {
  await using publisher = await RawClient.connected(rig.port, { clientId: 'publisher' });
  for (const [index, [topic, text]] of messages.entries()) {
    publisher.send(publish(topic, text, { qos: 1, packetId: index + 1 }));
    assert.equal((await publisher.next())?.type, 'puback');
  }
}

for (const sessionExpiryInterval of [0, 3600]) {
  test(`what waits for a client that may no longer receive it is not sent (session expiry ${sessionExpiryInterval})`, async () => {
    const access = new Withheld();
    await using rig = await openRig({ access });
    const properties: mqtt.Properties = { receiveMaximum: 1, sessionExpiryInterval };
    await using client = await RawClient.connected(rig.port, { clientId: 'c', clean: false, properties });
    await client.subscribe('d/#', 1);
    await published(rig, ['d/open', 'first'], ['d/secret', 'secret'], ['d/open', 'second'], ['d/open', 'third']);
    const first = await client.next();
    assert(first?.type === 'publish' && first.payload.toString() === 'first');
    access.withhold('c', 'd/secret');
    client.send(puback(first.packetId));
    const second = await client.next();
    assert(second?.type === 'publish' && second.payload.toString() === 'second', JSON.stringify(second));
    client.send(puback(second.packetId));
    assert.equal(await payload(client), 'third', 'what is not sent takes no place of the receive maximum');
  });
}

test('a shared subscription passes over members that may not receive the message', async () => {
  const access = new Withheld();
  await using rig = await openRig({ access });
  await using one = await RawClient.connected(rig.port, { clientId: 'one' });
  await using two = await RawClient.connected(rig.port, { clientId: 'two' });
  for (const member of [one, two]) await member.subscribe('$share/g/d/#', 1);
  access.withhold('one', 'd/secret');
  await published(rig, ...['1', '2', '3', '4'].map((text) => ['d/secret', text] as const));
  for (const expected of ['1', '2', '3', '4']) assert.equal(await payload(two), expected);
  await one.settle();
  assert.equal(one.unread, 0);
  access.withhold('two', 'd/secret');
  await published(rig, ['d/secret', '5'], ['d/open', '6'], ['d/open', '7']);
  assert.deepEqual([await payload(one), await payload(two)].sort(), ['6', '7'], 'of whom nobody may, nobody has it');
});

test('a waiting message of a shared subscription goes to a member that may receive it', async () => {
  const access = new Withheld();
  await using rig = await openRig({ access });
  const properties = { receiveMaximum: 1 };
  await using one = await RawClient.connected(rig.port, { clientId: 'one', properties });
  await one.subscribe('$share/g/d/#', 1);
  await published(rig, ['d/open', 'first'], ['d/secret', 'secret']);
  const first = await one.next();
  assert(first?.type === 'publish' && first.payload.toString() === 'first');
  await using two = await RawClient.connected(rig.port, { clientId: 'two' });
  await two.subscribe('$share/g/d/#', 1);
  access.withhold('one', 'd/secret');
  one.send(puback(first.packetId));
  assert.equal(await payload(two), 'secret');
  await one.settle();
  assert.equal(one.unread, 0);
});
