import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { unstarted } from '../unstarted.ts';
import { ContainedProcess } from './contained-process.ts';
import type { Network } from './network.ts';
import type { Placing } from './placing.ts';

test('a sandbox that has ended is not given to a function, and what fails of it is told once', async () => {
  const gone = () => {
    throw new Error('no such file or directory');
  };
  const contained = new ContainedProcess({
    child: unstarted(new Error('never began')),
    request: { command: [], environment: {}, directory: join(tmpdir(), 'none'), readable: [], doors: [] },
    user: undefined,
    cgroup: undefined,
    placing: { place: gone, link: gone } as unknown as Placing,
    network: { restrict: async () => gone(), close: () => {} } as unknown as Network,
  });
  const tenant = {
    codeDirectory: '/none',
    layers: [],
    cacheDirectory: '/none',
    memoryMb: 128,
    ephemeralStorageMb: 512,
  };
  assert.throws(() => contained.assign({ ...tenant, egress: { kind: 'allowlist', destinations: ['a'] } }), {
    code: 'placement-failed',
  });
  await turn();
  await contained.exited;
});
