import type { ListTagsOfResourceInput, TagResourceInput, UntagResourceInput } from '@aws-sdk/client-dynamodb';
import type { Operation } from '../../index.ts';
import { invalid } from '../errors.ts';
import { TABLE_LIMITS } from '../limits.ts';
import type { Tables } from '../tables/tables.ts';
import { addTags } from '../tables/tags.ts';
import { tableOfResource } from './resources.ts';

/** Tags of tables. */
export function tagOperations(tables: Tables) {
  const TagResource: Operation<TagResourceInput> = async ({ ResourceArn, Tags }) => {
    const table = tableOfResource(tables, ResourceArn!);
    if (!Tags?.length) throw invalid('Atleast one Tag needs to be provided as Input.');
    await tables.update(table, (definition) => ({
      definition: { ...definition, tags: addTags(definition.tags, Tags) },
    }));
    return {};
  };

  const UntagResource: Operation<UntagResourceInput> = async ({ ResourceArn, TagKeys }) => {
    const table = tableOfResource(tables, ResourceArn!);
    if (!TagKeys?.length) throw invalid('Atleast one Tag Key needs to be provided as Input.');
    const gone = new Set(TagKeys);
    await tables.update(table, (definition) => ({
      definition: {
        ...definition,
        tags: Object.fromEntries(Object.entries(definition.tags).filter(([key]) => !gone.has(key))),
      },
    }));
    return {};
  };

  const ListTagsOfResource: Operation<ListTagsOfResourceInput> = ({ ResourceArn, NextToken }) => {
    const { tags } = tableOfResource(tables, ResourceArn!).definition;
    const after = NextToken === undefined ? '' : Buffer.from(NextToken, 'base64url').toString();
    const keys = Object.keys(tags)
      .sort()
      .filter((key) => key > after);
    const page = keys.slice(0, TABLE_LIMITS.tagsPerPage);
    return {
      Tags: page.map((Key) => ({ Key, Value: tags[Key] })),
      ...(page.length < keys.length && { NextToken: Buffer.from(page.at(-1)!).toString('base64url') }),
    };
  };

  return { TagResource, UntagResource, ListTagsOfResource };
}
