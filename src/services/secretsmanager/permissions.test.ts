import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { conditionsOf, rightsOf, testRows } from '../../../test/support/permissions.ts';
import type { Secret } from './model.ts';
import { secretsManagerOperations } from './operations/index.ts';
import { OPERATION_NAMES } from './operations/names.ts';
import { secretsPermissions } from './permissions.ts';
import type { Secrets } from './secrets.ts';

const BASE = 'arn:aws:secretsmanager:eu-west-1:000000000000:secret';
const DB: Secret = {
  ...{
    region: 'eu-west-1',
    name: 'db',
    suffix: 'a1B2c3',
    tags: { team: 'x' },
    versions: {},
    createdAt: 0,
    changedAt: 0,
  },
  policy: '{"Version":"2012-10-17","Statement":[]}',
};
const ONE = {
  peek: (_region: string, id: string) => (id === 'db' ? DB : undefined),
  list: () => [DB],
} as unknown as Secrets;

test('what is known before the code is loaded is what the code does', () => {
  assert.deepEqual(Object.keys(secretsManagerOperations(ONE, {} as never)).sort(), [...OPERATION_NAMES]);
  assert.deepEqual(Object.keys(secretsPermissions(ONE)).sort(), [...OPERATION_NAMES]);
});

describe('rights', () => {
  testRows(
    () => secretsPermissions(ONE),
    [
      ['GetSecretValue', { SecretId: 'db' }, [`secretsmanager:GetSecretValue ${BASE}:db-a1B2c3`]],
      ['GetSecretValue', { SecretId: 'none' }, [`secretsmanager:GetSecretValue ${BASE}:none-??????`]],
      ['ListSecrets', {}, ['secretsmanager:ListSecrets *']],
      [
        'BatchGetSecretValue',
        { SecretIdList: ['db'] },
        ['secretsmanager:BatchGetSecretValue *', `secretsmanager:GetSecretValue ${BASE}:db-a1B2c3`],
      ],
      [
        'CreateSecret',
        { Name: 'new', Tags: [{ Key: 'a', Value: 'b' }] },
        [`secretsmanager:CreateSecret ${BASE}:new-??????`, `secretsmanager:TagResource ${BASE}:new-??????`],
      ],
    ],
  );
});

test('conditions know the secret, its tags, the version that is asked for, and its policy', async () => {
  const input = { SecretId: 'db' };
  assert.deepEqual(await conditionsOf(secretsPermissions(ONE), 'GetSecretValue', input), {
    'secretsmanager:SecretId': `${BASE}:db-a1B2c3`,
    'aws:ResourceTag/team': 'x',
    'secretsmanager:ResourceTag/team': 'x',
    'secretsmanager:VersionStage': 'AWSCURRENT',
  });
  const [right] = await rightsOf(secretsPermissions(ONE), 'DeleteSecret', { ...input, RecoveryWindowInDays: 7 });
  assert.equal(right!.resourcePolicy, DB.policy);
  assert.equal(right!.context!['secretsmanager:RecoveryWindowInDays'], '7');
});
