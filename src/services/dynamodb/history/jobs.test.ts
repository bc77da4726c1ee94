import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '../../../base/index.ts';
import { jobOfToken } from './jobs.ts';
import { HISTORY_LIMITS } from './limits.ts';

test('a token stands for its job while that runs, and for eight hours more', () => {
  const clock = new SimulatedClock(1e12);
  const job = (token: string, endedAt?: number) => ({
    ...{ region: 'us-east-1', tableArn: 'arn', startedAt: 0, token },
    ...(endedAt !== undefined && { endedAt }),
  });
  const { jobTokenMs } = HISTORY_LIMITS;
  const jobs = [job('old', 1e12 - jobTokenMs - 1), job('ended', 1e12 - jobTokenMs), job('runs')];
  const found = (token?: string) => jobOfToken(jobs, clock, token, (one) => one.token)?.token;
  assert.deepEqual(
    [found('old'), found('ended'), found('runs'), found('none'), found()],
    [undefined, 'ended', 'runs', undefined, undefined],
  );
});
