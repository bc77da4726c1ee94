import type {
  BatchExecuteStatementInput,
  ExecuteStatementInput,
  ExecuteTransactionInput,
} from '@aws-sdk/client-dynamodb';
import type { CallPlace, Conditions, Permission, PermissionsOf } from '../../index.ts';
import { refOfPath, refsOfClause, refsOfCondition } from '../expressions/names.ts';
import type { AttributeValue } from '../model/attribute-value.ts';
import type { KeySchema } from '../model/table.ts';
import { type BoundStatement, bindStatement } from '../partiql/bind.ts';
import { planOf } from '../partiql/plan.ts';
import type { Action } from '../partiql/statement.ts';
import { leadingKey, leadingKeys } from './conditions.ts';
import { attempt, lazily, type Targets } from './targets.ts';

const ACTIONS: Readonly<Record<Action['kind'], string>> = {
  select: 'dynamodb:PartiQLSelect',
  exists: 'dynamodb:PartiQLSelect',
  insert: 'dynamodb:PartiQLInsert',
  update: 'dynamodb:PartiQLUpdate',
  delete: 'dynamodb:PartiQLDelete',
};

interface Request {
  readonly Statement?: string | undefined;
  readonly Parameters?: readonly unknown[] | undefined;
}

/**
 * Rights of PartiQL: one for each statement; one that cannot be read needs none, since it is refused. A statement of a batch that may not
 * be carried out is answered for; one of a transaction refuses it whole.
 */
export function statementPermissions(targets: Targets): Record<string, PermissionsOf> {
  const each = (statements: readonly Request[], place: CallPlace, enclosing?: string): readonly Permission[] =>
    statements.flatMap((request) => {
      const bound = attempt(() => bindStatement(request.Statement!, (request.Parameters ?? []) as AttributeValue[]));
      return bound ? [rightTo(targets, bound, place, enclosing)] : [];
    });
  return {
    ExecuteStatement: (input: ExecuteStatementInput, place) => each([input], place),
    BatchExecuteStatement: ({ Statements = [] }: BatchExecuteStatementInput, place) =>
      Statements.flatMap((request, entry) => each([request], place).map((right) => ({ ...right, entry }))),
    ExecuteTransaction: ({ TransactStatements = [] }: ExecuteTransactionInput, place) =>
      each(TransactStatements, place, 'ExecuteTransaction'),
  };
}

function rightTo(targets: Targets, bound: BoundStatement, place: CallPlace, enclosing?: string): Permission {
  const { action } = bound;
  const { table: nameOrArn, index } = action.source;
  return lazily(ACTIONS[action.kind], targets.of(nameOrArn, place, index), () => {
    const table = targets.table(nameOrArn, place.region);
    const schema = index === undefined ? table?.key : table?.indexes.get(index)?.key;
    return {
      ...(schema && keysOf(bound, schema)),
      'dynamodb:Attributes': namesOf(bound),
      ...(action.kind === 'select' && {
        'dynamodb:Select': action.columns ? 'SPECIFIC_ATTRIBUTES' : 'ALL_ATTRIBUTES',
      }),
      ...((action.kind === 'update' || action.kind === 'delete') && {
        'dynamodb:ReturnValues': returned(action.returning),
      }),
      ...(enclosing !== undefined && { 'dynamodb:EnclosingOperation': enclosing }),
    };
  });
}

/** `dynamodb:LeadingKeys`, and of a SELECT whether it looks at all rows. */
function keysOf({ action, bindings, item }: BoundStatement, schema: KeySchema): Conditions {
  if (action.kind === 'insert') return leadingKeys([item], schema);
  const plan = attempt(() => planOf(action.where, [], schema, bindings));
  const keys = (plan?.hashes ?? []).flatMap((value) => leadingKey(value) ?? []);
  return {
    ...(keys.length > 0 && { 'dynamodb:LeadingKeys': keys }),
    ...(action.kind === 'select' && { 'dynamodb:FullTableScan': String(plan?.hashes === undefined) }),
  };
}

function namesOf({ action, bindings, item }: BoundStatement): readonly string[] {
  const refs = [
    ...('where' in action && action.where ? refsOfCondition(action.where) : []),
    ...(action.kind === 'select' ? [...(action.columns ?? []), ...action.order.map(({ path }) => path)] : []).map(
      refOfPath,
    ),
    ...(action.kind === 'update' ? action.clauses.flatMap(refsOfClause) : []),
  ];
  const named = refs.map((ref) => (ref.startsWith('#') ? bindings.name(ref, 'Statement') : ref));
  return [...new Set([...named, ...Object.keys(item ?? {})])];
}

function returned(returning: string | undefined): string {
  return returning === undefined ? 'NONE' : returning.replace('MODIFIED', 'UPDATED').replace(' ', '_');
}
