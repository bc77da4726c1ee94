/**
 * Objects through HTTP with SigV4, every write durable. Small ones: a whole node on one core, 64 clients with one call under way each on the
 * other. Objects of 1 MB and of 1 GB: the node may use both cores, as its clients do; beside a bare process that keeps what comes as files,
 * as durable as the node, and gives them back: what disk and loopback do by themselves. Bodies come with a CRC32, as AWS's SDKs send it.
 * The caller is the account itself. Not measured: policies, TLS, signed payloads, customers' keys, versions.
 *
 *   BENCH_OBJECTS=1000000 npm run bench -- s3    lists of a million keys, as the target is meant (some minutes); 100,000 unless said
 *   BENCH_OBJECT_BYTES=1073741824                large objects of 1 GB likewise; 128 MB unless said
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { type Figure, formatFigure } from './figure.ts';
import { BUCKET } from './generator/object-requests.ts';
import type { ObjectLoad, ObjectResult } from './generator/objects-client.worker.ts';
import { type BrokerProcess, runObjectLoad, startBareObjects, startTables } from './generator/processes.ts';
import { KEY } from './generator/table-requests.ts';

const KEYS = Number(process.env.BENCH_OBJECTS ?? 100_000);
const LARGE_BYTES = Number(process.env.BENCH_OBJECT_BYTES ?? 128 * 1024 ** 2);
const MEGABYTE = 1024 ** 2;
const SMALL_BYTES = 1024;
const CLIENTS = 64;
const MOVERS = 20;
const TIMES = { warmUpMs: 2000, measureMs: 3000 } as const;

const GETS = 5000;
const PUTS = 2000;
const RATIO = 0.6;
const LIST_MS_MAX = 30;
const MEMORY_BYTES_MAX = 300e6;

/** About two minutes. */
export async function run(): Promise<Figure[]> {
  await using scope = new AsyncDisposableStack();
  // On the disk of the checkout: `/tmp` may be memory.
  const parent = resolve(import.meta.dirname, '../.bench');
  mkdirSync(parent, { recursive: true });
  const directory = mkdtempSync(join(parent, 's3-'));
  scope.defer(() => rmSync(directory, { recursive: true, force: true }));
  return [...(await smallObjects(join(directory, 'small'))), ...(await largeObjects(directory))];
}

async function smallObjects(directory: string): Promise<Figure[]> {
  await using node = await startTables('node', directory);
  await createBucket(node);
  const common = { prefix: 'small/', sizeBytes: SMALL_BYTES, keys: KEYS, clients: CLIENTS } as const;
  await one(node, { ...common, operation: 'PUT', each: true });
  const put = await one(node, { ...common, operation: 'PUT' });
  const get = await one(node, { ...common, operation: 'GET' });
  const list = await one(node, { ...common, operation: 'LIST', clients: 1 });
  return [
    rate('objects: durable PUT of 1 KB, one core', put, PUTS),
    processorTime('objects: durable PUT of 1 KB', put, PUTS),
    rate('objects: GET of 1 KB, one core', get, GETS),
    processorTime('objects: GET of 1 KB', get, GETS),
    {
      name: `objects: listing 1,000 of ${KEYS} keys, p50 with one client`,
      value: list.p50Ms,
      unit: 'ms',
      target: { value: LIST_MS_MAX, met: list.p50Ms < LIST_MS_MAX },
    },
  ];
}

async function largeObjects(directory: string): Promise<Figure[]> {
  await using bare = await startBareObjects(join(directory, 'bare'));
  await using node = await startTables('node', join(directory, 'large'), 'any');
  await createBucket(node);
  // So many that both processes run compiled code when it counts.
  const megabytes = { prefix: 'mb-', sizeBytes: MEGABYTE, keys: 600, clients: 8, each: true } as const;
  const rates = async (target: BrokerProcess, operation: 'PUT' | 'GET') => {
    await one(target, { ...megabytes, operation });
    return await one(target, { ...megabytes, operation, each: operation === 'PUT' });
  };
  const figures: Figure[] = [];
  for (const operation of ['PUT', 'GET'] as const) {
    const floor = await rates(bare, operation);
    const ours = await rates(node, operation);
    figures.push({
      name: `objects: ${operation} of 1 MB${operation === 'PUT' ? ', durable' : ''}`,
      value: ours.rate,
      unit: 'MB/s',
      floor: { name: 'disk and loopback', value: floor.rate },
      ratio: ours.rate / floor.rate,
      target: { ratio: RATIO, met: ours.rate / floor.rate >= RATIO },
    });
  }
  return [...figures, ...(await memory(node))];
}

/** What the node holds at most while many clients move large objects. */
async function memory(node: BrokerProcess): Promise<Figure[]> {
  const load = { prefix: 'large-', sizeBytes: LARGE_BYTES, keys: MOVERS, clients: MOVERS, each: true } as const;
  const figures: Figure[] = [];
  for (const operation of ['PUT', 'GET'] as const) {
    let peak = 0;
    const timer = setInterval(() => (peak = Math.max(peak, node.residentBytes() ?? 0)), 50);
    const { rate } = await one(node, { ...load, operation });
    clearInterval(timer);
    figures.push({
      name: `objects: memory of the node while ${MOVERS} clients ${operation} ${LARGE_BYTES / MEGABYTE} MB each`,
      value: peak / 1e6,
      unit: 'MB',
      target: { value: MEMORY_BYTES_MAX / 1e6, met: peak > 0 && peak < MEMORY_BYTES_MAX },
    });
    figures.push({
      name: `objects: ${operation} by ${MOVERS} clients of ${LARGE_BYTES / MEGABYTE} MB each`,
      value: (rate * LARGE_BYTES) / MEGABYTE,
      unit: 'MB/s',
    });
  }
  return figures;
}

function rate(name: string, { rate: value }: ObjectResult, wanted: number): Figure {
  return { name, value, unit: 'calls/s', target: { value: wanted, met: value >= wanted } };
}

function processorTime(name: string, { cpuMicros: value }: ObjectResult, wanted: number): Figure {
  const most = 1e6 / wanted;
  return { name: `${name}: processor time`, value, unit: 'µs', target: { value: most, met: value <= most } };
}

function one({ port, pid }: BrokerProcess, load: Omit<ObjectLoad, 'port' | 'pid' | keyof typeof TIMES>) {
  return runObjectLoad({ port, pid, ...TIMES, ...load });
}

async function createBucket({ port }: BrokerProcess): Promise<void> {
  const credentials = { accessKeyId: KEY.accessKeyId, secretAccessKey: KEY.secret };
  const options = { endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1', credentials, forcePathStyle: true };
  const client = new S3Client(options);
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  client.destroy();
}

if (import.meta.main) for (const figure of await run()) process.stdout.write(`${formatFigure(figure)}\n`);
