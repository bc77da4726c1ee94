import type { Clock } from '../../../base/index.ts';
import type { Records } from '../../../store/index.ts';
import { Registry } from '../../../store/index.ts';
import type { Operation } from '../../index.ts';
import { invalidParameter, LogsError } from '../errors.ts';
import { LOGS_LIMITS } from '../model.ts';
import { page } from './shapes.ts';

interface ResourcePolicy {
  readonly name: string;
  readonly document: string;
  /** Epoch milliseconds. */
  readonly changedAt: number;
}

/**
 * Policies of a region by which services write into its groups. They are kept and shown; the services of this node write into groups
 * that their owners have named to them, and ask no policy.
 */
export async function resourcePolicyOperations(records: Records, clock: Clock): Promise<Record<string, Operation>> {
  const policies = await Registry.open<ResourcePolicy>(records, 'logs.resource-policies');
  return {
    PutResourcePolicy: async ({ policyName: name, policyDocument: document }, { region }) => {
      if (name === undefined || document === undefined) {
        throw invalidParameter('policyName and policyDocument are required.');
      }
      if (document.length > LOGS_LIMITS.resourcePolicyLengthMax || !isDocument(document)) {
        throw invalidParameter('The resource policy document is invalid.');
      }
      const key = `${region}/${name}`;
      if (!policies.has(key) && policies.list(`${region}/`).length >= LOGS_LIMITS.resourcePoliciesMax) {
        throw new LogsError('limit-exceeded', 'Resource limit exceeded.');
      }
      const policy = { name, document, changedAt: clock.now() };
      await policies.put(key, policy);
      return { resourcePolicy: shapeOf(policy) };
    },

    DeleteResourcePolicy: async ({ policyName }, { region }) => {
      const key = `${region}/${policyName}`;
      if (!policies.has(key))
        throw new LogsError('resource-not-found', `Policy with name [${policyName}] does not exist.`);
      await policies.delete(key);
      return {};
    },

    DescribeResourcePolicies: ({ nextToken, limit = LOGS_LIMITS.resourcePoliciesMax }, { region }) => {
      const { items, ...next } = page(policies.list(`${region}/`), ({ name }) => name, nextToken, limit);
      return { resourcePolicies: items.map(shapeOf), ...next };
    },
  };
}

function isDocument(text: string): boolean {
  try {
    const document = JSON.parse(text) as unknown;
    return typeof document === 'object' && document !== null && 'Statement' in document;
  } catch {
    return false;
  }
}

function shapeOf({ name, document, changedAt }: ResourcePolicy): object {
  return { policyName: name, policyDocument: document, lastUpdatedTime: changedAt };
}
