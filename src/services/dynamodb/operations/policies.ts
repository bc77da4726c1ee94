import type {
  DeleteResourcePolicyInput,
  GetResourcePolicyInput,
  PutResourcePolicyInput,
} from '@aws-sdk/client-dynamodb';
import type { Clock } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import { DynamodbError } from '../errors.ts';
import { policyOf } from '../tables/policies.ts';
import type { Tables } from '../tables/tables.ts';
import { resourceOf } from './resources.ts';

/** What a caller says that there must be no policy with. */
const NONE = 'NO_POLICY';

/** Resource policies of tables and their streams. */
export function policyOperations(tables: Tables, clock: Clock) {
  const PutResourcePolicy: Operation<PutResourcePolicyInput> = async ({ ResourceArn, Policy, ExpectedRevisionId }) => {
    const { table, stream } = resourceOf(tables, ResourceArn!);
    const slot = stream === undefined ? 'policy' : 'streamPolicy';
    const definition = await tables.update(table, (before) => {
      const policy = policyOf(Policy!, before[slot], clock.now());
      checkRevision(before[slot]?.revision, ExpectedRevisionId);
      return { definition: policy === before[slot] ? before : { ...before, [slot]: policy } };
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
