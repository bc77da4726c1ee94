import { ACCOUNT_ID, formatArn } from '../../base/index.ts';
import {
  anything,
  both,
  type Conditions,
  type Permission,
  type PermissionsOf,
  permission,
  requestTags,
  resourceTags,
  right,
  type Target,
  type TargetOf,
} from '../index.ts';
import type { Stacks } from './stacks/stacks.ts';

type Input = Readonly<Record<string, any>>;

/** Operations of the whole account and region. */
const ON_ANYTHING: ReadonlySet<string> = new Set([
  ...['ListExports', 'ListImports', 'ListStacks', 'ValidateTemplate', 'DescribeAccountLimits', 'EstimateTemplateCost'],
  ...['DescribeStackDriftDetectionStatus', 'ListTypes', 'DescribeType'],
]);

/** Those that may give a role to make the stack's resources with. */
const WITH_ROLE: ReadonlySet<string> = new Set([
  ...['CreateStack', 'UpdateStack', 'DeleteStack', 'CreateChangeSet', 'ContinueUpdateRollback', 'RollbackStack'],
]);

/** Condition keys by the member of an input that they are taken from. */
const KEYS: Readonly<Record<string, string>> = {
  ChangeSetName: 'cloudformation:ChangeSetName',
  ResourceTypes: 'cloudformation:ResourceTypes',
  RoleARN: 'cloudformation:RoleArn',
  StackPolicyURL: 'cloudformation:StackPolicyUrl',
  TemplateURL: 'cloudformation:TemplateUrl',
};

/**
 * Which rights the operations on stacks need: those to the stack; what is in a template is asked for when it is made.
 *
 * @param operations  names of those that are built
 * @see Service Authorization Reference, "Actions, resources, and condition keys for AWS CloudFormation"
 */
export function cloudformationPermissions(
  stacks: Pick<Stacks, 'find' | 'definition'> & { readonly changeSets: Pick<Stacks['changeSets'], 'get'> },
  operations: readonly string[],
): Readonly<Record<string, PermissionsOf>> {
  /** Of a change set that is named by its ARN alone. */
  const stackOf = (changeSet: unknown, region: string): string | undefined => {
    if (typeof changeSet !== 'string') return undefined;
    try {
      return stacks.changeSets.get(region, changeSet, undefined).stackId;
    } catch {
      return changeSet;
    }
  };
  const stack: TargetOf<Input> = (input, { region }): Target => {
    const name = input.StackName ?? stackOf(input.ChangeSetName, region);
    if (name === undefined) return { ...anything(), context: conditionsOf(input) };
    const found = stacks.find(region, name);
    const tags = found && stacks.definition(found)?.tags;
    return {
      resources: [found?.id ?? arnOf(region, name)],
      context: { ...resourceTags(tags), ...conditionsOf(input) },
    };
  };
  const anywhere: TargetOf<Input> = (input) => ({ ...anything(), context: conditionsOf(input) });
  const rightTo = (name: string): PermissionsOf => {
    const own = right(`cloudformation:${name}`, ON_ANYTHING.has(name) ? anywhere : stack);
    return WITH_ROLE.has(name) ? both(own, passing) : own;
  };
  return Object.fromEntries(operations.map((name) => [name, rightTo(name)]));
}

function passing({ RoleARN }: Input): readonly Permission[] {
  if (RoleARN === undefined) return [];
  const context = { 'iam:PassedToService': 'cloudformation.amazonaws.com' };
  return [permission('iam:PassRole', { resources: [String(RoleARN)], context })];
}

function conditionsOf(input: Input): Conditions {
  const found: Record<string, string | readonly string[]> = {};
  for (const [member, key] of Object.entries(KEYS)) {
    const value = input[member];
    if (value !== undefined) found[key] = Array.isArray(value) ? value : String(value);
  }
  const imported = (input.ResourcesToImport ?? []).map(({ ResourceType }: Input) => String(ResourceType));
  return {
    ...found,
    ...(imported.length > 0 && { 'cloudformation:ImportResourceTypes': imported }),
    ...requestTags(input.Tags),
  };
}

/** The ARN of a stack that is not there, as AWS decides on it. */
function arnOf(region: string, nameOrId: string): string {
  if (nameOrId.startsWith('arn:')) return nameOrId;
  return formatArn('cloudformation', region, ACCOUNT_ID, `stack/${nameOrId}/*`);
}
