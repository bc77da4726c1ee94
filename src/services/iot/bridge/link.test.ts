import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { seededRandom, systemClock } from '../../../base/index.ts';
import * as mqtt from '../../../codec/mqtt/index.ts';
import { silentLogger } from '../../../telemetry/index.ts';
import { Link } from './link.ts';

/** A broker that says in CONNACK what it can do, and acknowledges when it is told to. */
async function openBroker(properties: mqtt.Properties) {
  const received: mqtt.PublishPacket[] = [];
  const acknowledge: (() => void)[] = [];
  const server = createServer((socket: Socket) => {
    const decoder = new mqtt.PacketDecoder({ version: 5 });
    const send = (packet: mqtt.Packet) => socket.write(mqtt.encodePacket(packet, 5));
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      decoder.push(chunk);
      for (let packet = decoder.next(); packet; packet = decoder.next()) {
        if (packet.type === 'connect') send({ type: 'connack', sessionPresent: false, reasonCode: 0, properties });
        else if (packet.type === 'publish') {
          const { packetId } = packet;
          received.push(packet);
          acknowledge.push(() => send({ type: 'puback', packetId, reasonCode: 0, properties: {} }));
        }
      }
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const opened = Promise.withResolvers<void>();
  const link = new Link({
    broker: { name: 'plant', host: '127.0.0.1', port, protocol: 5, keepAliveSeconds: 60, sessionExpirySeconds: 60 },
    ...{ clientId: 'bridge', subscriptions: [], window: 10 },
    ...{ clock: systemClock, random: seededRandom(1), logger: silentLogger },
    onMessage: () => {},
    onOpen: opened.resolve,
  });
  link.start();
  await opened.promise;
  const send = (size: number, retain = false) =>
    link.publish({ topic: 't', payload: Buffer.alloc(size), qos: 1, retain, properties: {} });
  const until = async (condition: () => boolean) => {
    while (!condition()) await new Promise(setImmediate);
  };
  return {
    ...{ acknowledge, received, send, until },
    [Symbol.asyncDispose]: async () => {
      await link[Symbol.asyncDispose]();
      server.close();
    },
  };
}

test('a message that the broker does not take keeps no other waiting', async () => {
  await using broker = await openBroker({ receiveMaximum: 1, maximumPacketSize: 100 });
  const { acknowledge, send, until } = broker;
  const first = send(1);
  const large = assert.rejects(send(1000), { code: 'message-refused' });
  const last = send(2);
  await until(() => acknowledge.length > 0);
  acknowledge.shift()!();
  await Promise.all([first, large]);
  await until(() => acknowledge.length > 0);
  acknowledge.shift()!();
  await last;
});

test('a broker that retains nothing, or knows QoS 0 alone, is sent nothing else', async () => {
  await using plain = await openBroker({ retainAvailable: false });
  const sent = plain.send(1, true);
  await plain.until(() => plain.acknowledge.length > 0);
  plain.acknowledge.shift()!();
  await sent;
  await using simple = await openBroker({ maximumQos: 0 });
  await simple.send(1, true);
  await simple.until(() => simple.received.length > 0);
  const got = [...plain.received, ...simple.received].map(({ qos, retain }) => [qos, retain]);
  assert.deepEqual(got, [
    [1, false],
    [0, true],
  ]);
});
