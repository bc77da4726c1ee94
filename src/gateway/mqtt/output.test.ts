import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import * as mqtt from '../../codec/mqtt/index.ts';
import { AckQueue } from './ack-queue.ts';
import { WaitingBudget } from './budget.ts';
import { AS_PUBREC, Output } from './output.ts';
import { Turn } from './turn.ts';

type CommitGroup = NonNullable<Parameters<AckQueue['push']>[1]>;

/** A socket that keeps what is written to it, and takes it only when told to. */
class HeldSocket extends Duplex {
  readonly writes: Buffer[] = [];
  isHeld = false;
  #waiting: (() => void) | undefined;

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.writes.push(Buffer.from(chunk));
    if (this.isHeld) this.#waiting = done;
    else done();
  }

  accept(): void {
    this.isHeld = false;
    this.#waiting?.();
  }
}

const counter = { add: () => {} };
const room = (all = 10_000_000) => ({ bytesMax: 1_000_000, budget: new WaitingBudget(all, new Turn(), () => {}) });
const packet = (payload: string, qos: mqtt.Qos): mqtt.PublishPacket => ({
  type: 'publish',
  topic: 't',
  payload: Buffer.from(payload),
  qos,
  retain: false,
  dup: false,
  packetId: qos === 0 ? 0 : 1,
  properties: mqtt.NO_PROPERTIES,
});

/** What a client reads from the bytes written. */
function packetsIn(writes: readonly Buffer[]): mqtt.Packet[] {
  const decoder = new mqtt.PacketDecoder({ version: 5 });
  decoder.push(Buffer.concat(writes));
  return [...iterate(decoder)];
}

function* iterate(decoder: mqtt.PacketDecoder): Generator<mqtt.Packet> {
  for (let next = decoder.next(); next; next = decoder.next()) yield next;
}

test('all of a turn leaves in one write, acknowledgements first, each frame with its own identifier', () => {
  const socket = new HeldSocket();
  const output = new Output(socket, counter, { drained: () => {} }, room());
  const frame = mqtt.encodePublishFrame(packet('x', 1), 5);
  output.frame(frame, 300);
  output.acknowledge(7);
  output.frame(frame, 301);
  output.acknowledge(8 | (0x87 << 16));
  output.acknowledge(9 | AS_PUBREC);
  output.flush();
  assert.equal(socket.writes.length, 1);
  const seen = packetsIn(socket.writes).map((one) => [
    one.type,
    (one as mqtt.AckPacket).packetId,
    (one as mqtt.AckPacket).reasonCode,
  ]);
  assert.deepEqual(seen, [
    ['puback', 7, 0],
    ['puback', 8, 0x87],
    ['pubrec', 9, 0],
    ['publish', 300, undefined],
    ['publish', 301, undefined],
  ]);
  output.flush();
  assert.equal(socket.writes.length, 1, 'nothing more to write');
});

test('while the peer does not read nothing is written; when it does, its owner is told', async () => {
  const socket = new HeldSocket();
  let drained = 0;
  const output = new Output(socket, counter, { drained: () => drained++ }, room());
  const frame = mqtt.encodePublishFrame(packet('x'.repeat(100_000), 0), 5);
  socket.isHeld = true;
  output.frame(frame, 0);
  output.flush();
  assert.equal(output.isBlocked, true);
  output.frame(frame, 0);
  output.flush();
  assert.equal(socket.writes.length, 1);
  assert.equal(output.queuedBytes, 2 * frame.bytes.length);
  socket.accept();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(drained, 1);
  output.flush();
  assert.equal(packetsIn(socket.writes).length, 2);
});

test('a buffer that the socket still has is not written over', async () => {
  const slow = new HeldSocket();
  const quick = new HeldSocket();
  slow.isHeld = true;
  const chunks: Buffer[] = [];
  // Keeps the very bytes that were given, not a copy of them.
  slow._write = (chunk: Buffer) => void chunks.push(chunk);
  const [first, second] = [slow, quick].map((socket) => new Output(socket, counter, { drained: () => {} }, room()));
  first!.packet(Buffer.from('c000', 'hex'));
  first!.flush();
  second!.packet(Buffer.from('d000', 'hex'));
  second!.flush();
  assert.equal(chunks[0]!.toString('hex'), 'c000');
});

test('acknowledgements keep their order, whichever commit is done first; a failed one stops them', () => {
  const queue = new AckQueue();
  const socket = new HeldSocket();
  const output = new Output(socket, counter, { drained: () => {} }, room());
  const groups = Array.from({ length: 3 }, () => ({ state: 'pending' }) as CommitGroup);
  const [one, two, three] = groups as [CommitGroup, CommitGroup, CommitGroup];
  queue.push(1, one, 10);
  queue.push(2, two, 10);
  queue.push(3, undefined, 10);
  queue.push(4, three, 10);
  two.state = 'committed';
  assert.equal(queue.release(output), true);
  assert.deepEqual([queue.size, queue.bytes], [4, 40]);
  one.state = 'committed';
  assert.equal(queue.release(output), true);
  assert.deepEqual([queue.size, queue.bytes], [1, 10]);
  output.flush();
  assert.deepEqual(
    packetsIn(socket.writes).map((one) => (one as mqtt.AckPacket).packetId),
    [1, 2, 3],
  );
  three.state = 'failed';
  queue.push(5, undefined, 10);
  for (let again = 0; again < 2; again++) assert.equal(queue.release(output), false);
  assert.deepEqual([queue.size, queue.bytes], [2, 20]);
  assert.equal(queue.drop(), 20);
  assert.equal(queue.size, 0);
});

test('the same frames written to one socket after the other are whole on each, whatever was written between', () => {
  const sockets = Array.from({ length: 6 }, () => new HeldSocket());
  const outputs = sockets.map((socket) => new Output(socket, counter, { drained: () => {} }, room()));
  const [a, b, c] = ['a', 'b', 'c'].map((payload) => mqtt.encodePublishFrame(packet(payload, 0), 5));
  const numbered = mqtt.encodePublishFrame(packet('n', 1), 5);
  const send = (index: number, ...frames: readonly (readonly [mqtt.PublishFrame, number])[]) => {
    for (const [frame, id] of frames) outputs[index]!.frame(frame, id);
    outputs[index]!.flush();
  };
  const texts = (index: number) =>
    packetsIn(sockets[index]!.writes).map((one) =>
      one.type === 'publish' ? `${one.payload.toString()}${one.packetId || ''}` : one.type,
    );
  sockets[2]!.isHeld = true;
  send(0, [a!, 0], [b!, 0]);
  send(1, [a!, 0], [b!, 0]);
  send(2, [a!, 0], [b!, 0]);
  send(3, [a!, 0], [b!, 0]);
  send(4, [numbered, 7]);
  send(5, [numbered, 8]);
  send(4, [a!, 0], [c!, 0]);
  send(5, [a!, 0], [b!, 0]);
  outputs[0]!.acknowledge(3);
  send(0, [a!, 0], [b!, 0]);
  assert.deepEqual([0, 1, 2, 3, 4, 5].map(texts), [
    ['a', 'b', 'puback', 'a', 'b'],
    ['a', 'b'],
    ['a', 'b'],
    ['a', 'b'],
    ['n7', 'a', 'c'],
    ['n8', 'a', 'b'],
  ]);
});

test('a socket of the system that does not take all is written no further, tells when it has, and nothing is lost', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = createConnection({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
  const [[accepted]] = (await Promise.all([once(server, 'connection'), once(client, 'connect')])) as [
    [Socket],
    unknown,
  ];
  const drained = Promise.withResolvers<void>();
  const output = new Output(accepted, counter, { drained: drained.resolve }, room());
  const large = mqtt.encodePublishFrame(packet('x'.repeat(60_000), 0), 5);
  let sent = 0;
  while (!output.isBlocked) {
    output.frame(large, 0);
    output.flush();
    sent++;
  }
  output.frame(large, 0);
  output.flush();
  assert(output.queuedBytes > large.bytes.length);
  const decoder = new mqtt.PacketDecoder({ version: 5 });
  let got = 0;
  const all = new Promise<void>((resolve) => {
    client.on('data', (chunk) => {
      decoder.push(chunk);
      for (const one of iterate(decoder)) if (one.type === 'publish' && one.payload.length === 60_000) got++;
      if (got === sent + 1) resolve();
    });
  });
  await drained.promise;
  assert.equal(output.isBlocked, false);
  output.flush();
  await all;
  client.destroy();
  accepted.destroy();
  server.close();
});

test('peers that do not read leave room to each other, and what they have is given back when they read or go', async () => {
  const mine = room(10_000);
  const sockets = Array.from({ length: 4 }, () => new HeldSocket());
  const outputs = sockets.map((socket) => new Output(socket, counter, { drained: () => {} }, mine));
  const frame = mqtt.encodePublishFrame(packet('x'.repeat(93), 0), 5);
  const kept: number[] = [];
  for (const [i, output] of outputs.entries()) {
    sockets[i]!.isHeld = true;
    let sent = 0;
    for (; output.hasRoom; sent++) {
      output.frame(frame, 0);
      output.flush();
      assert.equal(output.isBlocked, true);
    }
    kept.push(sent * frame.bytes.length);
  }
  // Half, then half of what is left.
  for (const [i, bytes] of kept.entries()) {
    assert.ok(Math.abs(bytes - 10_000 / 2 ** (i + 1)) <= 2 * frame.bytes.length, `${kept}`);
  }
  assert.equal(
    mine.budget.bytes,
    kept.reduce((sum, bytes) => sum + bytes, 0),
  );
  outputs[0]!.end();
  outputs[1]!.forget();
  outputs[1]!.flush();
  for (const socket of sockets.slice(2)) socket.accept();
  await new Promise((resolve) => setImmediate(resolve));
  for (const output of outputs.slice(2)) output.flush();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(mine.budget.bytes, 0);
});
