import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { conditionsOf, testRows } from '../../../test/support/permissions.ts';
import { ssmOperations } from './operations/index.ts';
import { OPERATION_NAMES } from './operations/names.ts';
import type { Parameters } from './parameters.ts';
import { ssmPermissions } from './permissions.ts';

const ONE = {
  peek: (_region: string, name: string) => (name === '/a/b' ? { tags: { team: 'x' } } : undefined),
} as unknown as Parameters;
const BASE = 'arn:aws:ssm:eu-west-1:000000000000:parameter';

test('what is known before the code is loaded is what the code does', () => {
  assert.deepEqual(Object.keys(ssmOperations(ONE)).sort(), [...OPERATION_NAMES]);
  assert.deepEqual(Object.keys(ssmPermissions(ONE)).sort(), [...OPERATION_NAMES]);
});

describe('rights', () => {
  testRows(
    () => ssmPermissions(ONE),
    [
      ['GetParameter', { Name: '/a/b:3' }, [`ssm:GetParameter ${BASE}/a/b`]],
      ['GetParameter', { Name: `${BASE}/a/b:label` }, [`ssm:GetParameter ${BASE}/a/b`]],
      ['GetParameters', { Names: ['x', '/y'] }, [`ssm:GetParameters ${BASE}/x`, `ssm:GetParameters ${BASE}/y`]],
      ['GetParametersByPath', { Path: '/a/' }, [`ssm:GetParametersByPath ${BASE}/a`]],
      ['DescribeParameters', {}, ['ssm:DescribeParameters *']],
      [
        'PutParameter',
        { Name: 'x', Value: 'v', Tags: [{ Key: 'k', Value: 'v' }] },
        [`ssm:PutParameter ${BASE}/x`, `ssm:AddTagsToResource ${BASE}/x`],
      ],
    ],
  );
});

test('tags of a parameter and what a call asks of it are known to conditions', async () => {
  assert.deepEqual(await conditionsOf(ssmPermissions(ONE), 'GetParameter', { Name: '/a/b' }), {
    'aws:ResourceTag/team': 'x',
    'ssm:resourceTag/team': 'x',
  });
  assert.deepEqual(await conditionsOf(ssmPermissions(ONE), 'GetParametersByPath', { Path: '/', Recursive: true }), {
    'ssm:Recursive': 'true',
  });
});
