import type { JsonObject } from '../template/value.ts';
import { changes, required, TAGS } from './properties.ts';
import type { NestedRequest, ResourceType } from './resource-type.ts';

/**
 * A stack in a stack. An update of the outer one changes it and leaves it ready to be changed back, until it is known that nothing
 * will be undone.
 */
const nestedStack: ResourceType = {
  properties: {
    TemplateURL: required(changes('text')),
    Parameters: changes({ map: 'any' }),
    NotificationARNs: changes({ list: 'text' }),
    TimeoutInMinutes: changes('number'),
    Tags: TAGS,
  },
  attributes: [],
  given: {
    names: /^Outputs\.[A-Za-z0-9]+$/,
    missing: (name, id) => `Template error: resource ${id} does not support attribute type ${name} in Fn::GetAtt`,
  },
  updatesAlways: true,

  create: (properties, work) => work.nested.create(work.name, requestOf(properties), work.made),
  update: (existing, properties, work) => work.nested.update(existing.physicalId, requestOf(properties)),
  restore: (existing, _properties, work) => work.nested.undo(existing.physicalId),
  release: (existing, work) => work.nested.release(existing.physicalId),
  delete: (existing, work) => work.nested.delete(existing.physicalId),
};

export function requestOf({
  TemplateURL,
  Parameters,
  Tags,
  NotificationARNs,
  TimeoutInMinutes,
}: JsonObject): NestedRequest {
  const parameters = Object.entries((Parameters ?? {}) as JsonObject).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(',') : String(value),
  ]);
  return {
    templateUrl: String(TemplateURL),
    parameters: Object.fromEntries(parameters) as Record<string, string>,
    ...(Tags !== undefined && { tags: Tags }),
    ...(NotificationARNs !== undefined && { notificationArns: NotificationARNs as readonly string[] }),
    ...(TimeoutInMinutes !== undefined && { timeoutMinutes: Number(TimeoutInMinutes) }),
  };
}

export const NESTED_STACK_TYPES: Readonly<Record<string, ResourceType>> = {
  'AWS::CloudFormation::Stack': nestedStack,
};
