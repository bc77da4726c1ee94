import { formatArn } from '../../base/index.ts';
import { parameterInvalid, SqsError } from './errors.ts';
import { SQS_LIMITS } from './limits.ts';

interface Statement {
  readonly Sid?: string;
  readonly Effect: string;
  readonly Principal?: unknown;
  readonly NotPrincipal?: unknown;
  readonly Action?: unknown;
  readonly NotAction?: unknown;
  readonly Resource?: unknown;
}

interface Policy {
  readonly Version?: string;
  readonly Id?: string;
  readonly Statement: readonly Statement[];
}

export interface Permission {
  readonly label: string;
  readonly accountIds: readonly string[];
  readonly actions: readonly string[];
}

/** Actions that others than the queue's owner may be given. */
const GRANTABLE = new Set([
  ...['*', 'SendMessage', 'ReceiveMessage', 'DeleteMessage', 'ChangeMessageVisibility'],
  ...['GetQueueAttributes', 'GetQueueUrl', 'ListDeadLetterSourceQueues', 'PurgeQueue'],
]);

/** True for a policy that IAM would read. */
export function checkPolicy(text: string): boolean {
  if (text.length > SQS_LIMITS.policyBytesMax) return false;
  try {
    const policy = parsePolicy(text);
    return policy.Statement.length > 0 && policy.Statement.every(isStatement);
  } catch {
    return false;
  }
}

/**
 * The policy with one more statement.
 * @see SQS API reference, AddPermission
 * @throws parameter-invalid, over-limit
 */
export function withPermission(text: string | undefined, arn: string, permission: Permission): string {
  const { label, accountIds, actions } = permission;
  if (!/^[A-Za-z0-9_-]{1,80}$/.test(label)) {
    throw parameterInvalid(
      label,
      'Label',
      'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length.',
    );
  }
  checkGrants(accountIds, actions);
  const policy = text === undefined ? newPolicy(arn) : parsePolicy(text);
  if (policy.Statement.some(({ Sid }) => Sid === label)) throw parameterInvalid(label, 'Label', 'Already exists.');
  if (policy.Statement.length >= SQS_LIMITS.policyStatementsMax) {
    const found = policy.Statement.length + 1;
    throw new SqsError(
      'over-limit',
      `${found} statements were found, maximum allowed is ${SQS_LIMITS.policyStatementsMax}.`,
    );
  }
  const statement = {
    Sid: label,
    Effect: 'Allow',
    Principal: { AWS: oneOrMany(accountIds.map((id) => formatArn('iam', '', id, 'root'))) },
    Action: oneOrMany(actions.map((action) => `SQS:${action}`)),
    Resource: arn,
  };
  return JSON.stringify({ ...policy, Statement: [...policy.Statement, statement] });
}

/** The policy without a statement; `undefined` when it was the last. @throws parameter-invalid */
export function withoutPermission(text: string | undefined, label: string): string | undefined {
  const policy = text === undefined ? undefined : parsePolicy(text);
  const left = policy?.Statement.filter(({ Sid }) => Sid !== label);
  if (!policy || !left || left.length === policy.Statement.length) {
    throw parameterInvalid(label, 'Label', "can't find label.");
  }
  return left.length === 0 ? undefined : JSON.stringify({ ...policy, Statement: left });
}

function checkGrants(accountIds: readonly string[], actions: readonly string[]): void {
  if (actions.length === 0) throw new SqsError('parameter-missing', 'The request must contain the parameter Actions.');
  if (accountIds.length === 0) {
    throw new SqsError('parameter-missing', 'The request must contain the parameter AWSAccountIds.');
  }
  if (actions.length > SQS_LIMITS.policyActionsMax) {
    const found = `${actions.length} Actions were found`;
    throw new SqsError('over-limit', `${found}, maximum allowed is ${SQS_LIMITS.policyActionsMax}.`);
  }
  const foreign = actions.find((action) => !GRANTABLE.has(action));
  if (foreign !== undefined) {
    throw parameterInvalid(`SQS:${foreign}`, 'ActionName', 'Only the queue owner is allowed to invoke this action.');
  }
  const unknown = accountIds.find((id) => !/^\d{12}$/.test(id));
  if (unknown !== undefined) throw parameterInvalid(`[${unknown}]`, 'PrincipalId', 'Unable to verify.');
}

function newPolicy(arn: string): Policy {
  return { Version: '2008-10-17', Id: `${arn}/SQSDefaultPolicy`, Statement: [] };
}

function parsePolicy(text: string): Policy {
  const { Statement, ...rest } = JSON.parse(text) as { Statement: Statement | readonly Statement[] };
  return { ...rest, Statement: Array.isArray(Statement) ? Statement : [Statement as Statement] };
}

function isStatement(statement: Statement | undefined): boolean {
  if (!statement || (statement.Effect !== 'Allow' && statement.Effect !== 'Deny')) return false;
  const hasPrincipal = statement.Principal !== undefined || statement.NotPrincipal !== undefined;
  return hasPrincipal && (statement.Action !== undefined || statement.NotAction !== undefined);
}

function oneOrMany(values: readonly string[]): string | readonly string[] {
  return values.length === 1 ? values[0]! : values;
}
