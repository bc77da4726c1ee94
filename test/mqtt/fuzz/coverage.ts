/**
 * Coverage-guided mutation of the decoder, in a process of its own: an input that reaches code which none has reached before is kept and
 * mutated further. Prints what it has found as JSON.
 *
 *   node test/mqtt/fuzz/coverage.ts [inputs] [seed]
 */
import assert from 'node:assert/strict';
import { Session } from 'node:inspector';
import { seededRandom } from '../../../src/base/index.ts';
import * as mqtt from '../../../src/codec/mqtt/index.ts';
import { Grammar } from './grammar.ts';

/** Inputs between two looks at the coverage: a look costs more than all of them. */
const BATCH = 25;

const inputs = Number(process.argv[2] ?? 20_000);
const random = seededRandom(Number(process.argv[3] ?? 1));
const grammars = { 4: new Grammar(random, 4), 5: new Grammar(random, 5) } as const;

interface Input {
  readonly version: mqtt.ProtocolVersion;
  readonly bytes: Buffer;
}

const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });

/** Blocks of the codec that were run since the last look. */
function look(): string[] {
  const blocks: string[] = [];
  session.post('Profiler.takePreciseCoverage', (_error, { result }) => {
    for (const { url, functions } of result) {
      if (!url.includes('/src/codec/mqtt/')) continue;
      for (const { ranges } of functions)
        for (const { startOffset, endOffset, count } of ranges)
          if (count > 0) blocks.push(`${url}:${startOffset}-${endOffset}`);
    }
  });
  return blocks;
}

/** Bytes give packets or an MqttError; a packet comes back as it was after it is written again. */
function run({ version, bytes }: Input): void {
  const decoder = new mqtt.PacketDecoder({ version });
  decoder.push(bytes);
  try {
    for (let packet = decoder.next(); packet; packet = decoder.next()) comesBack(packet, decoder.version);
  } catch (error) {
    if (!(error instanceof mqtt.MqttError)) throw error;
  }
}

function comesBack(packet: mqtt.Packet, version: mqtt.ProtocolVersion): void {
  const again = new mqtt.PacketDecoder({ version });
  again.push(mqtt.encodePacket(packet, version));
  assert.deepEqual(again.next(), packet);
}

const seeds: Input[] = [];
for (const version of [4, 5] as const) {
  const grammar = grammars[version];
  const packets: mqtt.Packet[] = [
    grammar.connect('seed'),
    grammar.publish(1),
    grammar.subscribe(2),
    grammar.unsubscribe(3),
    { type: 'pubrel', packetId: 1, reasonCode: 0, properties: {} },
    { type: 'connack', sessionPresent: true, reasonCode: 0, properties: {} },
    { type: 'suback', packetId: 1, reasonCodes: [1], properties: {} },
  ];
  for (const packet of packets) seeds.push({ version, bytes: mqtt.encodePacket(packet, version) });
}

const corpus: Input[] = [...seeds];
const seen = new Set<string>();
const failures: { readonly version: number; readonly hex: string; readonly error: string }[] = [];
for (const seed of seeds) run(seed);
for (const block of look()) seen.add(block);
const blocksOfSeeds = seen.size;

for (let done = 0; done < inputs; done += BATCH) {
  const batch = Array.from({ length: BATCH }, (): Input => {
    const { version, bytes } = corpus[Math.floor(random.next() * corpus.length)]!;
    return { version, bytes: grammars[version].mutate(bytes) };
  });
  for (const input of batch) attempt(input);
  if (look().every((block) => seen.has(block))) continue;
  // One of them at least has found something: which?
  for (const input of batch) {
    attempt(input);
    const found = look().filter((block) => !seen.has(block));
    if (found.length > 0) corpus.push(input);
    for (const block of found) seen.add(block);
  }
}

function attempt(input: Input): void {
  try {
    run(input);
  } catch (error) {
    failures.push({ version: input.version, hex: input.bytes.toString('hex'), error: String(error) });
  }
}

process.stdout.write(
  `${JSON.stringify({ inputs, corpus: corpus.length, seeds: seeds.length, blocks: seen.size, blocksOfSeeds, failures: failures.slice(0, 5) })}\n`,
);
