import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DomainError, SimulatedClock } from '../base/index.ts';
import type { FunctionSpec } from '../runtime/index.ts';
import { FunctionCalls } from './function-calls.ts';
import { FunctionSessions } from './function-sessions.ts';
import { SeriesKeys } from './series-keys.ts';

const HALF_HOUR = 30 * 60_000;
const arn = 'arn:aws:lambda:us-east-1:000000000000:function:f';
const spec = { arn, name: 'f', version: '$LATEST', roleArn: 'arn:aws:iam::000000000000:role/r' } as FunctionSpec;

function house() {
  const clock = new SimulatedClock();
  const calls = new FunctionCalls();
  let issued = 0;
  const sts = {
    async assumeRole({ roleArn, durationSeconds = 0 }: { roleArn: string; durationSeconds?: number }) {
      if (roleArn === '') throw new DomainError('access-denied', 'there is none');
      const number = ++issued;
      const expiresAt = clock.now() + durationSeconds * 1000;
      const token = `token${number}`;
      return { accessKeyId: `ASIA${number}`, secret: 's', token, arn: '', userId: '', expiresAt };
    },
  };
  const sessions = new FunctionSessions({ sts, clock, calls });
  const key = { secret: 's', caller: { accountId: '', arn: '' } };
  const credentials = {
    secretFor: (id: string) => ({
      ...key,
      sessionToken: id.replace('ASIA', 'token'),
      expiresAt: 2 * HALF_HOUR + start,
    }),
  };
  const start = clock.now();
  return { clock, calls, sessions, keys: new SeriesKeys({ credentials, calls, clock }) };
}

test('environments that start together, and versions of one function, share a session', async () => {
  const { sessions } = house();
  const version = { ...spec, arn: `${arn}:7`, version: '7' };
  const [one, two] = await Promise.all([sessions.credentials(spec), sessions.credentials(version)]);
  assert.equal(one.accessKeyId, two.accessKeyId);
  assert.equal(sessions.credentials(spec), one, 'at once, when it is there');
});

test('another role is another session', async () => {
  const { sessions } = house();
  const one = await sessions.credentials(spec);
  const two = await sessions.credentials({ ...spec, roleArn: `${spec.roleArn}2` });
  assert.notEqual(one.accessKeyId, two.accessKeyId);
});

test('a session is renewed at half its life; the old one stays known until it expires', async () => {
  const { clock, sessions, calls, keys } = house();
  const one = await sessions.credentials(spec);
  await clock.advance(HALF_HOUR - 1);
  assert.equal(await sessions.credentials(spec), one);
  await clock.advance(1);
  const two = await sessions.credentials(spec);
  assert.notEqual(two.accessKeyId, one.accessKeyId);
  assert.equal(calls.keyOfToken(one.sessionToken), one.accessKeyId);
  assert.ok(keys.allow(`Token ${one.sessionToken}`));
  await clock.advance(HALF_HOUR);
  assert.ok(!keys.allow(`Token ${one.sessionToken}`), 'expired');
  await sessions.credentials(spec);
  assert.equal(calls.keyOfToken(one.sessionToken), undefined);
});

test('a role that is not there is said, and asked for again next time', async () => {
  const { sessions } = house();
  const refusal = { code: 'role-not-assumable' };
  await assert.rejects(async () => sessions.credentials({ ...spec, roleArn: '' }), refusal);
  await assert.rejects(async () => sessions.credentials({ ...spec, roleArn: '' }), refusal);
});
