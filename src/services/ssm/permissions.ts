import {
  anything,
  type Conditions,
  each,
  madeWithTags,
  type PermissionsOf,
  permission,
  resourceTags,
  right,
  type Target,
  tagging,
} from '../index.ts';
import { arnOf } from './names.ts';
import type { Parameters } from './parameters.ts';

/**
 * The rights that operations on parameters need.
 * @see Service Authorization Reference, "Actions, resources, and condition keys for AWS Systems Manager"
 */
export function ssmPermissions(parameters: Pick<Parameters, 'peek'>): Readonly<Record<string, PermissionsOf>> {
  const target = (text: string, region: string, more: Conditions = {}): Target => {
    const name = nameIn(text);
    const found = parameters.peek(region, name) ?? parameters.peek(region, name.replace(/^\//, ''));
    const tags = resourceTags(found?.tags, 'ssm:resourceTag/');
    return { resources: [resourceOf(text, region)], context: { ...tags, ...more } };
  };
  const named = ({ Name }: { Name: string }, { region }: { region: string }) => target(Name, region);
  const every =
    (action: string): PermissionsOf =>
    ({ Names }: { Names: readonly string[] }, { region }) =>
      Names.map((name) => permission(action, target(name, region)));
  const tagged = tagging(({ ResourceId }, { region }) => target(ResourceId, region));

  return {
    ...each('ssm', named, [
      ...['GetParameter', 'GetParameterHistory', 'DeleteParameter'],
      ...['LabelParameterVersion', 'UnlabelParameterVersion'],
    ]),
    ...each('ssm', tagged, ['AddTagsToResource', 'RemoveTagsFromResource', 'ListTagsForResource']),
    GetParameters: every('ssm:GetParameters'),
    DeleteParameters: every('ssm:DeleteParameters'),
    DescribeParameters: right('ssm:DescribeParameters', anything),
    GetParametersByPath: right('ssm:GetParametersByPath', ({ Path, Recursive = false }, { region }) =>
      // Whoever may read a path may read all below it.
      target(Path.replace(/(?<=.)\/$/, ''), region, { 'ssm:Recursive': String(Recursive) }),
    ),
    PutParameter: madeWithTags(
      'ssm:PutParameter',
      'ssm:AddTagsToResource',
      ({ Name, Overwrite = false, Policies }, { region }) =>
        target(Name, region, {
          'ssm:Overwrite': String(Overwrite),
          ...(Policies !== undefined && { 'ssm:Policies': String(Policies) }),
        }),
      ({ Tags }) => Tags,
    ),
  };
}

/** ARN of what a call names: a selector is no part of it. */
function resourceOf(text: string, region: string): string {
  const trimmed = text.trim();
  if (!trimmed.startsWith('arn:')) return arnOf(region, nameIn(trimmed));
  // Of whatever partition it is said to be: operations do not look at it.
  return ['arn', 'aws', ...trimmed.split(':').slice(2, 6)].join(':');
}

function nameIn(text: string): string {
  const trimmed = text.trim();
  if (!trimmed.startsWith('arn:')) return trimmed.split(':')[0]!;
  return /:parameter(\/[^:]*)/.exec(trimmed)?.[1] ?? trimmed;
}
