import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
  PutRecordCommand,
  type Shard,
} from '@aws-sdk/client-kinesis';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { seededRandom } from '../../src/base/index.ts';
import { encodePacket, Reason } from '../../src/codec/mqtt/index.ts';
import { publish, RawClient } from '../mqtt/harness.ts';
import { temporaryDirectory } from '../support/directory.ts';
import { until } from '../support/eventually.ts';
import { TestNode } from '../support/node.ts';
import { assertHealthy, assertOrdered, Flow, fleet, type Reading } from './flow.ts';

const noSmallDisk = canMount() ? false : 'needs the right to mount a tmpfs';

/** A folder on a disk of 64 MB, which `fill` leaves without a free byte and `free` gives its room back. */
async function smallDisk(): Promise<{ path: string; fill(): void; free(): void } & AsyncDisposable> {
  const directory = await temporaryDirectory();
  const path = join(directory.path, 'small');
  const ballast = join(path, 'ballast');
  mkdirSync(path);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', path]);
  return {
    path,
    fill: () => fillDisk(ballast),
    free: () => rmSync(ballast),
    async [Symbol.asyncDispose]() {
      execFileSync('umount', ['--lazy', path]);
      await directory[Symbol.asyncDispose]();
    },
  };
}

function fillDisk(path: string): void {
  const file = openSync(path, 'a');
  try {
    for (let bytes = 1 << 20; bytes >= 4096; ) {
      try {
        if (writeSync(file, Buffer.alloc(bytes, 1)) === bytes) continue;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      }
      bytes /= 2;
    }
  } finally {
    closeSync(file);
  }
}

function canMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  try {
    execFileSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

test('a full disk: nothing more is acknowledged, reads go on, and room is enough to go on', {
  skip: noSmallDisk,
}, async () => {
  await using disk = await smallDisk();
  await using node = await TestNode.start({ dataDirectory: disk.path });
  const flow = new Flow(node);
  await flow.deploy();
  const { url } = await flow.queue('other');
  const kinesis = new KinesisClient(flow.clientOptions);
  const sqs = new SQSClient(flow.clientOptions);
  const put = () =>
    kinesis.send(new PutRecordCommand({ StreamName: 'flow', PartitionKey: 'p', Data: Buffer.from('[9,0]') }));
  const send = () => sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: 'x'.repeat(100_000) }));
  const devices = await fleet(node);
  await Promise.all(devices.map((device) => device.reach(100)));

  // Not at once: what is left of the last page of a file can still be written.
  disk.fill();
  const reasons = await Promise.all(devices.map((device) => device.disconnected()));
  assert.deepEqual(reasons, new Array(devices.length).fill(Reason.serverBusy));
  const putError = await until(() => put().then(() => undefined, asError), 'a refused put');
  assert.deepEqual([putError.name, putError.$metadata.httpStatusCode], ['InternalFailureException', 500]);
  assert.match(putError.message, /the disk is full/);
  const sendError = await until(() => send().then(() => undefined, asError), 'a refused send');
  assert.deepEqual([sendError.name, sendError.$metadata.httpStatusCode], ['ServiceUnavailable', 503]);
  assert.match(sendError.message, /disk is full/);
  await assertHealthy(node);
  const stored = await storedReadings(flow);
  for (const device of devices) for (const reading of device.acknowledged) assert.ok(stored.has(String(reading)));

  disk.free();
  await until(() => put().then(done, () => undefined), 'a put');
  await until(() => send().then(done, () => undefined), 'a sent message');
  const later = await fleet(node, devices.length, (device) => devices[device]!.next);
  await Promise.all(later.map((device) => device.reach(100)));
  for (const device of [...devices, ...later]) await device.stop();
  const seen = await flow.witnessed([...devices, ...later].flatMap((device) => device.acknowledged));
  assertOrdered(seen);
  await assertHealthy(node);
});

test('stalled, half, garbage and giant clients are disconnected; the fleet beside them is undisturbed, memory bounded', async () => {
  await using node = await TestNode.start();
  const flow = new Flow(node);
  await flow.deploy();
  const { port } = node.endpoints.mqtt;
  const devices = await fleet(node);
  await Promise.all(devices.map((device) => device.reach(50)));
  const before = await memoryOf(node.pid);

  await using stalled = await RawClient.connected(port, { clientId: 'stalled' });
  await stalled.subscribe('flow/+');
  stalled.socket.pause();
  await using half = await RawClient.connected(port, { clientId: 'half', keepAlive: 1 });
  half.write(encodePacket(publish('flow/7', 'x'.repeat(100_000)), 5).subarray(0, 50_000));
  await using giant = await RawClient.connected(port, { clientId: 'giant' });
  giant.write(GIANT_PUBLISH);
  for (let sent = 0; sent < 64 && giant.socket.writable; sent++) giant.socket.write(Buffer.alloc(1 << 20));
  assert.equal(await reasonOf(giant), Reason.packetTooLarge);
  const random = seededRandom(4711);
  for (let i = 0; i < 100; i++) {
    await using bad = await RawClient.open(port);
    bad.write(i % 2 === 0 ? Buffer.from(random.bytes(200)).fill(0xff, 0, 1) : GIANT_CONNECT);
    assert.equal(await bad.next(), undefined);
  }
  await flood(port);
  assert.equal(await reasonOf(half), Reason.keepAliveTimeout);
  // Every reading goes to the stalled one as well: sooner or later they are more than are kept for it.
  await until(async () => (await connections(node)) === devices.length, 'the end of the stalled one');
  const peak = await memoryOf(node.pid, 'VmHWM');
  await Promise.all(devices.map((device) => device.reach(device.acknowledged.length + 50)));
  for (const device of devices) await device.stop();

  assert.ok(peak - before < 160 << 20, `${(peak - before) >> 20} MB more`);
  const acknowledged = devices.flatMap((device) => device.acknowledged);
  const seen = await flow.witnessed(acknowledged);
  assertOrdered(seen);
  assert.equal(seen.length, acknowledged.length);
  await assertHealthy(node);
});

/** Announce 256 MB. */
const GIANT_CONNECT = Buffer.from('10ffffff7f', 'hex');
const GIANT_PUBLISH = Buffer.from('30ffffff7f', 'hex');

/** 200 MB to a subscriber that does not read them. */
async function flood(port: number): Promise<void> {
  await using deaf = await RawClient.connected(port, { clientId: 'deaf' });
  await deaf.subscribe('flood', 0);
  deaf.socket.pause();
  await using publisher = await RawClient.connected(port, { clientId: 'flood' });
  const burst = Array.from({ length: 20 }, () => publish('flood', 'x'.repeat(100_000)));
  for (let sent = 0; sent < 100; sent++) {
    publisher.send(...burst);
    await publisher.settle();
  }
}

/** Why the node has disconnected a client. */
async function reasonOf(client: RawClient): Promise<number | undefined> {
  const packet = await client.next();
  return packet?.type === 'disconnect' ? packet.reasonCode : undefined;
}

/** Resident memory of a process, bytes: at the moment, or at its highest. */
async function memoryOf(pid: number, line: 'VmRSS' | 'VmHWM' = 'VmRSS'): Promise<number> {
  if (process.platform !== 'linux') return 0;
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${line}:\\s+(\\d+) kB`, 'm').exec(status)![1]) * 1024;
}

/** MQTT connections that the node has. */
async function connections(node: TestNode): Promise<number> {
  const text = await (await fetch(`${node.endpoints.http}/metrics`)).text();
  return Number(/^millrace_mqtt_connections (\d+)/m.exec(text)![1]);
}

test('a node that is to start on a full disk says so, and with room it starts and has lost nothing', {
  skip: noSmallDisk,
}, async () => {
  await using disk = await smallDisk();
  const acknowledged: Reading[] = [];
  {
    await using node = await TestNode.start({ dataDirectory: disk.path });
    await new Flow(node).deploy();
    const devices = await fleet(node);
    await Promise.all(devices.map((device) => device.reach(100)));
    disk.fill();
    await Promise.all(devices.map((device) => device.disconnected()));
    await node.stop('SIGKILL');
    for (const device of devices) {
      await device.stop();
      acknowledged.push(...device.acknowledged);
    }
  }
  const refusal = await TestNode.start({ dataDirectory: disk.path }).then(() => assert.fail('it started'), asError);
  assert.match(refusal.message, /the disk that holds \/\S+ is full: make room and start again/);
  assert.doesNotMatch(refusal.message, /\n\s+at /, 'an expected error needs no stack');
  const leftovers = (await readdir(disk.path)).filter((name) => name.startsWith('node.lock.'));
  assert.deepEqual(leftovers, []);

  disk.free();
  await using node = await TestNode.start({ dataDirectory: disk.path });
  assertOrdered(await new Flow(node).witnessed(acknowledged));
  await assertHealthy(node);
});

const done = () => true as const;

interface ClientError extends Error {
  readonly $metadata: { readonly httpStatusCode?: number };
}

const asError = (error: unknown) => error as ClientError;

/** What the stream holds, read with GetRecords. */
async function storedReadings(flow: Flow): Promise<ReadonlySet<string>> {
  const kinesis = new KinesisClient(flow.clientOptions);
  const { Shards } = await kinesis.send(new ListShardsCommand({ StreamName: 'flow' }));
  const [{ ShardId }] = Shards as [Shard];
  const first = { StreamName: 'flow', ShardId, ShardIteratorType: 'TRIM_HORIZON' } as const;
  let { ShardIterator } = await kinesis.send(new GetShardIteratorCommand(first));
  const readings = new Set<string>();
  for (;;) {
    const answer = await kinesis.send(new GetRecordsCommand({ ShardIterator }));
    if (answer.Records!.length === 0) return readings;
    for (const { Data } of answer.Records!) readings.add(String(JSON.parse(Buffer.from(Data!).toString())));
    ShardIterator = answer.NextShardIterator;
  }
}
