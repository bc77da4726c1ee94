import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Launched } from '../launcher/launcher.ts';
import { ContainedProcess } from './contained-process.ts';
import type { Network } from './network.ts';
import type { Placing } from './placing.ts';

test('a sandbox that has ended is not given to a function, and what fails of it is told once', async () => {
  const gone = () => {
    throw new Error('no such file or directory');
  };
  const contained = new ContainedProcess({
    launch: (listener) => {
      const launched = new Launched(
        [1, 2, 3].map(() => new PassThrough()),
        listener,
        () => {},
      );
      launched.onEnded({ code: null, signal: null });
      return launched;
    },
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
