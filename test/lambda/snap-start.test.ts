import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { FunctionSpec, ManagedRuntime, SnapshotOutcome } from '../../src/runtime/index.ts';
import { aMoment } from '../support/eventually.ts';
import { LambdaHouse } from './support.ts';

/** Snapshots that take as long as the test wants. */
class HeldSnapshots {
  readonly asked: string[] = [];
  #settle = Promise.withResolvers<SnapshotOutcome>();

  over(runtime: ManagedRuntime) {
    return {
      reserve: runtime.reserve.bind(runtime),
      retire: runtime.retire.bind(runtime),
      reserveConcurrency: runtime.reserveConcurrency.bind(runtime),
      pools: runtime.pools.bind(runtime),
      provision: runtime.provision.bind(runtime),
      provisioned: runtime.provisioned.bind(runtime),
      snapshot: async (spec: FunctionSpec) => {
        assert.equal(spec.snapStart, true);
        this.asked.push(spec.version);
        return await this.#settle.promise;
      },
      [Symbol.asyncDispose]: () => runtime[Symbol.asyncDispose](),
    };
  }

  done(outcome: SnapshotOutcome = { kind: 'on' }): void {
    this.#settle.resolve(outcome);
  }

  failed(error: Error): void {
    this.#settle.reject(error);
  }
}

const CODE = 'exports.handler = async () => "up";';
const SNAP_START = { SnapStart: { ApplyOn: 'PublishedVersions' } };
const open = (snapshots: HeldSnapshots, directory?: string) =>
  LambdaHouse.open({
    ...(directory === undefined ? {} : { directory }),
    runtime: { blanks: 0 },
    seen: (runtime) => snapshots.over(runtime),
  });

/** Asks until the version is in a state. */
async function stateOf(house: LambdaHouse, name: string, until: string): Promise<any> {
  for (;;) {
    const found = await house.call('GetFunctionConfiguration', { FunctionName: name, Qualifier: '1' });
    if (found.State === until) return found;
    await aMoment();
  }
}

test('a published version is Pending until its snapshot is there, and cannot be invoked before', async () => {
  const snapshots = new HeldSnapshots();
  await using house = await open(snapshots);
  const latest = await house.create('f', CODE, SNAP_START);
  assert.deepEqual(
    [latest.State, latest.SnapStart],
    ['Active', { ApplyOn: 'PublishedVersions', OptimizationStatus: 'Off' }],
  );
  assert.equal((await house.invoke('f')).payload, 'up');
  const published = await house.call('PublishVersion', { FunctionName: 'f' });
  assert.deepEqual([published.State, published.StateReasonCode], ['Pending', 'Creating']);
  await assert.rejects(house.invoke('f:1'), (error: any) => {
    assert.deepEqual([error.code, error.remedy], ['snapshot-pending', 'retry']);
    return true;
  });
  snapshots.done();
  const active = await stateOf(house, 'f', 'Active');
  assert.deepEqual(active.SnapStart, { ApplyOn: 'PublishedVersions', OptimizationStatus: 'On' });
  assert.equal((await house.invoke('f:1')).payload, 'up');
  assert.deepEqual(snapshots.asked, ['1']);
});

test('a version that cannot have a snapshot is Active without, and says why', async () => {
  const snapshots = new HeldSnapshots();
  await using house = await open(snapshots);
  await house.create('f', CODE, { ...SNAP_START, Publish: true });
  snapshots.done({ kind: 'off', reason: 'it keeps a socket open' });
  const { SnapStart, StateReason } = await stateOf(house, 'f', 'Active');
  assert.deepEqual([SnapStart.OptimizationStatus, StateReason], ['Off', 'it keeps a socket open']);
  assert.equal((await house.invoke('f:1')).payload, 'up');
});

test('a version whose init fails is Failed with the reason, and says so when it is invoked', async () => {
  const snapshots = new HeldSnapshots();
  await using house = await open(snapshots);
  await house.create('f', CODE, { ...SNAP_START, Publish: true });
  snapshots.failed(new Error('Runtime.ImportModuleError: no such module'));
  const failed = await stateOf(house, 'f', 'Failed');
  assert.deepEqual(
    [failed.StateReasonCode, failed.StateReason],
    ['FunctionError', 'Runtime.ImportModuleError: no such module'],
  );
  await assert.rejects(house.invoke('f:1'), (error: any) => error.code === 'snapshot-failed');
  const again = await house.call('PublishVersion', { FunctionName: 'f' });
  assert.deepEqual([again.Version, again.State], ['2', 'Pending']);
});

test('after a restart the first use of a version makes its snapshot again, once, and does not wait for it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-snap-'));
  try {
    const first = new HeldSnapshots();
    first.done();
    await using house = await open(first, directory);
    await house.create('f', CODE, { ...SNAP_START, Publish: true });
    await stateOf(house, 'f', 'Active');
    for (let i = 0; i < 2; i++) await house.invoke('f:1');
    assert.deepEqual(first.asked, ['1']);
    await house[Symbol.asyncDispose]();
    const second = new HeldSnapshots();
    await using again = await open(second, directory);
    again.lambda.resume();
    assert.deepEqual(second.asked, []);
    for (let i = 0; i < 2; i++) assert.equal((await again.invoke('f:1')).payload, 'up');
    assert.deepEqual(second.asked, ['1']);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test('a snapshot that the end of the node has cut off is made at the next start', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-snap-'));
  try {
    const first = new HeldSnapshots();
    await using house = await open(first, directory);
    await house.create('f', CODE, { ...SNAP_START, Publish: true });
    await house[Symbol.asyncDispose]();
    const second = new HeldSnapshots();
    second.done();
    await using again = await open(second, directory);
    await stateOf(again, 'f', 'Pending');
    again.lambda.resume();
    await stateOf(again, 'f', 'Active');
    assert.deepEqual(second.asked, ['1']);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
