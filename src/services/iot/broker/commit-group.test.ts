import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DomainError, SimulatedClock } from '../../../base/index.ts';
import type { DeliveryService } from '../../../delivery/index.ts';
import type { Records, Transaction, Write } from '../../../store/index.ts';
import { silentLogger } from '../../../telemetry/index.ts';
import type { StreamPort } from '../ports.ts';
import { GroupCommit } from './commit-group.ts';
import type { RetainedMessages } from './retained.ts';

const put = (name: string): Write => ({ kind: 'put', space: 's', key: Buffer.from(name), value: Buffer.alloc(0) });
const names = ({ writes }: Transaction) =>
  writes.flatMap((write) => ('key' in write ? [Buffer.from(write.key).toString()] : []));
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Group commits over a log whose commits are held back, and a store that may refuse. */
function openRig() {
  const clock = new SimulatedClock();
  const committed: string[][] = [];
  const rig = { refusal: undefined as DomainError | undefined, appends: [] as PromiseWithResolvers<void>[] };
  const records = {
    commit: async (transaction: Transaction) => {
      if (rig.refusal) throw rig.refusal;
      return committed.push(names(transaction));
    },
  } as unknown as Records;
  const kinesis = {
    stream: () => undefined,
    committed: () => {
      rig.appends.push(Promise.withResolvers<void>());
      return rig.appends.at(-1)!.promise;
    },
  };
  const retained = {} as RetainedMessages;
  const delivery = {} as DeliveryService;
  const commit = new GroupCommit({ kinesis, delivery, retained, records, clock, logger: silentLogger });
  return Object.assign(rig, { clock, committed, commit });
}

const stream = { isDeleted: false, enqueue: () => undefined } as StreamPort;

test('what sessions write follows the appends of its group, and those of the groups before', async () => {
  const { commit, committed, appends } = openRig();
  const first = commit.append(stream, 'k', Buffer.alloc(1), undefined);
  assert.equal(commit.write(put('first')), first);
  await turn();
  const second = commit.write(put('second'));
  await turn();
  await turn();
  assert.deepEqual([committed, first.state, second.state], [[], 'pending', 'pending']);
  appends[0]!.resolve();
  await Promise.all([first.settled(), second.settled()]);
  assert.deepEqual(committed, [['first'], ['second']]);
});

test('a group that fails takes those behind it along, and none that comes later', async () => {
  const { commit, committed, appends } = openRig();
  const first = commit.append(stream, 'k', Buffer.alloc(1), undefined);
  commit.write(put('first'));
  await turn();
  const second = commit.write(put('second'));
  await turn();
  const error = new Error('the log has failed');
  appends[0]!.reject(error);
  await assert.rejects(first.settled(), error);
  await assert.rejects(second.settled(), error);
  await commit.write(put('third')).settled();
  assert.deepEqual(committed, [['third']]);
});

test('what is put off goes with the next writes, else after a second, and again after a full disk', async () => {
  const rig = openRig();
  const { commit, committed, clock } = rig;
  commit.later(put('chore'));
  await commit.write(put('write')).settled();
  assert.deepEqual(committed.splice(0), [['chore', 'write']]);
  commit.later(put('alone'));
  rig.refusal = new DomainError('records-full', 'the disk is full', { remedy: 'retry' });
  await clock.advance(1_100);
  rig.refusal = undefined;
  commit.later(put('next'));
  await clock.advance(1_100);
  await commit.settled();
  assert.deepEqual(committed, [['alone', 'next']]);
});
