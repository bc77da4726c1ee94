import type { CallPlace, Permission, PermissionsOf } from '../index.ts';
import { arnOf } from './names.ts';
import type { OPERATION_NAMES } from './operations/names.ts';
import type { Parameters } from './parameters.ts';

type Input = Readonly<Record<string, any>>;
type Context = Record<string, string | readonly string[]>;

/**
 * The rights that operations on parameters need.
 * @see Service Authorization Reference, "Actions, resources, and condition keys for AWS Systems Manager"
 */
export function ssmPermissions(
  parameters: Pick<Parameters, 'peek'>,
): Record<(typeof OPERATION_NAMES)[number], PermissionsOf> {
  const on = (action: string, names: readonly string[], { region }: CallPlace, more: Context = {}): Permission[] =>
    names.map((text) => {
      const name = plainName(text);
      const found = parameters.peek(region, name) ?? parameters.peek(region, name.replace(/^\//, ''));
      return {
        action: `ssm:${action}`,
        resources: [resourceOf(text, region)],
        context: {
          ...more,
          ...tagContext('aws:ResourceTag/', found?.tags),
          ...tagContext('ssm:resourceTag/', found?.tags),
        },
      };
    });
  const one =
    (action: string): PermissionsOf =>
    ({ Name }: Input, place) =>
      on(action, [Name], place);
  const many =
    (action: string): PermissionsOf =>
    ({ Names }: Input, place) =>
      on(action, Names, place);
  const tagging =
    (action: string): PermissionsOf =>
    ({ ResourceId, Tags = [], TagKeys }: Input, place) =>
      on(action, [ResourceId], place, requestTags(Tags, TagKeys));

  return {
    PutParameter: ({ Name, Overwrite = false, Policies, Tags = [] }: Input, place) => {
      const context = {
        'ssm:Overwrite': String(Overwrite),
        ...(Policies !== undefined && { 'ssm:Policies': String(Policies) }),
        ...requestTags(Tags),
      };
      const put = on('PutParameter', [Name], place, context);
      return Tags.length === 0 ? put : [...put, ...on('AddTagsToResource', [Name], place, requestTags(Tags))];
    },
    GetParameter: one('GetParameter'),
    GetParameters: many('GetParameters'),
    GetParametersByPath: ({ Path, Recursive = false }: Input, place) =>
      on('GetParametersByPath', [Path.replace(/(?<=.)\/$/, '')], place, { 'ssm:Recursive': String(Recursive) }),
    GetParameterHistory: one('GetParameterHistory'),
    LabelParameterVersion: one('LabelParameterVersion'),
    UnlabelParameterVersion: one('UnlabelParameterVersion'),
    DeleteParameter: one('DeleteParameter'),
    DeleteParameters: many('DeleteParameters'),
    DescribeParameters: () => [{ action: 'ssm:DescribeParameters', resources: ['*'] }],
    AddTagsToResource: tagging('AddTagsToResource'),
    RemoveTagsFromResource: tagging('RemoveTagsFromResource'),
    ListTagsForResource: tagging('ListTagsForResource'),
  };
}

/** ARN of what a call names: selectors are no part of it. */
function resourceOf(text: string, region: string): string {
  const trimmed = text.trim();
  if (trimmed.startsWith('arn:')) return trimmed.split(':').slice(0, 6).join(':');
  return arnOf(region, plainName(trimmed));
}

function plainName(text: string): string {
  const trimmed = text.trim();
  return trimmed.startsWith('arn:')
    ? (/:parameter(\/.*?)(?::|$)/.exec(trimmed)?.[1] ?? trimmed)
    : trimmed.split(':')[0]!;
}

function tagContext(prefix: string, tags: Readonly<Record<string, string>> = {}): Context {
  return Object.fromEntries(Object.entries(tags).map(([key, value]) => [prefix + key, value]));
}

function requestTags(
  tags: readonly { readonly Key: string; readonly Value: string }[],
  keys?: readonly string[],
): Context {
  const names = keys ?? tags.map(({ Key }) => Key);
  if (names.length === 0) return {};
  return {
    'aws:TagKeys': names,
    ...Object.fromEntries(tags.map(({ Key, Value }) => [`aws:RequestTag/${Key}`, Value])),
  };
}
