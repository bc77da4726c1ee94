import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { systemClock } from '../../src/base/index.ts';
import { NodeImage } from '../../src/runtime/starts/nodejs-image.ts';
import { silentLogger } from '../../src/telemetry/index.ts';
import { Bootstrap } from './bootstrap.ts';

const HERE = { path: process.execPath, version: process.versions.node };
const HANDLER = `exports.handler = async (e) => ({ answer: e.n * 2, main: require.main === process.mainModule });`;

const folder = (t: TestContext) => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-image-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
};
const cacheOf = ({ directory }: NodeImage) => join(directory, `${process.versions.node}-${process.arch}.cache`);

async function answers(image: NodeImage): Promise<void> {
  await using bootstrap = await Bootstrap.load(HANDLER, { entry: join(image.directory, 'start.js') });
  bootstrap.invoke(0, { n: 21 });
  assert.deepEqual(await bootstrap.answer(0), { answer: 42, main: true });
}

test('a process starts from the image, before it is compiled and after', async (t) => {
  const image = NodeImage.open(folder(t), systemClock, silentLogger);
  await answers(image);
  await image.compile(HERE);
  assert.ok(existsSync(cacheOf(image)));
  await answers(image);
});

test('compiled code that is damaged or of another Node is left aside', async (t) => {
  const image = NodeImage.open(folder(t), systemClock, silentLogger);
  writeFileSync(cacheOf(image), Buffer.alloc(4096, 7));
  await answers(image);
});

test('a later node finds the image and what was compiled, and removes those of other versions', async (t) => {
  const directory = folder(t);
  const first = NodeImage.open(directory, systemClock, silentLogger);
  await first.compile(HERE);
  const { mtimeMs } = statSync(cacheOf(first));
  mkdirSync(join(directory, 'of-another-version'));
  const second = NodeImage.open(directory, systemClock, silentLogger);
  await second.compile(HERE);
  assert.equal(statSync(cacheOf(second)).mtimeMs, mtimeMs);
  assert.equal(readdirSync(directory).length, 1);
});

test('a Node that does not run leaves the image without, and nothing behind', async (t) => {
  const warnings: string[] = [];
  const image = NodeImage.open(folder(t), systemClock, {
    ...silentLogger,
    warn: (message) => void warnings.push(message),
  });
  const before = readdirSync(image.directory);
  await image.compile({ path: '/nowhere/node', version: '1.2.3' });
  assert.equal(warnings.length, 1);
  assert.deepEqual(readdirSync(image.directory), before);
});
