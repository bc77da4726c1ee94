import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Cgroups, surveyCgroups } from './cgroups.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-cgroups-'));
after(() => rmSync(root, { recursive: true, force: true }));

/** A folder that looks like a group of version 2: the files of the kernel are there. */
function unified(name: string, controllers: string): string {
  const folder = join(root, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'cgroup.controllers'), `${controllers}\n`);
  writeFileSync(join(folder, 'cgroup.procs'), `${process.pid}\n`);
  return folder;
}

test('version 2 serves where its controllers are, version 1 where they are there, and nothing freezes by version 1', () => {
  const home = unified('hybrid', 'hugetlb');
  const mounts = [
    `cgroup /v1/memory cgroup rw,memory 0 0`,
    `cgroup /v1/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0`,
    `cgroup2 ${root} cgroup2 rw 0 0`,
  ].join('\n');
  const survey = surveyCgroups('4:memory:/node\n1:cpu,cpuacct:/\n0::/hybrid\n', mounts);
  assert.deepEqual(survey.places, {
    memory: { directory: '/v1/memory/node', version: 1 },
    cpu: { directory: '/v1/cpu,cpuacct/', version: 1 },
    freezer: { directory: home, version: 2 },
  });
  assert.deepEqual(Object.keys(survey.missing), ['pids']);
  assert.deepEqual(surveyCgroups('4:freezer:/\n', 'cgroup /v1/freezer cgroup rw,freezer 0 0').places, {});
});

test('a group of version 2 holds memory, processes and the share of the processor', async () => {
  const home = unified('v2', 'cpu memory pids');
  const survey = surveyCgroups('0::/v2\n', `cgroup2 ${root} cgroup2 rw 0 0`);
  const groups = await Cgroups.open('millrace-test', survey);
  assert.deepEqual([...groups.controllers].sort(), ['cpu', 'freezer', 'memory', 'pids']);
  assert.equal(readFileSync(join(home, 'cgroup.subtree_control'), 'utf8').includes('+memory'), true);
  const machine = Number(readFileSync('/proc/sys/kernel/pid_max', 'utf8'));
  const together = Number(readFileSync(join(home, 'millrace-test', 'pids.max'), 'utf8'));
  assert.ok(together >= 1024 && together <= machine / 2, `${together} of ${machine} processes`);
  const group = groups.create('one');
  group.limit(256 * 1024 ** 2, 2048);
  await group.join(4711);
  const read = (file: string) => readFileSync(join(home, 'millrace-test', 'one', file), 'utf8');
  assert.deepEqual(['pids.max', 'memory.max', 'cpu.weight', 'cgroup.procs', 'memory.oom.group'].map(read), [
    '1024',
    String(256 * 1024 ** 2),
    '200',
    '4711',
    '1',
  ]);
  assert.equal(group.freeze(true), true);
  assert.equal(read('cgroup.freeze'), '1');
  writeFileSync(join(home, 'millrace-test', 'one', 'memory.stat'), 'file 5\nanon 4096\nshmem 7\n');
  assert.equal(group.memoryBytes(), 4096);
  assert.equal(group.outOfMemory, false);
  writeFileSync(join(home, 'millrace-test', 'one', 'memory.events'), 'oom 1\noom_kill 1\n');
  assert.equal(group.outOfMemory, true);
});

test('a group that the node may not write to is missing, with the reason', async () => {
  const survey = surveyCgroups('3:pids:/\n', `cgroup ${root}/nowhere/\0 cgroup rw,pids 0 0`);
  const groups = await Cgroups.open('millrace-test', survey);
  assert.equal(groups.controllers.size, 0);
  assert.match(groups.missing.pids!, /delegated/);
  assert.equal(existsSync(join(root, 'nowhere')), false);
});
