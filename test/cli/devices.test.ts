import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { TestNode } from '../support/node.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');

/** How each program is run. */
const PROGRAMS = {
  mosquitto: ['program.sh', 'bash'],
  'mqtt.js': ['program.mjs', process.execPath],
  python: ['program.py', '/usr/bin/python3'],
  'aws-sdk': ['program.mjs', process.execPath],
} as const;

test('devices create writes files for this user alone, and every program that it prints connects; rotate ends the old ones', async () => {
  await using scope = new AsyncDisposableStack();
  const cwd = await mkdtemp(join(tmpdir(), 'millrace-devices-'));
  scope.defer(() => rm(cwd, { recursive: true }));
  const dataDirectory = join(cwd, '.millrace');
  const node = scope.use(await TestNode.start({ directory: cwd, dataDirectory, arguments: ['--mqtts-port', '0'] }));
  await symlink(join(ROOT, 'node_modules'), join(cwd, 'node_modules'));
  const millrace = async (...words: string[]) => {
    const argv = [join(ROOT, 'bin/millrace.js'), 'devices', ...words, '--endpoint-url', node.endpoints.http];
    return (await run(process.execPath, argv, { cwd })).stdout;
  };
  const start = (kind: keyof typeof PROGRAMS) => {
    const [file, program] = PROGRAMS[kind];
    return run(program, [join(cwd, kind, file)], { cwd, timeout: 30_000 });
  };
  const kinds = Object.keys(PROGRAMS) as (keyof typeof PROGRAMS)[];
  for (const kind of kinds) {
    const text = await millrace('create', `pump-${kinds.indexOf(kind)}`, '--snippet', kind);
    await mkdir(join(cwd, kind));
    await writeFile(join(cwd, kind, PROGRAMS[kind][0]), text);
    await start(kind);
  }
  for (const file of ['pump-0.key', 'pump-0.crt', 'ca.crt']) {
    assert.equal((await stat(join(cwd, 'certs', file))).mode & 0o777, 0o600, file);
  }
  await run('git', ['init', '--quiet'], { cwd });
  const { stdout: untracked } = await run('git', ['ls-files', '--others', '--exclude-standard'], { cwd });
  assert.doesNotMatch(untracked, /certs|\.millrace/, 'no key is committed by accident');
  await assert.rejects(millrace('create', 'pump-0'), /is there already/);
  const url = `https://127.0.0.1:${node.endpoints.deviceHttps.port}/topics/devices/pump-0/telemetry?qos=1`;
  const files = ['--cacert', 'certs/ca.crt', '--cert', 'certs/pump-0.crt', '--key', 'certs/pump-0.key'];
  await run('curl', ['-sS', '--fail', ...files, '-d', '{}', url], { cwd, timeout: 8000 });
  await run('cp', ['-r', 'certs', 'old'], { cwd });
  await millrace('rotate', 'pump-0');
  await start('mosquitto');
  const old = join(cwd, 'mosquitto', 'old.sh');
  await run('sh', ['-c', `sed 's,certs/,old/,g' mosquitto/program.sh > ${old}`], { cwd });
  await run('bash', [old], { cwd });
  await millrace('rotate', 'pump-0', '--finish');
  await assert.rejects(run('bash', [old], { cwd }), /[Nn]ot authori[sz]ed/);
  await start('mosquitto');
});
