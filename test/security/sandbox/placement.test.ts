import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { systemClock, systemRandom } from '../../../src/base/index.ts';
import { openSandbox } from '../../../src/runtime/index.ts';
import { surveyCgroups } from '../../../src/runtime/sandbox/cgroups.ts';
import { ENGINES } from '../../lambda/engines.ts';
import { openScene, type Scene } from './house.ts';

const namespace = ENGINES.find(({ engine }) => engine === 'namespace')!.skip;
const root = process.getuid!() === 0;

describe('what a function finds in engine namespace', { skip: namespace }, () => {
  let scene: Scene & AsyncDisposable;
  before(async () => {
    scene = await openScene('namespace');
  });
  after(() => scene[Symbol.asyncDispose]());

  const layer = (name: string, files: Readonly<Record<string, string>>) => {
    const folder = join(scene.house.directory, name);
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(join(folder, file, '..'), { recursive: true });
      writeFileSync(join(folder, file), text);
    }
    return folder;
  };

  test('its code at /var/task and its layers at /opt, the later one on top', async () => {
    const layers = [
      layer('below', { 'nodejs/node_modules/shared/index.js': 'module.exports = "old";', 'bin/one': '1' }),
      layer('above', { 'nodejs/node_modules/shared/index.js': 'module.exports = "new";' }),
    ];
    const found = await scene.run(
      "return [process.env.LAMBDA_TASK_ROOT, __dirname, fs.readdirSync('/opt').sort(), require('/opt/nodejs/node_modules/shared')];",
      {},
      { layers },
    );
    assert.deepEqual(found, ['/var/task', '/var/task', ['bin', 'nodejs'], 'new']);
  });

  test('the files of its package, and no copies', async () => {
    const spec = scene.house.spec('exports.handler = async () => require("fs").statSync("/var/task/index.js").ino;');
    const { value } = await scene.house.invoke(spec);
    assert.equal(value, statSync(join(spec.codeDirectory, 'index.js')).ino);
  });

  test('a package of thousands of files, in the first start and in the next', async () => {
    const spec = scene.house.spec(
      "exports.handler = async () => require('fs').readdirSync('/var/task/data', { recursive: true }).length;",
    );
    for (let n = 0; n < 2_000; n++) {
      const folder = join(spec.codeDirectory, 'data', String(n % 20));
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, `${n}.json`), '{}');
    }
    assert.equal((await scene.house.invoke(spec)).value, 2_020);
    scene.house.runtime.retire(spec.arn);
    assert.equal((await scene.house.invoke(spec)).value, 2_020);
  });

  test('/tmp of the size that it asked for', async () => {
    const size = "const { bsize, blocks } = fs.statfsSync('/tmp'); return (bsize * blocks) / 1024 ** 2;";
    assert.equal(await scene.run(size), 512);
    const larger = await scene.run(size, {}, { ephemeralStorageMb: 1024 });
    if (root) assert.equal(larger, 1024);
    else assert.equal(larger.errorType, 'Sandbox.Failure');
  });

  test('users, names and certificates, and of the folders of the machine no others', async () => {
    const found = await scene.run(
      "return { user: require('node:os').userInfo().username, top: fs.readdirSync('/').sort(), etc: fs.readdirSync('/etc'), home: attempt(() => fs.readdirSync('/home')) };",
    );
    assert.equal(found.user, 'sbx_user1051');
    for (const name of ['home', 'root', 'sys', 'run', 'boot', 'srv', 'mnt']) assert.ok(!found.top.includes(name), name);
    for (const name of ['shadow', 'hostname', 'machine-id', 'fstab', 'sudoers'])
      assert.ok(!found.etc.includes(name), name);
    assert.equal(found.home, 'ENOENT');
  });

  test('a loader variable of its own only in its own process', async () => {
    const answer = await scene.run(
      "return cp.spawnSync('sh', ['-c', 'echo $LD_LIBRARY_PATH'], { encoding: 'utf8' }).stdout.trim();",
      {},
      {
        environment: { LD_LIBRARY_PATH: '/opt/lib' },
      },
    );
    assert.equal(answer, '/opt/lib');
  });

  test('nothing stays of sandboxes that are killed as they start', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-killed-'));
    const { sandbox } = await openSandbox({ engine: 'namespace', directory, clock: systemClock, random: systemRandom });
    const started = Array.from({ length: 8 }, (_, n) => {
      const request = { command: ['sleep', '60'], environment: {}, readable: [], doors: [] };
      return sandbox.start({ ...request, directory: join(directory, String(n)) });
    });
    // Each at another point of its start.
    for (const each of started) {
      each.channel.resume().on('error', () => {});
      for (const output of each.outputs) output.resume();
      each.kill();
      await turn();
    }
    await Promise.all(started.map(({ exited }) => exited));
    await sandbox[Symbol.asyncDispose]();
    const left = readdirSync('/proc').filter((pid) => commandOf(pid).includes(directory));
    assert.deepEqual(left, []);
    assert.deepEqual(groupsOf(directory), []);
    rmSync(directory, { recursive: true, force: true });
  });
});

/** Control groups of the engine in `directory` that are still there. */
function groupsOf(directory: string): readonly string[] {
  const name = `millrace-${createHash('sha256').update(directory).digest('hex').slice(0, 16)}`;
  const places = Object.values(surveyCgroups().places);
  return places.map(({ directory: home }) => join(home, name)).filter((group) => existsSync(group));
}

/** Empty for those that have ended. */
function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}
