import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SimulatedClock, seededRandom } from '../../base/index.ts';
import { openEmbeddedRecords, type Records } from '../../store/index.ts';
import { silentLogger } from '../../telemetry/index.ts';
import type { OperationContext } from '../index.ts';
import { openStacks } from './cloudformation.ts';
import { openCloudFormation } from './index.ts';
import { OPERATION_NAMES } from './operations/names.ts';
import { hasStacks } from './presence.ts';

const CONTEXT = {
  region: 'us-east-1',
  caller: { accountId: '000000000000', arn: 'arn:aws:iam::000000000000:root' },
} as OperationContext;

let directory: string;
let records: Records;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-stacks-'));
  records = await openEmbeddedRecords({ directory });
});
after(async () => {
  await records[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const parts = () => ({
  ...{ records, clock: new SimulatedClock(), random: seededRandom(1), logger: silentLogger, promptMs: 0 },
  call: async () => ({}),
  readObject: () => Promise.reject(new Error('no objects here')),
  callbackBase: () => 'http://127.0.0.1',
});

test('what is known before the code is loaded is what the code does', async () => {
  await using open = await openStacks(parts());
  assert.deepEqual(Object.keys(open.service.operations).sort(), [...OPERATION_NAMES]);
  assert.deepEqual(Object.keys(open.service.permissions!).sort(), [...OPERATION_NAMES]);
});

test('the first call opens what nobody needed before, and its stack is there for the next node', async () => {
  const TemplateBody = JSON.stringify({ Resources: { Q: { Type: 'AWS::CloudFormation::WaitConditionHandle' } } });
  {
    await using first = await openCloudFormation(parts());
    first.resume();
    assert.equal(await hasStacks(records), false);
    const made = await first.service.operations.CreateStack!({ StackName: 'app', TemplateBody }, CONTEXT);
    assert.match(made.StackId, /:stack\/app\//);
  }
  assert.equal(await hasStacks(records), true);
  await using second = await openCloudFormation(parts());
  const { Stacks } = await second.service.operations.DescribeStacks!({ StackName: 'app' }, CONTEXT);
  assert.equal(Stacks[0].StackName, 'app');
});
