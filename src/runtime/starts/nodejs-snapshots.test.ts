import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SimulatedClock } from '../../base/index.ts';
import type { Connection, ConnectionListener } from '../environments/connection.ts';
import type { BlankPools } from './blank-pools.ts';
import type { Launch } from './launch.ts';
import { NodejsSnapshots } from './nodejs-snapshots.ts';
import { SNAPSHOT_FILE, type SnapshotRequest } from './snapshots.ts';

test('what a process sends beyond its snapshot is written nowhere', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-snapshots-'));
  const exited = Promise.withResolvers<void>();
  let listener: ConnectionListener;
  const part = (text: string, last: boolean) =>
    listener.onFrame({ kind: 'snapshot-part', last, bytes: Buffer.from(text) });
  const kill = () => {
    // The file has been closed: a write would go to whatever has its descriptor now.
    part('more', false);
    exited.resolve();
  };
  const connection = {
    ready: false,
    process: { kill, exited: exited.promise },
    listen: (given: ConnectionListener) => {
      listener = given;
    },
  } as unknown as Connection;
  const snapshots = NodejsSnapshots.open({
    clock: new SimulatedClock(),
    blanks: { of: () => ({ take: () => connection }) } as unknown as BlankPools,
    engine: 'process',
    directory,
  });
  const spec = { arn: 'arn', codeHash: 'hash', revision: '1', timeoutMs: 1_000 };
  const launch = { command: ['node'], readable: [], version: '24' } as unknown as Launch;
  const making = snapshots.make({ spec, launch } as unknown as SnapshotRequest);
  part('whole', true);
  await making;
  const [name] = readdirSync(directory);
  assert.equal(readFileSync(join(directory, name!, SNAPSHOT_FILE), 'utf8'), 'whole');
  rmSync(directory, { recursive: true });
});
