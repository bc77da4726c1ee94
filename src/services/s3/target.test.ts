import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DomainError, hasCode, seededRandom } from '../../base/index.ts';
import type { Objects } from '../../store/index.ts';
import { newTrace } from '../../telemetry/index.ts';
import { BucketTarget } from './target.ts';

const POLICY = { attemptsMax: 1, ageMsMax: 1, backoffMsBase: 1, backoffMsMax: 1 };

/** What a delivery to a bucket fails with when the store does. */
async function failureAt(error: Error): Promise<unknown> {
  const target = new BucketTarget({ put: () => Promise.reject(error) } as unknown as Objects);
  const ground = { arn: 'arn:aws:s3:::b', payload: Buffer.from('p'), policy: POLICY, source: 's' };
  const delivery = { ...ground, attributes: { key: 'k' }, trace: newTrace(seededRandom(1)) };
  return target.deliver(delivery).catch((failure: unknown) => failure);
}

test('a delivery to a bucket is given up only where no other try would help', async () => {
  for (const code of ['bucket-not-found', 'key-invalid']) {
    const failure = await failureAt(new DomainError(code, 'no'));
    assert.ok(hasCode(failure, code) && (failure as DomainError).remedy === 'never');
  }
  for (const code of ['objects-full', 'objects-failed', 'records-busy']) {
    const failure = await failureAt(new DomainError(code, 'not now'));
    assert.ok(hasCode(failure, code) && (failure as DomainError).remedy === 'retry');
  }
  const unforeseen = Object.assign(new Error('too many open files'), { code: 'EMFILE' });
  assert.equal(await failureAt(unforeseen), unforeseen);
});
