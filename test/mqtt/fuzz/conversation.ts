/** One client's random conversation with the broker, and what must be true of the answers. */
import assert from 'node:assert/strict';
import oracle from 'mqtt-packet';
import { seededRandom } from '../../../src/base/index.ts';
import * as mqtt from '../../../src/codec/mqtt/index.ts';
import { RawClient } from '../harness.ts';
import { Grammar } from './grammar.ts';

const PACKETS = 30;

/**
 * A conversation by the rules: every request has its one answer, those of PUBLISH in their order; whatever the server sends is read by
 * mqtt-packet too.
 */
export async function talk(port: number, seed: number): Promise<void> {
  const grammar = new Grammar(seededRandom(seed), seed % 2 ? 5 : 4);
  await using client = await RawClient.open(port, grammar.version);
  const checked = readByOracle(client, grammar.version);
  client.send(grammar.connect(`talk-${seed}`));
  const connack = await client.next();
  assert(connack?.type === 'connack' && connack.reasonCode === 0, `seed ${seed}: ${JSON.stringify(connack)}`);
  const expected: string[] = [];
  const unreleased = new Set<number>();
  for (let i = 1; i <= PACKETS; i++) {
    const packetId = 1000 + i;
    switch (grammar.below(5)) {
      case 0:
      case 1: {
        const packet = grammar.publish(packetId);
        client.send(packet);
        if (packet.qos > 0) expected.push(`${packet.qos === 1 ? 'puback' : 'pubrec'} ${packetId}`);
        if (packet.qos === 2) unreleased.add(packetId);
        break;
      }
      case 2: {
        const packet = grammar.subscribe(packetId);
        client.send(packet);
        expected.push(`suback ${packetId} ${packet.subscriptions.length}`);
        break;
      }
      case 3: {
        const packet = grammar.unsubscribe(packetId);
        client.send(packet);
        expected.push(`unsuback ${packetId} ${grammar.version === 5 ? packet.filters.length : 0}`);
        break;
      }
      case 4:
        for (const id of unreleased) {
          client.send({ type: 'pubrel', packetId: id, reasonCode: 0, properties: mqtt.NO_PROPERTIES });
          expected.push(`pubcomp ${id}`);
        }
        unreleased.clear();
    }
  }
  client.send({ type: 'pingreq' });
  expected.push('pingresp');
  const answers: string[] = [];
  while (answers.length < expected.length) {
    const packet = await client.next();
    assert(packet, `seed ${seed}: closed after ${answers.join(', ')}`);
    if (packet.type === 'publish') take(client, packet);
    else if (packet.type === 'pubrel') client.send({ ...packet, type: 'pubcomp' });
    else answers.push(said(packet));
  }
  assert.deepEqual(answers.toSorted(), expected.toSorted(), `seed ${seed}`);
  const inOrder = (all: readonly string[]) => all.filter((one) => one.startsWith('puback') || one.startsWith('pubrec'));
  assert.deepEqual(inOrder(answers), inOrder(expected), `seed ${seed}: in order`);
  checked();
}

/** A conversation with broken packets in it: anything may be answered, as long as it is MQTT, and an end is an end. */
export async function babble(port: number, seed: number): Promise<void> {
  const grammar = new Grammar(seededRandom(seed), seed % 2 ? 5 : 4);
  await using client = await RawClient.open(port, grammar.version);
  const checked = readByOracle(client, grammar.version);
  const connect = mqtt.encodePacket(grammar.connect(`babble-${seed}`), grammar.version);
  client.write(grammar.chance(0.2) ? grammar.mutate(connect) : connect);
  for (let i = 1; i <= PACKETS && !client.socket.destroyed; i++) {
    const packet = grammar.pick([
      () => grammar.publish(i),
      () => grammar.subscribe(i),
      () => grammar.unsubscribe(i),
      () => ({ type: 'pubrec', packetId: i, reasonCode: 0, properties: {} }) as const,
      () => ({ type: 'disconnect', reasonCode: 4, properties: { sessionExpiryInterval: 5 } }) as const,
      () => grammar.connect('again'),
    ])();
    const bytes = mqtt.encodePacket(packet, grammar.version);
    client.write(grammar.chance(0.3) ? grammar.mutate(bytes) : bytes);
    if (grammar.chance(0.3)) await new Promise((resolve) => setImmediate(resolve));
  }
  client.socket.end();
  const packets: mqtt.Packet[] = [];
  for (let packet = await client.next(); packet; packet = await client.next()) packets.push(packet);
  const end = packets.findIndex(({ type }) => type === 'disconnect');
  assert(end < 0 || end === packets.length - 1, `seed ${seed}: something after DISCONNECT`);
  assert(packets.length === 0 || packets[0]?.type === 'connack', `seed ${seed}: ${packets[0]?.type} came first`);
  checked();
}

function take(client: RawClient, { qos, packetId }: mqtt.PublishPacket): void {
  const type = qos === 1 ? 'puback' : 'pubrec';
  if (qos > 0) client.send({ type, packetId, reasonCode: 0, properties: mqtt.NO_PROPERTIES });
}

function said(packet: mqtt.Packet): string {
  if (packet.type === 'suback' || packet.type === 'unsuback')
    return `${packet.type} ${packet.packetId} ${packet.reasonCodes.length}`;
  return 'packetId' in packet ? `${packet.type} ${packet.packetId}` : packet.type;
}

/** Has mqtt-packet read all that the server sends; the result fails if it could not. */
function readByOracle(client: RawClient, protocolVersion: mqtt.ProtocolVersion): () => void {
  const parser = oracle.parser({ protocolVersion });
  let failure: Error | undefined;
  parser.on('error', (error) => {
    failure ??= error;
  });
  client.socket.on('data', (chunk) => parser.parse(chunk));
  return () => assert.equal(failure, undefined);
}
