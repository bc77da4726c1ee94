import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { Namespaces } from './namespaces.ts';

const LINUX = { skip: existsSync('/proc/self/ns/mnt') ? false : 'needs /proc' };

test('nothing is done in the namespaces of a sandbox that has ended', LINUX, async () => {
  const namespaces = Namespaces.open(process.pid, process.ppid);
  namespaces[Symbol.dispose]();
  namespaces[Symbol.dispose]();
  await assert.rejects(namespaces.enter('mount', ['true']), /the sandbox has ended/);
});

test('a number that is somebody else’s by now opens nothing', LINUX, () => {
  assert.throws(() => Namespaces.open(process.pid, process.pid), /the sandbox has ended/);
});
