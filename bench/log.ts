/**
 * The embedded log against the bare disk: `node bench/log.ts`, about 15 s.
 *
 * Baseline: a loop of write + fdatasync of as many bytes as one group commit has, on the same folder in the same run, turn by
 * turn with the log. 200-byte records; three rounds, median. Not measured: several processes on the disk, disks without a cache.
 */
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { EmbeddedLog } from '../src/store/index.ts';
import { type Figure, formatFigure, median } from './figure.ts';

const PAYLOAD = Buffer.alloc(200, 7);
const RECORD = { timestamp: 1_700_000_000_000, payload: PAYLOAD };
const ROUNDS = 3;
const WRITERS = 64;
const BATCH = 5_000;
const BATCHES_AT_ONCE = 8;

/** A folder on the disk of the checkout: `/tmp` may be memory. */
async function makeDirectory(): Promise<string> {
  const parent = resolve(import.meta.dirname, '../.bench');
  await mkdir(parent, { recursive: true });
  return mkdtemp(join(parent, 'log-'));
}

export async function run(): Promise<Figure[]> {
  const directory = await makeDirectory();
  try {
    const log = await EmbeddedLog.open({ directory: join(directory, 'log') });
    for (const partition of ['a', 'b', 'c', 'd']) await log.createPartition(partition);
    const rounds: Awaited<ReturnType<typeof measureRound>>[] = [];
    for (let round = 0; round < ROUNDS; round++) rounds.push(await measureRound(log, directory));
    const of = (name: keyof (typeof rounds)[number]) => median(rounds.map((one) => one[name]));
    const figures = [
      ratioFigure('log appends, batches of 5,000', of('batches'), of('floorBatches'), 0.4),
      ratioFigure('log appends, 64 writers of one record', of('writers'), of('floorWriters'), 0.7),
      valueFigure('log appends, bursts of 1,000 without a promise each', of('bursts'), 'records/s', 300_000),
      valueFigure('log reads at the tail, batches of 500', of('tailReads'), 'records/s', 2_000_000),
      valueFigure('log reads from disk, batches of 5,000', of('diskReads'), 'records/s', 500_000),
    ];
    await fillTo(log, 1_000_000_000);
    const bytes = log.sizeBytes();
    await log[Symbol.asyncDispose]();
    const opened = await timed(() => EmbeddedLog.open({ directory: join(directory, 'log') }));
    await opened.result[Symbol.asyncDispose]();
    figures.push(lowFigure(`log opens with ${(bytes / 1e9).toFixed(1)} GB in it`, opened.seconds * 1000, 'ms', 250));
    return figures;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function measureRound(log: EmbeddedLog, directory: string) {
  return {
    floorBatches: await floor(directory, BATCH * BATCHES_AT_ONCE, 12),
    batches: await batches(log, 480_000),
    floorWriters: await floor(directory, WRITERS, 600),
    writers: await writers(log, 600 * WRITERS),
    bursts: await bursts(log, 200_000),
    tailReads: await tailReads(log),
    diskReads: await diskReads(log, 500_000),
  };
}

/** Records a second if nothing but their bytes were written and synced, `group` records at a time. */
async function floor(directory: string, group: number, groups: number): Promise<number> {
  const file = await open(join(directory, 'floor'), 'w');
  const bytes = Buffer.alloc(group * PAYLOAD.length, 1);
  const { seconds } = await timed(async () => {
    for (let i = 0; i < groups; i++) {
      await file.write(bytes, 0, bytes.length, i * bytes.length);
      await file.datasync();
    }
  });
  await file.close();
  await rm(join(directory, 'floor'));
  return (group * groups) / seconds;
}

async function batches(log: EmbeddedLog, records: number): Promise<number> {
  const batch = Array.from({ length: BATCH }, () => RECORD);
  let left = records / BATCH;
  const writer = async (partition: string) => {
    while (left-- > 0) await log.append(partition, batch);
  };
  const names = Array.from({ length: BATCHES_AT_ONCE }, (_, i) => 'abcd'[i % 4]!);
  const { seconds } = await timed(() => Promise.all(names.map(writer)));
  return records / seconds;
}

async function writers(log: EmbeddedLog, records: number): Promise<number> {
  let left = records;
  const writer = async (partition: string) => {
    while (left-- > 0) await log.append(partition, [RECORD]);
  };
  const names = Array.from({ length: WRITERS }, (_, i) => 'abcd'[i % 4]!);
  const { seconds } = await timed(() => Promise.all(names.map(writer)));
  return records / seconds;
}

async function bursts(log: EmbeddedLog, records: number): Promise<number> {
  const { seconds } = await timed(async () => {
    for (let done = 0; done < records; done += 1_000) {
      for (let i = 0; i < 1_000; i++) log.appendNow('abcd'[i & 3]!, RECORD);
      await log.committed();
    }
  });
  return records / seconds;
}

async function tailReads(log: EmbeddedLog): Promise<number> {
  const { next } = log.state('a');
  let read = 0;
  const { seconds } = await timed(async () => {
    for (let round = 0; round < 20; round++) {
      for (let from = next - 20_000; from < next; from += 500) read += (await log.read('a', from, 500, 1e7)).length;
    }
  });
  return read / seconds;
}

async function diskReads(log: EmbeddedLog, records: number): Promise<number> {
  let from = log.state('b').first;
  const to = Math.min(log.state('b').next, from + records);
  const { seconds } = await timed(async () => {
    while (from < to) from = (await log.read('b', from, 5_000, 1e7)).at(-1)!.offset + 1;
  });
  return to / seconds;
}

async function fillTo(log: EmbeddedLog, bytes: number): Promise<void> {
  const record = { timestamp: 1, payload: Buffer.alloc(100_000, 3) };
  while (log.sizeBytes() < bytes)
    await log.append(
      'd',
      Array.from({ length: 80 }, () => record),
    );
}

async function timed<T>(work: () => Promise<T>): Promise<{ result: T; seconds: number }> {
  const start = performance.now();
  const result = await work();
  return { result, seconds: (performance.now() - start) / 1000 };
}

function ratioFigure(name: string, value: number, floorValue: number, target: number): Figure {
  const ratio = value / floorValue;
  const bare = { name: 'bare write + fdatasync', value: floorValue };
  return { name, value, unit: 'records/s', floor: bare, ratio, target: { ratio: target, met: ratio >= target } };
}

function valueFigure(name: string, value: number, unit: string, target: number): Figure {
  return { name, value, unit, target: { value: target, met: value >= target } };
}

function lowFigure(name: string, value: number, unit: string, target: number): Figure {
  return { name, value, unit, target: { value: target, met: value <= target } };
}

if (import.meta.main) for (const figure of await run()) process.stdout.write(`${formatFigure(figure)}\n`);
