import type { PermissionsOf } from '../../index.ts';
import { itemPermissions } from './items.ts';
import { statementPermissions } from './statements.ts';
import { streamPermissions, tablePermissions } from './tables.ts';
import { type FindTable, Targets } from './targets.ts';

export type { FindTable, GuardedTable } from './targets.ts';

/**
 * Which rights the operations on tables and on their streams need.
 *
 * @see Service Authorization Reference, "Actions, resources, and condition keys for Amazon DynamoDB"
 */
export function dynamodbPermissions(find: FindTable): {
  readonly dynamodb: Readonly<Record<string, PermissionsOf>>;
  readonly dynamodbstreams: Readonly<Record<string, PermissionsOf>>;
} {
  const targets = new Targets(find);
  return {
    dynamodb: { ...tablePermissions(targets), ...itemPermissions(targets), ...statementPermissions(targets) },
    dynamodbstreams: streamPermissions(targets),
  };
}
