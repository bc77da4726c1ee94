import { type Random, uuid } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import { LambdaError, revisionMismatch } from '../errors.ts';
import type { Functions } from '../functions.ts';
import { type FunctionRecord, LAMBDA_LIMITS, type PolicyStatement, type ResourcePolicy } from '../model.ts';
import { functionArn } from '../names.ts';
import { policyOf } from '../permissions.ts';
import { type Named, named } from './shapes.ts';

interface AddPermissionInput {
  readonly FunctionName: string;
  readonly Qualifier?: string;
  readonly StatementId: string;
  readonly Action: string;
  readonly Principal: string;
  readonly SourceArn?: string;
  readonly SourceAccount?: string;
  readonly PrincipalOrgID?: string;
  readonly EventSourceToken?: string;
  readonly FunctionUrlAuthType?: string;
  readonly InvokedViaFunctionUrl?: boolean;
  readonly RevisionId?: string;
}

/** AddPermission, RemovePermission, GetPolicy. */
export function permissionOperations(functions: Functions, random: Random): Record<string, Operation> {
  return {
    AddPermission: async (input: AddPermissionInput, context) => {
      const where = named(input, context);
      const statement = statementOf(input, functionArn(where.region, where.name, where.qualifier));
      await changePolicy(functions, random, where, input.RevisionId, (policy) => {
        if (policy.statements.some(({ Sid }) => Sid === statement.Sid)) {
          throw new LambdaError(
            'resource-conflict',
            `The statement id (${statement.Sid}) provided already exists. Please provide a new statement id, or remove the existing statement.`,
          );
        }
        return [...policy.statements, statement];
      });
      return { Statement: JSON.stringify(statement) };
    },

    RemovePermission: async (input, context) => {
      const where = named(input, context);
      await changePolicy(functions, random, where, input.RevisionId, ({ statements }) => {
        const left = statements.filter(({ Sid }) => Sid !== input.StatementId);
        if (left.length === statements.length) {
          throw new LambdaError(
            'resource-not-found',
            `Statement ${input.StatementId} is not found in resource policy.`,
          );
        }
        return left;
      });
      return {};
    },

    GetPolicy: (input, context) => {
      const { region, name, qualifier } = named(input, context);
      const policy = policyOf(functions.resolve(region, name, qualifier).record, qualifier);
      if (!policy) throw new LambdaError('resource-not-found', 'The resource you requested does not exist.');
      const document = { Version: '2012-10-17', Id: 'default', Statement: policy.statements };
      return { Policy: JSON.stringify(document), RevisionId: policy.revisionId };
    },
  };
}

async function changePolicy(
  functions: Functions,
  random: Random,
  { region, name, qualifier }: Named,
  revisionId: string | undefined,
  change: (policy: ResourcePolicy) => readonly PolicyStatement[],
): Promise<void> {
  await functions.update(region, name, (record: FunctionRecord) => {
    // Not before: a version or an alias that is deleted meanwhile takes its policy with it.
    functions.resolve(region, name, qualifier);
    const key = qualifier ?? '';
    const before = policyOf(record, qualifier) ?? { revisionId: record.latest.revisionId, statements: [] };
    if (revisionId !== undefined && revisionId !== before.revisionId) throw revisionMismatch('GetPolicy');
    const statements = change(before);
    const { [key]: _, ...others } = record.policies;
    if (statements.length === 0) return { ...record, policies: others };
    checkSize(statements);
    return { ...record, policies: { ...others, [key]: { revisionId: uuid(random), statements } } };
  });
}

function checkSize(statements: readonly PolicyStatement[]): void {
  const size = Buffer.byteLength(JSON.stringify(statements));
  if (size <= LAMBDA_LIMITS.policyBytesMax) return;
  throw new LambdaError(
    'policy-too-long',
    `The final policy size (${size}) is bigger than the limit (${LAMBDA_LIMITS.policyBytesMax}).`,
  );
}

function statementOf(input: AddPermissionInput, resource: string): PolicyStatement {
  const conditions: Record<string, Record<string, string>> = {};
  const add = (operator: string, key: string, value: string | undefined) => {
    if (value !== undefined) conditions[operator] = { ...conditions[operator], [key]: value };
  };
  add('StringEquals', 'AWS:SourceAccount', input.SourceAccount);
  add('StringEquals', 'aws:PrincipalOrgID', input.PrincipalOrgID);
  add('StringEquals', 'lambda:EventSourceToken', input.EventSourceToken);
  add('StringEquals', 'lambda:FunctionUrlAuthType', input.FunctionUrlAuthType);
  add('Bool', 'lambda:InvokedViaFunctionUrl', input.InvokedViaFunctionUrl?.toString());
  add('ArnLike', 'AWS:SourceArn', input.SourceArn);
  return {
    Sid: input.StatementId,
    Effect: 'Allow',
    Principal: principalOf(input.Principal),
    Action: input.Action,
    Resource: resource,
    ...(Object.keys(conditions).length > 0 ? { Condition: conditions } : {}),
  };
}

/** Who is allowed, as IAM writes it. */
export function principalOf(principal: string): unknown {
  if (principal === '*') return '*';
  if (/^[0-9]{12}$/.test(principal)) return { AWS: `arn:aws:iam::${principal}:root` };
  return principal.startsWith('arn:') ? { AWS: principal } : { Service: principal };
}
