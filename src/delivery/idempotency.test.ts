import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SimulatedClock, seededRandom } from '../base/index.ts';
import { openEmbeddedRecords, type Records } from '../store/index.ts';
import { newTrace } from '../telemetry/index.ts';
import { DELIVERY_LIMITS } from './delivery.ts';
import { type Candidate, IdempotencyKeys } from './idempotency.ts';
import * as rows from './rows.ts';

const ARN = 'arn:aws:sqs:us-east-1:000000000000:q';

function candidate(sequence: number): Candidate {
  const policy = { attemptsMax: 1, ageMsMax: 1, backoffMsBase: 1, backoffMsMax: 1 };
  const trace = newTrace(seededRandom(1));
  const delivery = { arn: ARN, payload: Buffer.from('p'), policy, source: ARN, idempotencyKey: 'k', trace };
  const row = { edge: ARN, sequence, dueAt: 0, sentAt: 0, attempts: 0, uncounted: 0, delivery };
  return { row, writes: rows.insert(row) };
}

test('a key that is used again while it is being forgotten is not forgotten', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-keys-'));
  const clock = new SimulatedClock();
  {
    await using records = await openEmbeddedRecords({ directory });
    let meanwhile = async () => {};
    const watched = new Proxy(records, {
      get: (target, name) => {
        if (name !== 'get') return Reflect.get(target, name).bind(target);
        return async (...call: Parameters<Records['get']>) => {
          const found = await target.get(...call);
          const use = meanwhile;
          meanwhile = async () => {};
          await use();
          return found;
        };
      },
    });
    const keys = new IdempotencyKeys(watched, clock);
    assert.equal((await keys.commit([candidate(1)])).length, 1);
    await clock.advance(DELIVERY_LIMITS.idempotencyMs + 1);
    meanwhile = async () => void (await new IdempotencyKeys(records, clock).commit([candidate(2)]));
    await keys.sweep(new AbortController().signal);
    assert.equal((await keys.commit([candidate(3)])).length, 0);
    await keys.sweep(new AbortController().signal);
    assert.equal((await keys.commit([candidate(4)])).length, 0);
  }
  await rm(directory, { recursive: true });
});
