import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import * as mqtt from '../../src/codec/mqtt/index.ts';
import { type Logger, silentLogger } from '../../src/telemetry/index.ts';
import { babble, talk } from './fuzz/conversation.ts';
import { connect, openRig, publish, RawClient, type Rig } from './harness.ts';

/** Errors in the log are bugs of ours that a client's packets have met. */
const errors: unknown[] = [];
const logger: Logger = {
  ...silentLogger,
  error: (event, fields) => void errors.push([event, fields]),
  child: () => logger,
};

let rig: Rig;
before(async () => {
  rig = await openRig({
    logger,
    limits: { takeoversPerMinuteMax: 0, connectsPerSecondPerAddress: 0, refusalsPerMinutePerAddress: 0 },
  });
});
after(() => rig[Symbol.asyncDispose]());

/** Every client but the witness is gone, and nothing was a bug. */
async function settled(witness: RawClient): Promise<void> {
  await witness.settle();
  while (rig.gateway.clients.size > 1) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(errors, []);
}

const side = (count: number, from: number, run: (port: number, seed: number) => Promise<void>) =>
  Promise.all(Array.from({ length: count }, (_, i) => run(rig.port, from + i)));

test('random conversations by the rules get exactly their answers, read by mqtt-packet too', async () => {
  await using witness = await RawClient.connected(rig.port, { clientId: 'witness' });
  for (let seed = 0; seed < 60; seed += 10) await side(10, seed, talk);
  await settled(witness);
});

test('random conversations with broken packets end with a reason or without, and touch nobody else', async () => {
  await using witness = await RawClient.connected(rig.port, { clientId: 'witness' });
  for (let seed = 0; seed < 100; seed += 20) await side(20, seed, babble);
  await settled(witness);
});

test('a connection that ends within any packet, at any byte, leaves nothing behind', async () => {
  await using witness = await RawClient.connected(rig.port, { clientId: 'witness' });
  for (const version of [4, 5] as const) {
    const properties = version === 5 ? { contentType: 'text/plain', userProperties: [['a', 'b']] as const } : {};
    const will = { topic: 'w', payload: Buffer.from('x'), qos: 1, retain: false, properties: {} } as const;
    const greeting = mqtt.encodePacket(connect({ version, clientId: 'cut', will, username: 'u' }), version);
    const packets: readonly mqtt.Packet[] = [
      publish('a/b', 'payload', { qos: 2, properties }),
      {
        type: 'subscribe',
        packetId: 2,
        subscriptions: [{ filter: 'a/+', qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
        properties: mqtt.NO_PROPERTIES,
      },
      { type: 'unsubscribe', packetId: 3, filters: ['a/+'], properties: mqtt.NO_PROPERTIES },
      { type: 'pubrel', packetId: 1, reasonCode: 0, properties: mqtt.NO_PROPERTIES },
      { type: 'disconnect', reasonCode: 0, properties: mqtt.NO_PROPERTIES },
    ];
    const all = Buffer.concat([greeting, ...packets.map((packet) => mqtt.encodePacket(packet, version))]);
    for (let cut = 0; cut <= all.length; cut++) {
      await using client = await RawClient.open(rig.port, version);
      client.write(all.subarray(0, cut));
      client.socket.end();
      const first = await client.next();
      assert.equal(first?.type, cut < greeting.length ? undefined : 'connack', `version ${version}, cut at ${cut}`);
    }
  }
  await settled(witness);
});

test('mutation guided by coverage finds nothing but packets and typed errors', async () => {
  const script = join(import.meta.dirname, 'fuzz/coverage.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [script, '1500', '7']);
  const found = JSON.parse(stdout);
  assert.deepEqual(found.failures, []);
  assert(found.corpus > found.seeds && found.blocks > found.blocksOfSeeds + 30, stdout);
});
