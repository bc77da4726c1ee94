import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import oracle from 'mqtt-packet';
import { seededRandom } from '../../base/index.ts';
import {
  encodePacket,
  encodePublishFrame,
  MqttError,
  NO_PROPERTIES,
  type Packet,
  PacketDecoder,
  type PingPacket,
  type ProtocolVersion,
  Reason,
  relayedPublishFrame,
  TopicCache,
  topicMatches,
} from './index.ts';

const SAMPLES: readonly Packet[] = [
  {
    type: 'connect',
    version: 5,
    clientId: 'pump-1',
    clean: true,
    keepAlive: 60,
    will: {
      topic: 'wills/pump-1',
      payload: Buffer.from('gone'),
      qos: 1,
      retain: true,
      properties: { willDelayInterval: 5, contentType: 'text/plain', userProperties: [['a', 'b']] },
    },
    username: 'ada',
    password: Buffer.from('secret'),
    properties: {
      sessionExpiryInterval: 3600,
      receiveMaximum: 20,
      maximumPacketSize: 4096,
      topicAliasMaximum: 10,
      requestResponseInformation: true,
      requestProblemInformation: false,
      authenticationMethod: 'SCRAM',
      authenticationData: Buffer.from([1, 2, 3]),
      userProperties: [
        ['a', '1'],
        ['a', '2'],
      ],
    },
  },
  {
    type: 'connack',
    sessionPresent: false,
    reasonCode: 0,
    properties: {
      assignedClientIdentifier: 'x',
      serverKeepAlive: 30,
      maximumQos: 1,
      retainAvailable: true,
      wildcardSubscriptionAvailable: true,
      subscriptionIdentifiersAvailable: false,
      sharedSubscriptionAvailable: false,
      reasonString: 'grüß',
      responseInformation: 'r/',
      serverReference: 'other:1883',
    },
  },
  {
    type: 'publish',
    topic: 'plant/7/temperature',
    payload: Buffer.from('{"t":21.5}'),
    qos: 1,
    retain: true,
    dup: true,
    packetId: 65_535,
    properties: {
      payloadFormatIndicator: 1,
      messageExpiryInterval: 60,
      contentType: 'application/json',
      responseTopic: 'answers/ada',
      correlationData: Buffer.from([9]),
      subscriptionIdentifiers: [1, 268_435_455],
      topicAlias: 3,
      userProperties: [['k', 'ü']],
    },
  },
  { type: 'puback', packetId: 1, reasonCode: Reason.noMatchingSubscribers, properties: { reasonString: 'none' } },
  { type: 'pubrec', packetId: 2, reasonCode: 0x97, properties: NO_PROPERTIES },
  { type: 'pubrel', packetId: 3, reasonCode: 0, properties: NO_PROPERTIES },
  { type: 'pubcomp', packetId: 4, reasonCode: 0x92, properties: { userProperties: [['k', 'v']] } },
  {
    type: 'subscribe',
    packetId: 5,
    subscriptions: [
      { filter: 'plant/+/#', qos: 1, noLocal: true, retainAsPublished: true, retainHandling: 2 },
      { filter: '$share/g/plant', qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 1 },
    ],
    properties: { subscriptionIdentifiers: [128] },
  },
  { type: 'suback', packetId: 5, reasonCodes: [0, 1, 0x8f], properties: NO_PROPERTIES },
  { type: 'unsubscribe', packetId: 6, filters: ['a', 'b/#'], properties: { userProperties: [['k', 'v']] } },
  { type: 'unsuback', packetId: 6, reasonCodes: [0, 0x11], properties: NO_PROPERTIES },
  { type: 'pingreq' },
  { type: 'pingresp' },
  { type: 'disconnect', reasonCode: 0x8e, properties: { sessionExpiryInterval: 1, reasonString: 'taken over' } },
  { type: 'disconnect', reasonCode: 0, properties: NO_PROPERTIES },
  {
    type: 'auth',
    reasonCode: 0x18,
    properties: { authenticationMethod: 'SCRAM', authenticationData: Buffer.from([1]) },
  },
];

/** What a 3.1.1 connection carries of a sample; `undefined` where the packet does not exist there. */
function downgrade(packet: Packet): Packet | undefined {
  if (packet.type === 'auth') return undefined;
  if (packet.type === 'pingreq' || packet.type === 'pingresp') return packet;
  const bare = { ...(packet as Exclude<Packet, PingPacket>), properties: NO_PROPERTIES };
  switch (bare.type) {
    case 'connect':
      return { ...bare, version: 4, will: { ...bare.will!, properties: NO_PROPERTIES } };
    case 'subscribe':
      return {
        ...bare,
        subscriptions: bare.subscriptions.map(({ filter, qos }) => ({
          filter,
          qos,
          noLocal: false,
          retainAsPublished: false,
          retainHandling: 0,
        })),
      };
    case 'suback':
      return { ...bare, reasonCodes: bare.reasonCodes.map((code) => Math.min(code, 0x80)) };
    case 'unsuback':
      return { ...bare, reasonCodes: [] };
    case 'connack':
    case 'publish':
    case 'unsubscribe':
      return bare;
    default:
      return { ...bare, reasonCode: 0 };
  }
}

const cases = (version: ProtocolVersion): readonly Packet[] =>
  version === 5 ? SAMPLES : SAMPLES.flatMap((packet) => downgrade(packet) ?? []);

function decodeAll(bytes: Buffer, version: ProtocolVersion, cuts: readonly number[] = []): Packet[] {
  const decoder = new PacketDecoder({ version });
  const packets: Packet[] = [];
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    // A copy of each chunk, so that a view into a neighbour would show.
    decoder.push(Buffer.from(bytes.subarray(from, cut)));
    for (let packet = decoder.next(); packet; packet = decoder.next()) packets.push(packet);
    from = cut;
  }
  return packets;
}

/** Buffers as hex, so that views of different chunks compare equal. */
const plain = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_key, item) => {
      if (item && typeof item === 'object' && item.type === 'Buffer') return Buffer.from(item.data).toString('hex');
      return item;
    }),
  );

for (const version of [4, 5] as const) {
  for (const packet of cases(version)) {
    test(`version ${version} ${packet.type} comes back as it was encoded, cut at every byte`, () => {
      const bytes = encodePacket(packet, version);
      for (let cut = 0; cut <= bytes.length; cut++) {
        assert.deepEqual(plain(decodeAll(bytes, version, [cut])), [plain(packet)], `cut at ${cut}`);
      }
      const everyByte = Array.from(bytes, (_, index) => index);
      assert.deepEqual(plain(decodeAll(bytes, version, everyByte)), [plain(packet)]);
    });

    test(`version ${version} ${packet.type}: mqtt-packet reads what we write and writes what we read`, () => {
      const bytes = encodePacket(packet, version);
      const parser = oracle.parser({ protocolVersion: version });
      let parsed: oracle.Packet | undefined;
      parser.on('packet', (one) => {
        parsed = one;
      });
      parser.on('error', (error) => assert.fail(error));
      parser.parse(bytes);
      assert.equal(parsed?.cmd, packet.type);
      const theirs = oracle.generate(parsed!, { protocolVersion: version });
      assert.deepEqual(plain(decodeAll(theirs, version)), [plain(packet)]);
    });
  }
}

test('a stream of all packets decodes alike however it is cut', () => {
  const bytes = Buffer.concat(SAMPLES.map((packet) => encodePacket(packet, 5)));
  const whole = plain(decodeAll(bytes, 5));
  assert.equal((whole as unknown[]).length, SAMPLES.length);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 12 }), (cuts) => {
      cuts.sort((a, b) => a - b);
      assert.deepEqual(plain(decodeAll(bytes, 5, cuts)), whole);
    }),
    { numRuns: 200, seed: 7 },
  );
});

test('a payload within one chunk is a view of the chunk', () => {
  const bytes = encodePacket(SAMPLES[2]!, 5);
  const decoder = new PacketDecoder({ version: 5 });
  decoder.push(bytes);
  const packet = decoder.next();
  assert(packet?.type === 'publish');
  assert.equal(packet.payload.buffer, bytes.buffer);
});

test('after a release the memory of a chunk may be used again: unread packets, begun ones and those that were read stay whole', () => {
  const samples = SAMPLES.filter(({ type }) => type !== 'publish');
  const bytes = Buffer.concat(samples.map((packet) => encodePacket(packet, 5)));
  const whole = plain(decodeAll(bytes, 5));
  for (let cut = 1; cut < bytes.length; cut++) {
    const decoder = new PacketDecoder({ version: 5 });
    const packets: Packet[] = [];
    const memory = Buffer.alloc(bytes.length);
    for (const part of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
      memory.set(part);
      decoder.push(memory.subarray(0, part.length));
      // One packet before the memory is let go of, the others after it.
      const first = decoder.next();
      decoder.release();
      memory.fill(0xff);
      if (first) packets.push(first);
      for (let packet = decoder.next(); packet; packet = decoder.next()) packets.push(packet);
    }
    assert.deepEqual(plain(packets), whole, `cut at ${cut}`);
  }
});

test('any bytes give packets or a typed error, nothing else', () => {
  const random = seededRandom(20_260_101);
  const originals = [4, 5].flatMap((version) =>
    cases(version as ProtocolVersion).map((packet) => encodePacket(packet, version as ProtocolVersion)),
  );
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.from(originals[Math.floor(random.next() * originals.length)]!);
    const flips = 1 + Math.floor(random.next() * 4);
    for (let i = 0; i < flips; i++) bytes[Math.floor(random.next() * bytes.length)] = random.next() * 256;
    decodesOrRefuses(bytes, round % 2 ? 5 : 4);
    decodesOrRefuses(random.bytes(1 + Math.floor(random.next() * 40)), round % 2 ? 5 : 4);
  }
});

function decodesOrRefuses(bytes: Buffer, version: ProtocolVersion): void {
  try {
    decodeAll(bytes, version, [bytes.length >>> 1]);
  } catch (error) {
    assert(error instanceof MqttError, String((error as Error).stack));
    assert(error.reasonCode >= 0x80);
  }
}

const REFUSALS: readonly [name: string, hex: string, version: ProtocolVersion, reason: number][] = [
  ['a 256 MB length before its body comes', '30ffffff7f', 4, Reason.packetTooLarge],
  ['a length of five bytes', '30ffffffff01', 4, Reason.malformedPacket],
  ['a length with a needless byte', '308000', 4, Reason.malformedPacket],
  ['packet type 0', '0000', 4, Reason.malformedPacket],
  ['AUTH on 3.1.1', 'f000', 4, Reason.malformedPacket],
  ['QoS 3', '36050001610001', 4, Reason.malformedPacket],
  ['DUP at QoS 0', '3803000161', 4, Reason.malformedPacket],
  ['packet identifier 0', '32050001610000', 4, Reason.malformedPacket],
  ['a wildcard in a topic name', '300300012b', 4, Reason.topicNameInvalid],
  ['an empty topic on 3.1.1', '30020000', 4, Reason.protocolError],
  ['an empty topic without an alias', '3003000000', 5, Reason.protocolError],
  ['topic alias 0', '30060000032300 00', 5, Reason.topicAliasInvalid],
  ['U+0000 in a topic', '30050003610061', 4, Reason.malformedPacket],
  ['a surrogate in a topic', '30050003eda080', 4, Reason.malformedPacket],
  ['an overlong UTF-8 sequence', '30040002c080', 4, Reason.malformedPacket],
  ['wrong SUBSCRIBE flags', '80060001000161 00', 4, Reason.malformedPacket],
  ['SUBSCRIBE without a filter', '82020001', 4, Reason.malformedPacket],
  ['an empty filter', '8205000100 0000', 4, Reason.malformedPacket],
  ['reserved subscription options on 3.1.1', '8206000100016104', 4, Reason.malformedPacket],
  ['retain handling 3', '820700010000016130', 5, Reason.protocolError],
  ['UNSUBSCRIBE without a filter', 'a2020001', 4, Reason.malformedPacket],
  ['bytes after the end', 'c00100', 4, Reason.malformedPacket],
  ['a property of another packet', '30080001610511000000 01', 5, Reason.malformedPacket],
  ['a property given twice', '300800016104010001 00', 5, Reason.protocolError],
  ['a flag of 2', '30060001 6102 0102', 5, Reason.protocolError],
  ['an unknown property', '30050001 61017f', 5, Reason.malformedPacket],
  ['properties longer than the packet', '3004000161 7f', 5, Reason.malformedPacket],
  ['a reserved connect flag', '100c00044d51545404010000 0000', 4, Reason.malformedPacket],
  ['another protocol', '100c00044d51545504020000 0000', 4, Reason.malformedPacket],
  ['MQTT 3.1', '100e00064d51497364700302 0000 0000', 4, Reason.unsupportedProtocolVersion],
  ['MQTT 6', '100c00044d51545406020000 0000', 4, Reason.unsupportedProtocolVersion],
  ['will QoS without a will', '100c00044d515454040a0000 0000', 4, Reason.malformedPacket],
  ['receive maximum 0', '101000044d51545405020000 0321 00 00 0000', 5, Reason.protocolError],
];

for (const [name, hex, version, reason] of REFUSALS) {
  test(`refuses ${name}`, () => {
    assert.throws(
      () => decodeAll(Buffer.from(hex.replaceAll(' ', ''), 'hex'), version),
      (error) => error instanceof MqttError && error.reasonCode === reason,
    );
  });
}

test('a partial packet holds no more memory than what has arrived, twice over', () => {
  const decoder = new PacketDecoder({ packetBytesMax: 200_000_000 });
  const before = process.memoryUsage().arrayBuffers;
  decoder.push(Buffer.from('30808080 30'.replaceAll(' ', ''), 'hex'));
  assert.equal(decoder.next(), undefined);
  assert(process.memoryUsage().arrayBuffers - before < 10_000_000);
});

test('a fan-out frame tells where the packet identifier stands', () => {
  for (const payload of [Buffer.alloc(10), Buffer.alloc(20_000)]) {
    const publish: Packet = { ...(SAMPLES[2] as Packet & { type: 'publish' }), payload };
    for (const version of [4, 5] as const) {
      const { bytes, packetIdAt } = encodePublishFrame(publish, version);
      bytes.writeUInt16BE(4711, packetIdAt);
      const [packet] = decodeAll(bytes, version);
      assert(packet?.type === 'publish');
      assert.equal(packet.packetId, 4711);
    }
  }
});

test('a PUBLISH sent on as it came is what encoding it anew would give, without DUP', () => {
  for (const version of [4, 5] as const) {
    for (const qos of [0, 1, 2] as const) {
      for (const payload of [Buffer.alloc(0), Buffer.alloc(3, 'x'), Buffer.alloc(20_000, 'y')]) {
        const came = { type: 'publish', topic: 'plant/grüß', payload, qos, packetId: qos && 4711 } as const;
        const packet = { ...came, retain: true, dup: qos > 0, properties: NO_PROPERTIES };
        const decoder = new PacketDecoder({ version });
        // Behind another one, so that it does not begin where the chunk does.
        decoder.push(Buffer.concat([encodePacket({ type: 'pingreq' }, version), encodePacket(packet, version)]));
        decoder.next();
        decoder.next();
        for (const retain of [true, false]) {
          const relayed = relayedPublishFrame(decoder, retain);
          assert.deepEqual(relayed, encodePublishFrame({ ...packet, retain, dup: false }, version));
        }
      }
    }
  }
});

test('the topic cache gives the same string for the same bytes and leaves the rest to the full check', () => {
  const cache = new TopicCache(2);
  const bytes = Buffer.from('xplant/7y');
  assert.equal(cache.lookup(bytes, 1, 8), 'plant/7');
  for (let i = 0; i < 100; i++)
    assert.equal(cache.lookup(Buffer.from(`t/${i}`), 0, Buffer.from(`t/${i}`).length), `t/${i}`);
  assert.equal(cache.lookup(Buffer.from('a/+'), 0, 3), undefined);
  assert.equal(cache.lookup(Buffer.from('ü'), 0, 2), undefined);
  assert.equal(cache.lookup(Buffer.from('a\0b'), 0, 3), undefined);
});

test('filters match as section 4.7 says', () => {
  const rows: readonly [filter: string, topic: string, matches: boolean][] = [
    ['sport/tennis/player1/#', 'sport/tennis/player1', true],
    ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon', true],
    ['sport/#', 'sport', true],
    ['#', 'sport/tennis', true],
    ['sport/tennis/+', 'sport/tennis/player1/ranking', false],
    ['sport/+', 'sport', false],
    ['sport/+', 'sport/', true],
    ['+/+', '/finance', true],
    ['/+', '/finance', true],
    ['+', '/finance', false],
    ['#', '$SYS/uptime', false],
    ['+/uptime', '$SYS/uptime', false],
    ['$SYS/#', '$SYS/uptime', true],
    ['a', 'A', false],
  ];
  for (const [filter, topic, matches] of rows) assert.equal(topicMatches(filter, topic), matches, `${filter} ${topic}`);
});

test('what was not read of a chunk comes before the next one', () => {
  const decoder = new PacketDecoder();
  const ping = encodePacket({ type: 'pingreq' }, 4);
  const payload = Buffer.from('p');
  const properties = NO_PROPERTIES;
  const publish = encodePacket(
    { type: 'publish', topic: 't', payload, qos: 0, retain: false, dup: false, packetId: 0, properties },
    4,
  );
  decoder.push(Buffer.concat([ping, publish, ping.subarray(0, 1)]));
  assert.equal(decoder.next()?.type, 'pingreq');
  decoder.release();
  decoder.push(ping.subarray(1));
  decoder.release();
  decoder.push(ping);
  assert.deepEqual(
    [decoder.next(), decoder.next(), decoder.next(), decoder.next()].map((packet) => packet?.type),
    ['publish', 'pingreq', 'pingreq', undefined],
  );
});
