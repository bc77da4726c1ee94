import { ACCOUNT_ID, formatArn } from '../../base/index.ts';
import {
  anything,
  both,
  type CallPlace,
  each,
  madeWithTags,
  type Permission,
  type PermissionsOf,
  permission,
  resourceTags,
  right,
  type Target,
  type TargetOf,
  tagging,
} from '../index.ts';
import type { Groups } from './groups.ts';
import { nameOfArn } from './operations/shapes.ts';

interface Input {
  readonly logGroupName?: string;
  readonly logGroupIdentifier?: string;
  readonly resourceIdentifier?: string;
  readonly logStreamName?: string;
}

/**
 * Which rights the operations on logs need. AWS decides on a group as `log-group:NAME:log-stream:`, which policies match that name it
 * with `:*`, as AWS says they must; operations on tags take the ARN as it is. Operations look for a group in the region of the call,
 * whatever an ARN says, so that is where they are decided on.
 *
 * @see Service Authorization Reference, "Actions, resources, and condition keys for Amazon CloudWatch Logs"
 */
export function logsPermissions(groups: Pick<Groups, 'list'>): Readonly<Record<string, PermissionsOf>> {
  const tagsOf = (region: string, name: string) =>
    resourceTags(groups.list(region, name).find((one) => one.name === name)?.tags);
  const at = (input: Input, { region }: CallPlace, stream = ''): Target => {
    const name = nameOfArn(input.logGroupIdentifier ?? input.resourceIdentifier ?? input.logGroupName ?? '*');
    return { resources: [`${arnOf(region, name)}:log-stream:${stream}`], context: tagsOf(region, name) };
  };
  const group: TargetOf<Input> = (input, place) => at(input, place);
  const stream: TargetOf<Input> = (input, place) => at(input, place, input.logStreamName);
  const tagged: TargetOf = ({ resourceArn }, { region }) => {
    const name = nameOfArn(resourceArn);
    return { resources: [arnOf(region, name)], context: tagsOf(region, name) };
  };
  const byName: TargetOf = ({ logGroupName }, place) => tagged({ resourceArn: logGroupName }, place);
  const given = ({ tags, tagKeys }: any) => (Array.isArray(tags) ? { keys: tags } : { tags, keys: tagKeys });
  return {
    ...each('logs', group, [
      ...['DeleteLogGroup', 'PutRetentionPolicy', 'DeleteRetentionPolicy', 'DescribeLogStreams', 'FilterLogEvents'],
      ...['PutLogGroupDeletionProtection', 'AssociateKmsKey', 'DisassociateKmsKey'],
      ...['DeleteSubscriptionFilter', 'DescribeSubscriptionFilters'],
      ...['PutMetricFilter', 'DeleteMetricFilter', 'DescribeMetricFilters'],
    ]),
    ...each('logs', stream, ['CreateLogStream', 'DeleteLogStream', 'PutLogEvents', 'GetLogEvents']),
    PutSubscriptionFilter: both(right('logs:PutSubscriptionFilter', group), passing),
    ...each('logs', anything, ['PutResourcePolicy', 'DeleteResourcePolicy', 'DescribeResourcePolicies']),
    CreateLogGroup: madeWithTags('logs:CreateLogGroup', 'logs:TagResource', group, ({ tags }) => tags),
    DescribeLogGroups: right('logs:DescribeLogGroups', (_input, { region }) => ({
      resources: [`${arnOf(region, '')}:log-stream:`],
    })),
    ListLogGroups: right('logs:ListLogGroups', anything),
    ListTagsForResource: right('logs:ListTagsForResource', tagged),
    ...each('logs', tagging(tagged, given), ['TagResource', 'UntagResource']),
    ListTagsLogGroup: right('logs:ListTagsLogGroup', byName),
    ...each('logs', tagging(byName, given), ['TagLogGroup', 'UntagLogGroup']),
  };
}

/** The role by which a group writes into a stream. */
function passing({ roleArn }: { readonly roleArn?: string }): readonly Permission[] {
  if (roleArn === undefined) return [];
  const context = { 'iam:PassedToService': 'logs.amazonaws.com' };
  return [permission('iam:PassRole', { resources: [roleArn], context })];
}

function arnOf(region: string, name: string): string {
  return formatArn('logs', region, ACCOUNT_ID, `log-group:${name}`);
}
