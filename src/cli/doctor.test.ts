import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const MILLRACE = join(import.meta.dirname, '../../bin/millrace.js');
const doctor = (path: string, ...options: string[]) =>
  spawnSync(process.execPath, [MILLRACE, 'doctor', ...options], {
    encoding: 'utf8',
    env: { ...process.env, PATH: path },
  });

test('doctor names the engine and every wall, and exits by whether it is the stronger one', () => {
  const { status, stdout, stderr } = doctor(process.env.PATH!, '--json');
  const { engine, walls } = JSON.parse(stdout);
  assert.equal(status, engine === 'namespace' ? 0 : 1, stderr);
  for (const word of ['user', 'mount', 'PID', 'network', 'seccomp', 'memory', 'cpu', 'pids', 'freezer', 'egress']) {
    assert.ok(
      walls.some(({ name }: { name: string }) => name.includes(word)),
      word,
    );
  }
  for (const { stands, why, remedy } of walls)
    assert.ok(stands || (why && remedy), 'what is missing has a reason and a remedy');
});

test('on a machine without bubblewrap it says what to install', () => {
  const empty = mkdtempSync(join(tmpdir(), 'millrace-path-'));
  const { status, stdout } = doctor(empty);
  rmSync(empty, { recursive: true });
  assert.equal(status, 1);
  assert.match(stdout, /^sandbox engine: process\nnot namespace, because: bubblewrap \(bwrap\) is not installed/);
  assert.match(stdout, /do: apt-get install bubblewrap slirp4netns/);
});
