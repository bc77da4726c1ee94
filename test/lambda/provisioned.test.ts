import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { FunctionSpec, ManagedRuntime, ProvisionedState } from '../../src/runtime/index.ts';
import { silentLogger } from '../../src/telemetry/index.ts';
import { RuntimeHouse } from './runtime-house.ts';
import { LambdaHouse } from './support.ts';

/** Stands before the real runtime: writes down what is asked of it, and says what the test makes of it. */
class Provisions {
  readonly asked: [version: string, count: number][] = [];
  readonly states = new Map<string, ProvisionedState>();

  /** The runtime as the service sees it. */
  over(runtime: ManagedRuntime) {
    return {
      reserve: runtime.reserve.bind(runtime),
      retire: runtime.retire.bind(runtime),
      reserveConcurrency: runtime.reserveConcurrency.bind(runtime),
      pools: runtime.pools.bind(runtime),
      snapshot: runtime.snapshot.bind(runtime),
      provision: ({ version, provisionedConcurrency }: FunctionSpec) => {
        this.asked.push([version, provisionedConcurrency]);
      },
      provisioned: (arn: string) => this.states.get(arn),
      [Symbol.asyncDispose]: () => runtime[Symbol.asyncDispose](),
    };
  }

  takeAsked(): Record<string, number> {
    return Object.fromEntries(this.asked.splice(0));
  }
}

const CODE = 'exports.handler = async () => 1;';

async function open(provisions: Provisions, directory?: string): Promise<LambdaHouse> {
  const house = await LambdaHouse.open({
    ...(directory === undefined ? {} : { directory }),
    runtime: { blanks: 0 },
    seen: (runtime) => provisions.over(runtime),
  });
  house.lambda.resume();
  return house;
}

const put = (house: LambdaHouse, FunctionName: string, Qualifier: string, ProvisionedConcurrentExecutions: number) =>
  house.call('PutProvisionedConcurrencyConfig', { FunctionName, Qualifier, ProvisionedConcurrentExecutions });

const fails = (promise: Promise<unknown>, code: string, message: RegExp) =>
  assert.rejects(promise, (error: any) => {
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });

test('what is asked for is told to the runtime, and its state told back as AWS spells it', async () => {
  const provisions = new Provisions();
  await using house = await open(provisions);
  await house.create('f', CODE, { Publish: true });
  const begun = await put(house, 'f', '1', 3);
  assert.deepEqual(provisions.takeAsked(), { 1: 3 });
  assert.deepEqual(
    { ...begun, LastModified: /^\d{4}-\d\d-\d\dT[\d:.]+\+0000$/.test(begun.LastModified) },
    {
      RequestedProvisionedConcurrentExecutions: 3,
      AllocatedProvisionedConcurrentExecutions: 0,
      AvailableProvisionedConcurrentExecutions: 0,
      Status: 'IN_PROGRESS',
      LastModified: true,
    },
  );
  const arn = 'arn:aws:lambda:us-east-1:000000000000:function:f:1';
  const key = { FunctionName: 'f', Qualifier: '1' };
  provisions.states.set(arn, { requested: 3, allocated: 3, available: 1, status: 'in-progress' });
  const coming = await house.call('GetProvisionedConcurrencyConfig', key);
  assert.deepEqual(
    [coming.Status, coming.AllocatedProvisionedConcurrentExecutions, coming.AvailableProvisionedConcurrentExecutions],
    ['IN_PROGRESS', 3, 1],
  );
  provisions.states.set(arn, { requested: 3, allocated: 3, available: 3, status: 'ready' });
  assert.equal((await house.call('GetProvisionedConcurrencyConfig', key)).Status, 'READY');
  provisions.states.set(arn, { requested: 3, allocated: 0, available: 0, status: 'failed', reason: 'FUNCTION_ERROR' });
  const failed = await house.call('GetProvisionedConcurrencyConfig', key);
  assert.deepEqual([failed.Status, failed.StatusReason], ['FAILED', 'FUNCTION_ERROR']);
  const { ProvisionedConcurrencyConfigs } = await house.call('ListProvisionedConcurrencyConfigs', {
    FunctionName: 'f',
  });
  assert.equal(ProvisionedConcurrencyConfigs[0].FunctionArn, arn);
  await house.call('DeleteProvisionedConcurrencyConfig', key);
  assert.deepEqual(provisions.takeAsked(), { 1: 0 });
  await fails(house.call('GetProvisionedConcurrencyConfig', key), 'provisioned-not-found', /^No Provisioned/);
});

test('an alias takes its environments along, splits them by weight, and leaves none behind', async () => {
  const provisions = new Provisions();
  await using house = await open(provisions);
  await house.create('f', CODE, { Publish: true });
  await house.call('UpdateFunctionConfiguration', { FunctionName: 'f', Timeout: 7 });
  await house.call('PublishVersion', { FunctionName: 'f' });
  const alias = { FunctionName: 'f', Name: 'live' };
  await house.call('CreateAlias', { ...alias, FunctionVersion: '1' });
  await put(house, 'f', 'live', 10);
  assert.deepEqual(provisions.takeAsked(), { 1: 10 });
  const RoutingConfig = { AdditionalVersionWeights: { 2: 0.3 } };
  await house.call('UpdateAlias', { ...alias, RoutingConfig });
  assert.deepEqual(provisions.takeAsked(), { 1: 7, 2: 3 });
  await house.call('UpdateAlias', { ...alias, FunctionVersion: '2', RoutingConfig: {} });
  assert.deepEqual(provisions.takeAsked(), { 1: 0, 2: 10 });
  await house.call('DeleteAlias', alias);
  assert.equal(provisions.takeAsked()[2], 0);
  await house.call('CreateAlias', { ...alias, FunctionVersion: '2' });
  assert.deepEqual(provisions.takeAsked(), {});
});

test('a restart asks for what was stored, once functions can reach the node', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-provisioned-'));
  try {
    await using first = await open(new Provisions(), directory);
    await first.create('f', CODE, { Publish: true });
    await put(first, 'f', '1', 2);
    await first[Symbol.asyncDispose]();
    const provisions = new Provisions();
    await using second = await LambdaHouse.open({
      directory,
      runtime: { blanks: 0 },
      seen: (runtime) => provisions.over(runtime),
    });
    assert.deepEqual(provisions.takeAsked(), {});
    second.lambda.resume();
    assert.deepEqual(provisions.takeAsked(), { 1: 2 });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test('what AWS refuses is refused in its words', async () => {
  await using house = await open(new Provisions());
  await house.create('f', CODE, { Publish: true });
  await house.create('s', CODE, { Publish: true, SnapStart: { ApplyOn: 'PublishedVersions' } });
  const invalid = 'invalid-parameter';
  const unpublished = /^Provisioned Concurrency Configs cannot be applied to unpublished function versions\.$/;
  await fails(put(house, 'f', '$LATEST', 1), invalid, unpublished);
  await house.call('CreateAlias', { FunctionName: 'f', Name: 'latest', FunctionVersion: '$LATEST' });
  await fails(put(house, 'f', 'latest', 1), invalid, unpublished);
  await fails(put(house, 'f', '9', 1), 'function-not-found', /^Function not found: .*:f:9$/);
  await fails(put(house, 's', '1', 1), invalid, /SnapStart/);
  await fails(put(house, 'f', '1', 901), invalid, /UnreservedConcurrentExecution below its minimum value of \[100\]/);
  await house.call('CreateAlias', { FunctionName: 'f', Name: 'live', FunctionVersion: '1' });
  await put(house, 'f', 'live', 5);
  await fails(put(house, 'f', '1', 1), invalid, /^Version is pointed by a Provisioned Concurrency alias: live$/);
  await house.call('DeleteProvisionedConcurrencyConfig', { FunctionName: 'f', Qualifier: 'live' });
  await put(house, 'f', '1', 5);
  await fails(put(house, 'f', 'live', 1), invalid, /^Alias can't be used .* already provisioned version$/);
  const reserve = (ReservedConcurrentExecutions: number) =>
    house.call('PutFunctionConcurrency', { FunctionName: 'f', ReservedConcurrentExecutions });
  await fails(reserve(4), invalid, /should not be less than its provisioned concurrency/);
  await reserve(6);
  await fails(
    put(house, 'f', '1', 7),
    invalid,
    /should not be greater than the reservedConcurrentExecution for function/,
  );
  await put(house, 'f', '1', 6);
});

test('account settings count what is reserved, and what is provisioned beside it', async () => {
  await using house = await open(new Provisions());
  for (const name of ['f', 'g']) await house.create(name, CODE, { Publish: true });
  await house.call('PutFunctionConcurrency', { FunctionName: 'f', ReservedConcurrentExecutions: 20 });
  await put(house, 'f', '1', 5);
  await put(house, 'g', '1', 30);
  const { AccountLimit, AccountUsage } = await house.call('GetAccountSettings');
  assert.equal(AccountLimit.UnreservedConcurrentExecutions, 950);
  assert.equal(AccountUsage.FunctionCount, 2);
});

test('a runtime that this machine does not have is told in the log, and keeps nobody from starting', async () => {
  const errors: unknown[] = [];
  const logger = { ...silentLogger, error: (_message: string, fields?: object) => void errors.push(fields) };
  await using house = await RuntimeHouse.open({ engine: 'process', logger });
  house.runtime.provision(house.spec('', { runtime: 'cobol85.x', provisionedConcurrency: 1 }));
  assert.equal(errors.length, 1);
});
