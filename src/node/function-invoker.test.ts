import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../base/index.ts';
import { functionInvoker } from './function-invoker.ts';

const ARN = 'arn:aws:lambda:us-east-1:000000000000:function:lets-in';

test('nobody waits for a function that has begun and has had its time', async () => {
  const begun = Promise.withResolvers<void>();
  const Invoke = () => {
    begun.resolve();
    return new Promise(() => {});
  };
  const invoke = functionInvoker({
    ...{ mode: 'dev', authorization: 'off', random: seededRandom(1) },
    lambda: { service: { operations: { Invoke } } } as any,
    authority: { decide: () => assert.fail('nobody decides where authorization is off') },
    denials: { tell: () => assert.fail('nothing is denied where authorization is off') },
  });
  const late = new AbortController();
  const outcome = invoke(ARN, {}, 'arn:aws:iot:us-east-1:000000000000:authorizer/a', late.signal);
  await begun.promise;
  late.abort();
  await assert.rejects(outcome, { name: 'AbortError' });
});
