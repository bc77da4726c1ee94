/**
 * A node's start and rest: process start to the ready line on an empty and on a 1 GB data directory, and memory at rest without blank
 * environments. Measured on what the published package carries (`npm run build` first), beside a bare `node` that only starts.
 * Not measured: the first start on a machine, before the compile cache is there.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom } from '../src/base/index.ts';
import { EmbeddedLog } from '../src/store/index.ts';
import { type Figure, formatFigure, median } from './figure.ts';
import { memoryOf, publishedPackage, startNode, stopNode } from './package.ts';

const STARTS = 9;
const GIGABYTE = 1024 ** 3;
const READY_MS_MAX = 700;
const MEMORY_MB_MAX = 130;
/** After this long a fresh node has collected what its start left behind. */
const REST_MS = 5000;

/** About 40 s. */
export async function run(): Promise<Figure[]> {
  await using scope = new AsyncDisposableStack();
  const root = await mkdtemp(join(tmpdir(), 'millrace-start-'));
  scope.defer(() => rm(root, { recursive: true }));
  const bin = await publishedPackage(join(root, 'package'));
  const [empty, full] = [join(root, 'empty'), join(root, 'full')];
  await ready(bin, empty);
  const onEmpty = await starts(bin, empty);
  await fill(join(full, 'log'));
  const onFull = await starts(bin, full);
  const bare = median(Array.from({ length: STARTS }, bareNodeMs));
  const memory = await memoryAtRest(bin, empty);
  return [
    startFigure('start to ready, empty data directory', onEmpty, bare),
    startFigure('start to ready, 1 GB in the log', onFull, bare),
    {
      name: 'memory of an idle node without blank environments (resident set)',
      value: memory.rss,
      unit: 'MB',
      target: { value: MEMORY_MB_MAX, met: memory.rss < MEMORY_MB_MAX },
    },
    { name: 'the same, its own share (PSS)', value: memory.pss, unit: 'MB' },
  ];
}

function startFigure(name: string, times: readonly number[], bare: number): Figure {
  const value = median(times);
  return {
    name,
    value,
    unit: 'ms',
    floor: { name: 'bare node', value: bare },
    ratio: value / bare,
    target: { value: READY_MS_MAX, met: value < READY_MS_MAX },
  };
}

async function starts(bin: string, dataDirectory: string): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < STARTS; i++) times.push(await ready(bin, dataDirectory));
  return times;
}

/** Milliseconds until the ready line; the node is stopped again. */
async function ready(bin: string, dataDirectory: string): Promise<number> {
  const node = await startNode(bin, dataDirectory);
  await stopNode(node);
  return node.readyMs;
}

function bareNodeMs(): number {
  const start = performance.now();
  spawnSync(process.execPath, ['-e', '0']);
  return performance.now() - start;
}

/** A gigabyte of records of 1 KiB in one partition. */
async function fill(directory: string): Promise<void> {
  await using log = await EmbeddedLog.open({ directory });
  await log.createPartition('bench');
  const payload = seededRandom(1).bytes(1024);
  const records = Array.from({ length: 10_000 }, (_, timestamp) => ({ timestamp, payload }));
  while (log.sizeBytes() < GIGABYTE) await log.append('bench', records);
}

async function memoryAtRest(bin: string, dataDirectory: string): Promise<{ rss: number; pss: number }> {
  const node = await startNode(bin, dataDirectory);
  await new Promise((done) => setTimeout(done, REST_MS));
  const memory = await memoryOf(node);
  await stopNode(node);
  return memory;
}

if (import.meta.main) for (const figure of await run()) process.stdout.write(`${formatFigure(figure)}\n`);
