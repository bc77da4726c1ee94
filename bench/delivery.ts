/**
 * The outbox against the bare records store: `node bench/delivery.ts`, about 30 s.
 *
 * Floor: rows of as many bytes put into (and deleted from) the records store, so many at a time, turn by turn with the outbox.
 * Deliveries of 200 bytes from 64 senders; three rounds, median. Handing over is measured with a target that puts one row into
 * the same store for each delivery, as a queue does. Not measured: what real targets cost, and a disk that syncs slowly.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock, systemRandom } from '../src/base/index.ts';
import { type Delivery, type Outbox, openDelivery, type Target } from '../src/delivery/index.ts';
import { openEmbeddedRecords, type Records } from '../src/store/index.ts';
import { createMetrics, newTrace, silentLogger } from '../src/telemetry/index.ts';
import { type Figure, formatFigure, median } from './figure.ts';

const ROUNDS = 3;
const SENDERS = 64;
const DELIVERIES = 20_000;
const FAN_OUT = 10;
const PAYLOAD = Buffer.alloc(200, 'x');
/** Of a row with its header, as the outbox writes it. */
const ROW_BYTES = 640;
const PENDING = 1_000_000;

const POLICY = { attemptsMax: 100, ageMsMax: 86_400_000, backoffMsBase: 1000, backoffMsMax: 60_000 };
const TRACE = newTrace(systemRandom, false);

const to = (kind: string, name: string): Delivery => ({
  arn: `arn:aws:${kind}:us-east-1:000000000000:${name}`,
  payload: PAYLOAD,
  policy: POLICY,
  source: 'arn:aws:sns:us-east-1:000000000000:topic',
  trace: TRACE,
});

export async function run(): Promise<Figure[]> {
  return withDirectory(async (directory) => {
    await using records = await openEmbeddedRecords({ directory });
    await using delivery = await openOutbox(records);
    const rounds: Awaited<ReturnType<typeof measureRound>>[] = [];
    for (let round = 0; round < ROUNDS; round++) rounds.push(await measureRound(records, delivery, round));
    const of = (name: keyof (typeof rounds)[number]) => median(rounds.map((one) => one[name]));
    return [
      rate('deliveries accepted, one row each', of('accepted'), 'rows put', of('put'), 5_000),
      rate(
        'deliveries drained to a target that takes them at once',
        of('drained'),
        'rows deleted',
        of('deleted'),
        10_000,
      ),
      rate(
        'deliveries handed over 1 -> 10 to durable targets',
        of('handed'),
        'rows put, 10 at a time',
        of('putTen'),
        20_000,
      ),
      ...(await pendingFigures()),
    ];
  });
}

async function openOutbox(records: Records): Promise<Outbox> {
  const ground = { clock: systemClock, random: systemRandom, logger: silentLogger, metrics: createMetrics() };
  const delivery = await openDelivery({ records, ...ground });
  let next = 0;
  const store: Target = {
    durable: true,
    deliver: async ({ payload }) => {
      const key = Buffer.from(String(next++).padStart(12, '0'));
      await records.commit({ writes: [{ kind: 'put', space: 'queue', key, value: payload }] });
    },
  };
  delivery.register('store', store);
  return delivery;
}

async function measureRound(records: Records, delivery: Outbox, round: number) {
  const value = Buffer.alloc(ROW_BYTES, 'x');
  const key = (i: number) => Buffer.from(`${round} ${String(i).padStart(12, '0')}`);
  const put = await bySenders(DELIVERIES, (i) =>
    records.commit({ writes: [{ kind: 'put', space: 'floor', key: key(i), value }] }),
  );
  const deleted = await bySenders(DELIVERIES, (i) =>
    records.commit({ writes: [{ kind: 'delete', space: 'floor', key: key(i) }] }),
  );
  // Nobody takes them until all are there.
  let held = Promise.withResolvers<void>();
  delivery.register(`sink${round}`, { deliver: () => held.promise });
  const accepted = await bySenders(DELIVERIES, (i) => delivery.send([to(`sink${round}`, String(i % 4))]));
  const drained = await timed(DELIVERIES, async () => {
    held.resolve();
    held = Promise.withResolvers();
    held.resolve();
    await empty(delivery);
  });
  const putTen = await bySenders(DELIVERIES, async (i) => {
    const writes = Array.from({ length: FAN_OUT }, (_, n) => ({
      space: 'ten',
      key: key(i * FAN_OUT + n),
      value: PAYLOAD,
    }));
    await Promise.all(writes.map((write) => records.commit({ writes: [{ kind: 'put', ...write }] })));
  });
  const targets = Array.from({ length: FAN_OUT }, (_, n) => to('store', `queue-${n}`));
  const handed = await bySenders(DELIVERIES / 2, () => delivery.send(targets));
  return { put, deleted, accepted, drained, putTen: putTen * FAN_OUT, handed: handed * FAN_OUT };
}

async function empty(delivery: Outbox): Promise<void> {
  while (delivery.edges().some(({ pending }) => pending > 0)) await systemClock.sleep(2);
}

/** @returns how many a second, `SENDERS` of them at a time */
function bySenders(count: number, work: (i: number) => Promise<unknown>): Promise<number> {
  let next = 0;
  const sender = async () => {
    while (next < count) await work(next++);
  };
  return timed(count, () => Promise.all(Array.from({ length: SENDERS }, sender)));
}

async function timed(count: number, work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return count / ((performance.now() - start) / 1000);
}

/** In a process of its own, whose memory is nothing else's. */
async function pendingFigures(): Promise<Figure[]> {
  return withDirectory(async (directory) => {
    const filled = await inChild('fill', directory);
    const restarted = await inChild('restart', directory);
    return [
      low('memory that a million pending deliveries take beyond a hundred thousand', filled.megabytes!, 'MB', 128),
      low('opening the outbox with them', restarted.openMs!, 'ms', 100),
    ];
  });
}

async function inChild(what: string, directory: string): Promise<Readonly<Record<string, number>>> {
  const child = spawn(process.execPath, ['--expose-gc', import.meta.filename, what, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let answer: Readonly<Record<string, number>> = {};
  for await (const line of createInterface({ input: child.stdout })) answer = JSON.parse(line);
  if (child.exitCode === null) await once(child, 'exit');
  return answer;
}

/** Fills the outbox for a target that never answers. */
async function fill(directory: string): Promise<void> {
  await using records = await openEmbeddedRecords({ directory });
  await using delivery = await openOutbox(records);
  delivery.register('hung', { deliver: () => new Promise(() => {}) });
  let before = 0;
  for (let sent = 0; sent < PENDING; sent += 8000) {
    // By then the process has grown to what it needs for any load like this.
    if (before === 0 && sent >= PENDING / 10) before = megabytes();
    const part = (n: number) => Array.from({ length: 1000 }, (_, i) => to('hung', String((n + i) % 4)));
    await Promise.all(Array.from({ length: 8 }, (_, n) => delivery.send(part(n))));
  }
  process.stdout.write(`${JSON.stringify({ megabytes: megabytes() - before })}\n`);
}

async function restart(directory: string): Promise<void> {
  await using records = await openEmbeddedRecords({ directory });
  const start = performance.now();
  await using _delivery = await openOutbox(records);
  process.stdout.write(`${JSON.stringify({ openMs: performance.now() - start })}\n`);
}

function megabytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().rss / 1024 ** 2;
}

async function withDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const parent = resolve(import.meta.dirname, '../.bench');
  await mkdir(parent, { recursive: true });
  const directory = await mkdtemp(join(parent, 'delivery-'));
  return work(directory).finally(() => rm(directory, { recursive: true, force: true }));
}

function rate(name: string, value: number, floorName: string, floor: number, target: number): Figure {
  const unit = 'deliveries/s';
  return {
    name,
    value,
    unit,
    floor: { name: floorName, value: floor },
    ratio: value / floor,
    target: { value: target, met: value >= target },
  };
}

function low(name: string, value: number, unit: string, target: number): Figure {
  return { name, value, unit, target: { value: target, met: value <= target } };
}

if (process.argv[2] === 'fill') await fill(process.argv[3]!);
else if (process.argv[2] === 'restart') await restart(process.argv[3]!);
else if (import.meta.main) for (const figure of await run()) process.stdout.write(`${formatFigure(figure)}\n`);
