import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { LinuxMachine } from './linux.ts';

const LINUX = { skip: existsSync('/proc/self/task') ? false : 'needs /proc' };

test('a machine has processors, and memory of which some is free', LINUX, () => {
  const machine = LinuxMachine.open();
  assert.ok(machine.processors >= 1);
  const { totalBytes, availableBytes, stalled } = machine.memory()!;
  assert.ok(totalBytes > availableBytes && availableBytes > 0);
  assert.ok(stalled >= 0 && stalled <= 1);
});

test('a process that computes is told from one that sleeps, also when another has started it', LINUX, async () => {
  const machine = LinuxMachine.open();
  const sleeps = spawn('sleep', ['100']);
  const computes = spawn('sh', ['-c', 'sh -c "while :; do :; done" & wait'], { detached: true, stdio: 'ignore' });
  await Promise.all([once(sleeps, 'spawn'), once(computes, 'spawn')]);
  try {
    const end = performance.now() + 5_000;
    while (!machine.isRunnable(computes.pid!)) {
      assert.ok(performance.now() < end, 'waited for 5 s');
      await turn();
    }
    let runnable = 0;
    for (let look = 0; look < 20; look++) if (machine.isRunnable(sleeps.pid!)) runnable++;
    assert.ok(runnable < 5, `${runnable} of 20`);
    assert.equal(machine.isRunnable(2 ** 22 + 1), false);
  } finally {
    sleeps.kill();
    // The group: what it has started as well.
    process.kill(-computes.pid!, 'SIGKILL');
  }
});
