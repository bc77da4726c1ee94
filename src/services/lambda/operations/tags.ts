import type { Operation, OperationContext } from '../../index.ts';
import { invalidParameter } from '../errors.ts';
import { checkTags } from '../function-tags.ts';
import type { Functions } from '../functions.ts';
import { named } from './shapes.ts';

/** TagResource, UntagResource, ListTags: of functions. */
export function tagOperations(functions: Functions): Record<string, Operation> {
  return {
    TagResource: async (input, context) => {
      const { region, name } = resource(input.Resource, context);
      await functions.update(region, name, (record) => {
        const tags = { ...record.tags, ...input.Tags };
        checkTags(tags);
        return { ...record, tags };
      });
      return {};
    },

    UntagResource: async (input, context) => {
      const { region, name } = resource(input.Resource, context);
      const gone = new Set<string>(input.TagKeys);
      await functions.update(region, name, (record) => ({
        ...record,
        tags: Object.fromEntries(Object.entries(record.tags).filter(([key]) => !gone.has(key))),
      }));
      return {};
    },

    ListTags: (input, context) => {
      const { region, name } = resource(input.Resource, context);
      return { Tags: functions.get(region, name).tags };
    },
  };
}

function resource(arn: string, context: OperationContext) {
  const where = named({ FunctionName: arn }, context);
  if (where.qualifier !== undefined) {
    throw invalidParameter('Tags on function aliases and versions are not supported. Please specify a function ARN.');
  }
  return where;
}
