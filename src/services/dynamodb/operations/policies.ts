import type {
  DeleteResourcePolicyInput,
  GetResourcePolicyInput,
  PutResourcePolicyInput,
} from '@aws-sdk/client-dynamodb';
import type { Clock } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import { DynamodbError } from '../errors.ts';
import { TABLE_LIMITS } from '../limits.ts';
import type { Tables } from '../tables/tables.ts';
import { wrong } from '../tables/validation.ts';
import { resourceOf } from './resources.ts';

/** What a caller says that there must be no policy with. */
const NONE = 'NO_POLICY';

/** Resource policies of tables and their streams: kept and given back; access is decided by identity. */
export function policyOperations(tables: Tables, clock: Clock) {
  const PutResourcePolicy: Operation<PutResourcePolicyInput> = async ({ ResourceArn, Policy, ExpectedRevisionId }) => {
    const { table, stream } = resourceOf(tables, ResourceArn!);
    const slot = stream === undefined ? 'policy' : 'streamPolicy';
    checkPolicy(Policy!);
    const definition = await tables.update(table, (before) => {
      checkRevision(before[slot]?.revision, ExpectedRevisionId);
      const at = clock.now();
      // A policy that stays the same keeps its revision.
      if (before[slot]?.text === Policy) return { definition: before };
      const revision = String(Math.max(at, Number(before[slot]?.revision ?? 0) + 1));
      return { definition: { ...before, [slot]: { text: Policy!, revision, changedAt: at } } };
    });
    return { RevisionId: definition[slot]!.revision };
  };

  const GetResourcePolicy: Operation<GetResourcePolicyInput> = ({ ResourceArn }) => {
    const { table, stream } = resourceOf(tables, ResourceArn!);
    const policy = table.definition[stream === undefined ? 'policy' : 'streamPolicy'];
    if (!policy) throw policyNotFound(ResourceArn!);
    return { Policy: policy.text, RevisionId: policy.revision };
  };

  const DeleteResourcePolicy: Operation<DeleteResourcePolicyInput> = async ({ ResourceArn, ExpectedRevisionId }) => {
    const { table, stream } = resourceOf(tables, ResourceArn!);
    const slot = stream === undefined ? 'policy' : 'streamPolicy';
    let revision: string | undefined;
    await tables.update(table, (before) => {
      revision = before[slot]?.revision;
      if (ExpectedRevisionId !== undefined && revision === undefined) throw policyNotFound(ResourceArn!);
      checkRevision(revision, ExpectedRevisionId);
      if (revision === undefined) return { definition: before };
      const { [slot]: _, ...rest } = before;
      return { definition: rest };
    });
    return revision === undefined ? {} : { RevisionId: revision };
  };

  return { PutResourcePolicy, GetResourcePolicy, DeleteResourcePolicy };
}

/** @throws DynamodbError `validation-failed` */
export function checkPolicy(text: string): void {
  if (Buffer.byteLength(text) > TABLE_LIMITS.policyBytesMax) {
    throw wrong(`Maximum policy size of ${TABLE_LIMITS.policyBytesMax} bytes exceeded`);
  }
  let policy: { readonly Statement?: unknown };
  try {
    policy = JSON.parse(text);
  } catch {
    throw wrong('Invalid policy document: This policy contains invalid Json');
  }
  const { Statement: statements } = policy ?? {};
  if (statements === undefined || (Array.isArray(statements) && statements.length === 0)) {
    throw wrong('Invalid policy document: Could not parse the policy: Statement is empty!');
  }
}

function checkRevision(current: string | undefined, expected: string | undefined): void {
  if (expected === undefined || (current ?? NONE) === expected) return;
  throw new DynamodbError(
    'policy-not-found',
    `Resource-based policy not found for the provided ResourceArn: Requested update for policy with revision ID ${expected}, but the policy associated to target table was at revision ID ${current ?? NONE}.`,
  );
}

function policyNotFound(arn: string): DynamodbError {
  return new DynamodbError('policy-not-found', `Resource-based policy not found for the provided ResourceArn: ${arn}`);
}
