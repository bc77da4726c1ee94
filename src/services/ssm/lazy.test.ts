import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ssmOperations } from './operations/index.ts';
import { OPERATION_NAMES } from './operations/names.ts';
import type { Parameters } from './parameters.ts';
import { ssmPermissions } from './permissions.ts';

const NONE = { peek: () => undefined } as unknown as Parameters;

test('what is known before the code is loaded is what the code does', () => {
  assert.deepEqual(Object.keys(ssmOperations(NONE)).sort(), [...OPERATION_NAMES]);
  assert.deepEqual(Object.keys(ssmPermissions(NONE)).sort(), [...OPERATION_NAMES]);
});

test('rights are asked for the ARN of the parameter, without its selector', () => {
  const place = { region: 'eu-central-1', accountId: '000000000000' };
  const permissions = ssmPermissions(NONE);
  const resources = (operation: 'GetParameter' | 'GetParametersByPath', input: object) =>
    (permissions[operation](input, place) as readonly { resources: readonly string[] }[]).flatMap(
      (one) => one.resources,
    );
  const base = 'arn:aws:ssm:eu-central-1:000000000000:parameter';
  assert.deepEqual(resources('GetParameter', { Name: '/a/b:3' }), [`${base}/a/b`]);
  assert.deepEqual(resources('GetParameter', { Name: 'plain' }), [`${base}/plain`]);
  assert.deepEqual(resources('GetParameter', { Name: `${base}/a/b:label` }), [`${base}/a/b`]);
  assert.deepEqual(resources('GetParametersByPath', { Path: '/a/' }), [`${base}/a`]);
});
