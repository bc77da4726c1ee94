/**
 * A node with 1,000 functions of which ten are called, beside one with ten: start to ready, memory at rest, and the latency of warm
 * invocations of the ten through HTTP. Measured on what the published package carries, the two nodes in turn, so that what else the
 * machine does hits both.
 * Not measured: functions that are called rarely, and so have environments that come and go (see `prewarm.ts`); signatures, which
 * `dev` does not ask for.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipOf } from '../test/support/clients.ts';
import { type Figure, formatFigure, median } from './figure.ts';
import { memoryOf, publishedPackage, type RunningNode, startNode, stopNode } from './package.ts';

const MANY = 1_000;
const HOT = 10;
const STARTS = 7;
const REST_MS = 4_000;
const WARM_UP = 30;
const CALLS = 1_500;
/** Functions are made so many at a time. */
const CREATORS = 8;

/** About 60 s. */
export async function run(): Promise<Figure[]> {
  await using scope = new AsyncDisposableStack();
  const root = await mkdtemp(join(tmpdir(), 'millrace-functions-'));
  scope.defer(() => rm(root, { recursive: true }));
  const bin = await publishedPackage(join(root, 'package'));
  const few = { bin, directory: join(root, 'few'), readyMs: [] as number[] };
  const many = { bin, directory: join(root, 'many'), readyMs: [] as number[] };
  await deploy(few, HOT);
  await deploy(many, MANY);
  for (let i = 0; i < STARTS; i++) for (const node of [few, many]) node.readyMs.push(await readyMs(node));
  const [fewRuns, manyRuns] = [await runs(few), await runs(many)];
  const called = await inTurn(fewRuns.node, manyRuns.node);
  await Promise.all([stopNode(fewRuns.node), stopNode(manyRuns.node)]);
  return [
    within('start to ready', median(many.readyMs), median(few.readyMs), 'ms'),
    within('memory at rest (PSS)', manyRuns.pssMb, fewRuns.pssMb, 'MB'),
    within('warm Invoke through HTTP, p50', median(called.many), median(called.few), 'ms'),
  ];
}

interface Deployed {
  readonly bin: string;
  readonly directory: string;
}

function within(what: string, value: number, floor: number, unit: string): Figure {
  const ratio = value / floor;
  return {
    name: `${MANY} functions, ${HOT} called: ${what}`,
    value,
    unit,
    floor: { name: `with ${HOT}`, value: floor },
    ratio,
    target: { ratio: 1.1, met: ratio <= 1.1 },
  };
}

async function readyMs({ bin, directory }: Deployed): Promise<number> {
  const node = await startNode(bin, directory);
  await stopNode(node);
  return node.readyMs;
}

async function runs({ bin, directory }: Deployed): Promise<{ readonly node: RunningNode; readonly pssMb: number }> {
  const node = await startNode(bin, directory);
  await new Promise((done) => setTimeout(done, REST_MS));
  return { node, pssMb: (await memoryOf(node)).pss };
}

/** Makes the functions, and stops the node. */
async function deploy({ bin, directory }: Deployed, count: number): Promise<void> {
  const node = await startNode(bin, directory);
  const zip = (await zipOf({ 'index.js': 'exports.handler = async () => 1;' })).toString('base64');
  let made = 0;
  const creator = async () => {
    while (made < count) {
      const name = `f${made++}`;
      const body = {
        FunctionName: name,
        Runtime: 'nodejs24.x',
        Role: ROLE,
        Handler: 'index.handler',
        Code: { ZipFile: zip },
      };
      await post(node, '/2015-03-31/functions', JSON.stringify(body), 201);
    }
  };
  await Promise.all(Array.from({ length: CREATORS }, creator));
  await stopNode(node);
}

const ROLE = 'arn:aws:iam::000000000000:role/bench';

/** Latencies of both nodes, milliseconds: a call of one, a call of the other, and so on. */
async function inTurn(
  few: RunningNode,
  many: RunningNode,
): Promise<{ few: readonly number[]; many: readonly number[] }> {
  const times = { few: [] as number[], many: [] as number[] };
  for (let i = 0; i < WARM_UP * HOT; i++) for (const node of [few, many]) await call(node, i);
  for (let i = 0; i < CALLS; i++) {
    times.few.push(await call(few, i));
    times.many.push(await call(many, i));
  }
  return times;
}

async function call(node: RunningNode, index: number): Promise<number> {
  const start = performance.now();
  await post(node, `/2015-03-31/functions/f${index % HOT}/invocations`, '{"n":1}', 200);
  return performance.now() - start;
}

const agent = new Agent({ keepAlive: true });

function post({ url }: RunningNode, path: string, body: string, status: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(`${url}${path}`, { method: 'POST', agent }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => (response.statusCode === status ? resolve() : reject(new Error(text))));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

if (import.meta.main) for (const figure of await run()) process.stdout.write(`${formatFigure(figure)}\n`);
