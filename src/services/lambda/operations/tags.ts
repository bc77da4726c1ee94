import type { Operation, OperationContext } from '../../index.ts';
import { invalidParameter } from '../errors.ts';
import { checkTags } from '../function-tags.ts';
import type { Functions } from '../functions.ts';
import { named } from './shapes.ts';

export type Tags = Readonly<Record<string, string>>;

/** A kind of resource that has tags, by its ARNs. */
export interface TaggedResources {
  has(arn: string): boolean;
  /** @throws the kind's own not-found */
  tags(arn: string): Tags;
  /** @throws invalid-parameter, the kind's own not-found */
  change(arn: string, change: (tags: Tags) => Tags): Promise<void>;
}

/** TagResource, UntagResource, ListTags: of functions, and of what else has tags. */
export function tagOperations(functions: Functions, others: readonly TaggedResources[]): Record<string, Operation> {
  const kindOf = (arn: string, context: OperationContext) =>
    others.find((one) => one.has(arn)) ?? taggedFunctions(functions, context);
  return {
    TagResource: async ({ Resource, Tags }, context) => {
      await kindOf(Resource, context).change(Resource, (tags) => ({ ...tags, ...Tags }));
      return {};
    },

    UntagResource: async ({ Resource, TagKeys }, context) => {
      const gone = new Set<string>(TagKeys);
      await kindOf(Resource, context).change(Resource, (tags) =>
        Object.fromEntries(Object.entries(tags).filter(([key]) => !gone.has(key))),
      );
      return {};
    },

    ListTags: ({ Resource }, context) => ({ Tags: kindOf(Resource, context).tags(Resource) }),
  };
}

function taggedFunctions(functions: Functions, context: OperationContext): TaggedResources {
  return {
    has: () => true,
    tags: (arn) => {
      const { region, name } = functionOf(arn, context);
      return functions.get(region, name).tags;
    },
    change: async (arn, change) => {
      const { region, name } = functionOf(arn, context);
      await functions.update(region, name, (record) => {
        const tags = change(record.tags);
        checkTags(tags);
        return { ...record, tags };
      });
    },
  };
}

function functionOf(arn: string, context: OperationContext) {
  const where = named({ FunctionName: arn }, context);
  if (where.qualifier !== undefined) {
    throw invalidParameter('Tags on function aliases and versions are not supported. Please specify a function ARN.');
  }
  return where;
}
