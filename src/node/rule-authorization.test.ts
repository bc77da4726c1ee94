import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '../base/index.ts';
import type { Service } from '../services/index.ts';
import { NODE_LIMITS } from './limits.ts';
import type { RoleRights } from './role-rights.ts';
import { ruleAuthorization } from './rule-authorization.ts';

test('an answer is kept for a moment, and for no name that is longer than names are', async () => {
  let asked = 0;
  const clock = new SimulatedClock();
  const refusal = () => {
    asked++;
    return undefined;
  };
  const rights = ruleAuthorization({
    ...{ mode: 'secured', clock, denials: { tell: () => {} } },
    rights: { refusal } as unknown as RoleRights,
    authority: { trusts: () => true, load: async () => {} },
    iam: { generation: 1, roleByArn: () => ({ arn: 'r', trustPolicy: '{}' }) as never },
    service: () =>
      ({ permissions: { Publish: () => [{ action: 'iot:Publish', resources: ['*'] }] } }) as unknown as Service,
  });
  const publish = (topic: string) =>
    rights.refusal({
      ...{ roleArn: 'r', ruleArn: 'arn:aws:iot:us-east-1:000000000000:rule/all', action: 'iot:Publish' },
      resource: `arn:aws:iot:us-east-1:000000000000:topic/${topic}`,
    });
  publish('a');
  publish('a');
  assert.equal(asked, 1);
  await clock.advance(NODE_LIMITS.roleAnswerMs);
  publish('a');
  assert.equal(asked, 2);
  const long = 'x'.repeat(NODE_LIMITS.denialResourceCharactersMax);
  publish(long);
  publish(long);
  assert.equal(asked, 4);
});
