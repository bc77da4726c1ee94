/**
 * Prints every figure with what it is held against, one file after the other.
 *
 *   npm run bench                all of them, about ten minutes
 *   npm run bench -- flow start  some
 *   npm run bench -- --json      for machines
 */
import { arch, cpus, release, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { type Figure, formatFigure } from './figure.ts';

const FILES = [
  'log',
  'mqtt',
  'mqtt-storm',
  'mqtt-sessions',
  'access',
  'iam',
  'sns',
  'flow',
  'pollers',
  'environments',
  'overload',
  'prewarm',
  'invoke',
  'async',
  'swap',
  'sqs',
  'dynamodb',
  's3',
  'functions',
  'http-api',
  'delivery',
  'stacks',
  'start',
] as const;

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean' } } });
const unknown = positionals.filter((name) => !FILES.includes(name as (typeof FILES)[number]));
if (unknown.length > 0) {
  process.stderr.write(`no benchmark ${unknown.join(', ')}; there are ${FILES.join(', ')}\n`);
  process.exit(2);
}

const figures: Figure[] = [];
if (!values.json) process.stdout.write(`${machine()}\n`);
for (const name of positionals.length > 0 ? positionals : FILES) {
  if (!values.json) process.stdout.write(`\n${name}\n`);
  const { run } = (await import(`./${name}.ts`)) as { run(): Promise<Figure[]> };
  for (const figure of await run()) {
    figures.push(figure);
    if (!values.json) process.stdout.write(`  ${formatFigure(figure)}\n`);
  }
}
if (values.json) process.stdout.write(`${JSON.stringify(figures, undefined, 2)}\n`);
const missed = figures.filter(({ target }) => target?.met === false);
process.stderr.write(`\n${figures.length} figures, ${missed.length} missed their target\n`);
// Figures are reported, not asserted: a busy machine must not fail a build.
process.exit(0);

function machine(): string {
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 1024 ** 3);
  return `${cpus().length} x ${cpu?.model.trim()}, ${memory} GB, ${process.platform} ${release()} ${arch()}, Node ${process.version}`;
}
