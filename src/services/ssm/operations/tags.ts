import { hasCode } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import { SsmError } from '../errors.ts';
import { type Parameters, tagsOf } from '../parameters.ts';

interface Resource {
  readonly ResourceType: string;
  readonly ResourceId: string;
}

type Tags = Readonly<Record<string, string>>;

/** Tags of parameters; of Systems Manager's other resources there are none here. */
export function tagOperations(parameters: Parameters): Record<string, Operation> {
  const change = async (region: string, resource: Resource, decide: (tags: Tags) => Tags) => {
    const name = nameOf(resource);
    try {
      await parameters.update(region, name, (before) => ({ ...before, tags: decide(before.tags) }));
    } catch (error) {
      throw asInvalidResource(error, name);
    }
    return {};
  };

  return {
    AddTagsToResource: ({ Tags, ...resource }, { region }) =>
      change(region, resource, (before) => {
        return tagsOf([...Object.entries(before).map(([Key, Value]) => ({ Key, Value })), ...Tags]);
      }),

    RemoveTagsFromResource: ({ TagKeys, ...resource }, { region }) =>
      change(region, resource, (before) =>
        Object.fromEntries(Object.entries(before).filter(([key]) => !TagKeys.includes(key))),
      ),

    ListTagsForResource: (resource, { region }) => {
      const name = nameOf(resource);
      try {
        const { tags } = parameters.find(region, { text: name, names: [name] });
        return { TagList: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) };
      } catch (error) {
        throw asInvalidResource(error, name);
      }
    },
  };
}

function nameOf({ ResourceType, ResourceId }: Resource): string {
  if (ResourceType === 'Parameter') return ResourceId.trim();
  throw new SsmError(
    'invalid-resource-type',
    `${ResourceType} is not a valid resource type: only Parameter is built in Millrace.`,
  );
}

function asInvalidResource(error: unknown, name: string): unknown {
  if (!hasCode(error, 'parameter-not-found')) return error;
  return new SsmError('invalid-resource', `The resource ID "${name}" is not valid. Verify that the parameter exists.`);
}
