import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { CallPlace, Permission, PermissionsOf } from '../../src/services/index.ts';

export const PLACE: CallPlace = { region: 'eu-west-1', accountId: '000000000000' };

/** One row of a table: an operation, its input, and what AWS asks for: `ACTION ARN` of each right. */
export type AskedRow = readonly [operation: string, input: object, rights: readonly string[]];

/** The rights that a call needs, as `ACTION ARN`. */
export async function asked(permissions: Readonly<Record<string, PermissionsOf>>, operation: string, input: object) {
  return linesOf(await rightsOf(permissions, operation, input));
}

export async function rightsOf(
  permissions: Readonly<Record<string, PermissionsOf>>,
  operation: string,
  input: object,
): Promise<readonly Permission[]> {
  const rights = permissions[operation];
  assert.ok(rights, `nobody has said what ${operation} needs`);
  return rights(input, PLACE);
}

/** The condition keys of the first right that a call needs. */
export async function conditionsOf(
  permissions: Readonly<Record<string, PermissionsOf>>,
  operation: string,
  input: object,
) {
  return (await rightsOf(permissions, operation, input))[0]?.context ?? {};
}

/** A test for each row. */
export function testRows(permissions: () => Readonly<Record<string, PermissionsOf>>, rows: readonly AskedRow[]): void {
  for (const [operation, input, rights] of rows) {
    it(`${operation} needs ${rights.join(', ') || 'nothing'}`, async () => {
      assert.deepEqual(await asked(permissions(), operation, input), [...rights]);
    });
  }
}

function linesOf(permissions: readonly Permission[]): readonly string[] {
  return permissions.flatMap(({ action, resources }) => resources.map((resource) => `${action} ${resource}`));
}
