import assert from 'node:assert/strict';
import { test } from 'node:test';
import { iamOperations } from './operations/index.ts';
import { OPERATION_NAMES } from './operations/names.ts';
import { iamPermissions } from './permissions.ts';
import type { IamState } from './state.ts';

test('what is known before the code is loaded is what the code does', () => {
  assert.deepEqual(Object.keys(iamOperations({} as IamState)).sort(), [...OPERATION_NAMES]);
});

test('every operation says which rights it needs', () => {
  assert.deepEqual(Object.keys(iamPermissions({} as IamState)).sort(), [...OPERATION_NAMES]);
});
