/**
 * The developer's loop: from a saved source to an answer of the new code, for a small function and for one with an AWS client in
 * its bundle (500 modules, a package of 2 MB with its source map), beside what esbuild alone takes to bundle it anew.
 * The function is called on end until the new answer comes: the figure has the watch, the bundle, the package, UpdateFunctionCode
 * with its sync to disk, and a cold start from a blank environment. Not measured: editors, slow disks, several functions at once.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { context } from 'esbuild';
import { systemClock } from '../src/base/index.ts';
import { type Client, openClient } from '../src/cli/client.ts';
import { Development } from '../src/cli/development/development.ts';
import { startNode } from '../src/node/index.ts';
import { type Figure, formatFigure, median } from './figure.ts';

const SAVES = 20;
/** The blank environment that a swap has taken is replaced. */
const REST_MS = 250;
const SWAP_MS_MAX = 1_000;
const CLIENT = resolve(import.meta.dirname, '../node_modules/@aws-sdk/client-kinesis');

const TEMPLATE = `
Transform: AWS::Serverless-2016-10-31
Resources:
  Answer:
    Type: AWS::Serverless::Function
    Properties: { FunctionName: answer, Runtime: nodejs24.x, CodeUri: ., Handler: answer.handler, MemorySize: 512 }
`;
const small = (answer: number) => `export const handler = async (): Promise<number> => ${answer};\n`;
const withClient = (answer: number) =>
  `import { KinesisClient } from '${CLIENT}';\nconst client = new KinesisClient({});\n` +
  `export const handler = async (): Promise<number> => (client ? ${answer} : 0);\n`;

/** About 25 s. */
export async function run(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [what, source] of [
    ['a small function', small],
    ['one with an AWS client', withClient],
  ] as const) {
    await using scope = new AsyncDisposableStack();
    const root = await mkdtemp(join(tmpdir(), 'millrace-swap-'));
    scope.defer(() => rm(root, { recursive: true }));
    const times = await swaps(root, source);
    figures.push(...swapFigures(what, times, await bundles(root, source)));
  }
  return figures;
}

function swapFigures(what: string, times: readonly number[], bundleMs: number): Figure[] {
  const value = median(times);
  const sorted = [...times].sort((a, b) => a - b);
  const name = `save to the new code's answer, ${what}`;
  return [
    {
      name: `${name}, p50`,
      value,
      unit: 'ms',
      floor: { name: 'esbuild alone', value: bundleMs },
      ratio: value / bundleMs,
      target: { value: SWAP_MS_MAX, met: value < SWAP_MS_MAX },
    },
    { name: `${name}, fastest`, value: sorted[0]!, unit: 'ms' },
    { name: `${name}, slowest of ${SAVES}`, value: sorted.at(-1)!, unit: 'ms' },
  ];
}

async function swaps(root: string, source: (answer: number) => string): Promise<number[]> {
  await using scope = new AsyncDisposableStack();
  await writeFile(join(root, 'template.yaml'), TEMPLATE);
  await writeFile(join(root, 'answer.ts'), source(0));
  const dataDirectory = join(root, '.millrace');
  const node = scope.use(
    await startNode({ dataDirectory, host: '127.0.0.1', httpPort: 0, mqttPort: 0, mode: 'dev', logLevel: 'error' }),
  );
  const client = await openClient({ 'endpoint-url': node.endpoint, region: undefined }, {});
  const { promise: deployed, resolve: onDeployed } = Promise.withResolvers<void>();
  const terminal = {
    out: () => {},
    err: (text: string) => text.startsWith('deployed ') && onDeployed(),
    colours: false,
    errColours: false,
  };
  const options = {
    directory: root,
    stackName: 'swap',
    client,
    clock: systemClock,
    ignored: [dataDirectory],
    terminal,
  };
  const development = scope.use(new Development(options));
  development.start();
  await deployed;
  await answer(client);
  const times: number[] = [];
  for (let save = 1; save <= SAVES; save++) {
    await sleep(REST_MS);
    const begun = performance.now();
    await writeFile(join(root, 'answer.ts'), source(save));
    while ((await answer(client)) !== save) await sleep(1);
    times.push(performance.now() - begun);
  }
  return times;
}

async function answer(client: Client): Promise<unknown> {
  const { body } = await client.send('lambda', 'POST', '/2015-03-31/functions/answer/invocations', {});
  return JSON.parse(body.toString());
}

/** Milliseconds that esbuild takes to bundle the function again, with all that it keeps; the median. */
async function bundles(root: string, source: (answer: number) => string): Promise<number> {
  const options = { bundle: true, write: false, platform: 'node', sourcemap: 'linked', outfile: 'answer.js' } as const;
  const esbuild = await context({ ...options, entryPoints: [join(root, 'answer.ts')] });
  const times: number[] = [];
  for (let save = 0; save <= SAVES; save++) {
    await writeFile(join(root, 'answer.ts'), source(save));
    const begun = performance.now();
    await esbuild.rebuild();
    if (save > 0) times.push(performance.now() - begun);
  }
  await esbuild.dispose();
  return median(times);
}

if (import.meta.main) for (const figure of await run()) process.stdout.write(`${formatFigure(figure)}\n`);
