import assert from 'node:assert/strict';
import { test } from 'node:test';
import { abortable } from '../../src/base/index.ts';
import { zipOf } from '../support/clients.ts';
import { LambdaHouse } from './support.ts';

const arnOf = (name: string) => `arn:aws:lambda:us-east-1:000000000000:function:${name}`;
const answering = (text: string) => `exports.handler = async () => ${JSON.stringify(text)};`;
const openHouse = () => LambdaHouse.open({ runtime: { engine: 'process' } });

const reserve = (house: LambdaHouse, name: string, concurrency: number) =>
  house.call('PutFunctionConcurrency', { FunctionName: name, ReservedConcurrentExecutions: concurrency });
const unreserve = (house: LambdaHouse, name: string) => house.call('DeleteFunctionConcurrency', { FunctionName: name });
const update = async (house: LambdaHouse, name: string, text: string) =>
  house.call('UpdateFunctionCode', { FunctionName: name, ZipFile: await zipOf({ 'index.js': answering(text) }) });
/** A place as event sources wait for theirs. */
const waitFor = (house: LambdaHouse, name: string) =>
  house.lambda.invoker.reserve(arnOf(name), new AbortController().signal);
const soon = <T>(promise: Promise<T>) => abortable(promise, AbortSignal.timeout(5_000));

test('event sources of a function that was throttled to zero go on when that is lifted, by code that came meanwhile', async () => {
  await using house = await openHouse();
  await house.create('paused', answering('broken'));
  await house.invoke('paused');
  await reserve(house, 'paused', 0);
  const waiting = waitFor(house, 'paused');
  await update(house, 'paused', 'mended');
  await unreserve(house, 'paused');
  using place = await soon(waiting);
  const outcome = await place.invoke(Buffer.from('{}'), new AbortController().signal);
  assert.equal(outcome.kind === 'success' && Buffer.from(outcome.payload).toString(), '"mended"');
});

test("concurrency that a function holds no more is others' at once", async () => {
  await using house = await LambdaHouse.open({ runtime: { engine: 'process', accountConcurrency: 200 } });
  await house.create('former', answering('former'));
  await house.create('other', answering('other'));
  await reserve(house, 'former', 100);
  await house.invoke('former');
  await unreserve(house, 'former');
  const places = await soon(Promise.all(Array.from({ length: 150 }, () => waitFor(house, 'other'))));
  for (const place of places) place[Symbol.dispose]();
});

test('a function that was changed before it is deleted leaves no environment and no reservation behind', async () => {
  await using house = await openHouse();
  await house.create('gone', answering('gone'));
  await reserve(house, 'gone', 100);
  await house.invoke('gone');
  assert.equal(house.runtime.pools().length, 1);
  await house.call('TagResource', { Resource: arnOf('gone'), Tags: { colour: 'red' } });
  await house.call('DeleteFunction', { FunctionName: 'gone' });
  assert.deepEqual(house.runtime.pools(), []);
});

test('a change that follows another retires what runs the code of before', async () => {
  await using house = await openHouse();
  await house.create('twice', answering('before'));
  await house.invoke('twice');
  await house.call('TagResource', { Resource: arnOf('twice'), Tags: { colour: 'red' } });
  await update(house, 'twice', 'after');
  assert.deepEqual(house.runtime.pools(), []);
});
