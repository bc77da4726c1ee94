/**
 * Something that serves tables, alone in a process. Takes its kind and its folder as arguments, prints its port, or for `bare` what
 * the store does by itself.
 *
 *     node      a whole node that checks signatures
 *     idle      a wire before operations that do nothing
 *     dynalite  the npm package of that name, on LevelDB in the folder; it writes without waiting for the disk
 *     bare      no port: puts and gets of rows of the same size, as many at once
 */
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../src/base/index.ts';
import { RawJson } from '../../src/codec/aws/index.ts';
import { startNode } from '../../src/node/index.ts';
import type { Service } from '../../src/services/index.ts';
import { openEmbeddedRecords } from '../../src/store/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { createWireServer } from '../../src/wire/index.ts';
import { itemOf, KEY } from './table-requests.ts';

export type HouseKind = 'node' | 'idle' | 'dynalite' | 'bare';

/** What the bare store does, a second. */
export interface BareRates {
  readonly puts: number;
  readonly gets: number;
}

interface Running {
  readonly port: number;
  close(): Promise<unknown>;
}

async function node(dataDirectory: string): Promise<Running> {
  const running = await startNode({
    dataDirectory,
    host: '127.0.0.1',
    httpPort: 0,
    mqttPort: 0,
    mode: 'secured',
    rootCredentials: { accessKeyId: KEY.accessKeyId, secretAccessKey: KEY.secret },
    blankEnvironments: 1,
  });
  return { port: Number(new URL(running.endpoint).port), close: async () => running[Symbol.asyncDispose]() };
}

async function idle(): Promise<Running> {
  const item = new RawJson(JSON.stringify(itemOf(1)));
  const nothing = () => ({});
  const operations = { PutItem: nothing, UpdateItem: nothing, GetItem: () => ({ Item: item }) };
  const service: Service = { name: 'dynamodb', errors: {}, operations };
  const caller = { accountId: '000000000000', arn: 'arn:aws:iam::000000000000:root' };
  const wire = createWireServer({
    services: [service],
    credentials: { secretFor: () => ({ secret: KEY.secret, caller }) },
    mode: 'secured',
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    metrics: createMetrics(),
  });
  const { port } = await wire.listen('127.0.0.1', 0);
  return { port, close: () => wire.close(1000) };
}

async function dynalite(path: string): Promise<Running> {
  const { default: open } = (await import('dynalite' as string)) as {
    default: (options: object) => import('node:http').Server;
  };
  const server = open({ path, createTableMs: 0 });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return { port, close: async () => server.closeAllConnections() };
}

const WRITERS = 64;
const ROWS = 100_000;

async function bare(folder: string): Promise<BareRates> {
  await using records = await openEmbeddedRecords({ directory: join(folder, 'records') });
  const value = Buffer.from(JSON.stringify(itemOf(1)));
  const keyOf = (row: number) => Buffer.from(`device-${String(row).padStart(10, '0')}`);
  const rate = async (operation: (row: number) => Promise<unknown>): Promise<number> => {
    const start = performance.now();
    const one = async (first: number) => {
      for (let row = first; row < ROWS; row += WRITERS) await operation(row);
    };
    await Promise.all(Array.from({ length: WRITERS }, (_, first) => one(first)));
    return (ROWS * 1000) / (performance.now() - start);
  };
  const puts = await rate((row) =>
    records.commit({ writes: [{ kind: 'put', space: 'bare', key: keyOf(row), value }] }),
  );
  return { puts, gets: await rate((row) => records.get('bare', keyOf(row))) };
}

const [kind, directory] = process.argv.slice(2) as [HouseKind, string];
if (kind === 'bare') {
  process.stdout.write(`${JSON.stringify(await bare(directory))}\n`);
} else {
  const running = await { node, idle, dynalite }[kind](directory);
  process.on('SIGTERM', () => void running.close().then(() => process.exit(0)));
  process.stdout.write(`${JSON.stringify({ port: running.port })}\n`);
}
